"""
The future of a command: a `concurrent.futures.Future` that keeps user code off the
reader thread.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Any

from .._concurrency.future import InterruptibleFuture, T
from .._concurrency.process import current_process

Run = Callable[[Callable[[Any], Any], Any], None]
"""Runs a function with an argument where user functions run."""


def _nothing() -> None:
    pass


class CommandFuture(InterruptibleFuture[T]):
    """
    Completed on the reader thread; its done-callbacks run where listeners run.

    Args:
        run: Runs done-callbacks.
        withdraw: Called once, by whoever cancels: takes the command back, or undoes it.
        may_wait: Raises where waiting would keep what is waited for.

    Attributes:
        heeded: Whether anybody has asked for the outcome.
    """

    def __init__(
        self,
        run: Run,
        withdraw: Callable[[], None],
        may_wait: Callable[[], None],
    ) -> None:
        super().__init__()
        self._run = run
        self._withdraw = withdraw
        self._may_wait = may_wait
        self._process = current_process()
        self.heeded = False

    def result(self, timeout: float | None = None) -> T:
        """
        Wait for the answer and return it.

        Raises:
            ServerError: The service refused the command.
            ResponseError: A response did not complete.
            ConnectionClosed: The connection ended first.
            TimeoutError: Not in *timeout* seconds; the command is not taken back.
            CancelledError: `cancel` was called.
            RuntimeError: On the reader thread, which would wait for itself, or in
                another process.
        """
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """
        Wait for the answer and return why there is none, or None. Raises as `result`.
        """
        self._process.check()
        self.heeded = True
        if self.done():
            return Future.exception(self, 0)
        self._may_wait()
        return super().exception(timeout)

    @property
    def failed(self) -> bool:
        """
        Whether it has failed or was cancelled. Takes no lock; does not set `heeded`.
        """
        return self._exception is not None or self.cancelled()

    def cancel(self) -> bool:
        """
        Take the command back if it has not left; stop a response that is being made.

        Returns:
            False if it was answered already. True otherwise: nobody waits any more,
            though what else has left cannot be undone.

        Raises:
            RuntimeError: In another process.
        """
        self._process.check()
        if not super().cancel():
            return False
        withdraw, self._withdraw = self._withdraw, _nothing
        if withdraw is not _nothing:
            self.set_running_or_notify_cancel()  # or `concurrent.futures.wait` waits on
            withdraw()
        return True

    def add_done_callback(self, fn: Callable[[Future[T]], Any]) -> None:
        """
        Call *fn* with this future when it is done, where listeners are called.

        Raises:
            RuntimeError: In another process.
        """
        self._process.check()
        self.heeded = True
        super().add_done_callback(lambda _: self._run(fn, self))

    def settle(self, result: T) -> None:
        """
        Complete it, unless it was cancelled meanwhile. Reader thread.
        """
        with contextlib.suppress(InvalidStateError):
            self.set_result(result)

    def fail(self, error: BaseException) -> None:
        """
        Fail it, unless it was cancelled meanwhile. Reader thread.
        """
        with contextlib.suppress(InvalidStateError):
            self.set_exception(error)
