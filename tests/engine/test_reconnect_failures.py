"""
Reconnecting after a drop: what goes wrong, and who gets which error.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from helpers import inside
from helpers.clients import GA, MANUAL, USER_SAYS, Variant
from helpers.peer import (
    CLOSE,
    Peer,
    PeerConnection,
    close_frame,
    collect_until_close,
    frame,
    serve_session,
)
from helpers.reconnecting import QUICK, EventRecorder, Scripts, serve_and_hang_up

from azure_realtime import AzureRealTimeAudio, ConnectionClosed, SessionConfig
from azure_realtime._engine.sender import Sender
from azure_realtime.events import ServerEvent
from azure_realtime.simulator import Reply, ToolCall

TEXT = SessionConfig(modalities=["text"], turn_detection=None)
AUDIO = bytes(48 * 200)


def _lead_nowhere(final_error: bytes) -> Callable[[PeerConnection], None]:
    """
    Open a connection, and end it before the session is configured.
    """

    def script(conn: PeerConnection) -> None:
        conn.upgrade(frame('{"type":"session.created","session":{"id":"sess_x"}}'))
        conn.read_frame()
        conn.send(final_error)
        conn.fin()
        conn.read_to_end()

    return script


@pytest.mark.parametrize(
    "final_error", [close_frame(1013, b"overloaded"), close_frame(1011), b""]
)
def test_a_failed_reconnect_is_no_second_drop(final_error: bytes) -> None:
    """
    The service takes me back and throws me out again before I am in: that is one more
    attempt. What I gave in the pause waits for the next.
    """
    received: list[bytes] = []
    scripts = Scripts(
        serve_and_hang_up,
        _lead_nowhere(final_error),
        _lead_nowhere(final_error),
        lambda conn: collect_until_close(conn, received),
    )
    with (
        Peer(scripts) as peer,
        GA.client(peer.url, **QUICK, session_config=MANUAL) as client,
    ):
        recorder = EventRecorder(client)

        def go_on(_: ServerEvent) -> None:
            client.append_audio(AUDIO)
            client.create_conversation_item(USER_SAYS)

        client.once("reconnecting", go_on)
        begun = time.monotonic()
        client.clear_audio_buffer()  # at this the service hangs up
        event = recorder.wait("reconnected")
        elapsed = time.monotonic() - begun
        assert 1 == len(recorder.of("disconnected"))
        assert (
            3
            == len(recorder.of("reconnecting"))
            == recorder.of("reconnecting")[-1].attempt
        )
        assert 0 == client.stats.audio_dropped
        assert 0 < event.seconds_lost <= elapsed
    kinds = [json.loads(data)["type"] for data in received if data[:1] == b"{"]
    assert ["input_audio_buffer.append", "conversation.item.create"] == kinds


@pytest.mark.parametrize("goodbye", [close_frame(1011), b""])
def test_a_transient_error_during_a_reconnect_is_no_refusal(goodbye: bytes) -> None:
    """
    The service has trouble of its own before the session is configured: one more
    attempt, and the next session is not blamed for it.
    """
    error = {
        "type": "server_error",
        "code": None,
        "message": "The server had an error.",
    }
    words = frame(json.dumps({"type": "error", "error": error}))
    received: list[bytes] = []
    scripts = Scripts(
        serve_and_hang_up,
        _lead_nowhere(words + goodbye),
        lambda conn: collect_until_close(conn, received),
    )
    with Peer(scripts) as peer, GA.client(peer.url, **QUICK) as client:
        recorder = EventRecorder(client)
        client.clear_audio_buffer()
        recorder.wait("reconnected")
        assert 1 == len(recorder.of("disconnected"))
        assert client.is_initialized
        assert [] == recorder.of("closed")


@pytest.mark.slow
@pytest.mark.parametrize("taken", [True, False])
def test_an_unspecific_error_during_a_reconnect_is_no_refusal(taken: bool) -> None:
    """
    It names neither our configuration nor anything else. If the session is configured
    all the same, it serves; if not, the next attempt does.
    """
    error = {"type": "invalid_request_error", "code": None, "message": "Something."}
    stray = frame(json.dumps({"type": "error", "error": error}))

    def configure_in_spite(conn: PeerConnection) -> None:
        conn.upgrade(frame('{"type":"session.created","session":{"id":"s"}}'))
        conn.read_frame()
        conn.send(stray + frame('{"type":"session.updated","session":{"id":"s"}}'))
        collect_until_close(conn, [])

    received: list[bytes] = []
    second = configure_in_spite if taken else _lead_nowhere(stray)
    scripts = Scripts(
        serve_and_hang_up, second, lambda conn: collect_until_close(conn, received)
    )
    with Peer(scripts) as peer, GA.client(peer.url, **QUICK) as client:
        recorder = EventRecorder(client)
        client.clear_audio_buffer()
        recorder.wait("reconnected")
        assert 1 == len(recorder.of("disconnected"))
        assert client.is_initialized
        assert [] == recorder.of("closed")
        assert (2 if taken else 3) == peer.connections


def test_the_last_failed_reconnect_ends_the_client() -> None:
    """
    When the attempts are used up there is one last `disconnected`.
    """
    options = {**QUICK, "max_reconnect_attempts": 2}
    with (
        Peer(Scripts(serve_and_hang_up, _lead_nowhere(b""))) as peer,
        GA.client(peer.url, **options) as client,
    ):
        recorder = EventRecorder(client)
        future = client.clear_audio_buffer()
        recorder.wait("closed")
        fate = ["disconnected", "reconnecting", "reconnecting", "closed"]
        assert fate == recorder.fate
        assert isinstance(future.exception(5), ConnectionClosed)
        assert 3 == peer.connections


def test_a_service_that_refuses_what_is_restored_ends_the_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    It is configured, and dies of the conversation each time: so often, and no more.
    """

    def die_of_it(conn: PeerConnection) -> None:
        serve_session(conn)
        conn.read_frame()
        conn.send(close_frame(1011, b"internal"))
        conn.read_to_end()

    def first(conn: PeerConnection) -> None:
        serve_session(conn)
        item = json.loads(conn.read_frame()[1])["item"]
        for kind in ("added", "done"):
            event = {"type": f"conversation.item.{kind}", "item": item}
            conn.send(frame(json.dumps(event)))
        conn.read_frame()
        conn.rst()

    # each time goes by the interval, however slow the service; no pauses
    monkeypatch.setattr(random, "uniform", lambda least, _: least)
    options = {"max_reconnect_attempts": 3, "reconnect_interval": 20.0}
    with (
        Peer(Scripts(first, die_of_it)) as peer,
        GA.client(peer.url, **options) as client,
    ):
        recorder = EventRecorder(client)
        client.create_conversation_item(USER_SAYS).result(timeout=5)
        client.clear_audio_buffer()
        recorder.wait("closed")
        assert 4 == peer.connections
        assert [1, 2, 3] == [event.attempt for event in recorder.of("reconnecting")]


def test_restored_items_emit_no_events(
    variant: Variant, eventually: Callable[..., None]
) -> None:
    """
    A listener of new messages gets none of them twice after a drop.
    """
    with variant.service() as service, variant.client(service.url, **QUICK) as client:
        recorder = EventRecorder(client)
        shown: list[str | None] = []
        client.on("conversation.item.added", lambda e: shown.append(e.item.id))
        ids = [
            client.create_conversation_item(USER_SAYS).result(timeout=5).id
            for _ in range(3)
        ]
        for count in (1, 2):
            service.connections[-1].drop()
            recorder.wait("reconnected", count)
            # what it answers to this comes after what it says of the restored
            item = client.create_conversation_item(USER_SAYS).result(timeout=5)
            ids.append(item.id)
        eventually(lambda: len(shown) >= 5)
        assert ids == shown
        assert ids == [item.id for item in client.conversation]
        done = [event.item.id for event in recorder.of("conversation.item.done")]
        assert sorted(set(done), key=str) == sorted(done, key=str)


def test_a_waiting_question_is_sent_once(
    eventually: Callable[..., None],
) -> None:
    """
    Two threads ask; the connection drops during the first answer. The second question
    was not under way: it is put to the new session, and answered.
    """
    slow = Reply("and so the story went on, " * 60)
    with (
        GA.service(replies=[slow, "Two."], pace=1.0) as service,
        GA.client(service.url, **QUICK, session_config=TEXT) as client,
    ):
        outcomes: dict[str, Any] = {}

        def ask(text: str) -> None:
            try:
                outcomes[text] = client.ask(text, timeout=20).text
            except ConnectionClosed as error:
                outcomes[text] = error

        first = threading.Thread(target=ask, args=("first",))
        with client.expect("response.output_text.delta", timeout=5):
            first.start()
        second = threading.Thread(target=ask, args=("second",))
        second.start()
        eventually(lambda: inside.waiting_turns(client) > 0)
        service.connections[-1].drop()
        first.join(10)
        second.join(10)
        assert isinstance(outcomes["first"], ConnectionClosed)
        assert "Two." == outcomes["second"]
        messages = [
            event["item"]["content"][0]["text"]
            for event in service.connections[1].received
            if event["type"] == "conversation.item.create"
        ]
        # the first has failed: asked again, it would stand twice
        assert ["second"] == messages


def _types(connection: Any) -> list[str]:
    return [
        event["item"]["type"]
        for event in connection.received
        if event["type"] == "conversation.item.create"
    ]


def give_slow_tool(
    client: AzureRealTimeAudio,
) -> tuple[threading.Event, threading.Event]:
    """
    Give a client a tool that takes its time; return what lets it go on, and what is set
    when it is called.
    """
    go, called = threading.Event(), threading.Event()

    @client.tool
    def book() -> str:
        """Book a table."""
        called.set()
        assert go.wait(10)
        return "table 7"

    return go, called


def test_a_tool_result_from_a_drop_is_sent_to_the_new_session() -> None:
    """
    A function books a table while the network fails: the new session learns of the
    call and of what came of it, and answers.
    """
    replies = [Reply(calls=[ToolCall("book")]), "Booked."]
    with (
        GA.service(replies=replies) as service,
        GA.client(service.url, **QUICK, session_config=TEXT) as client,
    ):
        recorder = EventRecorder(client)
        go, called = give_slow_tool(client)
        client.create_conversation_item(USER_SAYS).result(timeout=5)
        client.create_response().result(timeout=5)
        assert called.wait(5)
        service.connections[-1].drop()
        recorder.wait("reconnected")
        go.set()
        done = recorder.wait("response.done", 2)
        assert "Booked." == done.response.output[0].content[0].text
        event = _types(service.connections[1])
        assert ["message", "function_call", "function_call_output"] == event
        assert [] == recorder.of("error")


def test_retry_response_survives_a_drop_while_a_tool_runs() -> None:
    """
    With retry_response the question survives a drop while its tool runs.
    """
    replies = [Reply(calls=[ToolCall("book")]), "Booked."]
    options = {**QUICK, "retry_response": True, "session_config": TEXT}
    with GA.service(replies=replies) as service, GA.client(service.url, **options) as c:
        recorder = EventRecorder(c)
        go, called = give_slow_tool(c)
        texts: list[str] = []
        ask = threading.Thread(
            target=lambda: texts.append(c.ask("A table, please", timeout=15).text)
        )
        with c.expect("response.done", timeout=10):
            ask.start()
        assert called.wait(5)
        service.connections[-1].drop()
        recorder.wait("reconnected")
        go.set()
        ask.join(15)
        assert ["Booked."] == texts


def test_a_call_answered_by_hand_survives_a_drop() -> None:
    """
    The new session knows the call, so that it takes the output.
    """
    config = attrs.evolve(TEXT, tools=[{"type": "function", "name": "look"}])
    replies = [Reply(calls=[ToolCall("look")])]
    with (
        GA.service(replies=replies) as service,
        GA.client(service.url, **QUICK, session_config=config) as client,
    ):
        recorder = EventRecorder(client)
        client.create_conversation_item(USER_SAYS).result(timeout=5)
        call = client.create_response().result(timeout=5).output[0]
        service.connections[-1].drop()
        recorder.wait("reconnected")
        output = {
            "type": "function_call_output",
            "call_id": call.call_id,
            "output": "42",
        }
        client.create_conversation_item(output).result(timeout=5)
        event = _types(service.connections[1])
        assert ["message", "function_call", "function_call_output"] == event


def test_with_nothing_restored_a_change_under_way_has_failed() -> None:
    """
    Its future does not say that the new session is as I asked, for it is not.
    """
    received: list[bytes] = []
    scripts = Scripts(
        serve_and_hang_up, lambda conn: collect_until_close(conn, received)
    )
    with (
        Peer(scripts) as peer,
        GA.client(peer.url, **QUICK, restore="none") as client,
    ):
        recorder = EventRecorder(client)
        future = client.update_session(instructions="Be brief.")
        recorder.wait("reconnected")
        assert isinstance(future.exception(5), ConnectionClosed)
        assert "Be brief." not in str(received)


@pytest.mark.parametrize("slow", [False, True])
def test_an_unacknowledged_tool_result_is_sent_again(
    slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The connection is cut with the output under way: it is restored with its call, also
    where the thread that has sent it comes to nothing else before all that is over.
    """
    over = threading.Event()
    queue = Sender.queue

    def queue_slowly(sender: Sender, *commands: Any, deadline: Any) -> None:
        queue(sender, *commands, deadline=deadline)
        if slow and "table 7" in repr(commands):
            assert over.wait(10)

    monkeypatch.setattr(Sender, "queue", queue_slowly)
    received: list[bytes] = []
    call = {
        "type": "function_call",
        "id": "item_call",
        "call_id": "call_1",
        "name": "book",
        "arguments": "{}",
        "status": "completed",
    }

    def send(conn: PeerConnection, **event: Any) -> None:
        conn.send(frame(json.dumps(event)))

    def first(conn: PeerConnection) -> None:
        serve_session(conn)
        conn.read_frame()  # the tool
        send(conn, type="session.updated", session={"id": "sess_1"})
        response = {"id": "resp_1", "status": "in_progress", "output": []}
        send(conn, type="response.created", response=response)
        send(conn, type="conversation.item.added", item=call)
        send(conn, type="conversation.item.done", item=call)
        send(
            conn,
            type="response.output_item.done",
            response_id="resp_1",
            output_index=0,
            item=call,
        )
        response = {"id": "resp_1", "status": "completed", "output": [call]}
        send(conn, type="response.done", response=response)
        while b"function_call_output" not in conn.read_frame()[1]:
            pass
        conn.rst()

    def second(conn: PeerConnection) -> None:
        conn.upgrade(frame('{"type":"session.created","session":{"id":"sess_2"}}'))
        collected = conn.read_frame()[1]
        assert b"session.update" in collected
        conn.send(frame('{"type":"session.updated","session":{"id":"sess_2"}}'))
        while True:
            opcode, data = conn.read_frame()
            if opcode == CLOSE:
                return
            received.append(data)

    with Peer(Scripts(first, second)) as peer:
        client = GA.client(peer.url, **QUICK, session_config=TEXT)
        with client:
            recorder = EventRecorder(client)

            @client.tool
            def book() -> str:
                """Book a table."""
                return "table 7"

            recorder.wait("reconnected")
            over.set()
    items = [json.loads(data)["item"] for data in received if b'"item"' in data]
    assert ["function_call", "function_call_output"] == [i["type"] for i in items]
    assert "table 7" in items[1]["output"]
    assert {"call_1"} == {item["call_id"] for item in items}


@pytest.mark.parametrize("how", ["cancel_response", "future.cancel"])
def test_an_abandoned_request_is_not_sent_again(how: str) -> None:
    """
    I have stopped an answer when the connection drops: retry_response lets it rest.
    """
    received: list[bytes] = []

    def first(conn: PeerConnection) -> None:
        serve_session(conn)
        conn.read_frame()
        response = '{"id":"resp_1","status":"in_progress"}'
        conn.send(frame(f'{{"type":"response.created","response":{response}}}'))
        conn.read_frame()  # the cancel
        conn.rst()

    scripts = Scripts(first, lambda conn: collect_until_close(conn, received))
    with (
        Peer(scripts) as peer,
        GA.client(peer.url, **QUICK, retry_response=True) as client,
    ):
        recorder = EventRecorder(client)
        future = client.create_response()
        recorder.wait("response.created")
        if how == "future.cancel":
            future.cancel()
        else:
            assert client.cancel_response()
        recorder.wait("reconnected")
        assert future.cancelled() or isinstance(future.exception(5), ConnectionClosed)
    assert [] == [data for data in received if b"response.create" in data]


@pytest.mark.parametrize("code", ["session_expired", None])
def test_a_session_that_expires_does_not_refuse_what_is_under_way(
    code: str | None,
) -> None:
    """
    Its error names nothing, and the service closes: retry_response asks again,
    and a change of the session is part of the next one.
    """
    words = "Your session hit the maximum duration of 60 minutes."
    error = {"type": "invalid_request_error", "code": code, "message": words}
    received: list[bytes] = []

    def first(conn: PeerConnection) -> None:
        serve_session(conn)
        for _ in range(2):
            conn.read_frame()
        conn.send(frame(json.dumps({"type": "error", "error": error})))
        conn.send(close_frame(1001))
        conn.fin()
        conn.read_to_end()

    scripts = Scripts(first, lambda conn: collect_until_close(conn, received))
    with (
        Peer(scripts) as peer,
        GA.client(peer.url, **QUICK, retry_response=True) as client,
    ):
        recorder = EventRecorder(client)
        response = client.create_response()
        change = client.update_session(instructions="Be brief.")
        recorder.wait("reconnected")
        assert change.result(5) is not None
        client.clear_audio_buffer()
        assert not response.done()
        assert "expired" == recorder.of("disconnected")[0].cause
    assert "response.create" in str(received)


@pytest.mark.slow
def test_connect_during_back_off_waits_for_the_next_session() -> None:
    """
    connect() returns a session that lives, not the one that was lost.
    """
    with GA.service() as service, GA.client(service.url, **QUICK) as client:
        old = client.connect(timeout=5)
        paused = threading.Event()
        client.on("reconnecting", lambda _: paused.set())
        service.refuse(503, {"Retry-After": "1"}, times=1)
        service.connections[-1].drop()
        assert paused.wait(5)
        new = client.connect(timeout=10)
        assert new.id != old.id
        assert client.is_initialized


def test_a_late_listener_gets_the_current_session() -> None:
    """
    A listener for init that is added after a reconnect gets the new session's event.
    """
    with GA.service() as service, GA.client(service.url, **QUICK) as client:
        recorder = EventRecorder(client)
        service.connections[-1].drop()
        event = recorder.wait("reconnected")
        late = client.wait_for("init", timeout=5)
        assert (event.session.id, 2) == (late.session.id, late.generation)


def test_tools_are_registered_whatever_is_restored() -> None:
    """
    A function that was registered can be called on every session.
    """
    with (
        GA.service() as service,
        GA.client(service.url, **QUICK, restore="none") as client,
    ):
        recorder = EventRecorder(client)

        @client.tool
        def look() -> str:
            """Look it up."""
            return "here"

        client.update_session(instructions="Be brief.").result(timeout=5)
        service.connections[-1].drop()
        session = recorder.wait("reconnected").session
        assert ["look"] == [tool.name for tool in session.tools]
        assert "Be brief." != session.instructions
