"""
The future of a command: a `concurrent.futures.Future` whose done-callbacks do not run
on the reader thread.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from concurrent.futures._base import CANCELLED
from typing import Any

from .._concurrency.future import InterruptibleFuture, T
from .._concurrency.process import current_process

Run = Callable[[Callable[[Any], Any], Any], None]
"""Submits a function and its argument to the dispatcher of user functions."""


def _nothing() -> None:
    pass


class CommandFuture(InterruptibleFuture[T]):
    """
    A future completed on the reader thread; its done-callbacks run where listeners run.

    Args:
        run: Submits done-callbacks to the dispatcher.
        withdraw: Called upon cancellation; withdraws the command from the send queue,
            or cancels its response. Called again by a thread that cancels at the same
            moment, or after Ctrl-C: it has no effect then.
        may_wait: Raises on a thread whose waiting would prevent the completion.

    Attributes:
        is_observed: Whether the user has read the outcome, waits for it or has added a
            done-callback.
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
        self.is_observed = False

    def result(self, timeout: float | None = None) -> T:
        """
        Wait for the acknowledgement or response and return it.

        Raises:
            ServerError: The service refused the command.
            ResponseError: The response did not complete.
            ConnectionClosed: The connection ended first.
            TimeoutError: None came within *timeout* seconds; the command stays pending.
            CancelledError: `cancel` was called.
            RuntimeError: Called on the reader thread, which would wait for itself, or
                in another process.
        """
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """
        Wait for the outcome and return the exception, or None on success.

        Raises:
            TimeoutError: No outcome came within *timeout* seconds.
            CancelledError: `cancel` was called.
            RuntimeError: As for `result`.
        """
        self._process.check()
        is_observed, self.is_observed = self.is_observed, True
        try:
            if self.done():
                return Future.exception(self, 0)
            self._may_wait()
            return super().exception(timeout)
        except BaseException:
            self.is_observed = is_observed  # cancelled, or not done in time
            raise

    @property
    def failed(self) -> bool:
        """
        Whether the future failed or was cancelled. No lock; does not set `is_observed`.
        """
        return self._exception is not None or self.cancelled()

    def cancel(self) -> bool:
        """
        Cancel the future: withdraw a command that is not sent, or cancel its response.

        Other commands that were sent cannot be undone.

        Returns:
            False if the future is done already.

        Raises:
            RuntimeError: Called in another process.
        """
        self._process.check()
        if not super().cancel():
            return False
        if self._withdraw is not _nothing:
            with self._condition:  # one step, of which another thread does nothing
                if self._state == CANCELLED:
                    # else `concurrent.futures.wait` would not see the cancellation
                    self.set_running_or_notify_cancel()
            self._withdraw()
            self._withdraw = _nothing  # last: a call after Ctrl-C does what is left
        return True

    def add_done_callback(self, fn: Callable[[Future[T]], Any]) -> None:
        """
        Call *fn* with this future when it is done, on the thread of listeners.

        Raises:
            RuntimeError: Called in another process.
        """
        self._process.check()
        self.is_observed = True
        super().add_done_callback(lambda _: self._run(fn, self))

    def settle(self, result: T) -> None:
        """
        Complete the future, unless it was cancelled. Reader thread.
        """
        with contextlib.suppress(InvalidStateError):
            self.set_result(result)

    def fail(self, error: BaseException) -> None:
        """
        Fail the future, unless it was cancelled. Reader thread.
        """
        with contextlib.suppress(InvalidStateError):
            self.set_exception(error)
