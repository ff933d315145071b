"""
How user threads wait: so that Ctrl-C breaks nothing.

`threading.Condition` is Python code around a lock. The exception of a signal can fall
between two of its lines, and then the lock stays held, or is released twice: the reader
thread would stop for good (seen 2 times in 12 on Python 3.10). Here each thread waits
on a queue of its own, in one call of C; an exception anywhere leaves nothing locked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from queue import Empty, SimpleQueue

from .deadline import Deadline

# A wait in one piece notices a signal that arrives at the wrong moment only at its end
# (3 of 29); Windows cannot interrupt the wait for a lock at all before Python 3.14.
_LONGEST_WAIT = 0.2


class Condition:
    """
    Wakes all waiting threads, to look again.
    """

    def __init__(self) -> None:
        # of each waiting thread: what is put wakes it
        self._waiting: list[SimpleQueue[None]] = []

    def wait(self, look: Callable[[], bool], deadline: Deadline) -> bool:
        """
        Wait until *look* is true; return False if it is not by *deadline*.

        Any thread. *look* may take a lock, which must not be held here.
        """
        while True:
            wakeup: SimpleQueue[None] = SimpleQueue()
            self._waiting.append(wakeup)  # before looking: no notification is missed
            try:
                if look():
                    return True
                if deadline.passed:
                    return False
                left = deadline.remaining()
                with contextlib.suppress(Empty):
                    wakeup.get(
                        timeout=_LONGEST_WAIT
                        if left is None
                        else min(left, _LONGEST_WAIT)
                    )
            finally:
                with contextlib.suppress(ValueError):  # `notify_all` has removed it
                    self._waiting.remove(wakeup)

    def notify_all(self) -> None:
        """
        Have all waiting threads look again. Any thread, after the change.
        """
        if not self._waiting:
            return
        with contextlib.suppress(IndexError):
            while True:
                self._waiting.pop(0).put(None)
