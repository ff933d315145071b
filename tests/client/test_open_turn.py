"""
When the next turn begins, and what ends with a turn.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest
from helpers import inside
from helpers.clients import GA, LONG, SENTENCE
from helpers.cutting import stored
from helpers.reconnecting import QUICK, EventRecorder
from helpers.scripted_service import Service, added, scripted

from azure_realtime import (
    ConnectionClosed,
    ResponseFailed,
    ServerError,
    ServerVad,
    SessionConfig,
)
from azure_realtime._requests.future import CommandFuture
from azure_realtime._requests.response_requests import ResponseFuture
from azure_realtime.audio import PushSource
from azure_realtime.client.open_turn import OpenTurn

TEXT = SessionConfig(modalities=["text"], turn_detection=None)


@pytest.mark.parametrize("failure", ["refused", "lost"])
def test_the_next_turn_waits_until_a_failed_question_is_undone(
    failure: str, eventually: Callable[..., None]
) -> None:
    """
    A question whose thread still sends audio does not mix with the next one.
    """
    sent, waits = threading.Event(), threading.Event()
    order: list[str] = []

    def fail(service: Service) -> None:
        item = service.read("conversation.item.create")
        service.read("input_audio_buffer.append")
        sent.set()
        assert waits.wait(10)
        if failure == "lost":
            service.hang_up()
        service.refuse("invalid_value", event_id=item["event_id"])
        answer(service)

    def answer(service: Service) -> None:
        while not order or order[-1] != "conversation.item.create":
            order.append(service.read()["type"])
        service.read("response.create")
        service.created("resp_1")
        service.done("resp_1", "Fine.")

    error = ServerError if failure == "refused" else ConnectionClosed
    source, texts = PushSource(), list[str]()
    source.push(bytes(960))

    def ask() -> None:
        with pytest.raises(error):
            client.ask("Q", audio=source, timeout=20)

    with scripted(fail, answer, **QUICK) as (client, _):
        first = threading.Thread(target=ask)
        first.start()
        assert sent.wait(10)
        second = threading.Thread(
            target=lambda: texts.append(client.ask("R", timeout=20).text)
        )
        second.start()
        eventually(lambda: inside.waiting_turns(client))
        waits.set()
        first.join(20)
        second.join(20)
    assert texts == ["Fine."]
    assert order[-2:] == ["input_audio_buffer.clear", "conversation.item.create"]


def test_the_next_turn_begins_if_a_turn_is_lost_after_its_question() -> None:
    """
    Also if the program keeps its stream and does not iterate over it.
    """

    def lose(service: Service) -> None:
        service.read("response.create")
        service.hang_up()

    def answer(service: Service) -> None:
        service.read("response.create")
        service.created("resp_1")
        service.done("resp_1", "Fine.")

    with scripted(lose, answer, **QUICK) as (client, _):
        stream = client.stream("Q", timeout=20)
        assert client.ask("R", timeout=10).text == "Fine."
        stream.close()


def test_a_question_that_was_not_sent_when_its_turn_is_given_up_is_withdrawn() -> None:
    """
    It is asked while there is no connection. Asked again later, it stands once.
    """
    service = GA.service(replies=["Yes."], pace=0)
    with service, GA.client(service.url, **QUICK, session_config=TEXT) as client:
        recorder = EventRecorder(client)
        service.refuse(429, {"retry-after-ms": "600"}, times=1)
        service.wait_for_connection().drop()
        recorder.wait("reconnecting", 2)
        with pytest.raises(TimeoutError):
            client.ask("Q", timeout=0.1)
        recorder.wait("reconnected")
        assert client.ask("Q", timeout=10).text == "Yes."
        client.clear_audio_buffer().result(5)
        assert stored(service.connections[-1]) == ["user: Q", "assistant: Yes."]


def test_a_stream_that_the_program_drops_cancels_its_response() -> None:
    """
    At once, without a garbage collection: the next question does not wait for the end.
    """
    with GA.connected(service={"replies": [LONG, "Yes."]}) as (client, wire):
        gc.disable()
        try:
            for _ in client.stream("Tell me", timeout=30):
                break
            assert client.ask("Still there?", timeout=10).text == "Yes."
        finally:
            gc.enable()
        cancels = [e for e in wire.received if e["type"] == "response.cancel"]
        assert len(cancels) == 1


def test_a_response_that_follows_a_tool_while_its_turn_is_closed_is_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    The thread of the tool requests it between two steps of `TurnStream.close`.
    """
    ticket, following = Mock(), ResponseFuture(Mock(), Mock(), Mock())
    turn = OpenTurn(Mock(), Mock(), Mock(), Mock(), ticket)
    turn.follow(ResponseFuture(Mock(), Mock(), Mock()))
    stop = turn._stop

    def follow_first(*arguments: Any) -> None:
        turn.follow(following)
        stop(*arguments)

    monkeypatch.setattr(turn, "_stop", follow_first)
    turn.close()
    assert following.cancelled()
    assert ticket.leave.called


def test_speech_whose_commit_is_answered_at_once_is_removed_with_its_turn() -> None:
    """
    Also if the connection is lost before the calling thread goes on: the item of the
    speech does not stay in the conversation.
    """
    conversation = Mock()
    turn = OpenTurn(Mock(), conversation, Mock(), Mock(), Mock())

    def commit(expect: Any) -> CommandFuture[Any]:
        committed: CommandFuture[Any] = CommandFuture(Mock(), Mock(), Mock())
        expect(committed)
        committed.set_result(Mock(item_id="item_1"))
        turn.lose(ConnectionClosed(1006, reconnecting=True))
        return committed

    with pytest.raises(ConnectionClosed):
        turn.commit(commit)
    (question, _responses) = conversation.forget_turn.call_args.args
    assert question == {"item_1"}


@pytest.mark.parametrize("live", [True, False])
def test_speech_from_before_a_question_is_not_taken_for_it(live: bool) -> None:
    """
    The service commits what the program has appended before, while `ask` sends its
    question. The answer fails, and its question alone is deleted.
    """
    source, deleted = PushSource(), list[str]()
    source.push(bytes(960))
    audio = source if live else SENTENCE

    def commit(service: Service, item_id: str) -> None:
        part = {"type": "input_audio", "transcript": None}
        item = {"id": item_id, "type": "message", "role": "user", "content": [part]}
        service.say(
            {"type": "input_audio_buffer.committed", "item_id": item_id},
            {"type": "conversation.item.added", "item": item},
        )

    def script(service: Service) -> None:
        service.read(f"input_audio_buffer.{'append' if live else 'commit'}")
        commit(service, "item_before")
        service.say({"type": "input_audio_buffer.cleared"})
        commit(service, "item_question")
        service.read("response.create")
        service.created("resp_1")
        service.done("resp_1", status="failed")
        deleted.append(service.read("conversation.item.delete")["item_id"])
        service.say({"type": "conversation.item.deleted", "item_id": deleted[0]})

    config = SessionConfig(turn_detection=ServerVad())
    with scripted(script, session_config=config) as (client, _):
        with (
            client.expect("conversation.item.deleted", timeout=5),
            pytest.raises(ResponseFailed),
        ):
            client.ask(audio=audio, timeout=10)
        assert [item.id for item in client.conversation] == ["item_before"]
    assert deleted == ["item_question"]


@pytest.mark.parametrize("before", [False, True])
def test_a_live_question_ends_on_a_service_that_acknowledges_no_clear(
    before: bool, eventually: Callable[..., None]
) -> None:
    """
    The acknowledgement of a later command shows that the buffer was cleared. Speech
    that the service commits before it is from before the question.
    """
    source, asked = PushSource(), list[str]()
    source.push(bytes(960))

    def commit(service: Service, item_id: str) -> None:
        service.say(
            {"type": "input_audio_buffer.speech_started", "item_id": item_id},
            {"type": "input_audio_buffer.committed", "item_id": item_id},
            added({"id": item_id, "type": "message", "role": "user", "content": []}),
        )

    def script(service: Service) -> None:
        update = service.read("session.update")
        if before:
            commit(service, "item_before")
        service.say({"type": "session.updated", "session": update["session"]})
        service.read("input_audio_buffer.append")
        commit(service, "item_question")
        service.read("response.create")
        service.created("resp_1")
        service.done("resp_1", status="failed")
        asked.append(service.read("conversation.item.delete")["item_id"])

    config = SessionConfig(turn_detection=ServerVad())
    with scripted(script, session_config=config) as (client, service):
        with pytest.raises(ResponseFailed):
            client.ask(audio=source, timeout=5)
        eventually(lambda: asked == ["item_question"])
    kinds = [message["type"] for message in service.received]
    assert kinds.index("input_audio_buffer.clear") < kinds.index("session.update", 1)


@pytest.mark.slow
@pytest.mark.parametrize("vad", [None, ServerVad()])
@pytest.mark.parametrize("live", [False, True])
def test_a_spoken_question_given_up_without_a_connection_is_not_asked_later(
    live: bool, vad: ServerVad | None
) -> None:
    """
    Its audio is neither committed in the next session nor left in the buffer there.
    """
    source: Any = SENTENCE
    if live:
        source = PushSource()
        source.push(bytes(9600))
        source.end()
    config = SessionConfig(modalities=["text"], turn_detection=vad)
    service = GA.service(replies=["Yes."], pace=0)
    with service, GA.client(service.url, **QUICK, session_config=config) as client:
        recorder = EventRecorder(client)
        service.refuse(429, {"retry-after-ms": "1000"}, times=1)
        service.wait_for_connection().drop()
        recorder.wait("reconnecting", 2)
        with pytest.raises(TimeoutError, match=r"^the turn was not done within 0\.2 s"):
            client.ask(audio=source, timeout=0.2)
        recorder.wait("reconnected")
        turn = client.ask("And now?", timeout=10)
        kinds = [m["type"] for m in service.connections[-1].received]
        detects = client.session.turn_detection is not None
    assert turn.text == "Yes."
    assert stored(service.connections[-1]) == ["user: And now?", "assistant: Yes."]
    assert "input_audio_buffer.commit" not in kinds
    assert "input_audio_buffer.append" not in kinds or (
        kinds.index("input_audio_buffer.append")
        < len(kinds) - 1 - kinds[::-1].index("input_audio_buffer.clear")
    )
    assert detects == (vad is not None)
