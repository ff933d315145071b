"""
How far listeners are behind, and what to do about it.

Rules:

1. Reading never stops: pongs, waits and futures do not depend on listeners.
2. A second past the soft mark there is one warning, naming the listener that has kept
   the others waiting longest and for how long; the next comes only after they have
   caught up. Who catches up sooner is not warned, unless something was left out.
3. Past the hard mark audio deltas are left out and counted, or the connection ends with
   `SlowConsumer`, as the user chose. Nothing else is ever left out.
4. What cannot be left out is bounded as well: at several times the hard mark the
   connection ends, whatever was chosen.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import attrs

from .._memory import weight_of
from ..errors import SlowConsumer
from ..events import InvalidMessage, ResponseOutputAudioDelta, ServerEvent

logger = logging.getLogger("azure_realtime")

_OVERHEAD = 2000  # bytes of an event beside its text, about
_SOFT = 0.25  # of the hard mark
_UTMOST = 4  # times the hard mark
_PATIENCE = 1.0  # seconds past the soft mark before it is worth a warning


@attrs.frozen
class Load:
    """
    A snapshot; the fields are those of `Stats`.
    """

    callback_queue: int
    callback_queue_peak: int
    callback_queue_bytes: int
    callback_queue_peak_bytes: int
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
        manual: Whether listeners only run when the user says so; set by who runs them.
    """

    def __init__(self, max_bytes: int, disconnect: bool) -> None:
        self._max_bytes = max_bytes
        self._disconnect = disconnect
        self._lock = threading.RLock()
        self._waiting: deque[tuple[float, int]] = deque()  # since when, bytes
        self._bytes = 0
        self._peak = 0
        self._peak_bytes = 0
        self._lag = 0.0
        self._dropped = 0
        self._behind_since: float | None = None  # past the soft mark
        self._untold = False  # that something was left out
        self._warned = False
        self._stuck = False
        self._running: tuple[Any, float] | None = None
        self._slowest: tuple[Any, float] | None = None  # since they last had caught up
        self.on_stuck: Callable[[SlowConsumer], object] = lambda _: None
        self.manual = False

    def enter(self, event: ServerEvent) -> bool:
        """
        Count an event in; False if it must be left out. Any thread.
        """
        size = size_of(event)
        with self._lock:
            now = time.monotonic()
            after = self._bytes + size
            audio = isinstance(event, ResponseOutputAudioDelta)
            over = after > self._max_bytes
            stuck = not self._stuck and (
                after > _UTMOST * self._max_bytes or (over and self._disconnect)
            )
            self._stuck |= stuck
            keep = not (over and audio)
            if keep:
                self._waiting.append((now, size))
                self._bytes = after
                self._peak = max(self._peak, len(self._waiting))
                self._peak_bytes = max(self._peak_bytes, after)
            else:
                self._dropped += 1
                self._untold = not self._warned
            if self._behind_since is None and after > _SOFT * self._max_bytes:
                self._behind_since = now
            complaint = self._complaint() if stuck else ""
        if stuck:
            self.on_stuck(SlowConsumer(complaint))
        self.next_look()
        return keep

    def leave(self) -> None:
        """
        Count out the event that came first. The thread that dispatches.
        """
        complaint = ""
        with self._lock:
            since, size = self._waiting.popleft()
            self._bytes -= size
            self._lag = time.monotonic() - since
            if not self.behind:
                self._behind_since = None
            if not self._waiting:
                complaint = self._complaint() if self._untold else ""
                self._untold = self._warned = False
                self._slowest = None
        if complaint:
            logger.warning("%s", complaint)

    def begin(self, function: Any) -> None:
        """
        Note that *function* is called. The thread that dispatches.
        """
        self._running = (function, time.monotonic())

    def end(self) -> None:
        """
        Note that it has returned. The thread that dispatches.
        """
        if self._running is not None:
            function, since = self._running
            took = time.monotonic() - since
            # kept only while something waits: it may refer to the client
            slower = self._slowest is None or took > self._slowest[1]
            if self._waiting and slower:
                self._slowest = (function, took)
        self._running = None

    def next_look(self) -> float | None:
        """
        Warn if it is time to; return in how many seconds to look again. Any thread.
        """
        with self._lock:
            if self._warned or self._behind_since is None:
                return None
            left = self._behind_since + _PATIENCE - time.monotonic()
            if left > 0:
                return left
            self._warned, self._untold = True, False
            complaint = self._complaint()
        logger.warning("%s", complaint)
        return None

    @property
    def behind(self) -> bool:
        """
        Whether so much waits that listeners will not have caught up soon. Any thread.
        """
        return self._bytes > _SOFT * self._max_bytes

    def load(self) -> Load:
        """
        Return a snapshot. Any thread.
        """
        with self._lock:
            oldest = time.monotonic() - self._waiting[0][0] if self._waiting else 0.0
            return Load(
                callback_queue=len(self._waiting),
                callback_queue_peak=self._peak,
                callback_queue_bytes=self._bytes,
                callback_queue_peak_bytes=self._peak_bytes,
                dispatch_lag=max(self._lag, oldest),
                events_dropped=self._dropped,
            )

    def _complaint(self) -> str:
        """
        Say who keeps the others waiting. Under the lock.
        """
        text = f"{len(self._waiting)} events wait for listeners"
        if self._dropped:
            text += f", {self._dropped} were left out"
        running, slowest = self._running, self._slowest
        if running is None and self.manual:
            return f"{text}: is pump() called, and often enough?"
        took = 0.0 if running is None else time.monotonic() - running[1]
        if running is not None and (slowest is None or took >= slowest[1]):
            return f"{text}: {name_of(running[0])} has been running for {took:.1f} s"
        if slowest is not None:
            return (
                f"{text}: the slowest, {name_of(slowest[0])}, took {slowest[1]:.2f} s"
            )
        return f"{text}, and nobody runs them"


def name_of(function: Any) -> str:
    """
    Return what a user function is called in the source.

    Nothing of the user's runs for it: a ``__repr__`` may raise, or wait for a lock.
    """
    kind = type(function)
    if kind is functools.partial:
        return f"a partial of {name_of(function.func)}"
    if kind is MethodType:
        return name_of(function.__func__)
    if kind in (FunctionType, BuiltinFunctionType, type):
        return f"{function.__module__}.{function.__qualname__}"
    return f"an object of {kind.__module__}.{kind.__qualname__}"


def size_of(event: ServerEvent) -> int:
    """
    Return about how many bytes an event takes, whatever the service put into it.
    """
    weight = weight_of(event.raw)
    if isinstance(event, InvalidMessage):
        weight += weight_of(event.data)
    return _OVERHEAD + weight
