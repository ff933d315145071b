"""
The session that takes over from one that is about to expire.

Rules:

1. The old session is served while the new one is prepared. Dialling blocks, so it runs
   on a thread of its own. The open connection belongs to the reader thread, as every
   connection does.
2. The new session is ready when the service has configured it. Its events until then
   are kept, and handled when it takes over.
3. The items of the conversation are sent to it when it takes over, and not before: the
   old session may still add some. If the configuration has changed meanwhile, the new
   session is configured once more.
4. A failure of the new session does not affect the old one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..._concurrency.deadline import Deadline
from ..._concurrency.waker import Waker
from ..._logging import text_of
from ..._protocol.codec import Codec
from ..._transport.attempt import ConnectAttempt, ConnectInterrupted, failed
from ..._transport.websocket import WebSocketStream
from ...errors import ConnectError, ConnectionClosed, ConnectTimeout, RealtimeError
from ...events import ErrorEvent, ServerEvent
from ..control import Control
from ..handover import Handover
from ..session_kind import OpeningMessages
from ..session_setup import SessionSetup

_MAX_EVENT_BYTES = 8 << 20  # of the events that are kept until the session takes over
_OVERHEAD = 2000  # bytes: about the memory of an event in addition to its text
_STOP_TIMEOUT = 1.0  # seconds to wait for the end of an interrupted dial


class ReplacementSession:
    """
    A session in preparation. Reader thread, except for the dial.

    Args:
        connect: Opens a connection.
        setup: Has the kind of session, and makes the opening messages.
        codec: Decodes the received messages.
        generation: The number that the connection will have.
        seconds: How long the dial may take, and then the configuration.
        control: Wakes the reader thread, and reports messages.

    Attributes:
        stream: The connection; None until it is open.
        failure: Why the session cannot take over; None without a failure.
        ready: Whether the service has configured the session.
    """

    def __init__(
        self,
        connect: Callable[[ConnectAttempt], WebSocketStream],
        setup: SessionSetup,
        codec: Codec,
        generation: int,
        seconds: float,
        control: Control,
    ) -> None:
        self._connect = connect
        self._setup = setup
        self._configured = setup.kind.configured
        self._codec = codec
        self._generation = generation
        self._seconds = seconds
        self._ready_by = Deadline(seconds)
        self._control = control
        self._waker = Waker()
        self._abandoned = False
        self._outcome: WebSocketStream | RealtimeError | None = None
        self._opening: OpeningMessages | None = None
        self._events: list[tuple[ServerEvent, ...]] = []
        self._event_bytes = 0
        self.stream: WebSocketStream | None = None
        self.failure: RealtimeError | None = None
        self.ready = False
        self._thread = threading.Thread(
            target=self._dial, name="azure-realtime-renewal", daemon=True
        )
        try:
            self._thread.start()
        except RuntimeError as error:  # no more threads, or the interpreter is ending
            self.failure = ConnectError(
                f"The thread that dials could not be started: {text_of(error)}."
            )

    def _dial(self) -> None:
        attempt = ConnectAttempt(self._ready_by, self._waker, lambda: self._abandoned)
        try:
            self._outcome = stream = self._connect(attempt)
            if self._abandoned:  # and `abandon` no longer waits for this thread
                stream.close()
        except ConnectInterrupted:
            return
        except RealtimeError as error:
            self._outcome = error
        except BaseException as error:
            self._outcome = failed("The dial failed", error)
        self._control.wake()

    def turn(self) -> None:
        """
        Make progress without blocking. A failure sets `failure`.
        """
        try:
            if self.stream is None:
                self._take_connection()
            if self.stream is not None:
                self._exchange(self.stream)
        except RealtimeError as error:
            self.failure = error
        except UnicodeDecodeError:
            self.failure = ConnectionClosed(
                1007, "the peer sent text that is not UTF-8"
            )
        except BaseException as error:
            self.failure = failed("The new session failed", error)

    def _take_connection(self) -> None:
        if isinstance(self._outcome, RealtimeError):
            raise self._outcome
        if self._outcome is not None:
            self.stream = self._outcome
            self._configure(self._setup.opening(True))

    def _configure(self, opening: OpeningMessages) -> None:
        assert self.stream is not None
        self._opening, self.ready = opening, False
        self._ready_by = Deadline(self._seconds)
        self._control.report("out", self._generation, opening.messages[:1])
        self.stream.send(opening.messages[0])  # the rest when it takes over

    def _exchange(self, stream: WebSocketStream) -> None:
        stream.write()
        messages = stream.read()
        self._control.report("in", self._generation, messages)
        for data in messages:
            self._event_bytes += len(data) + _OVERHEAD
            if self._event_bytes > _MAX_EVENT_BYTES:
                raise ConnectionClosed(
                    1009, "the new session sent too many events before it took over"
                )
            self._collect(self._codec.decode(data, self._generation))
        stream.write()
        if stream.closed_by_peer is not None:
            raise stream.closed_by_peer
        if not self.ready and self._ready_by.passed:
            raise ConnectTimeout(
                f"The service sent no {self._configured} within {self._seconds:g} s."
            )

    def _collect(self, events: tuple[ServerEvent, ...]) -> None:
        self._events.append(events)
        for event in events:
            if isinstance(event, ErrorEvent):
                raise ConnectError(f"The service reports: {event.error.message}")
            self.ready = self.ready or event.type == self._configured

    def take(self) -> Handover | None:
        """
        Return the session, or None if it has to be configured once more first.
        """
        assert self.stream is not None
        assert self._opening is not None
        opening = self._setup.opening(True)
        if opening.config != self._opening.config:
            self._events = [
                events
                for events in self._events
                if not any(event.type == self._configured for event in events)
            ]
            self._configure(opening)
            return None
        self._waker.close()
        rest = opening._replace(
            update_event_id=self._opening.update_event_id,
            messages=opening.messages[1:],
        )
        return Handover(self.stream, rest, self._events)

    def abandon(self) -> None:
        """
        Discard the session: end the dial, and close the connection.
        """
        self._abandoned = True
        self._waker.wake()
        if self._thread.ident is not None:
            self._thread.join(_STOP_TIMEOUT)
        self._waker.close()
        if isinstance(self._outcome, WebSocketStream):
            self._outcome.close_gracefully()
