"""
A service that does not acknowledge the client's items, or only after the answer.
"""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from helpers.clients import GA
from helpers.peer import CLOSE, Peer, PeerConnection, frame, serve_session
from helpers.reconnecting import QUICK, EventRecorder

TEXT: dict[str, Any] = {"modalities": ["text"], "timeout": 10}


class Late:
    """
    A service that acknowledges a question late, or not at all.

    Args:
        own_ids: Whether it gives the questions ids of its own.
        late: Whether it acknowledges a question after its answer.
    """

    def __init__(self, *, own_ids: bool, late: bool) -> None:
        self._own_ids = own_ids
        self._late = late
        self.conns: list[PeerConnection] = []
        self.created: list[list[str]] = []

    def __call__(self, conn: PeerConnection) -> None:
        """
        Serve one connection.
        """
        self.conns.append(conn)
        self.created.append([])
        serve_session(conn)
        items: list[dict[str, Any]] = []
        number = 0
        while True:
            opcode, data = conn.read_frame()
            if opcode == CLOSE:
                conn.send(frame(data, CLOSE))
                return
            command = json.loads(data)
            if command["type"] == "conversation.item.create":
                items.append(command["item"])
                self.created[-1].append(items[-1]["content"][0]["text"])
            elif command["type"] == "response.create":
                number += 1
                self._answer(conn, f"{len(self.conns)}_{number}")
                if self._late:
                    own = {"id": f"own_{number}"} if self._own_ids else {}
                    self._say(
                        conn,
                        type="conversation.item.added",
                        previous_item_id=None,
                        item={**items[-1], **own},
                    )
            elif command["type"] == "input_audio_buffer.clear":
                self._say(conn, type="input_audio_buffer.cleared")

    def _answer(self, conn: PeerConnection, number: str) -> None:
        item = {
            "id": f"answer_{number}",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": f"Answer {number}"}],
        }
        response = {"id": f"resp_{number}", "status": "in_progress"}
        self._say(conn, type="response.created", response=response)
        self._say(
            conn, type="conversation.item.added", previous_item_id=None, item=item
        )
        where = {"response_id": response["id"], "output_index": 0}
        self._say(conn, type="response.output_item.done", item=item, **where)
        done = {**response, "status": "completed", "output": [item]}
        self._say(conn, type="response.done", response=done)

    def _say(self, conn: PeerConnection, **event: Any) -> None:
        conn.send(frame(json.dumps({"event_id": "e", **event})))


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
            service.conns[-1].sock.shutdown(socket.SHUT_RDWR)
            recorder.wait("reconnected", count)
            client.clear_audio_buffer().result(5)
            assert service.created[-1] == turn
    assert texts == turn
