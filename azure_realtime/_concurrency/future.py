"""
A future whose waits can be interrupted by Ctrl-C.
"""

from __future__ import annotations

import _thread
from concurrent.futures import Future
from concurrent.futures._base import CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED
from typing import Any, TypeVar

from ..errors import copy_to_raise
from .condition import Condition
from .deadline import Deadline
from .event import Event

T = TypeVar("T")

# Seconds. All code that holds the lock of a future takes some microseconds.
_LONGEST_HOLD = 0.25


class _Lock(_thread.RLock):  # type: ignore[misc]
    """
    Takes the place of the `threading.Condition` of a `Future`.

    A `threading.Condition` is entered by Python code. Ctrl-C can interrupt that code
    after it has acquired the lock and before the block begins; the lock is then never
    released, and the reader thread blocks in it for good. A lock in C is entered by one
    instruction. No thread waits for a notification of this lock.
    """

    def notify_all(self) -> None:
        """
        Do nothing: waits for a future use its `Condition`.
        """


class _Waiters(list[Any]):
    """
    The waits of `concurrent.futures.wait` and `as_completed` for a future.

    They wait for an event. If Ctrl-C left its lock acquired, the completion of the
    future, on the reader thread, would block for good.
    """

    def append(self, waiter: Any) -> None:
        """
        Add a wait, before it begins.
        """
        if not isinstance(waiter.event, Event):
            waiter.event = Event()
        super().append(waiter)


class InterruptibleFuture(Future[T]):
    """
    A future that Ctrl-C cannot leave locked; see `condition`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiters = _Waiters()
        # guards the state: one thread may complete the future while another cancels it
        self._condition = _Lock()  # type: ignore[assignment]
        self._completed = completed = Condition()
        # not `self`: a future in a reference cycle is not deleted with its last user
        Future.add_done_callback(self, lambda _: completed.notify_all())

    def cancelled(self) -> bool:
        """
        Whether the future was cancelled. Any thread, also one that holds a lock: this
        acquires none.
        """
        return self._state in (CANCELLED, CANCELLED_AND_NOTIFIED)

    def done(self) -> bool:
        """
        Whether the future was completed or cancelled. Any thread; acquires no lock.
        """
        return self._state in (CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED)

    def set_result(self, result: T) -> None:
        """
        Complete the future. A thread that receives no signals.
        """
        self._replace_abandoned_lock()
        super().set_result(result)

    def set_exception(self, exception: BaseException | None) -> None:
        """
        Fail the future. A thread that receives no signals.
        """
        self._replace_abandoned_lock()
        super().set_exception(exception)

    def _replace_abandoned_lock(self) -> None:
        """
        Replace the lock if `concurrent.futures.wait` was interrupted while it acquired
        the locks of its futures: it does not release them then.
        """
        for _ in range(2):  # after SIGSTOP the first one may be over at once
            if self._condition.acquire(timeout=_LONGEST_HOLD):
                self._condition.release()
                return
        # guards the state from now on; the old one is never released
        self._condition = _Lock()  # type: ignore[assignment]

    def result(self, timeout: float | None = None) -> T:
        """
        Wait for the result and return it, or raise the error of the future.

        Raises:
            TimeoutError: The future did not complete within *timeout* seconds.
        """
        error = self.exception(timeout)
        if error is not None:
            # A copy: the traceback of the stored error would refer to these frames, and
            # they refer to this future.
            raise copy_to_raise(error)
        return super().result(0)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """
        Wait until the future completes. Return its error, or None.

        Raises:
            TimeoutError: The future did not complete within *timeout* seconds.
        """
        if not self.done() and not self._completed.wait(self.done, Deadline(timeout)):
            raise TimeoutError(f"no answer within {timeout} s")
        return super().exception(0)
