"""
The reader thread's turns on one connection.

Rules:

1. A turn: write what the socket takes, wait for the socket, the queue or the next
   timer, read what has come. No step blocks, each is bounded, and no lock is held
   across a call.
2. A full turn also looks at the clock and at what others ask. A short one does not: the
   next timer stays what it is. It may be early, never late.
3. So whatever changes a timer, or an answer of `Turning`, leads to a full turn:

   - `SendQueue.wake`: a close, a veto, a failure, the end of a successor's dial, jobs
     that listeners have on this thread;
   - a timer that is due;
   - an event that concerns the connection: the session, its end, an error;
   - listeners that have fallen behind;
   - unsent bytes: also our answer to the peer's close frame;
   - our own close frame, from then on;
   - a ping that has no answer yet, and a successor in the making.

   What a short turn reads makes timers later only: the next ping is due after the last
   sign of life, and a frame that never ends is given up later than that.
4. The socket and the waker are read only if they are ready, or if bytes are left over
   that no poll can see.

All of it belongs to the reader thread.
"""

from __future__ import annotations

import math
import time
from typing import Protocol

from .._transport.websocket import Wire
from ..errors import RealtimeError
from .engine import Engine
from .keepalive import Pulse
from .poller import READ, Poller
from .renewal.renewal import Renewal
from .renewal.replacement import Takeover
from .writer import Writer


class Turning(Protocol):
    """
    What a turn asks of its connection.
    """

    def receive(self, messages: list[bytes]) -> bool:
        """
        Take in messages, and empty the list; return whether any concerns the
        connection.
        """

    def over(self) -> RealtimeError | None:
        """
        Return why it is over, or None while it is not.
        """

    def renew(self) -> Takeover | None:
        """
        Go on with the renewal of the session; return what takes over now.
        """

    def until_next_timer(self) -> float:
        """
        Return in how many seconds to ask again.
        """


class Turns:
    """
    Takes turns until the connection is over.

    Args:
        connection: What is served.
        engine: The shared parts.
        wire: The open WebSocket.
        writer: Writes on it.
        pulse: Whether the peer is alive.
        renewal: What may take over.
    """

    def __init__(
        self,
        connection: Turning,
        engine: Engine,
        wire: Wire,
        writer: Writer,
        pulse: Pulse,
        renewal: Renewal,
    ) -> None:
        self._connection = connection
        self._engine = engine
        self._wire = wire
        self._writer = writer
        self._pulse = pulse
        self._renewal = renewal
        self._poller = Poller()
        self._full = True
        self._next_timer = 0.0

    def run(self) -> RealtimeError | Takeover:
        """
        Return why it is over, or which session is to take its place.

        Raises:
            ConnectionClosed: The connection is gone, or the peer broke the protocol.
            UnicodeDecodeError: Likewise.
        """
        wire, queue, counters = self._wire, self._engine.queue, self._engine.counters
        wakeups, descriptor = queue.fileno(), wire.fileno()
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
            if wire.bytes_sent or wire.bytes_received:
                counters.take_from(wire)
            unread = wire.unread
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

    def _look_around(self) -> RealtimeError | Takeover | None:
        """
        Do what a full turn does more than a short one; return the end, if it has come.
        """
        wire, queue, renewal = self._wire, self._engine.queue, self._renewal
        queue.attention = False  # before looking: what is set meanwhile is looked at
        self._engine.dispatcher.turn()
        end = self._connection.over() or self._connection.renew()
        if end is not None:
            return end
        interest = {queue.fileno(): READ, wire.fileno(): wire.interest}
        unread, coming = False, renewal.wire
        if coming is not None:
            interest[coming.fileno()] = coming.interest
            unread = coming.unread
        self._poller.watch(interest)
        self._full = wire.interest != READ or self._pulse.pinged or renewal.under_way
        left = 0.0 if unread else self._connection.until_next_timer()
        self._next_timer = time.monotonic() + left
        return None

    def _read(self) -> None:
        wire = self._wire
        messages = wire.read()
        if messages and self._connection.receive(messages):
            self._full = True
        if wire.attention or self._engine.dispatcher.backlog.behind_since is not None:
            self._full, wire.attention = True, False
