"""
The service's side of one session: reads and executes the client's commands.

It is the same for every kind of session; a `SessionKind` has the differences.
"""

from __future__ import annotations

import json
import logging
import threading
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

# In bytes. No further command is read while more than this is queued for the client.
_UNREAD_LIMIT = 16 << 20


class ClientSession(Generic[S, P]):
    """
    One session on one connection.

    Args:
        kind: The kind of session.
        transport: The transport of the connection.
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
        Serve the client until the connection ends. The connection's thread.
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
                # Its result is ignored: also after the end of the connection, the
                # commands received before the end are executed.
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
            connection.emit("error", error=error.body(event_id))
        except Exception:
            if not threading.main_thread().is_alive():
                return  # the program exits: no thread can be started for an answer
            _logger.exception("the simulator could not handle an event")
            message = (
                "The server had an error while processing your request. Sorry about "
                f"that! Please include the session ID: {self._session.id}."
            )
            failure = ServiceError(None, message, kind="server_error", echo=False)
            connection.emit("error", error=failure.body(None))

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
    Return the event in a message, or raise the service's error for an invalid one.
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
    event.setdefault("type", None)
    return event
