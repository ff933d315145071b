"""
A dispatcher that runs listeners where the user calls `pump` or `run_forever`.
"""

from __future__ import annotations

from collections import deque

from .._concurrency.condition import Condition
from .._concurrency.deadline import Deadline
from .._concurrency.waker import Waker
from .backlog import Backlog
from .dispatcher import Dispatcher, Job
from .subscriptions import Subscriptions


class ManualDispatcher(Dispatcher):
    """
    Keeps jobs until somebody runs them with `pump`.
    """

    def __init__(
        self, subscriptions: Subscriptions, backlog: Backlog | None = None
    ) -> None:
        super().__init__(subscriptions, backlog)
        self._jobs: deque[Job] = deque()
        self._news = Condition()
        self._waker = Waker()
        self._lock = self._waker.lock  # makes one step of a job and its wake-up
        self._finished = False

    def submit(self, job: Job) -> None:
        """
        Keep *job*, and make `fileno` readable.
        """
        if self._finished:
            self._discard([job])
            return
        with self._lock:
            self._jobs.append(job)
            self._waker.wake()
        self._news.notify_all()

    def pump(self, deadline: Deadline) -> int:
        """
        Run what has come; wait until *deadline* for the first. Return how many ran.
        """
        self._news.wait(lambda: bool(self._jobs) or self._finished, deadline)
        try:
            with self._lock:
                self._waker.drain()
                count = len(self._jobs)
            for done in range(count):
                try:
                    job = self._jobs.popleft()
                except IndexError:  # a listener has pumped
                    return done
                job()
            return count
        finally:
            with self._lock:
                if self._jobs:  # Ctrl-C in a listener: the rest still waits
                    self._waker.wake()

    def fileno(self) -> int:
        """
        Return the descriptor that is readable while jobs wait.
        """
        return self._waker.fileno()

    def finish(self) -> None:
        """
        Take nothing more. What is kept can still be pumped.
        """
        self._finished = True
        self._waker.close()
        self._news.notify_all()
