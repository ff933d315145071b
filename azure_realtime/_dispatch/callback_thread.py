"""
The default dispatcher: a callback thread of the client runs the listeners.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Sequence
from queue import Empty, SimpleQueue

from .._concurrency.deadline import Deadline
from .._concurrency.future import InterruptibleFuture
from .._concurrency.thread import JoinableThread
from ..events import ServerEvent
from .backlog import Backlog
from .dispatcher import Delivery, Dispatcher, Job, RunToken
from .subscriptions import Subscriptions


class CallbackThread(Dispatcher):
    """
    A queue of jobs and the thread that runs them.

    Args:
        subscriptions: The registry of listeners; only a weak reference is kept.
        name: Name of the thread.
        backlog: Counts the waiting events.
    """

    def __init__(
        self, subscriptions: Subscriptions, name: str, backlog: Backlog | None = None
    ) -> None:
        super().__init__(subscriptions, backlog)
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()  # None: end
        self._finishing = False
        self._ended = False
        self._token = RunToken()
        self._thread = JoinableThread(self._run, name)

    def start(self) -> None:
        """
        Start the callback thread. Called by the thread that creates the client.
        """
        self._thread.start()

    def submit(self, job: Job) -> None:
        """
        Queue *job*; if the callback thread has ended, run it on the caller's thread.
        """
        self._jobs.put(job)
        if self._ended:  # read after `put`: a job that `_run` missed is run here
            self._run_remaining()

    def post_batch(self, events: Sequence[ServerEvent], sizes: Sequence[int]) -> None:
        """
        Queue a batch of events as one job. Any thread; never blocks.

        If there is no room for all of them, each event is posted by itself: then
        `Backlog` drops audio or ends the connection.
        """
        if events and self.backlog.enter_batch(sizes):
            waiting = deque(zip(events, sizes, strict=True))
            self._jobs.put(Delivery(self._deliver, waiting, None))
            if self._ended:  # as in `submit`
                self._run_remaining()
        else:
            super().post_batch(events, sizes)

    @property
    def is_current(self) -> bool:
        """
        Whether the caller runs on the callback thread.
        """
        return threading.current_thread() is self._thread

    def drain(self, deadline: Deadline) -> None:
        """
        Wait until all jobs queued so far have run, or until *deadline*.

        Any thread but the callback thread.
        """
        drained: InterruptibleFuture[None] = InterruptibleFuture()
        self.submit(lambda: drained.set_result(None))
        with contextlib.suppress(TimeoutError):
            drained.result(deadline.remaining())

    def finish(self) -> None:
        """
        Run the queued jobs, then end the thread. Any thread, finalizers included;
        never blocks.
        """
        self._jobs.put(None)

    def join(self, deadline: Deadline) -> bool:
        """
        Wait for the end of the thread; return whether it has ended.

        False on the callback thread, at once, because it cannot wait for itself, and
        when a user function still runs at the deadline. From then on no further job is
        run. Any thread.
        """
        if self.is_current:
            return False
        ended = self._thread.wait(deadline)
        self._dropping = not ended
        return ended

    def _run(self) -> None:
        while self._run_next():
            pass
        self._ended = True
        self._run_remaining()  # jobs queued between the last `get` and `_ended`

    def _run_remaining(self) -> None:
        """
        Run the jobs that were queued after the thread's last `get`. Any thread.
        """
        # if another thread has the token, that thread runs these jobs as well
        while not self._jobs.empty() and self._token.take():
            try:
                with contextlib.suppress(Empty):
                    while True:
                        if (job := self._jobs.get(block=False)) is not None:
                            self._run_job(job)
            finally:
                self._token.give_back()

    def _run_job(self, job: Job) -> None:
        try:
            job()
        except BaseException:  # Ctrl-C on the main thread: drop the rest of the batch
            if not self._process.is_other_process:
                self._discard([job])
            raise

    def _run_next(self) -> bool:
        # separate from `_run`: between two jobs no local variable refers to the last
        # job, which may refer to the client
        try:
            job = self._jobs.get(block=not self._finishing)
        except Empty:
            return False
        if job is None:
            self._finishing = True  # jobs posted by the last listeners are still run
        elif self._dropping:
            self._discard([job])
        else:
            job()
        return True
