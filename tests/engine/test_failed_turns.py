"""
A turn that the service refuses, or fails to answer, leaves nothing in the conversation.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import pytest
from helpers.clients import GA, SENTENCE, Variant
from helpers.cutting import stored
from helpers.reconnecting import QUICK, EventRecorder
from helpers.scripted_service import Service, scripted

from azure_realtime import QueueFull, ResponseFailed, ServerError, SessionConfig
from azure_realtime.simulator import Reply, Request, ToolCall

TEXT = SessionConfig(modalities=["text"], turn_detection=None)
FAILED = Reply("Half", status="failed", error_code="rate_limit_exceeded")


@pytest.mark.parametrize("how", ["refused", "failed", "after a tool"])
@pytest.mark.parametrize("spoken", [False, True])
def test_a_question_that_is_asked_again_stands_once(
    how: str, spoken: bool, variant: Variant
) -> None:
    """
    The error advises to ask again: the question, the call and its output stand once.
    """
    calls = iter(range(9))
    answers = iter([FAILED, Reply("Fine.")])

    def reply(request: Request) -> Reply:
        if how == "after a tool" and request.items[-1]["type"] == "message":
            return Reply(calls=[ToolCall("look", call_id=f"call_{next(calls)}")])
        return Reply("Fine.") if how == "refused" else next(answers)

    question: dict[str, Any] = {"audio": SENTENCE} if spoken else {"text": "Q"}
    with variant.connected(
        service={"replies": reply, "pace": 0}, session_config=TEXT
    ) as (client, connection):
        if how == "after a tool":
            client.tool(lambda: "seen", name="look")
        if how == "refused":
            with pytest.raises(ServerError):
                client.ask(**question, voice="unknown", timeout=5)
        else:
            with pytest.raises(ResponseFailed) as failed:
                client.ask(**question, timeout=5)
            assert failed.value.retryable
        assert len(client.conversation) == 0
        assert client.ask(**question, timeout=5).text == "Fine."
        client.clear_audio_buffer().result(5)
        tool = ["call call_1", "call_output call_1"] if how == "after a tool" else []
        asked = "user: input_audio" if spoken else "user: Q"
        assert stored(connection) == [asked, *tool, "assistant: Fine."]
        assert len(client.conversation) == len(stored(connection))


def test_a_failed_turn_is_not_restored() -> None:
    """
    The new session does not have its items, and the client does not delete them there.
    """
    replies = ["One.", FAILED]
    service = GA.service(replies=replies, pace=0)
    with service, GA.client(service.url, **QUICK, session_config=TEXT) as client:
        recorder = EventRecorder(client)
        client.ask("First", timeout=5)
        with pytest.raises(ResponseFailed):
            client.ask("Second", timeout=5)
        client.clear_audio_buffer().result(5)
        service.connections[-1].drop()
        recorder.wait("reconnected")
        client.clear_audio_buffer().result(5)
        assert stored(service.connections[-1]) == ["user: First", "assistant: One."]
        assert not recorder.of("error")


def test_a_question_that_is_acknowledged_after_the_refusal_is_deleted() -> None:
    """
    The service refuses the response first: the question does not stay, either.
    """
    deleted: list[str] = []

    def script(service: Service) -> None:
        item = service.read("conversation.item.create")["item"]
        request = service.read("response.create")
        service.refuse("response_invalid", event_id=request["event_id"])
        service.say({"type": "conversation.item.added", "item": item})
        deleted.append(service.read("conversation.item.delete")["item_id"])
        service.say({"type": "conversation.item.deleted", "item_id": item["id"]})
        assert deleted == [item["id"]]

    with scripted(script) as (client, _):
        with (
            client.expect("conversation.item.deleted", timeout=5),
            pytest.raises(ServerError),
        ):
            client.ask("Q", timeout=5)
        assert len(client.conversation) == 0
    assert len(deleted) == 1


def test_a_failed_spoken_question_deletes_no_other_speech(variant: Variant) -> None:
    """
    Speech that the program has committed before the question stays in the conversation.
    """
    with variant.connected(
        service={"replies": [FAILED, "Fine."], "pace": 0}, session_config=TEXT
    ) as (client, connection):
        client.append_audio(SENTENCE)
        earlier = client.commit_audio()
        with pytest.raises(ResponseFailed):
            client.ask(audio=SENTENCE, timeout=5)
        client.clear_audio_buffer().result(5)
        kept = [item.id for item in client.conversation]
        assert kept == [earlier.result(5).item_id]
        assert stored(connection) == ["user: input_audio"]


def test_an_assumed_question_whose_repeated_answer_fails_is_removed() -> None:
    """
    Its acknowledgement was lost with the first connection; the new session has it.
    """
    deleted: list[str] = []
    seen = threading.Event()

    def first(service: Service) -> None:
        service.read("response.create")
        service.created("resp_1")
        assert seen.wait(5)
        service.hang_up()

    def second(service: Service) -> None:
        item = service.read("conversation.item.create")["item"]
        service.say({"type": "conversation.item.added", "item": item})
        service.read("response.create")
        service.created("resp_2")
        service.done("resp_2", status="failed")
        deleted.append(service.read("conversation.item.delete")["item_id"])
        service.say({"type": "conversation.item.deleted", "item_id": item["id"]})
        assert deleted == [item["id"]]

    options = {**QUICK, "restore": "conversation", "retry_response": True}
    with scripted(first, second, **options) as (client, _):
        recorder = EventRecorder(client)
        client.on("response.created", lambda event: seen.set())
        with pytest.raises(ResponseFailed):
            client.ask("Q", timeout=10)
        recorder.wait("conversation.item.deleted")
        assert len(client.conversation) == 0


def test_a_refused_question_ends_the_turn_while_a_tool_runs() -> None:
    """
    The error is raised at once, and the next turn begins: the tool's output is dropped.
    """
    called, go = threading.Event(), threading.Event()

    def script(service: Service) -> None:
        item = service.read("conversation.item.create")
        service.read("response.create")
        call = {"type": "function_call", "id": "item_1", "call_id": "call_1"}
        call |= {"name": "wait", "arguments": "{}", "status": "completed"}
        service.created("resp_1")
        service.done("resp_1", output=[call])
        assert called.wait(5)
        service.refuse("invalid_value", event_id=item["event_id"])
        service.read("response.create")
        service.created("resp_2")
        service.done("resp_2", "Fine.")

    def wait() -> None:
        called.set()
        go.wait(10)

    with scripted(script) as (client, _):
        client.tool(wait)
        with client.stream("Q", timeout=5) as stream:
            with pytest.raises(ServerError):
                next(stream)
            go.set()
        assert client.ask("R", timeout=5).text == "Fine."


def test_a_refused_question_that_is_not_read_delays_no_other_turn() -> None:
    """
    The program keeps its stream and does not iterate over it.
    """

    def script(service: Service) -> None:
        item = service.read("conversation.item.create")
        service.read("response.create")
        service.refuse("invalid_value", event_id=item["event_id"])
        service.created("resp_1")
        service.done("resp_1", status="cancelled")
        service.read("response.create")
        service.created("resp_2")
        service.done("resp_2", "Fine.")

    with scripted(script) as (client, _):
        stream = client.stream("Q", timeout=5)
        assert client.ask("R", timeout=5).text == "Fine."
        stream.close()


def test_the_refusal_of_a_turns_delete_fails_no_command_of_the_program(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    The service has not kept the question of a failed response. Nothing is logged.
    """

    def script(service: Service) -> None:
        mine = service.read("conversation.item.delete")["item_id"]
        item = service.read("conversation.item.create")["item"]
        service.say({"type": "conversation.item.added", "item": item})
        service.read("response.create")
        service.created("resp_1")
        service.done("resp_1", status="failed")
        lost = service.read("conversation.item.delete")["item_id"]
        service.refuse(
            "item_delete_invalid_item_id",
            message=f"Error deleting item: the item with id '{lost}' does not exist.",
        )
        service.say({"type": "conversation.item.deleted", "item_id": mine})

    with scripted(script) as (client, _):
        mine = client.delete_item("item_mine")
        with pytest.raises(ResponseFailed):
            client.ask("Q", timeout=5)
        assert mine.result(5).item_id == "item_mine"
    assert not caplog.records


def test_a_delete_that_was_not_sent_is_not_sent_to_the_next_session() -> None:
    """
    It waits behind audio that the service does not read when the connection is lost.
    The next session is not restored with the question of the failed turn.
    """
    full, failed = threading.Event(), threading.Event()
    kinds: list[str] = []

    def first(service: Service) -> None:
        item = service.read("conversation.item.create")["item"]
        service.say({"type": "conversation.item.added", "item": item})
        service.read("response.create")
        service.created("resp_1")
        assert full.wait(20)
        service.done("resp_1", status="failed")
        assert failed.wait(5)
        service.hang_up()

    def second(service: Service) -> None:
        kinds.append(service.read()["type"])
        service.say({"type": "input_audio_buffer.cleared"})

    options = {**QUICK, "max_send_queue_bytes": 1 << 20}
    with scripted(first, second, **options) as (client, _):
        recorder = EventRecorder(client)
        with client.stream("Q", timeout=20) as stream:
            recorder.wait("response.created")
            with contextlib.suppress(QueueFull):
                while True:
                    client.append_audio(bytes(200_000), 0.3)
            full.set()
            with pytest.raises(ResponseFailed):
                next(stream)
        failed.set()
        recorder.wait("reconnected")
        client.clear_audio_buffer().result(5)
    assert kinds == ["input_audio_buffer.clear"]
