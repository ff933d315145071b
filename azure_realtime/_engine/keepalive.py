"""
Whether the peer is alive.

Rules:

1. Inbound bytes are the sign of life, whatever they say; a ping is sent only when none
   come.
2. But a frame that never ends is none: it keeps every answer behind it. One that has
   come in drips, for as long as silence would have been borne, is given up.

All of it belongs to the reader thread.
"""

from __future__ import annotations

import time

from .._transport.websocket import Wire
from ..errors import ConnectionClosed
from ..options import WebSocketOptions
from .counters import Counters

_DRIP = 30.0  # bytes a second: a tenth of a second of audio would take minutes


class Pulse:
    """
    The sign of life of one connection.

    Args:
        wire: The connection.
        numbers: How long silence may last.
        counters: Where the round trip is kept.

    Attributes:
        pinged_at: Monotonic time of a ping that has no answer yet; None without one.
    """

    def __init__(
        self, wire: Wire, numbers: WebSocketOptions, counters: Counters
    ) -> None:
        self._wire = wire
        self._interval = numbers.ping_interval
        self._patience = numbers.ping_timeout
        self._counters = counters
        self.pinged_at: float | None = None

    def feel(self) -> ConnectionClosed | None:
        """
        Ping if it is silent; return what to end with if it is dead.
        """
        if self._interval is None:
            return None
        heard_at = self._wire.heard_at
        silent = time.monotonic() - heard_at
        if self.pinged_at is not None and heard_at > self.pinged_at:
            self._counters.round_trip = heard_at - self.pinged_at
            self.pinged_at = None
        if silent >= self._interval and self.pinged_at is None:
            self.pinged_at = time.monotonic()
            self._wire.ping()
            self._wire.write()
        pinged_at, patience = self.pinged_at, self._patience
        # counted from the ping, not from the last byte: this process may have slept
        if (
            pinged_at is not None
            and patience is not None
            and time.monotonic() - pinged_at >= patience
        ):
            return ConnectionClosed(
                1006, f"the peer is dead: nothing heard for {silent:.1f} s"
            )
        return self._look_at_frame(self._wire)

    def _look_at_frame(self, wire: Wire) -> ConnectionClosed | None:
        if wire.unfinished_at is None or self._left_to_frame() != 0.0:
            return None
        took = time.monotonic() - wire.unfinished_at
        if wire.unfinished_bytes < _DRIP * took:
            return ConnectionClosed(
                1006,
                "the peer is as good as dead: of one frame "
                f"{wire.unfinished_bytes} bytes have come in {took:.1f} s",
            )
        wire.unfinished_at, wire.unfinished_bytes = time.monotonic(), 0
        return None

    def _left_to_frame(self) -> float | None:
        since = self._wire.unfinished_at
        if since is None or self._interval is None or self._patience is None:
            return None
        return max(0.0, since + self._interval + self._patience - time.monotonic())

    def next_look(self) -> float | None:
        """
        Return in how many seconds to `feel` again.
        """
        if self._interval is None:
            return None
        now, due = time.monotonic(), None
        if self.pinged_at is None:
            due = self._wire.heard_at + self._interval
        elif self._patience is not None:
            due = self.pinged_at + self._patience
        left = None if due is None else max(0.0, due - now)
        frame = self._left_to_frame()
        if left is None or frame is None:
            return frame if left is None else left
        return min(left, frame)
