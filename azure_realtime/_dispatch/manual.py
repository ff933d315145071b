"""
A dispatcher that runs listeners on the thread that calls `pump` or `run_forever`.
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
    Queues jobs until `pump` runs them.
    """

    def __init__(
        self, subscriptions: Subscriptions, backlog: Backlog | None = None
    ) -> None:
        super().__init__(subscriptions, backlog)
        self._jobs: deque[Job] = deque()
        self._changed = Condition()
        self._waker = Waker()
        self._lock = self._waker.lock  # a job is queued and the waker set in one step
        self._finished = False

    def submit(self, job: Job) -> None:
        """
        Queue *job* and make the descriptor readable; after `finish`, drop *job*.

        Any thread.
        """
        if self._finished:
            self._discard([job])
            return
        with self._lock:
            self._jobs.append(job)
            self._waker.wake()
        self._changed.notify_all()

    def pump(self, deadline: Deadline) -> int:
        """
        Run the queued jobs; return their number.

        If none is queued, wait for the first until *deadline*. The user's thread.
        """
        self._changed.wait(lambda: bool(self._jobs) or self._finished, deadline)
        try:
            with self._lock:
                self._waker.drain()
                count = len(self._jobs)
            for done in range(count):
                try:
                    job = self._jobs.popleft()
                except IndexError:  # a listener has called `pump`
                    return done
                job()
            return count
        finally:
            with self._lock:
                if self._jobs:  # Ctrl-C in a listener: other jobs are still queued
                    self._waker.wake()

    def fileno(self) -> int:
        """
        Return the descriptor that is readable while jobs are queued.
        """
        return self._waker.fileno()

    def finish(self) -> None:
        """
        Accept no further job; `pump` still runs the queued ones. Any thread.
        """
        self._finished = True
        self._waker.close()
        self._changed.notify_all()
