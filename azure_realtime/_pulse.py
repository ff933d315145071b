"""
Whether the peer is alive. Inbound bytes are the sign of life, whatever they say; a ping
is sent only when none come.

All of it belongs to the reader thread.
"""

from __future__ import annotations

import time

from ._stats import Counters
from ._wire import Wire
from .errors import ConnectionClosed
from .options import WebSocketOptions


class Pulse:
    """
    The sign of life of one connection.

    Args:
        wire: The connection.
        numbers: How long silence may last.
        counters: Where the round trip is kept.
    """

    def __init__(
        self, wire: Wire, numbers: WebSocketOptions, counters: Counters
    ) -> None:
        self._wire = wire
        self._interval = numbers.ping_interval
        self._patience = numbers.ping_timeout
        self._counters = counters
        self._pinged_at: float | None = None

    def feel(self) -> ConnectionClosed | None:
        """
        Ping if it is silent; return what to end with if it is dead.
        """
        if self._interval is None:
            return None
        heard_at = self._wire.heard_at
        silent = time.monotonic() - heard_at
        if self._pinged_at is not None and heard_at > self._pinged_at:
            self._counters.round_trip = heard_at - self._pinged_at
            self._pinged_at = None
        if silent >= self._interval and self._pinged_at is None:
            self._pinged_at = time.monotonic()
            self._wire.ping()
            self._wire.write()
        if self._patience is not None and self._waited >= self._patience:
            return ConnectionClosed(
                1006, f"the peer is dead: nothing heard for {silent:.1f} s"
            )
        return None

    @property
    def _waited(self) -> float:
        # counted from the ping, not from the last byte: this process may have slept
        return 0.0 if self._pinged_at is None else time.monotonic() - self._pinged_at

    def next_look(self) -> float | None:
        """
        Return in how many seconds to `feel` again.
        """
        if self._interval is None:
            return None
        if self._pinged_at is None:
            silent = time.monotonic() - self._wire.heard_at
            return max(0.0, self._interval - silent)
        if self._patience is None:
            return None
        return max(0.0, self._patience - self._waited)
