"""
How far listeners are behind, and what to do about it.

Rules:

1. Reading never stops: pongs, waits and futures do not depend on listeners.
2. Past the soft mark there is one warning, naming the listener that keeps the others
   waiting and for how long; the next comes only after they have caught up.
3. Past the hard mark audio deltas are left out and counted, or the connection ends with
   `SlowConsumer`, as the user chose. Nothing else is ever left out.
4. What cannot be left out is bounded as well: at several times the hard mark the
   connection ends, whatever was chosen.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import attrs

from ._bounded import weight_of
from .errors import SlowConsumer
from .events import InvalidMessage, ResponseOutputAudioDelta, ServerEvent

logger = logging.getLogger("azure_realtime")

_OVERHEAD = 2000  # bytes of an event beside its text, about
_SOFT = 0.25  # of the hard mark
_UTMOST = 4  # times the hard mark


@attrs.frozen
class Load:
    """
    A snapshot; the fields are those of `Stats`.
    """

    callback_queue: int
    callback_queue_peak: int
    dispatch_lag: float
    events_dropped: int


class Backlog:
    """
    Keeps count of the events that wait for listeners.

    Args:
        max_bytes: The hard mark.
        disconnect: Whether to end the connection there.

    Attributes:
        on_stuck: Ends the connection; set by the reader.
    """

    def __init__(self, max_bytes: int, disconnect: bool) -> None:
        self._max_bytes = max_bytes
        self._disconnect = disconnect
        self._lock = threading.RLock()
        self._waiting = 0
        self._bytes = 0
        self._peak = 0
        self._lag = 0.0
        self._dropped = 0
        self._warned = False
        self._stuck = False
        self._running: tuple[Any, float] | None = None
        self.on_stuck: Callable[[SlowConsumer], object] = lambda _: None

    def enter(self, event: ServerEvent) -> bool:
        """
        Count an event in; False if it must be left out. Any thread.
        """
        size = size_of(event)
        with self._lock:
            after = self._bytes + size
            audio = isinstance(event, ResponseOutputAudioDelta)
            over = after > self._max_bytes
            stuck = not self._stuck and (
                after > _UTMOST * self._max_bytes or (over and self._disconnect)
            )
            self._stuck |= stuck
            keep = not (over and audio)
            if keep:
                self._waiting += 1
                self._bytes = after
                self._peak = max(self._peak, self._waiting)
            else:
                self._dropped += 1
            warn = not self._warned and after > _SOFT * self._max_bytes
            self._warned |= warn
            running, waiting = self._running, self._waiting
        if warn:
            logger.warning("%s", _complaint(waiting, running))
        if stuck:
            self.on_stuck(SlowConsumer(_complaint(waiting, running)))
        return keep

    def leave(self, event: ServerEvent, since: float) -> None:
        """
        Count an event out that waited *since* then. The thread that dispatches.
        """
        with self._lock:
            self._waiting -= 1
            self._bytes -= size_of(event)
            self._lag = time.monotonic() - since
            if not self._waiting:
                self._warned = False

    def begin(self, listener: Any) -> None:
        """
        Note that *listener* is called. The thread that dispatches.
        """
        self._running = (listener, time.monotonic())

    def end(self) -> None:
        """
        Note that it has returned. The thread that dispatches.
        """
        self._running = None

    def load(self) -> Load:
        """
        Return a snapshot. Any thread.
        """
        with self._lock:
            return Load(self._waiting, self._peak, self._lag, self._dropped)


def size_of(event: ServerEvent) -> int:
    """
    Return about how many bytes an event takes, whatever the service put into it.
    """
    weight = weight_of(event.raw)
    if isinstance(event, InvalidMessage):
        weight += weight_of(event.data)
    return _OVERHEAD + weight


def _complaint(waiting: int, running: tuple[Any, float] | None) -> str:
    text = f"{waiting} events wait for listeners"
    if running is None:
        return f"{text}, and nobody runs them (is pump() called?)"
    listener, since = running
    return f"{text}: {listener!r} has been running for {time.monotonic() - since:.1f} s"
