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

    A Condition is entered by Python code, which Ctrl-C can interrupt between acquiring
    the lock and the block: then the lock is never released, and the reader thread waits
    for it for ever. A lock in C is entered by one instruction. Nobody waits on it.
    """

    def notify_all(self) -> None:
        """
        Do nothing: who waits for a future waits on its `Condition`.
        """


class InterruptibleFuture(Future[T]):
    """
    A future that Ctrl-C cannot break; see `condition`.
    """

    def __init__(self) -> None:
        super().__init__()
        # guards the state, which one thread completes and another may cancel
        self._condition = _Lock()  # type: ignore[assignment]
        self._completed = Condition()
        Future.add_done_callback(self, lambda _: self._completed.notify_all())

    def cancelled(self) -> bool:
        """
        Whether it was cancelled. Any thread; takes no lock, so that it can be asked
        while one is held.
        """
        return self._state in (CANCELLED, CANCELLED_AND_NOTIFIED)

    def done(self) -> bool:
        """
        Whether it was completed or cancelled. Any thread; takes no lock.
        """
        return self._state in (CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED)

    def result(self, timeout: float | None = None) -> T:
        """
        Wait for the result and return it, or raise what it failed with.

        Raises:
            TimeoutError: Not in *timeout* seconds.
        """
        error = self.exception(timeout)
        if error is not None:
            # a copy: the one that is kept would keep these frames, which refer to us
            raise copy_to_raise(error)
        return super().result(0)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """
        Wait for the end; return what it failed with, or None.

        Raises:
            TimeoutError: Not in *timeout* seconds.
        """
        if not self.done() and not self._completed.wait(self.done, Deadline(timeout)):
            raise TimeoutError(f"no answer within {timeout} s")
        return super().exception(0)
