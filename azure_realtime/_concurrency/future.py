"""
A future whose waits can be interrupted by Ctrl-C.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import TypeVar

from ..errors import fresh
from .condition import Gong
from .deadline import Deadline

T = TypeVar("T")


class PatientFuture(Future[T]):
    """
    A future that Ctrl-C cannot break; see `condition`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._gong = Gong()
        Future.add_done_callback(self, lambda _: self._gong.strike())

    def result(self, timeout: float | None = None) -> T:
        """
        Wait for the result and return it, or raise what it failed with.

        Raises:
            TimeoutError: Not in *timeout* seconds.
        """
        error = self.exception(timeout)
        if error is not None:
            # a copy: the one that is kept would keep these frames, which refer to us
            raise fresh(error)
        return super().result(0)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """
        Wait for the end; return what it failed with, or None.

        Raises:
            TimeoutError: Not in *timeout* seconds.
        """
        self._await(timeout)
        return super().exception(0)

    def _await(self, timeout: float | None) -> None:
        if not self._gong.wait(self.done, Deadline(timeout)):
            raise TimeoutError(f"no answer within {timeout} s")
