"""
Whether the peer is alive.

Rules:

1. Inbound bytes are the sign of life, whatever they say; a ping is sent only when none
   come.
2. The peer has `ping_timeout` to answer from when it has the ping. On a slow uplink the
   ping waits behind what was sent before. While the peer acknowledges some of that, it
   is alive: a healthy peer on a 60 kB/s uplink was given up after 40 s.
3. A frame that never ends is no sign of life: it keeps every answer behind it. A peer
   whose frame has come in drips, for as long as silence is tolerated, is given up.

All of it belongs to the reader thread.
"""

from __future__ import annotations

import time

from .._transport.websocket import WebSocketStream
from ..errors import ConnectionClosed
from ..options import WebSocketOptions
from .counters import Counters

_DRIP = 30.0  # bytes a second: a tenth of a second of audio would take minutes
_LOOKS = 4  # at the progress of a ping, in `ping_timeout`


class Keepalive:
    """
    The keepalive of one connection.

    Args:
        stream: The connection.
        websocket_options: How long silence may last.
        counters: Where the round trip is kept.

    Attributes:
        pinged_at: Monotonic time of a ping that has no answer yet; None without one.
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
        self._ping_end = 0  # what the peer must acknowledge to have the ping
        self._acknowledged = 0  # at the last look
        self._progress_at = 0.0  # monotonic time of the last progress of the ping

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
            self._look_at_ping(now)
            # counted from the ping, not from the last byte: this process may have slept
            if now - self._progress_at >= self._timeout:
                silent = now - last_received_at
                return ConnectionClosed(
                    1006, f"the peer is dead: nothing received for {silent:.1f} s"
                )
        return self._look_at_frame(self._stream)

    def _look_at_ping(self, now: float) -> None:
        if self._acknowledged >= self._ping_end:
            return  # the peer has it
        acknowledged = self._stream.acknowledged
        if self._acknowledged < acknowledged < self._ping_end:
            self._progress_at = now
        self._acknowledged = acknowledged

    def _look_at_frame(self, stream: WebSocketStream) -> ConnectionClosed | None:
        if stream.unfinished_at is None or self._left_to_frame() != 0.0:
            return None
        took = time.monotonic() - stream.unfinished_at
        if stream.unfinished_bytes < _DRIP * took:
            return ConnectionClosed(
                1006,
                "the peer is as good as dead: of one frame "
                f"{stream.unfinished_bytes} bytes have come in {took:.1f} s",
            )
        stream.unfinished_at, stream.unfinished_bytes = time.monotonic(), 0
        return None

    def _left_to_frame(self) -> float | None:
        since = self._stream.unfinished_at
        if since is None or self._interval is None or self._timeout is None:
            return None
        return max(0.0, since + self._interval + self._timeout - time.monotonic())

    def next_deadline(self) -> float | None:
        """
        Return in how many seconds to `check` again.
        """
        if self._interval is None:
            return None
        now, left = time.monotonic(), None
        if self.pinged_at is None:
            left = self._stream.last_received_at + self._interval - now
        elif self._timeout is not None:
            left = self._progress_at + self._timeout - now
            if self._acknowledged < self._ping_end:
                left = min(left, self._timeout / _LOOKS)
        left = None if left is None else max(0.0, left)
        frame = self._left_to_frame()
        if left is None or frame is None:
            return frame if left is None else left
        return min(left, frame)
