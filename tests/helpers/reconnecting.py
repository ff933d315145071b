"""
What the tests of lost connections share: a recorder of events, options for quick
reconnects, and services that lose their clients.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from azure_realtime import AzureRealTimeAudio
from azure_realtime.events import ServerEvent
from helpers.peer import CLOSE, PING, PONG, PeerConnection, frame, serve_session
from helpers.timing import SCALE

QUICK: dict[str, Any] = {"max_reconnect_attempts": 5, "reconnect_interval": 0.01}
"""Options of a client that reconnects at once."""

IDLE: dict[str, Any] = {**QUICK, "renew": "idle", "expiry_warning": 60.0}
"""Options of a client that renews its session before that ends."""

LOCAL = ("disconnected", "reconnecting", "reconnected", "closed")
"""The events about the state of a connection, in the order they come."""


class EventRecorder:
    """
    Every event that a client's listeners get, in order.
    """

    def __init__(self, client: AzureRealTimeAudio) -> None:
        self._events: list[ServerEvent] = []
        self._changed = threading.Condition()
        client.on("*", self._note)

    def _note(self, event: ServerEvent) -> None:
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def of(self, *types: str) -> list[Any]:
        """
        Return the events of those types so far.
        """
        with self._changed:
            return [event for event in self._events if event.type in types]

    @property
    def fate(self) -> list[str]:
        """
        The types of the events about the connections' state.
        """
        return [event.type for event in self.of(*LOCAL)]

    def wait(self, kind: str, count: int = 1, timeout: float = 10.0) -> Any:
        """
        Wait until *count* events of a type were delivered; return the last of them.
        """
        deadline = time.monotonic() + timeout * SCALE
        with self._changed:
            while True:
                found = [event for event in self._events if event.type == kind]
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                last = [event.type for event in self._events][-8:]
                assert left > 0, f"{len(found)} of {count} {kind}; last: {last}"
                self._changed.wait(left)


class Scripts:
    """
    One script for each connection, in order; the last one for all that follow.
    """

    def __init__(self, *scripts: Callable[[PeerConnection], Any]) -> None:
        self._scripts = list(scripts)
        self._lock = threading.Lock()

    def __call__(self, conn: PeerConnection) -> None:
        """
        Run the next one.
        """
        with self._lock:
            script = self._scripts[0]
            if len(self._scripts) > 1:
                del self._scripts[0]
        script(conn)


def serve_and_hang_up(conn: PeerConnection) -> None:
    """
    Be a service that configures a session and cuts it when the client says more.
    """
    serve_session(conn)
    conn.read_frame()
    conn.rst()


def appended(connection: Any) -> list[str]:
    """
    Return the audio that a connection of the local service got, as it travelled.
    """
    return [
        event["audio"]
        for event in connection.received
        if event["type"] == "input_audio_buffer.append"
    ]


def answer(
    conn: PeerConnection, session: str, received: list[Any] | None = None
) -> None:
    """
    Answer what a session is asked in these tests, until the client closes.

    Args:
        conn: The connection.
        session: What to report of the session, JSON.
        received: Where to put what came.
    """
    while True:
        opcode, data = conn.read_frame()
        if opcode == PING:
            conn.send(frame(data, PONG))
            continue
        if opcode == CLOSE:
            return
        event = json.loads(data)
        if received is not None:
            received.append(event)
        if event["type"] == "input_audio_buffer.clear":
            conn.send(frame('{"type":"input_audio_buffer.cleared"}'))
        elif event["type"] == "session.update":
            conn.send(frame(f'{{"type":"session.updated",{session}}}'))


def serve_until(
    expires_at: int, received: list[Any] | None = None
) -> Callable[[PeerConnection], None]:
    """
    Be a service whose session ends at a given Unix time, and answer pings.

    Args:
        expires_at: When.
        received: Where to put what came after the configuration.
    """
    session = f'"session":{{"id":"sess_1","expires_at":{expires_at}}}'

    def script(conn: PeerConnection) -> None:
        conn.upgrade(frame(f'{{"type":"session.created",{session}}}'))
        conn.read_frame()
        conn.send(frame(f'{{"type":"session.updated",{session}}}'))
        answer(conn, session, received)

    return script
