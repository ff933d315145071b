"""
A future whose waits can be interrupted by Ctrl-C.
"""

from __future__ import annotations

import _thread
from concurrent.futures import Future
from concurrent.futures._base import CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED
from typing import TypeVar

from ..errors import copy_to_raise
from .condition import Condition
from .deadline import Deadline

T = TypeVar("T")


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


class InterruptibleFuture(Future[T]):
    """
    A future that Ctrl-C cannot leave locked; see `condition`.
    """

    def __init__(self) -> None:
        super().__init__()
        # guards the state: one thread may complete the future while another cancels it
        self._condition = _Lock()  # type: ignore[assignment]
        self._completed = Condition()
        Future.add_done_callback(self, lambda _: self._completed.notify_all())

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
