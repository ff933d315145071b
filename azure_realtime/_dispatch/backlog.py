"""
The limits of the callback queue: how many events wait for listeners, and what follows.

Rules:

1. Reading never stops: pongs, waits and futures do not depend on listeners.
2. One second after the queue has passed the soft limit, one warning is logged. It names
   the listener that took longest and its time. The next warning comes only after the
   queue was empty. If the queue falls below the limit within that second, no warning is
   logged, unless an event was dropped.
3. Past the hard limit audio deltas are dropped and counted, or the connection ends with
   `SlowConsumer`, as the user chose. No other event is ever dropped.
4. Events that cannot be dropped are bounded as well: at several times the hard limit
   the connection ends, whatever the user chose.

Counting: the thread that posts an event counts it in, under the lock. The dispatching
thread counts it out: without the lock within a batch, and under the lock with the
batch's last event. Both numbers only grow, so their difference is never too small.
"""

from __future__ import annotations

import functools
import time
from collections import deque
from collections.abc import Callable, Sequence
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, NamedTuple

from .._concurrency.lock import OwnLock
from .._logging import logger
from .._memory import approximate_size
from ..errors import SlowConsumer
from ..events import InvalidMessage, ResponseOutputAudioDelta, ServerEvent

_OVERHEAD = 2000  # approximate bytes of an event in addition to its text
_SOFT_RATIO = 0.25  # soft limit / hard limit (rule 2)
_FINAL_RATIO = 4  # final limit / hard limit (rule 4)
_WARNING_DELAY = 1.0  # seconds past the soft limit before a warning


class Load(NamedTuple):
    """
    A snapshot of the counters; the fields are those of `Stats`.
    """

    callback_queue: int
    callback_queue_peak: int
    callback_queue_bytes: int
    callback_queue_peak_bytes: int
    dispatch_lag: float
    events_dropped: int


class Backlog:
    """
    Counts the events that wait for listeners.

    Args:
        max_bytes: The hard limit.
        disconnect: Whether the connection ends at the hard limit.
        on_overflow: Ends the connection. Called on the thread that posts.
        manual: Whether listeners only run when the user calls ``pump()``.

    Attributes:
        in_count: Number of events counted in. Written under the lock.
        out_count: Number of events counted out. A callback thread, the only dispatching
            thread of its client, writes it without the lock; `leave` takes the lock.
        out_bytes: Total size of the events counted out.
        behind_since: Monotonic time at which the soft limit was passed; None if it was
            not. The queue may have shrunk since then: `next_deadline` checks that.
        running: The user function that runs and its start on the monotonic clock.
    """

    def __init__(
        self,
        max_bytes: int,
        disconnect: bool = False,
        on_overflow: Callable[[SlowConsumer], object] = lambda _: None,
        manual: bool = False,
    ) -> None:
        self._max_bytes = max_bytes
        self._soft_bytes = _SOFT_RATIO * max_bytes
        self._disconnect = disconnect
        self._on_overflow = on_overflow
        self._manual = manual
        # Guards the counters, the limits and the warnings. Re-entrant, because a signal
        # handler may close the client in the middle of a call.
        self._lock = OwnLock()
        self.in_count = 0
        self._in_bytes = 0
        self.out_count = 0
        self.out_bytes = 0
        # per batch: the time it was posted, and `in_count` with its last event
        self._entries: deque[tuple[float, int]] = deque()
        self._peak = 0
        self._peak_bytes = 0
        self._lag = 0.0
        self._dropped = 0
        self.behind_since: float | None = None
        self._drop_unreported = False
        self._warned = False
        self._overflowed = False
        self.running: tuple[Any, float] | None = None
        self._slowest: tuple[Any, float] = (None, 0.0)

    def enter(self, event: ServerEvent, size: int) -> bool:
        """
        Count an event in; return False if it must be dropped. Any thread.

        Args:
            event: The event.
            size: Approximate memory of its content in bytes; see `size_of`.
        """
        if self.enter_batch((size,)):
            return True
        keep = not isinstance(event, ResponseOutputAudioDelta)
        if keep:
            self.enter_batch((size,), even_if_full=True)
        with self._lock:
            before = self._bytes()
            after = before if keep else before + size + _OVERHEAD
            overflows = not self._overflowed and (
                self._disconnect or after > _FINAL_RATIO * self._max_bytes
            )
            self._overflowed |= overflows
            if not keep:
                self._mark(before, after)
                self._dropped += 1
                self._drop_unreported = not self._warned
            text = self._warning_text() if overflows else ""
        if overflows:
            self._on_overflow(SlowConsumer(text))
        self.next_deadline()
        return keep

    def enter_batch(self, sizes: Sequence[int], even_if_full: bool = False) -> bool:
        """
        Count in a batch of events; return False, without counting, if it does not fit.

        The caller then calls `enter` for each event. Any thread.
        """
        total, count = sum(sizes), len(sizes)
        with self._lock:
            waiting = self.in_count - self.out_count
            before = self._in_bytes - self.out_bytes + waiting * _OVERHEAD
            after = before + total + count * _OVERHEAD
            if after > self._max_bytes and not even_if_full:
                return False
            if after > self._soft_bytes or self.behind_since is not None:
                self._mark(before, after)
            # entry before counters: Ctrl-C in between leaves no event without an entry
            self._entries.append((time.monotonic(), self.in_count + count))
            self.in_count += count
            self._in_bytes += total
            if waiting + count > self._peak:
                self._peak = waiting + count
            if after > self._peak_bytes:
                self._peak_bytes = after
        if self.behind_since is not None:
            self.next_deadline()
        return True

    def _mark(self, before: int, after: int) -> None:
        """
        Update `behind_since` for a queue that grows from *before* to *after* bytes.
        """
        soft = self._soft_bytes
        if before <= soft:  # `leave` is not called in the middle of a batch
            self.behind_since = None
        if self.behind_since is None and after > soft:
            self.behind_since = time.monotonic()

    def leave(self, size: int, now: float) -> None:
        """
        Count out an event, the last of its batch. Any thread.

        Args:
            size: The size that was passed to `enter`.
            now: The current time on the monotonic clock.
        """
        text = ""
        with self._lock:
            self.out_bytes += size
            self.out_count += 1
            self._measure_lag(now)
            if self.behind_since is not None and not self.behind:
                self.behind_since = None
            if self.out_count == self.in_count:
                text = self._warning_text() if self._drop_unreported else ""
                self._drop_unreported = self._warned = False
                self._slowest = (None, 0.0)
        if text:
            logger.warning("%s", text)

    def _measure_lag(self, now: float) -> None:
        """
        Note how long the batches that are counted out have waited. Lock held.
        """
        while self._entries and self._entries[0][1] <= self.out_count:
            self._lag = now - self._entries.popleft()[0]

    def ran(self, function: Any, took: float) -> None:
        """
        Note that *function* ran for *took* seconds. Dispatching thread.
        """
        # kept only while events wait: the function may refer to the client
        if took > self._slowest[1] and self.in_count != self.out_count:
            self._slowest = (function, took)

    def next_deadline(self) -> float | None:
        """
        Log the warning of rule 2 if it is due, else return the seconds until it is.

        None if no warning can become due. Any thread.
        """
        if self.behind_since is None:
            return None
        with self._lock:
            if not self.behind:  # `leave` is not called in the middle of a batch
                self.behind_since = None
            if self.behind_since is None or self._warned:
                return None
            remaining = self.behind_since + _WARNING_DELAY - time.monotonic()
            if remaining > 0:
                return remaining
            self._warned, self._drop_unreported = True, False
            text = self._warning_text()
        logger.warning("%s", text)
        return None

    @property
    def behind(self) -> bool:
        """
        Whether the queue is past the soft limit. Any thread.
        """
        return self._bytes() > self._soft_bytes

    def load(self) -> Load:
        """
        Return a snapshot of the counters. Any thread.
        """
        with self._lock:
            now, out = time.monotonic(), self.out_count
            oldest = next((since for since, last in self._entries if last > out), now)
            return Load(
                callback_queue=self.in_count - out,
                callback_queue_peak=self._peak,
                callback_queue_bytes=self._bytes(),
                callback_queue_peak_bytes=self._peak_bytes,
                dispatch_lag=max(self._lag, now - oldest),
                events_dropped=self._dropped,
            )

    def _bytes(self) -> int:
        waiting = self.in_count - self.out_count
        return self._in_bytes - self.out_bytes + waiting * _OVERHEAD

    def _warning_text(self) -> str:
        """
        Return a warning that names the user function that delays events. Lock held.
        """
        text = f"{self.in_count - self.out_count} events wait for listeners"
        if self._dropped:
            text += f", {self._dropped} were dropped"
        running, slowest = self.running, self._slowest
        if running is None and self._manual:
            return f"{text}: pump() is not called, or not often enough"
        took = 0.0 if running is None else time.monotonic() - running[1]
        if running is not None and took >= slowest[1]:
            return f"{text}: {name_of(running[0])} has been running for {took:.1f} s"
        if slowest[1]:
            return (
                f"{text}: the slowest, {name_of(slowest[0])}, took {slowest[1]:.2f} s"
            )
        return f"{text}, and no thread runs them"


def name_of(function: Any) -> str:
    """
    Return the name of a user function, without running its code.

    A ``__repr__`` of the user could raise, or wait for a lock.
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
    Return the approximate memory of an event's content in bytes.

    For events whose size does not follow from their wire text: events with nested
    values, and local events. It walks all of `raw`.
    """
    weight = approximate_size(event.raw)
    if isinstance(event, InvalidMessage):
        weight += approximate_size(event.data)
    return weight
