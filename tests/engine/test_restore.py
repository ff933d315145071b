"""
What a new connection begins with, and what becomes of what was under way on the old.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from helpers import inside
from helpers.clients import GA, LONG, MANUAL, USER_SAYS, Variant
from helpers.peer import CLOSE, Peer, PeerConnection, frame, serve_session
from helpers.reconnecting import (
    QUICK,
    EventRecorder,
    Scripts,
    appended,
    serve_and_hang_up,
)
from helpers.timing import SCALE, at_most

from azure_realtime import ConnectionClosed, ServerError, SessionConfig
from azure_realtime.simulator import Reply, ToolCall

TOOL = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {}},
}
TEXT = SessionConfig(modalities=["text"], turn_detection=None)


def _kinds(connection: Any) -> list[str]:
    return [event["type"] for event in connection.received]


def _content(item: dict[str, Any]) -> Any:
    if item["type"] != "message":
        return item["type"], item.get("name") or item.get("output")
    return item["role"], item["content"][0].get("text")


def _numbered(number: int, milliseconds: int = 20) -> bytes:
    return number.to_bytes(4, "big") + bytes(48 * milliseconds - 4)


def _numbers(connection: Any) -> list[int]:
    audio = map(base64.b64decode, appended(connection))
    return [int.from_bytes(data[:4], "big") for data in audio]


# The session.


def test_the_new_session_is_the_one_that_was_in_force(variant: Variant) -> None:
    """
    Accepted changes and tools are asked for again in one update; a refused one is not.
    """
    with variant.service() as service, variant.client(service.url, **QUICK) as client:
        recorder = EventRecorder(client)
        client.update_session(instructions="Be brief.", tools=[TOOL]).result(timeout=5)
        client.update_session(voice="verse").result(timeout=5)
        with pytest.raises(ServerError):
            client.update_session(
                instructions="Be long.", input_audio_format="mp3"
            ).result(timeout=5)
        service.wait_for_connection().drop()
        event = recorder.wait("reconnected")
        again = service.wait_for_connection()
        updates = [e for e in again.received if e["type"] == "session.update"]
        assert 1 == len(updates)
        assert "Be brief." == client.session.instructions == event.session.instructions
        assert ["get_weather"] == [tool.name for tool in client.session.tools]
        assert "verse" == client.session.voice
        assert client.is_initialized


def test_an_update_in_flight_survives(variant: Variant) -> None:
    """
    An unanswered change of the session is requested again by the new connection.
    """
    with variant.service() as service, variant.client(service.url, **QUICK) as client:
        connection = service.wait_for_connection()
        connection.stall()
        future = client.update_session(instructions="Be brief.")
        connection.drop()
        assert "Be brief." == future.result(timeout=5).instructions
        assert "Be brief." == client.session.instructions


def test_an_update_that_is_queued_in_a_pause_survives() -> None:
    """
    Asked for while there is no connection, it is in force on the next.
    """
    with GA.service() as service, GA.client(service.url, **QUICK) as client:
        recorder = EventRecorder(client)
        service.refuse(429, {"retry-after-ms": "300"}, times=1)
        service.wait_for_connection().drop()
        recorder.wait("reconnecting", 2)
        future = client.update_session(instructions="Be brief.")
        assert "Be brief." == future.result(timeout=5).instructions


def test_a_bad_update_in_flight_does_not_spoil_the_new_session() -> None:
    """
    If the new service refuses it, its future fails and the session is as before.
    """
    with GA.service() as service, GA.client(service.url, **QUICK) as client:
        recorder = EventRecorder(client)
        client.update_session(instructions="Be brief.").result(timeout=5)
        connection = service.wait_for_connection()
        connection.stall()
        future = client.update_session(input_audio_format="mp3")
        connection.drop()
        with pytest.raises(ServerError):
            future.result(timeout=5)
        recorder.wait("reconnected")
        assert "Be brief." == client.session.instructions
        assert client.is_initialized
        client.create_conversation_item(USER_SAYS).result(timeout=5)


def test_a_bad_update_that_is_queued_in_a_pause_is_sent_once() -> None:
    """
    The setup of the new session contains it; after its refusal it is not sent again.
    """
    with GA.service() as service, GA.client(service.url, **QUICK) as client:
        recorder = EventRecorder(client)
        service.refuse(429, {"retry-after-ms": "300"}, times=1)
        service.wait_for_connection().drop()
        recorder.wait("reconnecting", 2)
        future = client.update_session(input_audio_format="mp3")
        with pytest.raises(ServerError):
            future.result(timeout=5)
        recorder.wait("reconnected")
        client.clear_audio_buffer().result(timeout=5)
        kinds = ["session.update", "session.update", "input_audio_buffer.clear"]
        assert kinds == _kinds(service.wait_for_connection())


def test_the_reconnected_event_has_the_seconds_without_a_session() -> None:
    """
    From the loss of the connection to the configuration of the next.
    """
    with GA.service() as service, GA.client(service.url, **QUICK) as client:
        recorder = EventRecorder(client)
        service.refuse(429, {"retry-after-ms": "200"}, times=1)
        service.wait_for_connection().drop()
        assert 0.2 <= recorder.wait("reconnected").seconds_lost < 5.0 * SCALE


@pytest.mark.parametrize("restore", ["conversation", "session", "none"])
def test_the_restore_option_selects_what_is_restored(
    restore: str, variant: Variant
) -> None:
    """
    The conversation and the session, the session only, or what the client began with.
    """
    began = SessionConfig(instructions="At first.", modalities=["text"])
    options = {**QUICK, "restore": restore, "session_config": began}
    with variant.service() as service, variant.client(service.url, **options) as client:
        recorder = EventRecorder(client)
        client.create_conversation_item(USER_SAYS).result(timeout=5)
        client.update_session(instructions="Later.").result(timeout=5)
        service.wait_for_connection().drop()
        event = recorder.wait("reconnected")
        again = service.wait_for_connection()
        assert restore == event.restored
        assert ("At first." if restore == "none" else "Later.") == (
            event.session.instructions
        )
        client.clear_audio_buffer().result(timeout=5)
        items = ["conversation.item.create"] if restore == "conversation" else []
        assert ["session.update", *items, "input_audio_buffer.clear"] == _kinds(again)


# The conversation.


def test_the_conversation_goes_on_as_text(variant: Variant) -> None:
    """
    Spoken and written messages, and tool calls with their outputs, in order.
    """
    replies = [
        Reply("Certainly."),
        Reply(calls=[ToolCall("get_weather", call_id="call_1")]),
        Reply("It rains.", modalities=["audio"]),
    ]
    service = variant.service(replies=replies, pace=0.0)
    with service, variant.client(service.url, **QUICK) as client:
        recorder = EventRecorder(client)
        client.update_session(
            tools=[TOOL], modalities=["text"], turn_detection=None
        ).result(timeout=5)
        client.create_conversation_item(USER_SAYS)
        client.create_response().result(timeout=5)
        client.create_response().result(timeout=5)
        client.create_conversation_item(
            {"type": "function_call_output", "call_id": "call_1", "output": "rain"}
        )
        client.create_response(modalities=["audio"]).result(timeout=5)
        before = [item.id for item in client.conversation]
        service.wait_for_connection().drop()
        recorder.wait("reconnected")
        client.clear_audio_buffer().result(timeout=5)
        again = service.wait_for_connection()
        kinds = _kinds(again)
        assert ["session.update", *["conversation.item.create"] * 5] == kinds[:6]
        items = [e["item"] for e in again.received if "item" in e]
        assert [
            ("user", "Good morning"),
            ("assistant", "Certainly."),
            ("function_call", "get_weather"),
            ("function_call_output", "rain"),
            ("assistant", "It rains."),
        ] == [_content(item) for item in items]
        assert before == [item.id for item in client.conversation]
        assert not recorder.of("error")


# What is queued, and audio.


def test_queued_commands_follow_the_restored_ones(variant: Variant) -> None:
    """
    Configuration, conversation, commands given in the pause, fresh audio: in order.
    """
    service = variant.service()
    options = {**QUICK, "session_config": MANUAL}
    with service, variant.client(service.url, **options) as client:
        recorder = EventRecorder(client)
        client.create_conversation_item(USER_SAYS).result(timeout=5)
        service.refuse(429, {"retry-after-ms": "300"}, times=1)
        service.wait_for_connection().drop()
        recorder.wait("reconnecting", 2)
        item = client.create_conversation_item({**USER_SAYS, "id": "item_fresh"})
        for number in range(10):
            client.append_audio(_numbered(number))
        done = client.commit_audio()
        assert "item_fresh" == item.result(timeout=5).id
        assert done.result(timeout=5).item_id
        again = service.wait_for_connection()
        assert [
            "session.update",
            "conversation.item.create",
            "conversation.item.create",
            *["input_audio_buffer.append"] * 10,
            "input_audio_buffer.commit",
        ] == _kinds(again)
        assert list(range(10)) == _numbers(again)


def test_audio_from_before_is_never_sent_again(variant: Variant) -> None:
    """
    Neither what has left nor what waited; what is appended afterwards arrives alone.
    """
    service = variant.service()
    options = {**QUICK, "session_config": MANUAL}
    with service, variant.client(service.url, **options) as client:
        recorder = EventRecorder(client)
        connection = service.wait_for_connection()
        client.append_audio(_numbered(1))
        connection.wait_received("input_audio_buffer.append")
        connection.stop_reading()
        for number in range(2, 400):
            client.append_audio(_numbered(number, 500))
        assert client.stats.send_queue > 0
        committed = client.commit_audio()
        connection.drop()
        with pytest.raises(ConnectionClosed):
            committed.result(timeout=5)
        recorder.wait("reconnected")
        with pytest.raises(ValueError, match="nothing to commit"):
            client.commit_audio()
        for number in range(1000, 1010):
            client.append_audio(_numbered(number))
        client.commit_audio().result(timeout=5)
        again = service.wait_for_connection()
        assert list(range(1000, 1010)) == _numbers(again)
        assert client.stats.audio_dropped > 0


# What was under way.


def test_pending_futures_and_waits_fail_at_once(
    variant: Variant, eventually: Callable[..., None]
) -> None:
    """
    Futures and waits of the old connection end within 0.2 s, in whatever thread.
    """
    waits: dict[str, Callable[[Any], Any]] = {
        "item": lambda c: c.create_conversation_item(USER_SAYS).result(timeout=10),
        "response": lambda c: c.create_response().result(timeout=10),
        "wait_for": lambda c: c.wait_for("input_audio_buffer.committed", timeout=10),
        "ask": lambda c: c.ask("Hello?", timeout=10),
    }
    ends: dict[str, tuple[BaseException, float]] = {}
    service = variant.service()
    options = {**QUICK, "session_config": TEXT}
    with service, variant.client(service.url, **options) as client:
        recorder = EventRecorder(client)
        connection = service.wait_for_connection()
        connection.stall()

        def run(name: str) -> None:
            try:
                waits[name](client)
            except BaseException as error:
                ends[name] = error, time.monotonic()

        # one after the other: what waits for its turn behind a response survives a drop
        asked: dict[str, Callable[[], bool]] = {
            # what is queued survives, too
            "item": lambda: inside.unanswered_commands(client) == 1,
            "response": lambda: inside.unanswered_responses(client) == 1,
            "wait_for": lambda: inside.waits_of_the_connection(client) == 1,
            "ask": lambda: inside.requested_responses(client) == 2,
        }
        threads = []
        for name in waits:
            threads.append(threading.Thread(target=run, args=(name,)))
            threads[-1].start()
            eventually(asked[name])
        eventually(lambda: not client.stats.send_queue)
        start = time.monotonic()
        connection.drop()
        for thread in threads:
            thread.join(5)
        recorder.wait("reconnected")
        took = {name: at - start for name, (_, at) in ends.items()}
        assert {} == {name: t for name, t in took.items() if t > 0.2 * SCALE}
        kinds = {type(error) for error, _ in ends.values()}
        assert {ConnectionClosed} == kinds
        assert set(waits) == set(ends)


def test_an_interrupted_response_fails(variant: Variant) -> None:
    """
    Its future says that the connection was lost, and it is not asked for again.
    """
    service = variant.service(replies=[Reply("Too late", delay=30.0)])
    with service, variant.client(service.url, **QUICK, session_config=TEXT) as client:
        recorder = EventRecorder(client)
        future = client.create_response()
        recorder.wait("response.created")
        service.wait_for_connection().drop()
        with pytest.raises(ConnectionClosed):
            future.result(timeout=5)
        recorder.wait("reconnected")
        client.clear_audio_buffer().result(timeout=5)
        assert "response.create" not in _kinds(service.wait_for_connection())


def test_an_interrupted_response_may_be_asked_for_again(variant: Variant) -> None:
    """
    With retry_response the same future completes with the new session's answer.
    """
    service = variant.service(replies=[Reply("Too late", delay=30.0), Reply("In time")])
    options = {**QUICK, "retry_response": True, "session_config": TEXT}
    with service, variant.client(service.url, **options) as client:
        recorder = EventRecorder(client)
        client.create_conversation_item(USER_SAYS).result(timeout=5)
        future = client.create_response()
        recorder.wait("response.created")
        service.wait_for_connection().drop()
        assert "In time" == future.result(timeout=5).text
        kinds = _kinds(service.wait_for_connection())
        assert ["conversation.item.create", "response.create"] == kinds[1:]


def test_a_repeated_request_does_not_follow_its_own_half_answer(
    variant: Variant,
) -> None:
    """
    The model would continue its own fragment; the new session does not get it.
    """
    service = variant.service(replies=[LONG, "In time"])
    options = {**QUICK, "retry_response": True, "session_config": TEXT}
    with service, variant.client(service.url, **options) as client:
        client.create_conversation_item(USER_SAYS).result(timeout=5)
        with client.expect("response.output_text.delta", timeout=5):
            future = client.create_response()
        service.wait_for_connection().drop()
        assert "In time" == future.result(timeout=5).text
        kinds = _kinds(service.wait_for_connection())
        assert ["conversation.item.create", "response.create"] == kinds[1:]
        texts = [item.text for item in client.conversation.items]
        assert ["Good morning", "In time"] == texts


def test_the_heard_part_stays_when_no_new_answer_is_requested() -> None:
    """
    The way back leads nowhere: the half answer is all there is, and is kept.
    """
    service = GA.service(replies=[LONG])
    options = {**QUICK, "max_reconnect_attempts": 1, "retry_response": True}
    with service, GA.client(service.url, **options, session_config=TEXT) as client:
        recorder = EventRecorder(client)
        client.create_conversation_item(USER_SAYS).result(timeout=5)
        with client.expect("response.output_text.delta", timeout=5):
            future = client.create_response()
        service.refuse(503)
        service.wait_for_connection().drop()
        recorder.wait("closed")
        assert future.exception(5) is not None
        assert LONG.startswith(client.conversation.items[-1].text)
        assert 2 == len(client.conversation.items)


def test_a_session_event_overrides_an_unrelated_error() -> None:
    """
    A change seemed to be refused, and then the service reported it: the next session
    has it, too.
    """
    stray = {"type": "server_error", "code": None, "message": "Trouble."}
    texts: list[bytes] = []

    def first(conn: PeerConnection) -> None:
        serve_session(conn)
        conn.read_frame()
        conn.send(frame(json.dumps({"type": "error", "error": stray})))
        session = {"id": "s", "instructions": "Be brief."}
        conn.send(frame(json.dumps({"type": "session.updated", "session": session})))
        conn.read_frame()
        conn.rst()

    def second(conn: PeerConnection) -> None:
        conn.upgrade(frame('{"type":"session.created","session":{"id":"s2"}}'))
        texts.append(conn.read_frame()[1])
        conn.send(frame('{"type":"session.updated","session":{"id":"s2"}}'))
        conn.read_to_end()

    with (
        Peer(Scripts(first, second)) as peer,
        GA.client(peer.url, **QUICK, close_wait=0.1) as client,
    ):
        recorder = EventRecorder(client)
        with client.expect("session.updated", timeout=5):
            refused = client.update_session(instructions="Be brief.")
        assert isinstance(refused.exception(5), ServerError)
        client.clear_audio_buffer()  # at this it drops
        recorder.wait("reconnected")
        assert "Be brief." == json.loads(texts[0])["session"]["instructions"]


def test_an_update_that_cannot_be_encoded_is_discarded() -> None:
    """
    It raises where the mistake is, and the next session does not choke on it.
    """
    with GA.service() as service, GA.client(service.url, **QUICK) as client:
        recorder = EventRecorder(client)
        with pytest.raises(ValueError, match="JSON"):
            client.update_session(extra={"x": float("nan")})
        service.wait_for_connection().drop()
        recorder.wait("reconnected")
        update = service.wait_for_connection().wait_received("session.update")
        assert "x" not in update["session"]


def test_waiting_turns_continue_after_a_reconnect() -> None:
    """
    A response that was held back behind a lost one is asked for on the new connection.
    """
    service = GA.service(replies=[Reply("Too late", delay=30.0), Reply("In time")])
    with service, GA.client(service.url, **QUICK, session_config=TEXT) as client:
        recorder = EventRecorder(client)
        lost = client.create_response()
        recorder.wait("response.created")
        held = client.create_response(instructions="Another one.")
        service.wait_for_connection().drop()
        with pytest.raises(ConnectionClosed):
            lost.result(timeout=5)
        assert "In time" == held.result(timeout=5).text


def test_nothing_is_answered_twice(eventually: Callable[..., None]) -> None:
    """
    A command that left on the old connection and was not answered is not repeated.
    """
    with GA.service() as service, GA.client(service.url, **QUICK) as client:
        recorder = EventRecorder(client)
        connection = service.wait_for_connection()
        connection.stall()
        futures = [client.create_conversation_item(USER_SAYS) for _ in range(5)]
        eventually(lambda: not client.stats.send_queue)
        connection.drop()
        for future in futures:
            with pytest.raises(ConnectionClosed):
                future.result(timeout=5)
        recorder.wait("reconnected")
        client.clear_audio_buffer().result(timeout=5)
        again = _kinds(service.wait_for_connection())
        assert ["session.update", "input_audio_buffer.clear"] == again


# What listeners and streams get.


def test_every_event_has_its_generation(variant: Variant) -> None:
    """
    The generation counts connections, on events of the service and on our own.
    """
    with variant.service() as service, variant.client(service.url, **QUICK) as client:
        recorder = EventRecorder(client)
        for count in (1, 2):
            client.clear_audio_buffer().result(timeout=5)
            service.wait_for_connection().drop()
            recorder.wait("reconnected", count)
        client.close()
        assert [1, 2, 3] == [e.generation for e in recorder.of("session.created")]
        assert [1, 2] == [
            event.generation for event in recorder.of("input_audio_buffer.cleared")
        ]
        assert [1, 2, 3] == [e.generation for e in recorder.of("disconnected")]
        assert [1, 2] == [e.generation for e in recorder.of("reconnecting")]
        assert [2, 3] == [e.generation for e in recorder.of("reconnected")]
        assert [3] == [e.generation for e in recorder.of("closed")]
        assert all(0.0 <= e.seconds_lost < 5.0 for e in recorder.of("reconnected"))
        causes = [event.cause for event in recorder.of("disconnected")]
        assert ["network", "network", "client"] == causes


def test_a_status_event_has_its_generation() -> None:
    """
    "Every event carries generation": status_changed is no exception.
    """
    service = GA.service(replies=["One", "Two"])
    with service, GA.client(service.url, **QUICK, session_config=TEXT) as client:
        recorder = EventRecorder(client)
        client.create_response().result(timeout=5)
        service.wait_for_connection().drop()
        recorder.wait("reconnected")
        client.create_response().result(timeout=5)
        client.close()
        generations = {event.generation for event in recorder.of("status_changed")}
        assert {1, 2} == generations


def test_an_event_stream_goes_on() -> None:
    """
    An iteration over events crosses the drop, and ends when the client closes.
    """
    with GA.service() as service, GA.client(service.url, **QUICK) as client:
        recorder = EventRecorder(client)
        stream = client.events("input_audio_buffer.cleared", timeout=5)
        client.clear_audio_buffer().result(timeout=5)
        service.wait_for_connection().drop()
        recorder.wait("reconnected")
        client.clear_audio_buffer().result(timeout=5)
        client.close()
        assert [1, 2] == [event.generation for event in stream]


def test_waits_may_be_for_the_new_connection() -> None:
    """
    wait_for("reconnected") outlives the drop; wait_for("closed") the whole of it.
    """
    with GA.service() as service, GA.client(service.url, **QUICK) as client:
        with client.expect("reconnected", timeout=5) as expected:
            service.wait_for_connection().drop()
        assert 2 == expected.event.generation


def test_a_once_listener_is_called_once_over_all_connections() -> None:
    """
    A listener for one event is not revived, and none is called twice for one event.
    """
    with GA.service() as service, GA.client(service.url, **QUICK) as client:
        recorder = EventRecorder(client)
        once: list[Any] = []
        inits: list[Any] = []
        client.once("session.updated", once.append)
        client.on("init", inits.append)
        for count in (1, 2, 3):
            service.wait_for_connection().drop()
            recorder.wait("reconnected", count)
        client.close()
        assert (1, 1) == (len(once), len(inits))


def test_nothing_of_the_old_connection_comes_after_the_new_one() -> None:
    """
    What was in the air when the line was cut is never taken for the new session's.
    """
    order: list[tuple[str, int]] = []

    def first(conn: PeerConnection) -> None:
        serve_session(conn)
        conn.read_frame()
        text = '{"type":"rate_limits.updated","rate_limits":[]}'
        conn.send(frame(text) * 500)
        conn.fin()
        conn.mute()

    def second(conn: PeerConnection) -> None:
        serve_session(conn)
        while True:
            opcode, data = conn.read_frame()
            if opcode == CLOSE:
                conn.send(frame(data, CLOSE))
                return

    with Peer(Scripts(first, second)) as peer, GA.client(peer.url, **QUICK) as client:
        client.on("*", lambda event: order.append((event.type, event.generation)))
        with client.expect("reconnected", timeout=5):
            client.clear_audio_buffer()
        with at_most(5):
            client.close()
    assert 500 == order.count(("rate_limits.updated", 1))
    generations = [generation for _, generation in order if generation]
    assert generations == sorted(generations)


def test_a_session_that_cannot_be_restored_ends_the_client() -> None:
    """
    A service that refuses what it took before: closed with its error, once.
    """

    def refuse(conn: PeerConnection) -> None:
        conn.upgrade(frame('{"type":"session.created","session":{"id":"sess_2"}}'))
        conn.read_frame()
        conn.send(
            frame(
                '{"type":"error","error":{"type":"invalid_request_error",'
                '"code":"unknown_parameter","message":"No such thing."}}'
            )
        )
        conn.read_to_end()

    with (
        Peer(Scripts(serve_and_hang_up, refuse)) as peer,
        GA.client(peer.url, **QUICK) as client,
    ):
        recorder = EventRecorder(client)
        client.clear_audio_buffer()
        error = recorder.wait("closed").error
        assert isinstance(error, ServerError)
        assert "unknown_parameter" == error.code
        assert 2 == peer.connections
        assert "reconnected" not in recorder.fate
