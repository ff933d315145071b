"""
Detects a dead peer.

Rules:

1. Any inbound byte shows that the peer is alive. A ping is sent only when none arrive.
2. The peer has `ping_timeout` to answer, counted from when it has received the ping. On
   a slow uplink the ping waits behind earlier data. While the peer acknowledges some of
   that, it is alive: without this rule, a healthy peer on a 60 kB/s uplink was closed
   after 40 s.
3. An unfinished frame delays every answer behind it. If it arrives at less than 30
   bytes a second for `ping_interval` + `ping_timeout`, the peer counts as dead.

All of it runs on the reader thread.
"""

from __future__ import annotations

import time

from .._transport.websocket import WebSocketStream
from ..errors import ConnectionClosed
from ..options import WebSocketOptions
from .counters import Counters

_LEAST_RATE = 30.0  # bytes a second: 0.1 s of audio would take minutes
_CHECKS = 4  # of a ping's progress within `ping_timeout`


class Keepalive:
    """
    The keepalive of one connection.

    Args:
        stream: The connection.
        websocket_options: Has `ping_interval` and `ping_timeout`.
        counters: Gets the round trip time.

    Attributes:
        pinged_at: Monotonic time of the unanswered ping; None if there is none.
    """

    def __init__(
        self,
        stream: WebSocketStream,
        websocket_options: WebSocketOptions,
        counters: Counters,
    ) -> None:
        self._stream = stream
        self._interval = websocket_options.ping_interval
        self._timeout = websocket_options.ping_timeout
        self._counters = counters
        self.pinged_at: float | None = None
        self._ping_end = 0  # value of `acknowledged` when the peer has the ping
        self._acknowledged = 0  # at the last check
        self._progress_at = 0.0  # monotonic time of the ping's last progress

    def check(self) -> ConnectionClosed | None:
        """
        Send a ping when idle. Return the error to close with if the peer missed it.
        """
        if self._interval is None:
            return None
        now, last_received_at = time.monotonic(), self._stream.last_received_at
        if self.pinged_at is not None and last_received_at > self.pinged_at:
            self._counters.round_trip = last_received_at - self.pinged_at
            self.pinged_at = None
        if self.pinged_at is None and now - last_received_at >= self._interval:
            self.pinged_at = self._progress_at = now
            self._ping_end = self._stream.ping()
            self._stream.write()
            self._acknowledged = self._stream.acknowledged
        if self.pinged_at is not None and self._timeout is not None:
            self._check_ping(now)
            # counted from the ping, not from the last byte: the machine may have slept
            if now - self._progress_at >= self._timeout:
                silent = now - last_received_at
                return ConnectionClosed(
                    1006, f"the peer is dead: nothing received for {silent:.1f} s"
                )
        return self._check_frame(self._stream)

    def _check_ping(self, now: float) -> None:
        if self._acknowledged >= self._ping_end:
            return  # the peer has it
        acknowledged = self._stream.acknowledged
        if self._acknowledged < acknowledged < self._ping_end:
            self._progress_at = now
        self._acknowledged = acknowledged

    def _check_frame(self, stream: WebSocketStream) -> ConnectionClosed | None:
        if stream.unfinished_at is None or self._until_frame_timeout() != 0.0:
            return None
        took = time.monotonic() - stream.unfinished_at
        if stream.unfinished_bytes < _LEAST_RATE * took:
            return ConnectionClosed(
                1006,
                f"the peer is dead: only {stream.unfinished_bytes} bytes of an "
                f"unfinished frame were received in {took:.1f} s",
            )
        stream.unfinished_at, stream.unfinished_bytes = time.monotonic(), 0
        return None

    def _until_frame_timeout(self) -> float | None:
        since = self._stream.unfinished_at
        if since is None or self._interval is None or self._timeout is None:
            return None
        return max(0.0, since + self._interval + self._timeout - time.monotonic())

    def next_deadline(self) -> float | None:
        """
        Return in how many seconds `check` is to be called again; None for never.
        """
        if self._interval is None:
            return None
        now, remaining = time.monotonic(), None
        if self.pinged_at is None:
            remaining = self._stream.last_received_at + self._interval - now
        elif self._timeout is not None:
            remaining = self._progress_at + self._timeout - now
            if self._acknowledged < self._ping_end:
                remaining = min(remaining, self._timeout / _CHECKS)
        remaining = None if remaining is None else max(0.0, remaining)
        frame = self._until_frame_timeout()
        if remaining is None or frame is None:
            return frame if remaining is None else remaining
        return min(remaining, frame)
