"""
One connection, from the moment it is open to its end: the reader thread's turns on it.

Rules:

1. A turn: write what the socket takes, wait for the socket, the queue or the next
   timer, read what has come. No step blocks, each is bounded, and no lock is held
   across a call.
2. A full turn also looks at the clock and at what others ask. A short one does not: the
   next timer stays what it is. It may be early, never late.
3. So whatever changes a timer, or why the connection ends, leads to a full turn:

   - `SendQueue.wake`: a close, a veto, a failure, the end of a replacement's dial, jobs
     that listeners have on this thread;
   - a timer that is due;
   - an event that concerns the connection: the session, its end, an error;
   - listeners that have fallen behind;
   - unsent bytes: also our answer to the peer's close frame;
   - our own close frame, from then on;
   - a ping that has no answer yet, and a replacement that is being made.

   What a short turn reads makes timers later only: the next ping is due after the last
   inbound byte, and a frame that never ends is given up later than that.
4. The socket and the waker are read only if they are ready, or if bytes are left over
   that no poll can see.

All of it belongs to the reader thread.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from .._concurrency.deadline import Deadline
from .._concurrency.poller import READ, Poller
from .._logging import logger
from .._requests.error_routing import says_expired
from .._transport.websocket import WebSocketStream
from ..errors import ConnectionClosed, ConnectTimeout, RealtimeError
from ..events import Expiring
from ..options import WebSocketOptions
from .control import Control
from .engine import Engine
from .event_pipeline import EventPipeline
from .keepalive import Keepalive
from .renewal.renewal import Renewal
from .renewal.replacement import Handover, ReplacementSession
from .session_events import SessionEvents
from .session_kind import OpeningMessages
from .session_setup import SessionSetup
from .writer import Writer

_LINGER = 0.5  # seconds in which a peer that broke the protocol may read why
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
        stream: The open WebSocket.
        websocket_options: The options.
        control: What others ask.
        generation: Number of the connection.
        opening: What to send first.
        ready_by: When the session must be configured.

    Attributes:
        expired: Whether the session has come to its end, as the service has said then
            or before. Complete after `run`.
        undelivered: How many messages the peer had not acknowledged. Complete after
            `run`.
    """

    def __init__(
        self,
        setup: SessionSetup,
        begin_replacement: Callable[[], ReplacementSession],
        engine: Engine,
        pipeline: EventPipeline,
        mark_sent: Callable[[str | None], None],
        stream: WebSocketStream,
        websocket_options: WebSocketOptions,
        control: Control,
        generation: int,
        opening: OpeningMessages,
        ready_by: Deadline,
    ) -> None:
        self._kind = setup.kind
        self._engine = engine
        self._pipeline = pipeline
        self._stream = stream
        self._websocket_options = websocket_options
        self._control = control
        self._generation = generation
        self._ready_by = ready_by
        self._keepalive = Keepalive(stream, websocket_options, engine.counters)
        self._renewal = Renewal(
            engine, stream, websocket_options, control, begin_replacement
        )
        self._session = SessionEvents(
            setup,
            engine,
            pipeline,
            generation,
            opening,
            self._send_opening,
            self._renewal.expiry.note,
        )
        self._writer = Writer(
            engine.queue,
            stream,
            control,
            generation,
            websocket_options.close_wait,
            mark_sent,
            self._renewal.note_audio,
        )
        self._poller = Poller()
        self._wakeups = engine.queue.fileno()
        self._descriptor = stream.fileno()
        self._full = True
        self._next_timer = 0.0
        self.expired = False
        self.undelivered = 0
        self._send_opening(*opening.messages)

    def _send_opening(self, *messages: bytes) -> None:
        self._control.report("out", self._generation, messages)
        self._stream.send_all(messages)

    def run(self, handover: Handover | None = None) -> RealtimeError | Handover:
        """
        Serve it until it is over; return why, or which session is to take its place.

        Args:
            handover: What it took over with, if it did.
        """
        stream = self._stream
        try:
            for events in handover.heard if handover else ():
                self._session.follow(events)
            return self._serve()
        except ConnectionClosed as closed:
            return self._say_why(closed)
        except UnicodeDecodeError:
            return self._say_why(
                ConnectionClosed(1007, "the peer sent text that is no UTF-8")
            )
        finally:
            end = stream.closed_by_peer
            answered = end is not None and self._writer.goodbye is not None
            self.undelivered = 0 if answered else self._writer.undelivered
            self.expired = (
                self._session.expired
                or self._renewal.expiry.over
                or (end is not None and says_expired(None, end.reason))
            )
            # a listener may have forked: the child leaves it alone
            if not self._engine.lifecycle.process.is_other_process:
                self._renewal.abandon()

    @property
    def ready(self) -> bool:
        """
        Whether the session is configured.
        """
        return self._session.ready

    @property
    def fatal(self) -> bool:
        """
        Whether the service said that another connection would fail likewise.
        """
        return self._session.fatal

    @property
    def lasted(self) -> float:
        """
        For how many seconds the session has been configured; 0 if it never was.
        """
        return time.monotonic() - self._session.ready_at if self.ready else 0.0

    def _say_why(self, error: ConnectionClosed) -> RealtimeError:
        """
        Send a peer that broke the protocol the reason, as far as one write carries.
        """
        if error.code in (1002, 1007, 1009):
            self._stream.send_close(error.code, error.reason)
            self._stream.write()
            self._stream.linger(_LINGER)
        return error

    # Turns.

    def _serve(self) -> RealtimeError | Handover:
        """
        Take turns until it is over.

        Raises:
            ConnectionClosed: The connection is gone, or the peer broke the protocol.
            UnicodeDecodeError: Likewise.
        """
        stream, queue = self._stream, self._engine.queue
        wakeups, descriptor = self._wakeups, self._descriptor
        while True:
            # still asleep: no message came since the last look at the queue
            if self._full or queue.attention or not queue.asleep:
                self._full = not self._writer.write() or self._full
            left = self._next_timer - time.monotonic()
            if self._full or queue.attention or left <= 0:
                end = self._look_around()
                if end is not None:
                    return end
                left = self._next_timer - time.monotonic()
            unread = stream.unread
            # rounded up: else turns would follow each other without a pause until a
            # timer is due
            wait = 0 if unread or left <= 0 else math.ceil(left * 1000)
            for ready, _ in self._poller.wait(wait):
                if ready == wakeups:
                    queue.drain()
                elif ready == descriptor:
                    unread = True
            if unread:
                self._read()

    def _look_around(self) -> RealtimeError | Handover | None:
        """
        Do what a full turn does more than a short one; return the end, if it has come.
        """
        stream, renewal = self._stream, self._renewal
        # before looking: what is set meanwhile is looked at in the next turn
        self._engine.queue.attention = False
        self._control.logs_messages = logger.logs_messages
        self._engine.dispatcher.turn()
        end = self._over() or self._renew()
        if end is not None:
            return end
        events, unread = stream.interest, False
        interest = {self._wakeups: READ, self._descriptor: events}
        if renewal.replacement is not None and renewal.replacement.stream is not None:
            coming = renewal.replacement.stream
            interest[coming.fileno()] = coming.interest
            unread = coming.unread
        self._poller.watch(interest)
        pinged = self._keepalive.pinged_at is not None
        self._full = events != READ or pinged or renewal.replacement is not None
        left = 0.0 if unread else self._until_next_timer()
        self._next_timer = time.monotonic() + left
        return None

    def _read(self) -> None:
        stream, control = self._stream, self._control
        messages = stream.read()
        if messages:
            if control.message_hook is not None or control.logs_messages:
                control.report("in", self._generation, messages)
            self._full |= self._pipeline.receive(
                messages, self._generation, self._session.follow
            )
        if stream.attention or self._engine.dispatcher.backlog.behind_since is not None:
            self._full, stream.attention = True, False

    # The clock.

    def _over(self) -> RealtimeError | None:
        """
        Return why it is over, or None while it is not.
        """
        session, control = self._session, self._control
        if session.failure is not None:
            return session.failure
        if self._stream.closed_by_peer is not None:
            self._stream.write()  # our answer, if the socket takes it
            return self._stream.closed_by_peer
        if self._writer.is_given_up():
            return ConnectionClosed(1006, "the peer did not answer our close")
        if control.failure is not None:
            return control.failure
        if control.closing is not None and control.closing.passed:
            return ConnectionClosed(1006, "closed by us, out of time")
        if session.unanswered and self._ready_by.passed:
            missing = self._kind.configured if session.created else self._kind.created
            return ConnectTimeout(
                f"The service accepted the connection but sent no {missing} within "
                f"{self._websocket_options.connect_timeout:g} s.",
                hint="Is this a realtime endpoint?",
            )
        return self._keepalive.check()

    def _until_next_timer(self) -> float:
        """
        Return in how many seconds to ask `_over` and `_renew` again.
        """
        next_timer = _LONGEST_WAIT
        ready_by = self._ready_by if self._session.unanswered else None
        for deadline in (self._control.closing, self._writer.goodbye, ready_by):
            left = None if deadline is None else deadline.remaining()
            if left is not None:
                next_timer = min(next_timer, left)
        for part in (self._renewal, self._keepalive, self._engine.dispatcher.backlog):
            if (left := part.next_deadline()) is not None:
                next_timer = min(next_timer, left)
        return next_timer

    def _renew(self) -> Handover | None:
        """
        Announce the end of the session, and return another that takes over now.
        """
        left = self._renewal.expiry.announce()
        if left is not None:
            expiring = Expiring(seconds_left=left, generation=self._generation)
            self._engine.emitter.emit(expiring)
        return self._renewal.turn()
