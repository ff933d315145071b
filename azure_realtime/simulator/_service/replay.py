"""
Serves one connection of a recording to a client.

Rules:

1. Commands match by type and order. A command of another type ends the replay: the
   client gets an ``error`` that names both, and the connection is closed.
2. Audio that is appended is one stream, whatever its pieces are: what follows an append
   is sent as soon as as much audio has come. A client that appends less goes on with
   its next command; what it appends beyond is ignored.
3. An event is sent as long after the command before it as in the recording, times the
   factor *pace*.
4. Ids that the client chose are replaced by the ids that it chooses now.
5. A recording that began in a session begins with that session as it was.
6. At the end of a connection that another followed, the connection is dropped.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from .._network.handshake import Route
from .._network.transport import Transport
from .._wire.errors import ServiceError
from .connection import Connection
from .recorded import IdMap, Recorded, Step, Steps
from .session import Session
from .settings import Settings

if TYPE_CHECKING:
    from websockets.sync.server import ServerConnection

__all__ = ["Replay", "ReplaySession"]

Json = dict[str, Any]

_APPEND = "input_audio_buffer.append"
_NEW_BUFFER = ("input_audio_buffer.commit", "input_audio_buffer.clear")
_POLICY = 1008


class _Mismatch(Exception):
    """
    The client does something else than in the recording.
    """


class Replay:
    """
    Serves the connections of a recording.

    Args:
        path: The path of the recording.

    Raises:
        OSError: A file cannot be read.
        ValueError: The file is no recording, or has no messages.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._recorded = Recorded(path)

    def new_session(
        self, transport: Transport, route: Route, settings: Settings
    ) -> ReplaySession:
        """
        Return the session of the next connection.
        """
        steps, protocol = self._recorded.next_connection(), self._recorded.protocol
        return ReplaySession(transport, route, settings, steps, protocol)


class ReplaySession:
    """
    One connection of a recording on one connection of a client.

    Args:
        transport: The transport of the connection.
        route: The accepted handshake.
        settings: The settings of the service.
        steps: The messages of the connection.
        protocol: The protocol of the recording.
    """

    def __init__(
        self,
        transport: Transport,
        route: Route,
        settings: Settings,
        steps: Steps,
        protocol: str,
    ) -> None:
        self._steps = steps
        self._protocol = protocol
        self._pace = settings.pace
        session = Session(dict(steps.session or {"id": "sess_replay"}))
        self.connection = Connection(transport, route, session, settings)
        self._ids = IdMap()
        self._commands: deque[Json] = deque()  # received, and not matched yet
        self._appended = 0  # bytes of audio since the buffer was new
        self._due_bytes = 0  # the same in the recording
        self._recorded_at = 0.0  # the time of the last matched command there
        self._matched_at = 0.0  # and here

    def run(self, websocket: ServerConnection) -> None:
        """
        Replay until the connection ends. The connection's thread.
        """
        from websockets.exceptions import ConnectionClosed

        connection = self.connection
        try:
            with contextlib.suppress(ConnectionClosed):
                try:
                    self._replay(websocket)
                except _Mismatch as error:
                    failure = ServiceError("replay_mismatch", str(error), echo=False)
                    connection.emit("error", error=failure.body(None))
                    connection.close(_POLICY, "the replay has ended")
                    self._read_to_end(websocket)
        finally:
            connection.timers.stop()
            received = websocket.protocol.close_rcvd
            if received is None:
                connection.set_closed(1006, "")
            else:
                connection.set_closed(received.code, received.reason)

    def _replay(self, websocket: ServerConnection) -> None:
        if self.connection.protocol != self._protocol:
            raise _Mismatch(
                f"The recording is of the {self._protocol} protocol, but the client "
                f"speaks the {self.connection.protocol} protocol."
            )
        if self._steps.session is not None:
            self._open(websocket, self._steps.session)
        steps = self._steps.steps
        self._recorded_at = steps[0].at if steps else 0.0
        self._matched_at = time.monotonic()
        for step in steps:
            if step.is_event:
                self._wait_until_due(websocket, step)
                self._send(self._ids.replaced(step.message))
            elif step.type == _APPEND:
                self._wait_for_audio(websocket, step)
            else:
                self._wait_for_command(websocket, step)
        if not self._steps.is_last:
            self.connection.transport.flush(1.0)
            self.connection.drop("fin")
        while True:
            command = self._next_command(websocket)
            raise _Mismatch(
                f"The recording has ended, but the client sent {command.get('type')!r}."
            )

    def _open(self, websocket: ServerConnection, session: Json) -> None:
        """
        Begin with a session that the recording does not begin with.
        """
        self._send(
            {"type": "session.created", "event_id": "event_1", "session": session}
        )
        command = self._next_command(websocket)
        if command.get("type") not in (
            "session.update",
            "transcription_session.update",
        ):
            raise _Mismatch(
                "The recording expects 'session.update' first, but the client sent "
                f"{command.get('type')!r}."
            )
        self._send(
            {"type": "session.updated", "event_id": "event_2", "session": session}
        )

    def _send(self, message: Json | str) -> None:
        self.connection.wait_writable()
        if isinstance(message, str):
            self.connection.send_text(message)
        else:
            self.connection.send_recorded(message)

    # ------------------------------------------------ what the client sends

    def _wait_until_due(self, websocket: ServerConnection, step: Step) -> None:
        """
        Wait for the time of an event, and receive meanwhile.
        """
        due = self._matched_at + (step.at - self._recorded_at) * self._pace
        while (remaining := due - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                self._receive(websocket.recv(remaining))

    def _wait_for_audio(self, websocket: ServerConnection, step: Step) -> None:
        self._due_bytes += step.audio_bytes or _audio_bytes(step.message)
        while self._appended < self._due_bytes and not self._commands:
            self._receive(websocket.recv())
        self._match(step)

    def _wait_for_command(self, websocket: ServerConnection, step: Step) -> None:
        command = self._next_command(websocket)
        kind = command.get("type")
        if kind != step.type:
            raise _Mismatch(
                f"The recording continues with {step.type!r}, but the client sent "
                f"{kind!r}."
            )
        if kind in _NEW_BUFFER:
            self._appended = self._due_bytes = 0
        self._ids.add(step.message, command)
        self._match(step)

    def _match(self, step: Step) -> None:
        self._recorded_at, self._matched_at = step.at, time.monotonic()

    def _next_command(self, websocket: ServerConnection) -> Json:
        """
        Return the next command that is no append.
        """
        while not self._commands:
            self._receive(websocket.recv())
        return self._commands.popleft()

    def _receive(self, message: str | bytes) -> None:
        try:
            command = json.loads(message)
        except (ValueError, RecursionError):
            command = None
        if not isinstance(command, dict):
            raise _Mismatch("The client sent a message that is no JSON object.")
        command.setdefault("type", None)
        self.connection.record(command)
        if command["type"] == _APPEND:
            self._appended += _audio_bytes(command)
        else:
            self._commands.append(command)

    def _read_to_end(self, websocket: ServerConnection) -> None:
        while True:
            websocket.recv()


def _audio_bytes(message: Json | str) -> int:
    audio = message.get("audio") if isinstance(message, dict) else None
    return len(audio) * 3 // 4 - audio[-2:].count("=") if isinstance(audio, str) else 0
