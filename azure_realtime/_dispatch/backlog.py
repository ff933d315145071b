"""
How far listeners are behind, and what to do about it.

Rules:

1. Reading never stops: pongs, waits and futures do not depend on listeners.
2. A second past the soft mark there is one warning, naming the listener that has kept
   the others waiting longest and for how long; the next comes only after they have
   caught up. There is none if they catch up sooner, unless something was dropped.
3. Past the hard mark audio deltas are dropped and counted, or the connection ends with
   `SlowConsumer`, as the user chose. Nothing else is ever dropped.
4. What cannot be dropped is bounded as well: at several times the hard mark the
   connection ends, whatever was chosen.

How it is counted: whoever posts counts in, under the lock. The thread that dispatches
counts out: without the lock within a batch, and under it with the batch's last event.
Both numbers only grow, so their difference is never too small.
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

_OVERHEAD = 2000  # bytes of an event beside its text, about
_SOFT = 0.25  # of the hard mark
_UTMOST = 4  # times the hard mark
_PATIENCE = 1.0  # seconds past the soft mark before a warning


class Load(NamedTuple):
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
    Counts the events that wait for listeners.

    Args:
        max_bytes: The hard mark.
        disconnect: Whether to end the connection there.
        on_overflow: Ends the connection. Called on the thread that posts.
        manual: Whether listeners only run when the user calls ``pump()``.

    Attributes:
        in_count: How many events have come. Written under the lock.
        out_count: How many have left. Written without the lock by the thread that
            dispatches, where there is only one; `leave` counts under the lock.
        out_bytes: The sizes of those.
        behind_since: When the soft mark was passed; None if it was not. Listeners may
            have caught up since: `next_deadline` tells.
        running: The user function that runs and its start, on the monotonic clock.
    """

    def __init__(
        self,
        max_bytes: int,
        disconnect: bool = False,
        on_overflow: Callable[[SlowConsumer], object] = lambda _: None,
        manual: bool = False,
    ) -> None:
        self._max_bytes = max_bytes
        self._soft_bytes = _SOFT * max_bytes
        self._disconnect = disconnect
        self._on_overflow = on_overflow
        self._manual = manual
        # makes counting in, the marks and the warnings one step; re-entrant, for a
        # signal handler may close the client in the middle of a call
        self._lock = OwnLock()
        self.in_count = 0
        self._in_bytes = 0
        self.out_count = 0
        self.out_bytes = 0
        # of what was posted together: since when, and the number of its last event
        self._entries: deque[tuple[float, int]] = deque()
        self._peak = 0
        self._peak_bytes = 0
        self._lag = 0.0
        self._dropped = 0
        self.behind_since: float | None = None  # past the soft mark
        self._drop_unreported = False
        self._warned = False
        self._overflowed = False
        self.running: tuple[Any, float] | None = None
        self._slowest: tuple[Any, float] = (None, 0.0)

    def enter(self, event: ServerEvent, size: int) -> bool:
        """
        Count an event in; False if it must be dropped. Any thread.

        Args:
            event: The event.
            size: About how many bytes of memory its content takes; see `size_of`.
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
                self._disconnect or after > _UTMOST * self._max_bytes
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
        Count events in that are posted together; False if there is no room for all.

        Any thread. Where it is False nothing is counted; `enter` decides on each.
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
            # first the entry: Ctrl-C in between leaves none too few
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
        Note whether listeners are past the soft mark, where *before* becomes *after*.
        """
        soft = self._soft_bytes
        if before <= soft:  # perhaps since the middle of a batch: `leave` cannot know
            self.behind_since = None
        if self.behind_since is None and after > soft:
            self.behind_since = time.monotonic()

    def leave(self, size: int, begun: float) -> None:
        """
        Count out an event, the last of those that were posted together. Any thread.

        Args:
            size: As it was given to `enter`.
            begun: The time, on the monotonic clock.
        """
        text = ""
        with self._lock:
            self.out_bytes += size
            self.out_count += 1
            while self._entries and self._entries[0][1] <= self.out_count:
                self._lag = begun - self._entries.popleft()[0]
            if self.behind_since is not None and not self.behind:
                self.behind_since = None
            if self.out_count == self.in_count:
                text = self._warning_text() if self._drop_unreported else ""
                self._drop_unreported = self._warned = False
                self._slowest = (None, 0.0)
        if text:
            logger.warning("%s", text)

    def ran(self, function: Any, took: float) -> None:
        """
        Note that a user function took so many seconds. The thread that dispatches.
        """
        # kept only while something waits: it may refer to the client
        if took > self._slowest[1] and self.in_count != self.out_count:
            self._slowest = (function, took)

    def next_deadline(self) -> float | None:
        """
        Warn if it is time to; return in how many seconds to look again. Any thread.
        """
        if self.behind_since is None:
            return None
        with self._lock:
            if not self.behind:  # since the middle of a batch: `leave` cannot know
                self.behind_since = None
            if self.behind_since is None or self._warned:
                return None
            left = self.behind_since + _PATIENCE - time.monotonic()
            if left > 0:
                return left
            self._warned, self._drop_unreported = True, False
            text = self._warning_text()
        logger.warning("%s", text)
        return None

    @property
    def behind(self) -> bool:
        """
        Whether so much waits that listeners will not have caught up soon. Any thread.
        """
        return self._bytes() > self._soft_bytes

    def load(self) -> Load:
        """
        Return a snapshot. Any thread.
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
        Say which user function keeps the events waiting. Under the lock.
        """
        text = f"{self.in_count - self.out_count} events wait for listeners"
        if self._dropped:
            text += f", {self._dropped} were left out"
        running, slowest = self.running, self._slowest
        if running is None and self._manual:
            return f"{text}: is pump() called, and often enough?"
        took = 0.0 if running is None else time.monotonic() - running[1]
        if running is not None and took >= slowest[1]:
            return f"{text}: {name_of(running[0])} has been running for {took:.1f} s"
        if slowest[1]:
            return (
                f"{text}: the slowest, {name_of(slowest[0])}, took {slowest[1]:.2f} s"
            )
        return f"{text}, and nobody runs them"


def name_of(function: Any) -> str:
    """
    Return what a user function is called in the source.

    No code of the user runs for it: a ``__repr__`` may raise, or wait for a lock.
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
    Return about how many bytes the content of an event takes, whatever is in it.

    For events whose wire text does not tell: one with nested values, or none of the
    service. It walks all of `raw`.
    """
    weight = approximate_size(event.raw)
    if isinstance(event, InvalidMessage):
        weight += approximate_size(event.data)
    return weight
