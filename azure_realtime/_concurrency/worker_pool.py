"""
Threads for functions of the user that take their time.

1. Threads start when there is work, at most *size* of them, and end when there is none.
2. They are daemons: a function that never returns does not keep the interpreter from
   exiting. The hook of `concurrent.futures.ThreadPoolExecutor` would wait for it.
3. A job that is overdue no longer counts: its thread is let go, to end when the job
   does, and another takes its place. A second thread waits for that beside the job.

There is no lock. A thread runs only with a slot, and whoever takes a slot, a job or a
running job out of its container owns it: each is one step in C.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue

from .._logging import logger
from .deadline import Deadline


class Job:
    """
    Something to do.

    Attributes:
        run: Called on a worker thread.
        timeout: Seconds it may take, counted from its start; None: as long as it
            likes.
        overdue: Called on a thread of the pool when it took longer; must not block.
    """

    __slots__ = ("overdue", "run", "timeout")

    def __init__(
        self,
        run: Callable[[], None],
        timeout: float | None = None,
        overdue: Callable[[], None] = lambda: None,
    ) -> None:
        self.run = run
        self.timeout = timeout
        self.overdue = overdue


class WorkerPool:
    """
    A queue of jobs and the threads that do them.

    Args:
        size: How many jobs run side by side, overdue ones not counted.
        name: What the threads' names begin with.
    """

    def __init__(self, size: int, name: str) -> None:
        self._name = name
        self._jobs: list[Job] = []
        self._slots = list(range(size, 0, -1))  # of threads that may be started
        # the jobs that are not overdue; what is put into the queue ends the wait
        self._running: dict[Job, SimpleQueue[None]] = {}
        self._closed = False

    def submit(self, job: Job, *, first: bool = False) -> None:
        """
        Do *job* soon, before all others if it is to be *first*.

        Any thread; never blocks. After `close` it is dropped.
        """
        if first:
            self._jobs.insert(0, job)
        else:
            self._jobs.append(job)
        self._start_workers()

    def close(self) -> None:
        """
        Drop what has not been started and end the threads, after the job they are at.

        Any thread, also a finalizer; never blocks.
        """
        self._closed = True
        self._jobs.clear()
        for over in list(self._running.values()):
            over.put(None)

    def _start_workers(self) -> None:
        """
        Start threads for the jobs that wait, as far as there are slots.

        After each job that is added, and after each slot that is given back: so no job
        is left where there is a slot.
        """
        if self._closed:
            self._jobs.clear()
        for _ in range(len(self._jobs)):
            try:
                slot = self._slots.pop()
            except IndexError:
                return
            if not self._start(partial(self._work_in, slot), str(slot)):
                self._slots.append(slot)
                return

    def _start(self, target: Callable[[], None], suffix: str) -> bool:
        name = f"{self._name}-{suffix}"
        try:
            threading.Thread(target=target, name=name, daemon=True).start()
        except RuntimeError as exc:  # the interpreter exits, or has too many threads
            logger.warning("The thread %s could not be started: %s", name, exc)
            return False
        return True

    # Worker threads.

    def _work_in(self, slot: int) -> None:
        while self._do_next(slot):
            pass

    def _do_next(self, slot: int) -> bool:
        # a function of its own: between two jobs nothing here refers to the last one
        try:
            job = self._jobs.pop(0)
        except IndexError:
            self._free(slot)
            return False
        over = self._running[job] = SimpleQueue()
        if job.timeout is not None:
            deadline = Deadline(job.timeout)
            watch = partial(self._watch_over, job, deadline, over, slot)
            self._start(watch, f"{slot}-watch")
        _safely(job.run)
        over.put(None)
        # gone if it was overdue, and another thread has the slot
        return self._running.pop(job, None) is not None

    def _free(self, slot: int) -> None:
        self._slots.append(slot)
        self._start_workers()

    # Threads that wait beside a job.

    def _watch_over(
        self, job: Job, deadline: Deadline, over: SimpleQueue[None], slot: int
    ) -> None:
        while not (deadline.passed or self._closed):
            with contextlib.suppress(Empty):
                over.get(timeout=deadline.remaining())
                return
        if not self._closed and self._running.pop(job, None) is not None:
            self._free(slot)
            _safely(job.overdue)


def _safely(function: Callable[[], None]) -> None:
    """
    Call what is not to raise; should it do so, its thread goes on.
    """
    try:
        function()
    except BaseException:
        logger.exception("%r raised", function)
