"""
A service that answers by a script, message by message: what the simulator is too
correct to do.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

from azure_realtime import AzureRealTimeAudio
from helpers.clients import GA, MANUAL
from helpers.peer import CLOSE, Peer, PeerConnection, frame, serve_session

Json = dict[str, Any]


class Service:
    """
    The service's side of one connection, with a session that is configured.

    Attributes:
        received: The client's messages so far.
    """

    def __init__(self, conn: PeerConnection) -> None:
        self._conn = conn
        self._ids = iter(range(1_000_000))
        self.received: list[Json] = []

    def read(self, kind: str | None = None) -> Json:
        """
        Return the next command, or the next of this kind.
        """
        while True:
            opcode, data = self._conn.read_frame()
            if opcode == CLOSE:
                self._conn.send(frame(data, CLOSE))
                raise EOFError
            self.received.append(json.loads(data))
            if kind in (None, self.received[-1]["type"]):
                return self.received[-1]

    def say(self, *events: Json) -> None:
        """
        Send events in one write.
        """
        frames = (frame(json.dumps({"event_id": "e", **event})) for event in events)
        self._conn.send(b"".join(frames))

    def refuse(self, code: str | None = None, **error: Any) -> None:
        """
        Send an ``error`` without the client's ``event_id``, unless one is given.
        """
        self.say(
            {
                "type": "error",
                "error": {
                    "type": "invalid_request_error",
                    "code": code,
                    "message": "No.",
                    "param": None,
                    "event_id": None,
                    **error,
                },
            }
        )

    def created(self, response_id: str, **fields: Any) -> None:
        """
        Begin a response; like some compatible services, without a conversation's id.
        """
        self.say(
            {
                "type": "response.created",
                "response": {"id": response_id, "status": "in_progress", **fields},
            }
        )

    def text(self, response_id: str, text: str) -> None:
        """
        Send a piece of an answer.
        """
        self.say(
            {
                "type": "response.output_text.delta",
                "response_id": response_id,
                "item_id": f"item_{response_id}",
                "output_index": 0,
                "content_index": 0,
                "delta": text,
            }
        )

    def done(self, response_id: str, text: str = "", **fields: Any) -> None:
        """
        End a response.
        """
        output = {
            "id": f"item_{response_id}",
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": text}],
        }
        self.say(
            {
                "type": "response.done",
                "response": {
                    "id": response_id,
                    "status": "completed",
                    "output": [output] if text else [],
                    **fields,
                },
            }
        )

    def hang_up(self) -> None:
        """
        Cut the connection.
        """
        self._conn.rst()
        raise EOFError

    def rest(self) -> None:
        """
        Listen, without a word, until the client leaves.
        """
        while True:
            self.read()


class RestoringService:
    """
    A service on any number of connections, which notes the items it is given.

    Attributes:
        connections: The connections so far.
        created: For each connection, what `answer` has noted of its items.
    """

    def __init__(self) -> None:
        self.connections: list[PeerConnection] = []
        self.created: list[list[str]] = []

    def __call__(self, conn: PeerConnection) -> None:
        """
        Serve one connection.
        """
        self.connections.append(conn)
        self.created.append([])
        serve_session(conn)
        service = Service(conn)
        while True:
            command = service.read()
            if command["type"] == "input_audio_buffer.clear":
                service.say({"type": "input_audio_buffer.cleared"})
            else:
                self.answer(service, command)

    def answer(self, service: Service, command: Json) -> None:
        """
        Answer a command of the last connection.
        """
        raise NotImplementedError

    def drop(self) -> None:
        """
        End the last connection.
        """
        self.connections[-1].sock.shutdown(socket.SHUT_RDWR)


def added(item: Json) -> Json:
    """
    Return the event that acknowledges an item.
    """
    return {"type": "conversation.item.added", "previous_item_id": None, "item": item}


@contextlib.contextmanager
def scripted(
    *scripts: Callable[[Service], None], **client: Any
) -> Iterator[tuple[AzureRealTimeAudio, Service]]:
    """
    Give a client that is ready, and the service of its first connection.

    Each connection has its script, the last one for all that follow; afterwards the
    service rests.
    """
    services: list[Service] = []

    def run(conn: PeerConnection) -> None:
        services.append(service := Service(conn))
        serve_session(conn)
        scripts[min(len(services), len(scripts)) - 1](service)
        service.rest()

    client.setdefault("session_config", MANUAL)
    with Peer(run) as peer, GA.client(peer.url, **client) as ready:
        yield ready, services[0]
