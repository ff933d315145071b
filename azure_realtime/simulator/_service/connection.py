"""
One connection: what the client says is done, in order, under one lock.

Two kinds of threads come here: the connection's own, which handles the client's
events one by one, and those of its responses and timers. All of them hold `lock`
while they change anything or send anything, so what is sent is in the order in which
it happened. Nothing blocks while holding it: sending only queues.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from .._network.faults import CLOSE, ConnectionFaults
from .._network.handshake import Route
from .._network.transport import Transport
from .._wire import preview as _preview
from .._wire.errors import ServiceError
from .._wire.ids import new_id
from .conversation import Conversation, Item
from .conversation_commands import dispatch
from .conversation_session import Session
from .input_buffer import InputBuffer
from .mcp import McpServers
from .responses import Responses
from .timers import Timers
from .transcription import Transcription

if TYPE_CHECKING:
    from websockets.sync.server import ServerConnection

    from .._server import Simulator

__all__ = ["Connection"]

Json = dict[str, Any]

_logger = logging.getLogger(__name__)

# A response pauses while this much is queued for a client that reads slowly.
_SEND_LIMIT = 1 << 20
# Commands of a client that does not read their answers wait beyond this.
_ANSWER_LIMIT = 16 << 20
# How long a client may take to answer our close frame.
_CLOSE_SECONDS = 2.0


class Connection(ConnectionFaults):
    """
    The service's side of one WebSocket connection, for scripts and tests to look at.

    Attributes:
        protocol: ``"ga"`` or ``"preview"``.
        path: The path of the handshake request.
        query: Its query parameters.
        headers: Its headers, with lower-case names.
        session: The session's effective configuration.
        close_code: The close code that the client sent, 1006 if it sent none; None
            while the connection is open.
        close_reason: The reason that came with it.
    """

    def __init__(
        self,
        service: Simulator,
        transport: Transport,
        route: Route,
        headers: dict[str, str],
    ) -> None:
        super().__init__(transport)
        self.service = service
        self.protocol = route.protocol
        self.path = route.path
        self.query = route.query
        self.headers = headers
        self.azure = route.azure
        self.close_code: int | None = None
        self.close_reason = ""
        self.cached_tokens = 0
        self.lock = threading.RLock()
        self._arrival = threading.Condition()
        self._received: list[Json] = []
        self._sent: list[str] = []
        self._threads: list[threading.Thread] = []
        self._ended = threading.Event()
        self.timers = Timers()
        self.session = Session(
            route.protocol, route.model, route.transcription, service.session_seconds
        )
        self.conversation = Conversation()
        self.transcription = Transcription(self)
        self.mcp = McpServers(self)
        self.responses = Responses(self)
        self.input_buffer = InputBuffer(self)

    def __repr__(self) -> str:
        state = "closed" if self._ended.is_set() else "open"
        return f"<Connection {self.protocol} {self.path} {state}>"

    # ------------------------------------------------ for scripts and tests

    @property
    def received(self) -> list[Json]:
        """
        The client's events so far, oldest first.
        """
        with self._arrival:
            return list(self._received)

    @property
    def sent(self) -> list[Json]:
        """
        Our events so far, oldest first, as they travelled.
        """
        return [json.loads(text) for text in list(self._sent)]

    def wait_received(self, kind: str, count: int = 1, timeout: float = 5.0) -> Json:
        """
        Wait until *count* events of a type have come, and return the last of them.

        Raises:
            TimeoutError: They have not come within *timeout* seconds.
        """
        deadline = time.monotonic() + timeout
        with self._arrival:
            while True:
                found = [event for event in self._received if event["type"] == kind]
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                if left <= 0 or not self._arrival.wait(left):
                    msg = f"{len(found)} of {count} {kind!r} within {timeout} s"
                    raise TimeoutError(msg)

    def wait_closed(self, timeout: float = 5.0) -> bool:
        """
        Wait until the connection has ended and its threads are on their way out.
        """
        return self._ended.wait(timeout)

    def send(self, event: Json) -> None:
        """
        Send any event as it is, known to the protocol or not.
        """
        self.send_text(json.dumps(event, ensure_ascii=False))

    def send_text(self, text: str) -> None:
        """
        Send any text message, JSON or not.
        """
        self.send_payload(text.encode("utf-8", "surrogatepass"))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """
        Send a close frame with any code, and end the connection in a while.
        """
        self.send_frame(CLOSE, code.to_bytes(2, "big") + reason.encode()[:123])
        self.timers.after(_CLOSE_SECONDS, self.transport.kill)

    def expire(self) -> None:
        """
        Let the session reach its maximum duration now.
        """
        minutes = max(1, round(self.service.session_seconds / 60))
        message = f"Your session hit the maximum duration of {minutes} minutes."
        with self.lock:
            self.send_error(ServiceError("session_expired", message, echo=False), None)
            self.close(1001, message)

    # ------------------------------------------------ for the parts of the service

    def emit(self, kind: str, **fields: Any) -> None:
        """
        Send a GA server event, in the client's dialect.
        """
        event: Json | None = {"type": kind, "event_id": new_id("event"), **fields}
        assert event is not None
        if not self.azure and kind.startswith("response.content_part."):
            event.pop("content", None)  # Only Azure sends the part twice.
        with self.lock:
            if self.protocol == "preview":
                event = _preview.event_out(event, self.session.transcription)
                if event is None:
                    return
            text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
            if self.service.record:
                self._sent.append(text)
            self.send_text(text)

    def send_error(self, error: ServiceError, client_event_id: str | None) -> None:
        """
        Send an ``error`` event.
        """
        self.emit("error", error=error.body(client_event_id))

    def send_rate_limits(self) -> None:
        """
        Send ``rate_limits.updated``, unless switched off.
        """
        if self.service.rate_limits:
            requests, tokens = 1000, 100_000
            used = self.cached_tokens
            limits = [
                _limit("requests", requests, requests - 1, 0.06),
                _limit("tokens", tokens, max(0, tokens - used), used / 1000),
            ]
            self.emit("rate_limits.updated", rate_limits=limits)

    def add_item(self, item: Item, previous_item_id: str | None = None) -> None:
        """
        Put a finished item into the conversation and say so.
        """
        with self.lock:
            previous = self.conversation.insert(item, previous_item_id)
            for kind in ("added", "done"):
                self.emit(
                    f"conversation.item.{kind}",
                    previous_item_id=previous,
                    item=item.wire,
                )

    def wait_writable(self) -> bool:
        """
        Wait while a lot is queued for the client; False once the connection is over.

        Without the lock only.
        """
        return self.transport.wait_writable(_SEND_LIMIT)

    def adopt(self, thread: threading.Thread) -> None:
        """
        Remember a thread, so that `join` can wait for it.
        """
        self._threads = [old for old in self._threads if old.is_alive()] + [thread]

    # ------------------------------------------------ the connection's own thread

    def run(self, socket: ServerConnection) -> None:
        """
        Serve the client until it leaves. Handler thread only.
        """
        from websockets.exceptions import ConnectionClosed

        try:
            self.emit("session.created", session=self.session.describe())
            self.timers.after(self.service.session_seconds, self.expire)
            while True:
                # over or not: what the client said before it left counts
                self.transport.wait_writable(_ANSWER_LIMIT)
                self._handle(socket.recv())
        except ConnectionClosed:
            pass
        finally:
            received = socket.protocol.close_rcvd
            self._wind_up(
                received.code if received is not None else 1006,
                received.reason if received is not None else "",
            )

    def _wind_up(self, code: int, reason: str) -> None:
        self.timers.stop()
        with self.lock:
            self.responses.stop()
        self.close_code, self.close_reason = code, reason
        self._ended.set()
        with self._arrival:
            self._arrival.notify_all()

    def _handle(self, message: str | bytes) -> None:
        event_id: str | None = None
        try:
            event = _parse(message)
            given = event.get("event_id")
            event_id = given if isinstance(given, str) else None
            with self.lock:
                self._remember(event)
                dispatch(self, event)
        except ServiceError as error:
            self.send_error(error, event_id)
        except Exception:
            _logger.exception("the simulator could not handle an event")
            message = (
                "The server had an error while processing your request. Sorry about "
                f"that! Please include the session ID: {self.session.state['id']}."
            )
            failure = ServiceError(None, message, kind="server_error", echo=False)
            self.send_error(failure, None)

    def _remember(self, event: Json) -> None:
        if not self.service.record:
            return
        with self._arrival:
            self._received.append(event)
            self._arrival.notify_all()

    def join(self, deadline: float) -> None:
        """
        Wait for the threads of responses and timers to end, after the connection has,
        until *deadline* (`time.monotonic`) at most.
        """
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))
        self.timers.join(max(0.0, deadline - time.monotonic()))


def _limit(name: str, limit: int, remaining: int, reset_seconds: float) -> Json:
    return {
        "name": name,
        "limit": limit,
        "remaining": remaining,
        "reset_seconds": reset_seconds,
    }


def _parse(message: str | bytes) -> Json:
    """
    Return a client event, or raise what the service says to what is none.
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
