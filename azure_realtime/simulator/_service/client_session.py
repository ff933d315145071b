"""
The service's side of one session: reads the client's commands and carries them out.

It is the same for every kind of session; `SessionKind` holds the differences.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .._network.handshake import Route
from .._network.transport import Transport
from .._wire.errors import ServiceError
from .._wire.schema import wrong_value
from .connection import Connection
from .script import Script
from .session import Session
from .session_kind import SessionKind
from .settings import Settings

if TYPE_CHECKING:
    from websockets.sync.server import ServerConnection

__all__ = ["ClientSession"]

Json = dict[str, Any]
S = TypeVar("S", bound=Session)
P = TypeVar("P")

_logger = logging.getLogger(__name__)

# Commands of a client that does not read their answers wait beyond this.
_UNREAD_LIMIT = 16 << 20


class ClientSession(Generic[S, P]):
    """
    One session of one kind, on one connection.

    Args:
        kind: What is particular to this kind of session.
        transport: The bytes of the connection.
        route: The accepted handshake.
        settings: The settings of the service.
        script: The replies of the service.
    """

    def __init__(
        self,
        kind: SessionKind[S, P],
        transport: Transport,
        route: Route,
        settings: Settings,
        script: Script,
    ) -> None:
        self._kind = kind
        self._session = kind.new_session(route, settings)
        self.connection = Connection(transport, route, self._session, settings)
        self._parts = kind.new_parts(self.connection, self._session, script)
        self._commands = kind.commands(self._parts)

    def run(self, websocket: ServerConnection) -> None:
        """
        Serve the client until it leaves. Connection's thread.
        """
        from websockets.exceptions import ConnectionClosed

        connection = self.connection
        try:
            opening = self._kind.opening(self._session)
            if opening is not None:
                connection.emit(opening.pop("type"), **opening)
            seconds = connection.settings.session_seconds
            connection.timers.after(seconds, connection.expire)
            while True:
                # Also after the end: commands sent before the client left count.
                connection.wait_writable(_UNREAD_LIMIT)
                self._handle(websocket.recv())
        except ConnectionClosed:
            pass
        finally:
            connection.timers.stop()
            with connection.lock:
                self._kind.stop(self._parts)
            received = websocket.protocol.close_rcvd
            if received is None:
                connection.set_closed(1006, "")
            else:
                connection.set_closed(received.code, received.reason)

    def _handle(self, message: str | bytes) -> None:
        connection = self.connection
        event_id: str | None = None
        try:
            event = _parse(message)
            sent_id = event.get("event_id")
            event_id = sent_id if isinstance(sent_id, str) else None
            with connection.lock:
                connection.record(event)
                self._run_command(event)
        except ServiceError as error:
            connection.send_error(error, event_id)
        except Exception:
            _logger.exception("the simulator could not handle an event")
            message = (
                "The server had an error while processing your request. Sorry about "
                f"that! Please include the session ID: {self._session.id}."
            )
            failure = ServiceError(None, message, kind="server_error", echo=False)
            connection.send_error(failure, None)

    def _run_command(self, event: Json) -> None:
        kind = event["type"]
        if kind is None:
            raise ServiceError("invalid_event", "The 'type' field is missing.")
        if not isinstance(kind, str) or kind not in self._commands:
            raise wrong_value("type", kind, tuple(self._commands))
        command = self._commands[kind]
        command.shape.check(event, "")
        command.run(self._parts, event)


def _parse(message: str | bytes) -> Json:
    """
    Return a client event, or raise the service's error for another message.
    """
    if isinstance(message, bytes):
        raise ServiceError("invalid_event", "Binary messages are not supported.")
    try:
        event = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise ServiceError(
            "invalid_json", f"The message is not valid JSON: {error}", echo=False
        ) from None
    if not isinstance(event, dict):
        raise ServiceError("invalid_event", "The message must be a JSON object.")
    if "type" not in event:
        event.setdefault("type", None)
    return event
