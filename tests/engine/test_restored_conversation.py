"""
Over a reconnect nothing stands twice, and nothing is committed in part.
"""

from __future__ import annotations

import itertools
import json
import socket
import threading
from typing import Any

import pytest
from helpers.clients import GA, MANUAL
from helpers.peer import CLOSE, Peer, PeerConnection, frame
from helpers.reconnecting import EventRecorder

from azure_realtime import ConnectionClosed, RealtimeError

QUICK: dict[str, Any] = {"max_reconnect_attempts": 9, "reconnect_interval": 0.001}
TEXT: dict[str, Any] = {"modalities": ["text"], "timeout": 10}


class OwnIds:
    """
    A compatible service that gives every item an id of its own.

    Attributes:
        created: The texts of the items that were created, by connection.
        cut: Have the next response be cut off after its first delta.
    """

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self.created: list[list[str]] = []
        self.conns: list[PeerConnection] = []
        self.cut = threading.Event()

    def __call__(self, conn: PeerConnection) -> None:
        """
        Serve one connection.
        """
        self.created.append([])
        self.conns.append(conn)
        conn.upgrade(frame('{"type":"session.created","session":{"id":"s"}}'))
        while True:
            opcode, data = conn.read_frame()
            if opcode == CLOSE:
                conn.send(frame(data, CLOSE))
                return
            command = json.loads(data)
            if command["type"] == "session.update":
                self._say(conn, type="session.updated", session={"id": "s"})
            elif command["type"] == "conversation.item.create":
                self.created[-1].append(command["item"]["content"][0]["text"])
                self._add(conn, {**command["item"], "id": f"own_{next(self._ids)}"})
            elif command["type"] == "response.create":
                self._respond(conn, (command.get("response") or {}).get("metadata"))

    def _say(self, conn: PeerConnection, **event: Any) -> None:
        conn.send(frame(json.dumps({"event_id": "e", **event})))

    def _add(self, conn: PeerConnection, item: dict[str, Any]) -> None:
        for kind in ("added", "done"):
            event = f"conversation.item.{kind}"
            self._say(conn, type=event, previous_item_id=None, item=item)

    def _respond(self, conn: PeerConnection, metadata: Any) -> None:
        number = next(self._ids)
        response = {"id": f"resp_{number}", "metadata": metadata}
        self._say(
            conn,
            type="response.created",
            response={**response, "status": "in_progress"},
        )
        item = {
            "id": f"own_{number}",
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Hello."}],
        }
        where = {"response_id": response["id"], "output_index": 0}
        started = {**item, "content": [], "status": "in_progress"}
        self._say(conn, type="response.output_item.added", item=started, **where)
        self._add(conn, started)
        if self.cut.is_set():
            self.cut.clear()
            conn.rst()
            raise EOFError
        item["status"] = "completed"
        self._say(conn, type="response.output_item.done", item=item, **where)
        done = {**response, "status": "completed", "output": [item]}
        self._say(conn, type="response.done", response=done)


def test_items_that_the_service_renames_are_stored_once_over_reconnects() -> None:
    """
    The conversation stays as long as it is, and has the service's ids.
    """
    service = OwnIds()
    with Peer(service) as peer, GA.client(peer.url, **QUICK) as client:
        recorder = EventRecorder(client)
        for number in range(2):
            client.ask(f"Question {number}", **TEXT)
        before = [getattr(item, "text", "") for item in client.conversation.items]
        for count in (1, 2, 3):
            service.conns[-1].sock.shutdown(socket.SHUT_RDWR)
            recorder.wait("reconnected", count)
            client.ask("Again", **TEXT)
            client.delete_item(client.conversation.items[-1].id or "")
    texts = ["Question 0", "Hello.", "Question 1", "Hello."]
    assert before == texts
    assert [made[:4] for made in service.created[1:]] == [texts] * 3


def test_a_command_is_acknowledged_although_its_item_has_another_id() -> None:
    """
    The result is the item with the service's id.
    """
    with Peer(OwnIds()) as peer, GA.client(peer.url) as client:
        content = [{"type": "input_text", "text": "Hi"}]
        item = {"type": "message", "role": "user", "content": content}
        assert client.create_conversation_item(item).result(5).id == "own_1"


def test_a_question_that_is_sent_again_is_stored_once() -> None:
    """
    As the error advises. The half answer is gone as well, also here.
    """
    service = OwnIds()
    with Peer(service) as peer, GA.client(peer.url, **QUICK) as client:
        client.ask("First", **TEXT)
        service.cut.set()
        with pytest.raises(ConnectionClosed, match="connecting again"):
            client.ask("Second", **TEXT)
        client.ask("Second", **TEXT)
        items = [getattr(item, "text", "") for item in client.conversation.items]
    assert service.created[-1] == ["First", "Hello.", "Second"]
    assert items == ["First", "Hello.", "Second", "Hello."]


def test_an_utterance_that_a_drop_cut_is_not_committed() -> None:
    """
    Its beginning was lost with the session: the commit fails, and the next one works.
    """
    with GA.connected(session_config=MANUAL, **QUICK) as (client, connection):
        recorder = EventRecorder(client)
        for _ in range(20):
            client.append_audio(bytes(4800))
        client.clear_audio_buffer().result(5)
        for _ in range(20):
            client.append_audio(bytes(4800))
        client.retrieve_item("none").exception(5)  # all has arrived
        connection.drop()
        recorder.wait("reconnected")
        client.append_audio(bytes(48000))
        with pytest.raises(RealtimeError, match="2000 ms of its audio"):
            client.commit_audio()
        assert client.stats.audio_dropped == 20
        client.clear_audio_buffer()
        client.append_audio(bytes(48000))
        client.commit_audio().result(5)
