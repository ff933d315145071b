"""
A dispatcher that hands listeners to the user's executor, one at a time and in order.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from .._concurrency.condition import Condition
from .._concurrency.deadline import Deadline
from .._concurrency.lock import OwnLock
from .._logging import logger
from .backlog import Backlog
from .dispatcher import Dispatcher, Job
from .subscriptions import Subscriptions


class ExecutorDispatcher(Dispatcher):
    """
    Hands jobs to *submit*, one after the other.

    Args:
        subscriptions: Who receives events; only a weak reference is kept.
        submit: Takes a function and runs it some time, on a thread of its choice.
        backlog: Counts what waits.
        closing: Tells whether the client is being closed.
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
        # makes one step of "there are jobs" and "somebody runs them"
        self._lock = OwnLock()
        self._idle = Condition()
        self._busy = False
        self._refused = False
        self._runner: threading.Thread | None = None

    def submit(self, job: Job) -> None:
        """
        Queue *job*; what runs jobs now runs it, or is asked for.
        """
        with self._lock:
            self._jobs.append(job)
            if self._busy:
                return
            self._busy = True
        self._ask()

    def _ask(self) -> None:
        try:
            self._submit(self._drain)
            self._refused = False
        except Exception as error:  # it was shut down: nobody is left to run anything
            if not self._refused and not self._closing():
                logger.error(
                    "The executor takes no more; events are dropped: %s", error
                )
            self._refused = True
            with self._lock:
                refused, self._jobs = self._jobs, deque()
                self._busy = False
                self._idle.notify_all()
            self._discard(refused)

    def _drain(self) -> None:
        try:
            self._runner = threading.current_thread()
            while self._run_next():
                pass
        except BaseException:  # Ctrl-C, where the main thread runs what is submitted
            if not self._process.is_other_process and self._stopped_short():
                self._ask()
            raise

    def _run_next(self) -> bool:
        with self._lock:
            if not self._jobs:
                self._rest()
                return False
            job = self._jobs.popleft()
        job()
        return True

    def _stopped_short(self) -> bool:
        """
        Note that this run is over; return whether there is need for another.
        """
        with self._lock:
            if not self.is_current:
                return False
            self._rest()
            self._busy = bool(self._jobs)
            return self._busy

    def _rest(self) -> None:
        self._busy = False
        self._runner = None
        self._idle.notify_all()

    @property
    def is_current(self) -> bool:
        """
        Whether the caller is a user function that runs here.
        """
        return threading.current_thread() is self._runner

    def drain(self, deadline: Deadline) -> None:
        """
        Wait until nothing is left to run, or until *deadline*.
        """
        self._idle.wait(lambda: not self._busy, deadline)

    def join(self, deadline: Deadline) -> bool:
        """
        Wait until nothing is left to run; the executor itself is its owner's.
        """
        if self.is_current:
            return False
        self._idle.wait(lambda: not self._busy, deadline)
        with self._lock:
            left, self._jobs = self._jobs, deque()
            ended = not self._busy
        self._discard(left)
        return ended
