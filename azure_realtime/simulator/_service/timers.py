"""
The timers of one connection, on one thread that the first timer starts.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

__all__ = ["Timer", "Timers"]

_logger = logging.getLogger(__name__)


class Timer:
    """
    A scheduled call.
    """

    def __init__(self, function: Callable[[], None]) -> None:
        self.function = function
        self.cancelled = False

    def cancel(self) -> None:
        """
        Cancel the call, unless it has started. Any thread.
        """
        self.cancelled = True


class Timers:
    """
    Calls functions after a delay, one at a time, until `stop`.
    """

    def __init__(self) -> None:
        # Guards the attributes below; notified when a timer is added and by stop().
        self._condition = threading.Condition()
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def after(self, seconds: float, function: Callable[[], None]) -> Timer:
        """
        Call *function* on the timer thread after *seconds*. Any thread.
        """
        timer = Timer(function)
        with self._condition:
            if self._stopped:
                return timer
            entry = (time.monotonic() + seconds, next(self._order), timer)
            heapq.heappush(self._heap, entry)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="simulator-timers", daemon=True
                )
                self._thread.start()
            self._condition.notify()
        return timer

    def stop(self) -> None:
        """
        Cancel all calls and end the thread. Any thread.
        """
        with self._condition:
            self._stopped = True
            self._heap.clear()
            self._condition.notify()

    def join(self, timeout: float) -> None:
        """
        Wait for the thread to end, after `stop`, for *timeout* seconds at most.
        """
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._stopped:
                    now = time.monotonic()
                    if self._heap and self._heap[0][0] <= now:
                        break
                    wait = self._heap[0][0] - now if self._heap else None
                    self._condition.wait(wait)
                if self._stopped:
                    return
                timer = heapq.heappop(self._heap)[2]
            if not timer.cancelled:
                try:
                    timer.function()
                except Exception:
                    _logger.exception("a timer of the simulator raised an exception")
