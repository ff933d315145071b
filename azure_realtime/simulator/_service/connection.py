"""
One connection: its transport, the events received and sent on it, and its faults.

The connection's thread handles the client's commands one by one; the threads of its
responses and timers run at the same time. Each of them holds `lock` while it changes
the session and sends the events of the change, so that the order of events is the order
of changes. No thread blocks while it holds the lock, since sending only queues.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
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

# In bytes. A response pauses while more than this is queued for the client.
_SEND_LIMIT = 1 << 20
# The time for the client to answer a close frame.
_CLOSE_SECONDS = 2.0


class Connection(ConnectionFaults):
    """
    The service's side of one WebSocket connection, for scripts and tests.

    Attributes:
        protocol: ``"ga"`` or ``"preview"``.
        path: The path of the handshake request.
        query: The query parameters of the handshake request.
        headers: The headers of the handshake request, with lower-case names.
        session: The session's effective configuration.
        close_code: The close code that the client sent; 1006 if it sent no close frame,
            None while the connection is open.
        close_reason: The close reason that the client sent.
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
        # Guards the session and all its parts, and keeps events in order (see above).
        self.lock = threading.RLock()
        self.timers = Timers()
        # Guards _received and _sent; notified when an event is received and when the
        # client ends.
        self._received_condition = threading.Condition()
        self._received: list[Json] = []
        self._sent: list[Json] = []
        self._sent_texts: deque[str] = deque()  # not in _sent yet
        self._threads: list[threading.Thread] = []
        self._ended = threading.Event()

    def __repr__(self) -> str:
        state = "closed" if self._ended.is_set() else "open"
        return f"<Connection {self.protocol} {self.path} {state}>"

    # ------------------------------------------------ for scripts and tests

    @property
    def received(self) -> list[Json]:
        """
        The events received so far, oldest first.
        """
        with self._received_condition:
            return list(self._received)

    @property
    def sent(self) -> list[Json]:
        """
        The events sent so far, oldest first, in the client's protocol. Read only.
        """
        with self._received_condition:
            while self._sent_texts:  # each is decoded once: tests poll
                self._sent.append(json.loads(self._sent_texts.popleft()))
            return list(self._sent)

    def wait_received(self, kind: str, count: int = 1, timeout: float = 5.0) -> Json:
        """
        Wait for *count* events of the type *kind*; return the last of them.

        Raises:
            TimeoutError: Fewer were received within *timeout* seconds.
        """
        deadline = time.monotonic() + timeout
        with self._received_condition:
            while True:
                found = [event for event in self._received if event["type"] == kind]
                if len(found) >= count:
                    return found[count - 1]
                remaining = deadline - time.monotonic()
                if remaining <= 0 or not self._received_condition.wait(remaining):
                    msg = (
                        f"received {len(found)} of {count} {kind!r} within {timeout} s"
                    )
                    raise TimeoutError(msg)

    def wait_closed(self, timeout: float = 5.0) -> bool:
        """
        Wait until the connection has ended; return False on timeout.
        """
        return self._ended.wait(timeout)

    def send(self, event: Json) -> None:
        """
        Send an event unchanged, whether the protocol has it or not.
        """
        self.send_text(json.dumps(event, ensure_ascii=False))

    def send_text(self, text: str) -> None:
        """
        Send a text message, whether it is JSON or not.
        """
        self.send_payload(text.encode("utf-8", "replace"))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """
        Send a close frame with any code.

        The connection is ended after two seconds if the client does not end it.
        """
        text = reason.encode("utf-8", "replace")[:123].decode("utf-8", "ignore")
        self.send_frame(CLOSE, code.to_bytes(2, "big") + text.encode())
        self.timers.after(_CLOSE_SECONDS, self.transport.kill)

    def expire(self) -> None:
        """
        End the session as if it had reached its maximum duration.
        """
        minutes = max(1, round(self.settings.session_seconds / 60))
        message = f"Your session hit the maximum duration of {minutes} minutes."
        error = ServiceError("session_expired", message, echo=False)
        with self.lock:
            self.emit("error", error=error.body(None))
            self.close(1001, message)

    # ------------------------------------------------ for the parts of the service

    def emit(self, kind: str, **fields: Any) -> None:
        """
        Send a GA server event, converted to the client's protocol.
        """
        event: Json = {"type": kind, "event_id": new_id("event"), **fields}
        with self.lock:
            if self.protocol == "preview":
                translated = _preview.event_out(event)
                if translated is None:
                    return
                event = translated
            self.send_recorded(event)

    def send_recorded(self, event: Json) -> None:
        """
        Send an event unchanged, and add it to `sent` if recording is enabled.
        """
        text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        if self.settings.record:
            self._sent_texts.append(text)
        self.send_text(text)

    def record(self, event: Json) -> None:
        """
        Add an event to `received`, if recording is enabled.
        """
        if self.settings.record:
            with self._received_condition:
                self._received.append(event)
                self._received_condition.notify_all()

    def wait_writable(self, limit: int = _SEND_LIMIT) -> bool:
        """
        Wait while *limit* or more bytes are queued for the client.

        The caller must not hold `lock`.

        Returns:
            False if the connection has ended.
        """
        return self.transport.wait_writable(limit)

    def add_thread(self, thread: threading.Thread) -> None:
        """
        Add a response's thread to the threads that `join` waits for.
        """
        self._threads = [old for old in self._threads if old.is_alive()] + [thread]

    def set_closed(self, code: int, reason: str) -> None:
        """
        Mark the connection as ended, and wake the threads that wait for that.

        Args:
            code: The close code that the client sent, or 1006.
            reason: The close reason that the client sent.
        """
        self.close_code, self.close_reason = code, reason
        self._ended.set()
        with self._received_condition:
            self._received_condition.notify_all()

    def join(self, deadline: float) -> None:
        """
        Wait for the threads of responses and timers to end, until *deadline*
        (`time.monotonic`) at most. Call this after the connection has ended.
        """
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))
        self.timers.join(max(0.0, deadline - time.monotonic()))
