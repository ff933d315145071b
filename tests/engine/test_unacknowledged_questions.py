"""
A service that does not acknowledge the client's items, or only after the answer.
"""

from __future__ import annotations

from typing import Any

import pytest
from helpers.clients import GA
from helpers.peer import Peer
from helpers.reconnecting import QUICK, EventRecorder
from helpers.scripted_service import RestoringService, Service, added

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
