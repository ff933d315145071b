"""
A question that the service has not acknowledged, or not transcribed, before a loss.
"""

from __future__ import annotations

import threading
from typing import Any

import pytest
from helpers.clients import GA, SENTENCE
from helpers.peer import Peer
from helpers.reconnecting import QUICK, EventRecorder
from helpers.scripted_service import RestoringService, Service, added, scripted

from azure_realtime import ConnectionClosed

RETRY: dict[str, Any] = {**QUICK, "restore": "conversation", "retry_response": True}
TEXT: dict[str, Any] = {"modalities": ["text"], "timeout": 10}


class Late(RestoringService):
    """
    A service that acknowledges a question late, or not at all; `created` has the texts.

    Args:
        own_ids: Whether it gives the questions ids of its own.
        late: Whether it acknowledges a question after its answer.
    """

    def __init__(self, *, own_ids: bool, late: bool) -> None:
        super().__init__()
        self._own_ids = own_ids
        self._late = late
        self._question: dict[str, Any] = {}
        self._answers = 0

    def answer(self, service: Service, command: dict[str, Any]) -> None:
        """
        Note a question; answer a request.
        """
        if command["type"] == "conversation.item.create":
            self._question = command["item"]
            self.created[-1].append(self._question["content"][0]["text"])
        elif command["type"] == "response.create":
            self._answers += 1
            self._respond(service, f"{len(self.connections)}_{self._answers}")
            if self._late:
                own = {"id": f"own_{self._answers}"} if self._own_ids else {}
                service.say(added({**self._question, **own}))

    def _respond(self, service: Service, number: str) -> None:
        item = {
            "id": f"answer_{number}",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": f"Answer {number}"}],
        }
        response = {"id": f"resp_{number}", "status": "in_progress"}
        place = {"response_id": response["id"], "output_index": 0}
        done = {**response, "status": "completed", "output": [item]}
        service.say({"type": "response.created", "response": response})
        service.say(added(item))
        service.say({"type": "response.output_item.done", "item": item, **place})
        service.say({"type": "response.done", "response": done})


@pytest.mark.parametrize("own_ids", [False, True])
@pytest.mark.parametrize("late", [False, True])
def test_a_complete_turn_is_restored_with_its_question(
    late: bool, own_ids: bool
) -> None:
    """
    The question stands before the answer, in the conversation and in new sessions.
    """
    service = Late(own_ids=own_ids, late=late)
    turn = ["Question 1", "Answer 1_1", "Question 2", "Answer 1_2"]
    with Peer(service) as peer, GA.client(peer.url, **QUICK) as client:
        recorder = EventRecorder(client)
        for question in (1, 2):
            client.ask(f"Question {question}", **TEXT)
            client.clear_audio_buffer().result(5)
            texts = [getattr(item, "text", "") for item in client.conversation]
            assert texts == turn[: 2 * question]
        for count in (1, 2):
            service.drop()
            recorder.wait("reconnected", count)
            client.clear_audio_buffer().result(5)
            assert service.created[-1] == turn
    assert texts == turn


@pytest.mark.parametrize("complete", [True, False])
def test_a_spoken_question_survives_with_its_complete_transcript_only(
    complete: bool,
) -> None:
    """
    The model would answer the part of it that was transcribed before the loss.
    """
    arrived = threading.Event()
    restored: list[str] = []

    def first(service: Service) -> None:
        service.read("input_audio_buffer.commit")
        part = {"type": "input_audio", "transcript": None}
        item = {"id": "item_1", "type": "message", "role": "user", "content": [part]}
        words = {"item_id": "item_1", "content_index": 0}
        kind = "conversation.item.input_audio_transcription"
        service.say(
            {"type": "input_audio_buffer.committed", "item_id": "item_1"},
            {"type": "conversation.item.added", "item": item},
            {"type": f"{kind}.delta", "delta": "What", **words},
        )
        if complete:
            said = {"transcript": "What is it?", **words}
            service.say({"type": f"{kind}.completed", **said})
        service.read("response.create")
        service.created("resp_1")
        assert arrived.wait(5)
        service.hang_up()

    def second(service: Service) -> None:
        while (command := service.read())["type"] != "response.create":
            if command["type"] == "conversation.item.create":
                restored.append(command["item"]["content"][0]["text"])
            elif command["type"] == "input_audio_buffer.clear":
                service.say({"type": "input_audio_buffer.cleared"})
        service.created("resp_2")
        service.done("resp_2", "This.")

    with scripted(first, second, **RETRY) as (client, _):
        client.on("response.created", lambda event: arrived.set())
        if complete:
            assert client.ask(audio=SENTENCE, timeout=10).text == "This."
        else:
            with pytest.raises(ConnectionClosed):
                client.ask(audio=SENTENCE, timeout=10)
            client.clear_audio_buffer().result(5)
    assert restored == (["What is it?"] if complete else [])
