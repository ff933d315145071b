"""
The default dispatcher: one thread of the client runs the listeners.
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
        subscriptions: Who receives events; only a weak reference is kept.
        name: Of the thread.
        backlog: Counts what waits.
    """

    def __init__(
        self, subscriptions: Subscriptions, name: str, backlog: Backlog | None = None
    ) -> None:
        super().__init__(subscriptions, backlog)
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()  # None: finish
        self._finishing = False
        self._over = False
        self._token = RunToken()
        self._thread = JoinableThread(self._run, name)

    def start(self) -> None:
        """
        Start the thread. The thread that makes the client.
        """
        self._thread.start()

    def submit(self, job: Job) -> None:
        """
        Queue *job*; where the thread has ended, run it here.
        """
        self._jobs.put(job)
        if self._over:  # asked afterwards: what it has not seen, we see
            self._run_rest()

    def post_batch(self, events: Sequence[ServerEvent], sizes: Sequence[int]) -> None:
        """
        Have events delivered that came together. Any thread; never blocks.

        They are one item in the queue. Where there is no room for all of them, each is
        posted by itself, for audio to be dropped or the connection to end.
        """
        if events and self.backlog.enter_batch(sizes):
            waiting = deque(zip(events, sizes, strict=True))
            self._jobs.put(Delivery(self._deliver, waiting, None))
            if self._over:  # as in `submit`
                self._run_rest()
        else:
            super().post_batch(events, sizes)

    @property
    def is_current(self) -> bool:
        """
        Whether the caller is a callback.
        """
        return threading.current_thread() is self._thread

    def drain(self, deadline: Deadline) -> None:
        """
        Wait until what is queued now has been run, or until *deadline*.

        Any thread but the callback thread.
        """
        run: InterruptibleFuture[None] = InterruptibleFuture()
        self.submit(lambda: run.set_result(None))
        with contextlib.suppress(TimeoutError):
            run.result(deadline.remaining())

    def finish(self) -> None:
        """
        Run what is queued, then end. Any thread, also a finalizer; never blocks.
        """
        self._jobs.put(None)

    def join(self, deadline: Deadline) -> bool:
        """
        Wait for the end; whatever has not been run by then never will be.

        Any thread; returns False at once in a callback, which cannot wait for itself,
        and after the deadline while a user function still runs.
        """
        if self.is_current:
            return False
        ended = self._thread.wait(deadline)
        self._dropping = not ended
        return ended

    def _run(self) -> None:
        while self._run_next():
            pass
        self._over = True
        self._run_rest()  # what came since it has looked

    def _run_rest(self) -> None:
        """
        Run what has come after the last look. Any thread.
        """
        # whoever has the token comes to our jobs as well
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
        except BaseException:  # Ctrl-C on the main thread: not the rest of a batch
            if not self._process.is_other_process:
                self._discard([job])
            raise

    def _run_next(self) -> bool:
        # a function of its own: between two jobs nothing here refers to the last one
        try:
            job = self._jobs.get(block=not self._finishing)
        except Empty:
            return False
        if job is None:
            self._finishing = True  # what a listener posts now is still run
        elif self._dropping:
            self._discard([job])
        else:
            job()
        return True
