"""
One connection, from the moment it is open to its end.

What an event means is settled in this order: the state follows, then what is waited for
is completed, then user functions are queued. So whoever is woken sees the new state,
and a listener can wait for an event that is queued behind it.

All of it belongs to the reader thread.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Sequence

from .._concurrency.deadline import Deadline
from .._requests.error_routing import Subject, says_expired
from .._transport.websocket import Wire
from ..errors import ConnectionClosed, ConnectTimeout, RealtimeError, ServerError
from ..events import ErrorEvent, Expiring, ServerEvent
from ..options import WebSocketOptions
from .control import Control
from .engine import Engine
from .event_pipeline import EventPipeline
from .keepalive import Pulse
from .renewal.renewal import Renewal
from .renewal.replacement import Successor, Takeover
from .restored_items import RestoredItems
from .session_kind import OpeningMessages
from .session_setup import SessionSetup
from .turn import Turns
from .writer import Writer

logger = logging.getLogger("azure_realtime")

_LINGER = 0.5  # seconds in which a peer that broke the protocol may read why
_FLASH = 0.05  # of the first pause: what is gone sooner never was
_LONGEST_WAIT = 3600.0  # seconds: poll takes no 40 days, and clocks are set


class Connection:
    """
    One open connection.

    Args:
        setup: Makes the session ready.
        begin_replacement: Begins to make another session.
        engine: The shared parts.
        pipeline: What events change.
        mark_sent: Called with the id of each command that leaves.
        wire: The open WebSocket.
        numbers: The options.
        control: What others ask.
        generation: Number of the connection.
        opening: What to send first.
        ready_by: When the session must be configured.

    Attributes:
        expired: Whether the session has come to its end, as the service has said then
            or before.
        fatal: Whether it said that no other will do better.
    """

    def __init__(
        self,
        setup: SessionSetup,
        begin_replacement: Callable[[], Successor],
        engine: Engine,
        pipeline: EventPipeline,
        mark_sent: Callable[[str | None], None],
        wire: Wire,
        numbers: WebSocketOptions,
        control: Control,
        generation: int,
        opening: OpeningMessages,
        ready_by: Deadline,
    ) -> None:
        self._setup = setup
        self._kind = setup.kind
        self._engine = engine
        self._pipeline = pipeline
        self._wire = wire
        self._numbers = numbers
        self._control = control
        self._generation = generation
        self._update_event_id = opening.update_event_id
        self._ready_by = ready_by
        self._session_seen = False
        self._refused = False
        self._failure: RealtimeError | None = None
        self._ready_at = 0.0
        self._failed = False
        self._restored = RestoredItems(opening.restored, self._kind.restored)
        self._pulse = Pulse(wire, numbers, engine.counters)
        self._renewal = Renewal(engine, wire, numbers, control, begin_replacement)
        self._writer = Writer(
            engine.queue,
            wire,
            control,
            generation,
            numbers.close_wait,
            mark_sent,
            self._renewal.note_audio,
        )
        self.expired = False
        self.fatal = False
        control.report("out", generation, opening.messages)
        wire.send_all(opening.messages)

    def run(self, takeover: Takeover | None = None) -> RealtimeError | Takeover:
        """
        Turn until it is over; return why, or which session is to take its place.

        Args:
            takeover: What it took over with, if it did.
        """
        wire = self._wire
        turns = Turns(
            self, self._engine, wire, self._writer, self._pulse, self._renewal
        )
        try:
            for events in takeover.heard if takeover else ():
                self._follow(events)
            return turns.run()
        except ConnectionClosed as closed:
            return self._say_why(closed)
        except UnicodeDecodeError:
            return self._say_why(
                ConnectionClosed(1007, "the peer sent text that is no UTF-8")
            )
        finally:
            end = wire.closed_by_peer
            self.expired |= self._renewal.expiry.over or (
                end is not None and says_expired(None, end.reason)
            )
            # a listener may have forked: the child leaves it alone
            if not self._engine.lifecycle.home.elsewhere:
                self._renewal.abandon()

    @property
    def ready(self) -> bool:
        """
        Whether the session is configured.
        """
        return self._engine.lifecycle.configured == self._generation

    @property
    def worked(self) -> bool:
        """
        Whether it was of use, for longer than it takes to come by another one.

        One that the service fails as soon as it is configured was not: it does not bear
        what is restored, or there is no room for the account.
        """
        closed = self._wire.closed_by_peer
        failed = self._failed or (closed is not None and closed.code in (1011, 1013))
        least = self._numbers.reconnect_interval
        if self._restored.done and not failed:
            least *= _FLASH
        return self.ready and time.monotonic() - self._ready_at >= least

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

    def over(self) -> RealtimeError | None:
        """
        Return why it is over, or None while it is not.
        """
        if self._failure is not None:
            return self._failure
        goodbye = self._writer.goodbye
        if self._wire.closed_by_peer is not None:
            self._wire.write()  # our answer, if the socket takes it
            return self._wire.closed_by_peer
        if goodbye is not None and goodbye.passed:
            return ConnectionClosed(1006, "the peer did not answer our close")
        if self._control.failure is not None:
            return self._control.failure
        closing = self._control.closing
        if closing is not None and closing.passed:
            return ConnectionClosed(1006, "closed by us, out of time")
        if not self.ready and not self._refused and self._ready_by.passed:
            kind = self._kind
            missing = kind.configured if self._session_seen else kind.created
            return ConnectTimeout(
                f"The service accepted the connection but sent no {missing} within "
                f"{self._numbers.connect_timeout:g} s.",
                hint="Is this a realtime endpoint?",
            )
        return self._pulse.feel()

    def until_next_timer(self) -> float:
        """
        Return in how many seconds to ask `over` and `renew` again.
        """
        next_timer = _LONGEST_WAIT
        ready_by = None if self.ready or self._refused else self._ready_by
        for deadline in (self._control.closing, self._writer.goodbye, ready_by):
            left = None if deadline is None else deadline.remaining()
            if left is not None:
                next_timer = min(next_timer, left)
        for part in (self._renewal, self._pulse, self._engine.dispatcher.backlog):
            if (left := part.next_look()) is not None:
                next_timer = min(next_timer, left)
        return next_timer

    def renew(self) -> Takeover | None:
        """
        Announce the end of the session, and return another that takes over now.
        """
        left = self._renewal.expiry.announce()
        if left is not None:
            expiring = Expiring(seconds_left=left, generation=self._generation)
            self._engine.emitter.emit(expiring)
        return self._renewal.turn()

    # Reading.

    def receive(self, messages: list[bytes]) -> bool:
        """
        Take in messages, and empty the list; return whether any concerns the
        connection.
        """
        if self._control.message_hook is not None:
            self._control.report("in", self._generation, messages)
        return self._pipeline.receive(messages, self._generation, self._follow)

    def _follow(self, events: Sequence[ServerEvent]) -> None:
        happened: list[ServerEvent | None] = []
        was_ready = self.ready
        for event in events:
            known = self._restored.is_acknowledgement(event)
            happened += [None if known else event, self._pipeline.follow(event)]
            happened.append(self._configure(event))
        for event in events:
            if isinstance(event, ErrorEvent):
                self._on_error(event)
            else:
                self._pipeline.settle(event)
        self._engine.emitter.emit(*happened)
        if not was_ready and self.ready:
            # Last, so that `events('*')` does not start with the session's own setup.
            self._setup.admit()

    def _configure(self, event: ServerEvent) -> ServerEvent | None:
        """
        Follow the session's beginning and end; return what is to be announced.
        """
        self._session_seen |= event.type == self._kind.created
        session = getattr(event, "session", None)
        if session is not None and session.expires_at:
            self._renewal.expiry.note(session.expires_at)
        if event.type == self._kind.configured and not self.ready:
            self._failure = None  # what looked like a refusal was none
            self._ready_at = time.monotonic()
            return self._setup.configured(event)
        return None

    def _on_error(self, event: ErrorEvent) -> None:
        """
        Do what an error means for the connection, and fail what it is about.
        """
        unanswered = not self.ready and not self._refused
        route = self._pipeline.route(
            event,
            self._update_event_id if unanswered else None,
            self._restored.commands,
        )
        self.expired |= route.expired
        self.fatal |= route.fatal
        self._failed |= self.ready and not self.expired
        if route.subject is Subject.RESTORED_ITEM and route.event_id:
            self._restored.refuse(route.event_id)
        elif route.subject is Subject.OPENING:
            if self._generation == 1 or not route.passing:
                self._refuse(event)
                return  # which logs it
            self._failure = ConnectionClosed(1011, event.error.message)
        self._pipeline.refuse(event, route)

    def _refuse(self, event: ErrorEvent) -> None:
        details = event.error
        instead = self._setup.refused(
            ServerError(
                f"The service refused the session configuration: {details.message}",
                code=details.code,
                param=details.param,
                event=event,
            ),
            sure=bool(details.event_id or details.code or details.param),
        )
        if isinstance(instead, OpeningMessages):
            self._update_event_id = instead.update_event_id
            self._control.report("out", self._generation, instead.messages[:1])
            self._wire.send(instead.messages[0])  # the rest was sent before
        else:
            self._refused, self._failure = True, instead
