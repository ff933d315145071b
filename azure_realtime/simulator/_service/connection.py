"""
One connection: its socket, what was received and sent on it, and its faults.

Two kinds of threads use a connection: its own, which handles the client's commands
one by one, and those of its responses and timers. All of them hold `lock` while they
change the session or send anything, so that events are sent in the order in which
things happen. Nothing blocks while holding the lock: sending only queues.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from .._network.faults import CLOSE, ConnectionFaults
from .._network.handshake import Route
from .._network.transport import Transport
from .._wire import preview as _preview
from .._wire.errors import ServiceError
from .._wire.ids import new_id
from .session import Session
from .settings import Settings
from .timers import Timers

__all__ = ["Connection"]

Json = dict[str, Any]

# A response pauses while this much is queued for a client that reads slowly.
_SEND_LIMIT = 1 << 20
# How long a client may take to answer our close frame.
_CLOSE_SECONDS = 2.0


class Connection(ConnectionFaults):
    """
    The service's side of one WebSocket connection, for scripts and tests.

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
        transport: Transport,
        route: Route,
        session: Session,
        settings: Settings,
    ) -> None:
        super().__init__(transport)
        self.protocol = route.protocol
        self.path = route.handshake.path
        self.query = route.handshake.query
        self.headers = route.handshake.headers
        self.azure = route.azure
        self.session = session
        self.settings = settings
        self.close_code: int | None = None
        self.close_reason = ""
        self.lock = threading.RLock()
        self.timers = Timers()
        self._arrival = threading.Condition()
        self._received: list[Json] = []
        self._sent: list[str] = []
        self._threads: list[threading.Thread] = []
        self._ended = threading.Event()

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
        The service's events so far, oldest first, in the client's protocol.
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
        Wait until the connection has ended; False on timeout.
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
        self.send_payload(text.encode("utf-8", "replace"))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """
        Send a close frame with any code, and end the connection two seconds later if
        the client has not.
        """
        self.send_frame(CLOSE, code.to_bytes(2, "big") + reason.encode()[:123])
        self.timers.after(_CLOSE_SECONDS, self.transport.kill)

    def expire(self) -> None:
        """
        Let the session reach its maximum duration now.
        """
        minutes = max(1, round(self.settings.session_seconds / 60))
        message = f"Your session hit the maximum duration of {minutes} minutes."
        with self.lock:
            self.send_error(ServiceError("session_expired", message, echo=False), None)
            self.close(1001, message)

    # ------------------------------------------------ for the parts of the service

    def emit(self, kind: str, **fields: Any) -> None:
        """
        Send a GA server event, in the client's dialect.
        """
        event: Json = {"type": kind, "event_id": new_id("event"), **fields}
        with self.lock:
            if self.protocol == "preview":
                translated = _preview.event_out(event)
                if translated is None:
                    return
                event = translated
            text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
            if self.settings.record:
                self._sent.append(text)
            self.send_text(text)

    def send_error(self, error: ServiceError, client_event_id: str | None) -> None:
        """
        Send an ``error`` event.
        """
        self.emit("error", error=error.body(client_event_id))

    def record(self, event: Json) -> None:
        """
        Add an event to `received`, unless recording is off.
        """
        if self.settings.record:
            with self._arrival:
                self._received.append(event)
                self._arrival.notify_all()

    def wait_writable(self, limit: int = _SEND_LIMIT) -> bool:
        """
        Wait while more than *limit* bytes are queued for the client.

        Returns:
            False once the connection has ended. Must be called without `lock`.
        """
        return self.transport.wait_writable(limit)

    def add_thread(self, thread: threading.Thread) -> None:
        """
        Remember a thread of a response, so that `join` waits for it.
        """
        self._threads = [old for old in self._threads if old.is_alive()] + [thread]

    def set_closed(self, code: int, reason: str) -> None:
        """
        Note that the connection has ended, and wake up `wait_closed`.

        Args:
            code: The close code that the client sent, or 1006.
            reason: The reason that came with it.
        """
        self.close_code, self.close_reason = code, reason
        self._ended.set()
        with self._arrival:
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
