"""
A dispatcher that runs listeners in the user's executor, one at a time and in order.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from .._concurrency.condition import Condition
from .._concurrency.deadline import Deadline
from .._concurrency.lock import OwnLock
from .._logging import logger
from .backlog import Backlog
from .dispatcher import Dispatcher, Job, may_be_of_signal
from .subscriptions import Subscriptions


class ExecutorDispatcher(Dispatcher):
    """
    Passes one function at a time to *submit*; that function runs all queued jobs.

    Args:
        subscriptions: The registry of listeners; only a weak reference is kept.
        submit: Takes a function and runs it later, on any thread.
        backlog: Counts the waiting events.
        closing: Returns whether the client is being closed.
    """

    def __init__(
        self,
        subscriptions: Subscriptions,
        submit: Callable[[Job], object],
        backlog: Backlog | None = None,
        *,
        closing: Callable[[], bool],
    ) -> None:
        super().__init__(subscriptions, backlog)
        self._submit = submit
        self._closing = closing
        self._jobs: deque[Job] = deque()
        # guards `_jobs` and `_busy`: a job is queued and a run requested in one step
        self._lock = OwnLock()
        self._idle = Condition()
        self._busy = False
        self._refused = False
        self._requested: object = None  # the run that was requested and has not begun
        self._runner: threading.Thread | None = None

    def submit(self, job: Job) -> None:
        """
        Queue *job*; request a run from the executor unless one is under way.
        """
        with self._lock:
            self._jobs.append(job)
            if self._busy:
                return
            self._busy = True
        self._request_run()

    def _request_run(self) -> None:
        self._requested = run = object()
        try:
            accepted = self._submit(self._drain)
            if isinstance(accepted, Future):  # it may fail before the run has begun
                accepted.add_done_callback(partial(self._check, run))
        except BaseException as error:  # the executor was shut down, or is broken
            if may_be_of_signal(error) or self._process.is_other_process:
                raise
            self._refuse(error)

    def _check(self, run: object, accepted: Future[Any]) -> None:
        """
        Drop the jobs if the executor has lost the run: it was cancelled, or it could
        not be passed to a worker. Any thread.
        """
        if self._requested is run:
            cancelled = accepted.cancelled()
            self._refuse("they were cancelled" if cancelled else accepted.exception())

    def _refuse(self, reason: object) -> None:
        """
        Drop the jobs, which the executor does not run for that *reason*.
        """
        if not self._refused and not self._closing():
            logger.error(
                "The executor takes no more jobs; events are dropped: %s", reason
            )
        self._refused = True
        with self._lock:
            refused, self._jobs = self._jobs, deque()
            self._busy, self._requested = False, None
            self._idle.notify_all()
        self._discard(refused)

    def _drain(self) -> None:
        self._requested, self._refused = None, False
        try:
            self._runner = threading.current_thread()
            while self._run_next():
                pass
        except BaseException:  # Ctrl-C, where the executor runs jobs on the main thread
            if not self._process.is_other_process and self._needs_another_run():
                self._request_run()
            raise

    def _run_next(self) -> bool:
        with self._lock:
            if not self._jobs:
                self._mark_idle()
                return False
            job = self._jobs.popleft()
        job()
        return True

    def _needs_another_run(self) -> bool:
        """
        End this interrupted run; return whether jobs are left for another run.
        """
        with self._lock:
            if not self.is_current:
                return False
            self._mark_idle()
            self._busy = bool(self._jobs)
            return self._busy

    def _mark_idle(self) -> None:
        self._busy = False
        self._runner = None
        self._idle.notify_all()

    @property
    def is_current(self) -> bool:
        """
        Whether the caller is a user function run by this dispatcher.
        """
        return threading.current_thread() is self._runner

    def drain(self, deadline: Deadline) -> None:
        """
        Wait until no job is left, or until *deadline*. Any thread.
        """
        self._idle.wait(lambda: not self._busy, deadline)

    def join(self, deadline: Deadline) -> bool:
        """
        Wait until no job is left; return False if jobs still run at the deadline.

        Jobs that have not started by then are dropped. The user shuts the executor
        down. Any thread.
        """
        if self.is_current:
            return False
        self._idle.wait(lambda: not self._busy, deadline)
        with self._lock:
            remaining, self._jobs = self._jobs, deque()
            ended = not self._busy
        self._discard(remaining)
        return ended
