"""
A turn that the service refuses, or fails to answer, leaves nothing in the conversation.
"""

from __future__ import annotations

from typing import Any

import pytest
from helpers.clients import GA, SENTENCE, Variant
from helpers.cutting import stored
from helpers.reconnecting import QUICK, EventRecorder
from helpers.scripted_service import Service, scripted

from azure_realtime import ResponseFailed, ServerError, SessionConfig
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
