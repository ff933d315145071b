"""
The session that takes over from one that is about to expire.

Rules:

1. The old session is served while the new one is made ready: it is dialled on a thread
   of its own, for a dial waits. From the moment it is open it belongs to the reader
   thread, like every connection.
2. It is ready when the service has configured it. What it has said until then is kept,
   to be told when it has taken over.
3. What the conversation holds is told to it at that moment, and not before: the old
   session may still add to it. Has the configuration changed meanwhile, it is
   configured once more.
4. Whatever goes wrong with it is no harm to the old session.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from ..._concurrency.deadline import Deadline
from ..._concurrency.waker import Waker
from ..._logging import repr_of, text_of
from ..._protocol.codec import Codec
from ..._redaction import without_secrets
from ..._transport.attempt import ConnectAttempt, ConnectInterrupted
from ..._transport.websocket import WebSocketStream
from ...errors import ConnectError, ConnectionClosed, ConnectTimeout, RealtimeError
from ...events import ErrorEvent, ServerEvent
from ..control import Control
from ..session_kind import OpeningMessages
from ..session_setup import SessionSetup

_MOST_HEARD = 8 << 20  # bytes that a session can say before it has taken over
_OVERHEAD = 2000  # bytes of an event beside its text, about
_MOMENT = 1.0  # seconds, at most, in which an interrupted dial ends


class Handover(NamedTuple):
    """
    A session that is ready: what is still to be said, and what has been heard.
    """

    stream: WebSocketStream
    opening: OpeningMessages
    heard: list[tuple[ServerEvent, ...]]


class ReplacementSession:
    """
    A new session in the making. Reader thread, but for the dial.

    Args:
        connect: Opens a connection, as patiently as it is told.
        setup: Has the kind of session, and composes what is sent first.
        codec: Reads what comes.
        generation: The number it will have.
        seconds: How long it may take to be configured.
        control: Wakes the reader thread, and reports messages.

    Attributes:
        stream: The connection, once it is open.
        failure: Why there will be none.
        ready: Whether it can take over.
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
        self._unwanted = False
        self._outcome: WebSocketStream | RealtimeError | None = None
        self._said: OpeningMessages | None = None
        self._heard: list[tuple[ServerEvent, ...]] = []
        self._heard_bytes = 0
        self.stream: WebSocketStream | None = None
        self.failure: RealtimeError | None = None
        self.ready = False
        self._thread = threading.Thread(
            target=self._dial, name="azure-realtime-renewal", daemon=True
        )
        try:
            self._thread.start()
        except RuntimeError as error:  # no more threads, or the interpreter is ending
            self.failure = ConnectError(f"It cannot be dialled: {text_of(error)}.")

    def _dial(self) -> None:
        attempt = ConnectAttempt(self._ready_by, self._waker, lambda: self._unwanted)
        try:
            self._outcome = stream = self._connect(attempt)
            if self._unwanted:  # and nobody waited for it any more
                stream.close()
        except ConnectInterrupted:
            return
        except RealtimeError as error:
            self._outcome = error
        except BaseException as error:
            self._outcome = ConnectError(f"It could not be dialled: {repr_of(error)}.")
            self._outcome.__cause__ = without_secrets(error)
        self._control.wake()

    def turn(self) -> None:
        """
        Go on as far as that goes without waiting.
        """
        try:
            if self.stream is None:
                self._pick_up()
            if self.stream is not None:
                self._talk(self.stream)
        except RealtimeError as error:
            self.failure = error
        except UnicodeDecodeError:
            self.failure = ConnectionClosed(1007, "the peer sent text that is no UTF-8")

    def _pick_up(self) -> None:
        if isinstance(self._outcome, RealtimeError):
            raise self._outcome
        if self._outcome is not None:
            self.stream = self._outcome
            self._configure(self._setup.opening(True))

    def _configure(self, opening: OpeningMessages) -> None:
        assert self.stream is not None
        self._said, self.ready = opening, False
        self._ready_by = Deadline(self._seconds)
        self._control.report("out", self._generation, opening.messages[:1])
        self.stream.send(opening.messages[0])  # the rest when it takes over

    def _talk(self, stream: WebSocketStream) -> None:
        stream.write()
        messages = stream.read()
        self._control.report("in", self._generation, messages)
        for data in messages:
            self._heard_bytes += len(data) + _OVERHEAD
            if self._heard_bytes > _MOST_HEARD:
                raise ConnectionClosed(1009, "more was said than a session begins with")
            self._hear(self._codec.decode(data, self._generation))
        stream.write()
        if stream.closed_by_peer is not None:
            raise stream.closed_by_peer
        if not self.ready and self._ready_by.passed:
            raise ConnectTimeout(f"No {self._configured} within {self._seconds:g} s.")

    def _hear(self, events: tuple[ServerEvent, ...]) -> None:
        self._heard.append(events)
        for event in events:
            if isinstance(event, ErrorEvent):
                raise ConnectError(f"The service reports: {event.error.message}")
            self.ready = self.ready or event.type == self._configured

    def take(self) -> Handover | None:
        """
        Hand over what is ready; None if it has to be configured anew first.
        """
        assert self.stream is not None
        assert self._said is not None
        opening = self._setup.opening(True)
        if opening.config != self._said.config:
            self._heard = [
                events
                for events in self._heard
                if not any(event.type == self._configured for event in events)
            ]
            self._configure(opening)
            return None
        self._waker.close()
        rest = opening._replace(
            update_event_id=self._said.update_event_id,
            messages=opening.messages[1:],
        )
        return Handover(self.stream, rest, self._heard)

    def abandon(self) -> None:
        """
        Do without it, and leave nothing of it.
        """
        self._unwanted = True
        self._waker.wake()
        if self._thread.ident is not None:
            self._thread.join(_MOMENT)
        self._waker.close()
        if isinstance(self._outcome, WebSocketStream):
            self._outcome.leave()
