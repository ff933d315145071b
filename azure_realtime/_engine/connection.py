"""
One open connection: the event loop of the reader thread. An iteration is called a turn.

Rules:

1. A turn writes as much as the socket takes; waits for the socket, the send queue or
   the next timer; and reads the received messages. Each step is bounded, only the wait
   blocks, and no lock is held across a call.
2. A full turn also checks the timers and the requests of other threads (`Control`). A
   short turn does not, and keeps the next timer: it may be early, never late.
3. So every change of a timer, or of a reason to end the connection, causes a full turn:

   - `SendQueue.wake`: a close, a veto, a failure, the end of a replacement's dial,
     listeners that are to run on this thread;
   - a timer that is due;
   - an event that concerns the connection: the session, its end, an error;
   - listeners that have fallen behind;
   - unsent bytes, those of our answer to the peer's close frame included;
   - our own close frame, from then on;
   - a ping without an answer, and a replacement session in preparation.

   Input that a short turn reads can only postpone timers: the next ping is due some
   time after the last inbound byte, and an unfinished frame times out later than that.
4. The socket and the waker are read only if they are ready, or if bytes are buffered
   that no poll can see.

All of it runs on the reader thread.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from .._concurrency.deadline import Deadline
from .._concurrency.poller import READ, Poller
from .._logging import logger
from .._requests.error_routing import says_expired
from ..errors import ConnectionClosed, ConnectTimeout, RealtimeError
from ..events import Expiring
from ..options import WebSocketOptions
from .control import Control
from .engine import Engine
from .event_pipeline import EventPipeline
from .handover import Handover
from .internal_errors import internal_error
from .keepalive import Keepalive
from .renewal.renewal import Renewal
from .renewal.replacement import ReplacementSession
from .session_events import SessionEvents
from .session_setup import SessionSetup
from .writer import Writer

_LINGER = 0.5  # seconds for a peer that broke the protocol to read our close frame
_LONGEST_WAIT = 3600.0  # seconds: poll counts ms in 32 bits; the wall clock may be set


class Connection:
    """
    One open connection.

    Args:
        setup: Follows the session until it is configured.
        begin_replacement: Starts to prepare another session.
        engine: The shared parts.
        pipeline: Handles the events.
        mark_sent: Called with the id of each command before it is sent.
        handover: The open WebSocket, the messages to send first, and the events of a
            prepared session.
        websocket_options: The options.
        control: The requests of other threads.
        generation: Number of the connection.
        ready_by: When the session must be configured.

    Attributes:
        expired: Whether the session had expired. Valid after `run`.
        undelivered: How many sent messages the peer did not acknowledge. Valid after
            `run`.
    """

    def __init__(
        self,
        setup: SessionSetup,
        begin_replacement: Callable[[], ReplacementSession],
        engine: Engine,
        pipeline: EventPipeline,
        mark_sent: Callable[[str | None], None],
        handover: Handover,
        websocket_options: WebSocketOptions,
        control: Control,
        generation: int,
        ready_by: Deadline,
    ) -> None:
        self._kind = setup.kind
        self._engine = engine
        self._pipeline = pipeline
        self._handover = handover
        self._stream = stream = handover.stream
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
            handover.opening,
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
        self._full = True  # whether the next turn is a full one
        self._next_timer = 0.0
        self.expired = False
        self.undelivered = 0

    def _send_opening(self, *messages: bytes) -> None:
        self._control.report("out", self._generation, messages)
        self._stream.send_all(messages)

    def run(self) -> RealtimeError | Handover:
        """
        Serve the connection until it ends. Return the reason, or its replacement.
        """
        stream, pipeline = self._stream, self._pipeline
        try:
            self._send_opening(*self._handover.opening.messages)
            for events in self._handover.events:
                self._session.follow(events)
            return self._serve()
        except ConnectionClosed as closed:
            return self._send_close_reason(closed)
        except UnicodeDecodeError:
            return self._send_close_reason(
                ConnectionClosed(1007, "the peer sent text that is not UTF-8")
            )
        except BaseException as error:
            if self._engine.lifecycle.process.is_other_process:
                raise  # the child of a listener that forked
            return internal_error(error)
        finally:
            end = stream.closed_by_peer
            answered = end is not None and self._writer.answer_deadline is not None
            self.undelivered = 0 if answered else self._writer.undelivered
            self.expired = (
                self._session.expired
                or self._renewal.expiry.over
                or (end is not None and says_expired(None, end.reason))
            )
            # not in the child of a listener that forked: it shares the descriptors
            if not self._engine.lifecycle.process.is_other_process:
                self._renewal.abandon()
                pipeline.unread_errors.log(all_of_them=True)

    @property
    def ready(self) -> bool:
        """
        Whether the session is configured.
        """
        return self._session.ready

    @property
    def fatal(self) -> bool:
        """
        Whether the service reported an error that every connection would meet.
        """
        return self._session.fatal

    @property
    def lasted(self) -> float:
        """
        The seconds since the session was configured; 0 if it never was.
        """
        return time.monotonic() - self._session.ready_at if self.ready else 0.0

    def _send_close_reason(self, error: ConnectionClosed) -> RealtimeError:
        """
        Send our close frame with the reason to a peer that broke the protocol. Return
        *error*.
        """
        if error.code in (1002, 1007, 1009):
            self._stream.send_close(error.code, error.reason)
            self._stream.write()
            self._stream.linger(_LINGER)
        return error

    # Turns.

    def _serve(self) -> RealtimeError | Handover:
        """
        Take turns until the connection ends. Return the reason, or its replacement.

        Raises:
            ConnectionClosed: The connection was lost, or the peer broke the protocol.
            UnicodeDecodeError: The peer sent text that is not UTF-8.
        """
        stream, queue = self._stream, self._engine.queue
        wakeups, descriptor = self._wakeups, self._descriptor
        while True:
            # It is still awaited: no message was queued since the last `write`
            if self._full or queue.attention or not queue.waker.is_awaited:
                self._full = not self._writer.write() or self._full
            remaining = self._next_timer - time.monotonic()
            if self._full or queue.attention or remaining <= 0:
                end = self._full_turn()
                if end is not None:
                    return end
                remaining = self._next_timer - time.monotonic()
            unread = stream.unread
            # rounded up: else the loop would spin for the last millisecond
            wait = 0 if unread or remaining <= 0 else math.ceil(remaining * 1000)
            for ready, _ in self._poller.wait(wait):
                if ready == wakeups:
                    queue.drain()
                elif ready == descriptor:
                    unread = True
            if unread:
                self._read()

    def _full_turn(self) -> RealtimeError | Handover | None:
        """
        Do the additional steps of a full turn. Return how the connection ends, or None.
        """
        stream, renewal = self._stream, self._renewal
        # reset first: a request made during these checks causes another full turn
        self._engine.queue.attention = False
        self._control.logs_messages = logger.logs_messages
        self._control.run_calls()
        self._engine.dispatcher.turn()
        self._pipeline.unread_errors.log()
        if time.monotonic() >= self._next_timer:
            # Silence counts only after a read: this thread may have been delayed.
            self._read()
            self._writer.write()  # what was read may allow more; the rest follows below
        end = self._end_reason() or self._renew()
        if end is not None:
            return end
        events, unread = stream.interest, False
        interest = {self._wakeups: READ, self._descriptor: events}
        if renewal.replacement is not None and renewal.replacement.stream is not None:
            replacement_stream = renewal.replacement.stream
            interest[replacement_stream.fileno()] = replacement_stream.interest
            unread = replacement_stream.unread
        self._poller.watch(interest)
        pinged = self._keepalive.pinged_at is not None
        # a TLS write that waits for READ is continued by a full turn, too
        self._full = not stream.idle or events != READ or pinged
        self._full |= renewal.replacement is not None
        # a ping of this turn may have sent the frames that the writer has left
        unread |= stream.idle and self._writer.has_more
        remaining = 0.0 if unread else self._until_next_timer()
        self._next_timer = time.monotonic() + remaining
        return None

    def _read(self) -> None:
        stream, control = self._stream, self._control
        messages = stream.read()
        if stream.attention:  # a pong does not wait until these messages are handled
            stream.write()
        if messages:
            if control.message_hook is not None or control.logs_messages:
                control.report("in", self._generation, messages)
            self._full |= self._pipeline.receive(
                messages, self._generation, self._session.follow
            )
        if stream.attention or self._engine.dispatcher.backlog.behind_since is not None:
            self._full, stream.attention = True, False

    # Timers.

    def _end_reason(self) -> RealtimeError | None:
        """
        Return the error that ends the connection, or None while it continues.
        """
        session, control = self._session, self._control
        if session.failure is not None:
            return session.failure
        if self._stream.closed_by_peer is not None:
            self._stream.write()  # our close frame in answer, if the socket takes it
            return self._stream.closed_by_peer
        if self._writer.is_given_up():
            return ConnectionClosed(1006, "the peer did not answer our close frame")
        if control.failure is not None:
            return control.failure
        if control.closing is not None and control.closing.passed:
            return ConnectionClosed(1006, "the timeout of close() has passed")
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
        Return in how many seconds `_end_reason` and `_renew` are to be called again.
        """
        next_timer = _LONGEST_WAIT
        ready_by = self._ready_by if self._session.unanswered else None
        for deadline in (self._control.closing, self._writer.answer_deadline, ready_by):
            remaining = None if deadline is None else deadline.remaining()
            if remaining is not None:
                next_timer = min(next_timer, remaining)
        backlog, unread = self._engine.dispatcher.backlog, self._pipeline.unread_errors
        for part in (self._renewal, self._keepalive, backlog, unread):
            if (remaining := part.next_deadline()) is not None:
                next_timer = min(next_timer, remaining)
        return next_timer

    def _renew(self) -> Handover | None:
        """
        Emit ``expiring`` when it is due. Return the session that takes over, or None.
        """
        remaining = self._renewal.expiry.announce()
        if remaining is not None:
            expiring = Expiring(seconds_left=remaining, generation=self._generation)
            self._engine.emitter.emit(expiring)
        return self._renewal.turn()
