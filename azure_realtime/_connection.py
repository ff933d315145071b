"""
One connection, from the moment it is open to its end.

Its turn: write what the socket takes, wait (socket, bell, next timer), read what has
come, look at the clock. No step blocks and no lock is held across a call. What an event
means is settled in this order: the state follows, then what is waited for is completed,
then user functions are queued; so whoever is woken sees the new state, and a listener
can wait for an event that is queued behind it.

All of it belongs to the reader thread.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import time
from collections.abc import Callable, Sequence

import attrs

from ._core import Core
from ._deadline import Deadline
from ._reconnect import is_fatal
from ._wire import Wire
from .errors import ConnectionClosed, ConnectTimeout, RealtimeError, ServerError
from .events import ErrorEvent, Expiring, ServerEvent, SessionUpdated
from .options import WebSocketOptions

logger = logging.getLogger("azure_realtime")

_MESSAGES_PER_TURN = 64
_LINGER = 0.5  # seconds in which a peer that broke the protocol may read why
_NAP = 3600.0  # seconds, at most: a selector takes no 40 days, and clocks are set
_RENEW_AGAIN = 5.0  # seconds after a renewal that failed
_LEAST_LIFE = 1.0  # seconds that a session has before it is renewed
_FAR = 1e11  # Unix time beyond which it does not matter when; also 10**400 may come


class Renewal(Exception):
    """
    The session is about to expire and nothing is going on: time for a new one.
    """


@attrs.define
class Control:
    """
    What others ask of the reader. They set it and ring the bell.
    """

    closing: Deadline | None = None
    failure: RealtimeError | None = None


@attrs.frozen
class Opening:
    """
    What is said first on a connection.

    Attributes:
        hello_id: The ``event_id`` of the first message, the session's configuration.
        messages: All of it, encoded: the configuration, then what is restored.
    """

    hello_id: str
    messages: Sequence[str]


class Connection:
    """
    One open connection.

    Args:
        core: The shared parts.
        wire: The open WebSocket.
        numbers: The options.
        control: What others ask.
        generation: Number of the connection.
        opening: What to say first.
        ready_by: When the session must be configured.
        on_ready: Called when the session is configured; returns what to announce.
        on_refused: Called when the service refuses the configuration; returns what to
            say instead.

    Attributes:
        ready: Whether the session is configured.
        expired: Whether the service said that the session has expired.
        fatal: Whether it said that no other will do better.
    """

    def __init__(
        self,
        core: Core,
        wire: Wire,
        numbers: WebSocketOptions,
        control: Control,
        generation: int,
        opening: Opening,
        ready_by: Deadline,
        on_ready: Callable[[SessionUpdated], ServerEvent],
        on_refused: Callable[[ServerError], Opening | None],
    ) -> None:
        self._core = core
        self._wire = wire
        self._numbers = numbers
        self._control = control
        self._generation = generation
        self._hello_id = opening.hello_id
        self._on_ready = on_ready
        self._on_refused = on_refused
        self._ready_by = ready_by
        self._goodbye: Deadline | None = None
        self._pinged_at: float | None = None
        self._counted = (0, 0)
        self._session_seen = False
        self._refused = False
        self._refusal: ErrorEvent | None = None
        self._expires_at: float | None = None
        self._told_of_expiry = False
        self._renew_after = Deadline(0)
        self.ready = False
        self.expired = False
        self.fatal = False
        for message in opening.messages:
            wire.send(message)

    def run(self) -> RealtimeError:
        """
        Turn until it is over; return why.

        Raises:
            Renewal: See there. The connection is still open.
        """
        wire = self._wire
        with selectors.DefaultSelector() as selector:
            selector.register(self._core.outbox, selectors.EVENT_READ)
            interest = wire.interest
            selector.register(wire, interest)
            while True:
                try:
                    self._write()
                    if (end := self._over()) is not None:
                        return end
                    if wire.interest != interest:
                        interest = wire.interest
                        selector.modify(wire, interest)
                    selector.select(0 if wire.unread else self._until_next_timer())
                    self._core.outbox.hush()
                    self._core.dispatcher.turn()
                    for data in wire.read():
                        self._receive(data)
                    self._core.counters.take_from(wire)
                    self.count()
                except ConnectionClosed as closed:
                    return self._say_why(closed)
                except UnicodeDecodeError:
                    return self._say_why(
                        ConnectionClosed(1007, "the peer sent text that is no UTF-8")
                    )

    def count(self) -> None:
        """
        Add to the client's numbers what has passed since the last call.
        """
        counters, wire = self._core.counters, self._wire
        counters.bytes_sent += wire.bytes_sent - self._counted[0]
        counters.bytes_received += wire.bytes_received - self._counted[1]
        self._counted = wire.bytes_sent, wire.bytes_received

    def postpone_renewal(self) -> None:
        """
        Try again later: no new session was to be had.
        """
        self._renew_after = Deadline(_RENEW_AGAIN)
        self._pinged_at = None  # nothing was read meanwhile: no silence of the peer's

    # Writing.

    def _write(self) -> None:
        wire, outbox = self._wire, self._core.outbox
        for _ in range(_MESSAGES_PER_TURN):
            wire.write()
            if not wire.idle or self._goodbye is not None:
                return
            entry = outbox.take()
            if entry is None:
                break
            self._core.sent(entry.event_id)
            wire.send(entry.text)
        closing = self._control.closing
        if closing is not None and wire.idle and not outbox.waiting:
            wire.send_close()
            wire.write()
            left, wait = closing.remaining(), self._numbers.close_wait
            self._goodbye = Deadline(wait if left is None else min(wait, left))

    def _say_why(self, error: ConnectionClosed) -> RealtimeError:
        """
        Tell a peer that broke the protocol, as far as one write carries.
        """
        if error.code in (1002, 1007, 1009):
            self._wire.send_close(error.code, error.reason)
            # it may have gone already; the first cause is the one to tell
            with contextlib.suppress(ConnectionClosed):
                self._wire.write()
                self._wire.linger(_LINGER)
        return error

    # The clock.

    def _over(self) -> RealtimeError | None:
        """
        Return why it is over, or None while it is not.
        """
        if self._wire.closed_by_peer is not None:
            self._wire.write()  # our answer, if the socket takes it
            return self._wire.closed_by_peer
        if self._goodbye is not None and self._goodbye.passed:
            return ConnectionClosed(1006, "the peer did not answer our close")
        if self._control.failure is not None:
            return self._control.failure
        closing = self._control.closing
        if closing is not None and closing.passed:
            return ConnectionClosed(1006, "closed by us, out of time")
        if not self.ready and not self._refused and self._ready_by.passed:
            missing = "session.updated" if self._session_seen else "session.created"
            return ConnectTimeout(
                f"The service accepted the connection but sent no {missing} within "
                f"{self._numbers.connect_timeout:g} s.",
                hint="Is this a realtime endpoint?",
            )
        self._look_at_expiry()
        return self._pulse()

    def _pulse(self) -> RealtimeError | None:
        interval, patience = self._numbers.ping_interval, self._numbers.ping_timeout
        if interval is None:
            return None
        heard_at = self._wire.heard_at
        silent = time.monotonic() - heard_at
        if self._pinged_at is not None and heard_at > self._pinged_at:
            self._core.counters.round_trip = heard_at - self._pinged_at
            self._pinged_at = None
        if silent >= interval and self._pinged_at is None:
            self._pinged_at = time.monotonic()
            self._wire.ping()
            self._wire.write()
        # counted from the ping, not from the last byte: this process may have slept
        waited = 0.0 if self._pinged_at is None else time.monotonic() - self._pinged_at
        if patience is not None and waited >= patience:
            return ConnectionClosed(
                1006, f"the peer is dead: nothing heard for {silent:.1f} s"
            )
        return None

    def _look_at_expiry(self) -> None:
        """
        Announce that the session will expire, and renew it in a quiet moment.
        """
        left = self._seconds_to_expiry()
        if left is None or left > self._numbers.expiry_warning:
            return
        if not self._told_of_expiry:
            self._told_of_expiry = True
            self._core.emit(Expiring(seconds_left=left, generation=self._generation))
        if (
            self._numbers.renew == "idle"
            and self.ready
            and self._control.closing is None
            and self._renew_after.passed
            and self._wire.idle  # what was given to it would be lost with it
            and self._core.quiet()
        ):
            raise Renewal

    def _note_expiry(self, at: float) -> None:
        """
        Keep when the session ends.

        It is not renewed in the first half of its life: one shorter than the warning
        would be renewed at once, and the next again. One that ends before it began
        shows that a clock is wrong; then the service's end of it is waited for.
        """
        first, self._expires_at = self._expires_at is None, at
        if first:
            life = at - time.time()
            self._renew_after = Deadline(
                max(_LEAST_LIFE, life / 2) if life > 0 else None
            )

    def _seconds_to_expiry(self) -> float | None:
        if self._expires_at is None:
            return None
        return max(0.0, self._expires_at - time.time())

    def _until_next_timer(self) -> float:
        deadlines = [self._control.closing, self._goodbye]
        if not self.ready and not self._refused:
            deadlines.append(self._ready_by)
        timers = [_NAP, *(d.remaining() for d in deadlines if d is not None)]
        left = self._seconds_to_expiry()
        if left is not None:
            if not self._told_of_expiry:
                timers.append(max(0.0, left - self._numbers.expiry_warning))
            elif self._numbers.renew == "idle":
                timers.append(0.25)  # is it quiet now?
        interval, patience = self._numbers.ping_interval, self._numbers.ping_timeout
        if interval is not None:
            silent = time.monotonic() - self._wire.heard_at
            if self._pinged_at is None:
                timers.append(max(0.0, interval - silent))
            elif patience is not None:
                waited = time.monotonic() - self._pinged_at
                timers.append(max(0.0, patience - waited))
        return min(timer for timer in timers if timer is not None)

    # Reading.

    def _receive(self, data: bytes) -> None:
        events = self._core.codec.decode(data, self._generation)
        happened: list[ServerEvent | None] = []
        for event in events:
            happened += [event, self._core.follow(event), self._configure(event)]
        for event in events:
            self._core.settle(event, told=event is self._refusal)
        self._core.emit(*happened)

    def _configure(self, event: ServerEvent) -> ServerEvent | None:
        """
        Follow the session's beginning and end; return what is to be announced.
        """
        self._session_seen |= event.type == "session.created"
        session = getattr(event, "session", None)
        if session is not None and session.expires_at:
            self._note_expiry(min(max(session.expires_at, 0), _FAR))
        if isinstance(event, SessionUpdated) and not self.ready:
            self.ready = True
            return self._on_ready(event)
        if isinstance(event, ErrorEvent):
            self.expired |= event.error.code == "session_expired"
            self.fatal |= is_fatal(event.error.code)
            if not self.ready and not self._refused and self._is_refusal(event):
                self._refuse(event)
        return None

    def _refuse(self, event: ErrorEvent) -> None:
        self._refusal = event
        instead = self._on_refused(
            ServerError(
                f"The service refused the session configuration: {event.error.message}",
                code=event.error.code,
                param=event.error.param,
                event=event,
            )
        )
        if instead is None:
            self._refused = True
            return
        self._hello_id = instead.hello_id
        self._wire.send(instead.messages[0])  # the rest was said before

    def _is_refusal(self, event: ErrorEvent) -> bool:
        # the configuration was sent first; what is restored came after it
        return event.error.event_id in (None, "", self._hello_id)
