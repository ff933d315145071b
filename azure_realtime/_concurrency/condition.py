"""
How user threads wait: so that Ctrl-C breaks nothing.

`threading.Condition` is Python code around a lock. The exception of a signal can fall
between two of its lines, and then the lock stays held, or is released twice: the reader
thread would stop for good (seen 2 times in 12 on Python 3.10). Here everybody waits on
a lock of their own, in one call of C; an exception anywhere leaves nothing locked.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections import deque
from collections.abc import Callable

from .deadline import Deadline

# Windows cannot interrupt the wait for a lock before Python 3.14: there it is short.
_NAP = 0.2 if sys.platform == "win32" else None


class Gong:
    """
    Wakes everybody who waits, to look again.
    """

    def __init__(self) -> None:
        self._sleepers: deque[threading.Lock] = deque()

    def wait(self, look: Callable[[], bool], deadline: Deadline) -> bool:
        """
        Wait until *look* is true; return False if it is not by *deadline*.

        Any thread. *look* may take a lock, which must not be held here.
        """
        while True:
            sleeper = threading.Lock()
            sleeper.acquire()
            self._sleepers.append(sleeper)  # before looking: no stroke is missed
            try:
                if look():
                    return True
                if deadline.passed:
                    return False
                left = deadline.remaining()
                times = [seconds for seconds in (left, _NAP) if seconds is not None]
                sleeper.acquire(timeout=min(times, default=-1))
            finally:
                with contextlib.suppress(ValueError):  # it has been struck
                    self._sleepers.remove(sleeper)

    def strike(self) -> None:
        """
        Have everybody look again. Any thread, after the change.
        """
        with contextlib.suppress(IndexError):
            while True:
                self._sleepers.popleft().release()
