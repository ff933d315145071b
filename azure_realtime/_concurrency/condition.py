"""
A condition that Ctrl-C cannot leave locked.

`threading.Condition` is Python code around a lock. A signal can raise its exception
between two of its lines; the lock then stays acquired, or is released twice, and the
reader thread blocks for good (2 of 12 interrupts on Python 3.10). Here each thread
waits on a queue of its own, in one C call: no exception leaves a lock behind.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

from .deadline import Deadline
from .lock import is_own_lock_held

# Seconds. A longer wait may handle a signal only when it ends (3 of 29 interrupts);
# before Python 3.14, Windows cannot interrupt the wait for a lock at all.
_LONGEST_WAIT = 0.2


class Condition:
    """
    Blocks threads until a predicate is true. It has no lock of its own.
    """

    def __init__(self) -> None:
        # one queue per waiting thread; an item put into it ends the thread's wait
        self._waiting: list[SimpleQueue[None]] = []

    def wait(self, predicate: Callable[[], bool], deadline: Deadline) -> bool:
        """
        Wait until *predicate* returns true. Return False if it has not by *deadline*.

        Any thread. *predicate* may acquire a lock, which the caller must not hold.

        Raises:
            RuntimeError: The caller is a signal handler that has interrupted a call of
                the package while that holds a lock. Other threads may need the lock.
        """
        while True:
            wakeup: SimpleQueue[None] = SimpleQueue()
            # before the call of *predicate*: no notification is missed
            self._waiting.append(wakeup)
            try:
                if predicate():
                    return True
                if deadline.passed:
                    return False
                remaining = deadline.remaining()
                try:
                    wakeup.get(
                        timeout=_LONGEST_WAIT
                        if remaining is None
                        else min(remaining, _LONGEST_WAIT)
                    )
                except Empty:
                    _check_may_wait()
            finally:
                with contextlib.suppress(ValueError):  # `notify_all` has removed it
                    self._waiting.remove(wakeup)

    def notify_all(self) -> None:
        """
        Make all waiting threads evaluate their predicates again.

        Any thread, after the state that the predicates read has changed.
        """
        if not self._waiting:
            return
        with contextlib.suppress(IndexError):
            while True:
                self._waiting.pop(0).put(None)


def _check_may_wait() -> None:
    """
    Check that no call of the package waits for the return of this one.

    Only the main thread runs signal handlers. The others skip the check, whose time is
    proportional to the number of clients.
    """
    if threading.current_thread() is threading.main_thread() and is_own_lock_held():
        raise RuntimeError(
            "a signal handler that has interrupted another call of the client cannot "
            "wait: that call continues only after the handler. Let the handler set a "
            "flag, and wait in the program"
        )
