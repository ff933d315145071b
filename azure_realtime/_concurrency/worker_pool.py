"""
A pool of threads for functions of the user that may block for long.

1. Threads start when jobs are queued, at most *size* of them, and end when the queue is
   empty.
2. The threads are daemons: a function that never returns does not keep the interpreter
   from exiting. The exit hook of `concurrent.futures.ThreadPoolExecutor` would wait.
3. A job that exceeds its timeout is overdue and gives up its slot: its thread ends when
   the job returns, and another thread takes the slot. A watcher thread waits for the
   timeout beside the job.

There is no lock. A thread runs only with a slot. The thread that removes a slot, a job
or a running job from its container owns it; each removal is one C call.
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
    One call of a function.

    Attributes:
        run: Called on a worker thread.
        timeout: Seconds that `run` may take, counted from its start; None: no limit.
        overdue: Called on a thread of the pool after the timeout; must not block.
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
    A queue of jobs and the threads that run them.

    Args:
        size: How many jobs run concurrently, overdue ones not counted.
        name: Prefix of the threads' names.
    """

    def __init__(self, size: int, name: str) -> None:
        self._name = name
        self._jobs: list[Job] = []
        self._slots = list(range(size, 0, -1))  # the free ones
        # the jobs that run and are not overdue, each with the queue on which its
        # watcher thread waits; an item put into it ends that wait
        self._running: dict[Job, SimpleQueue[None]] = {}
        self._closed = False

    def submit(self, job: Job, *, first: bool = False) -> None:
        """
        Queue *job*, before all queued jobs if *first* is true.

        After `close` the job is dropped. Any thread; never blocks.
        """
        if first:
            self._jobs.insert(0, job)
        else:
            self._jobs.append(job)
        self._start_workers()

    def close(self) -> None:
        """
        Drop the queued jobs, and end each thread after its running job.

        Any thread, also in a finalizer; never blocks.
        """
        self._closed = True
        self._jobs.clear()
        for finished in list(self._running.values()):
            finished.put(None)

    def _start_workers(self) -> None:
        """
        Start threads for the queued jobs while there are free slots.

        It is called after each job that is queued and after each slot that is freed: so
        no job waits while a slot is free.
        """
        if self._closed:
            self._jobs.clear()
        for _ in range(len(self._jobs)):
            try:
                slot = self._slots.pop()
            except IndexError:
                return
            if not self._start(partial(self._work, slot), str(slot)):
                self._slots.append(slot)
                return

    def _start(self, target: Callable[[], None], suffix: str) -> bool:
        name = f"{self._name}-{suffix}"
        try:
            threading.Thread(target=target, name=name, daemon=True).start()
        except RuntimeError as exc:  # the interpreter exits, or there are too many
            logger.warning("The thread %s could not be started: %s", name, exc)
            return False
        return True

    # Worker threads.

    def _work(self, slot: int) -> None:
        while self._run_next_job(slot):
            pass

    def _run_next_job(self, slot: int) -> bool:
        # A function of its own: between two jobs, no local variable refers to the last.
        try:
            job = self._jobs.pop(0)
        except IndexError:
            self._free(slot)
            return False
        finished = self._running[job] = SimpleQueue()
        if job.timeout is not None:
            deadline = Deadline(job.timeout)
            watch = partial(self._watch, job, deadline, finished, slot)
            self._start(watch, f"{slot}-watch")
        _safely(job.run)
        finished.put(None)
        # missing if the job was overdue: another thread has the slot then
        return self._running.pop(job, None) is not None

    def _free(self, slot: int) -> None:
        self._slots.append(slot)
        self._start_workers()

    # Watcher threads.

    def _watch(
        self, job: Job, deadline: Deadline, finished: SimpleQueue[None], slot: int
    ) -> None:
        while not (deadline.passed or self._closed):
            with contextlib.suppress(Empty):
                finished.get(timeout=deadline.remaining())
                return
        if not self._closed and self._running.pop(job, None) is not None:
            self._free(slot)
            _safely(job.overdue)


def _safely(function: Callable[[], None]) -> None:
    """
    Call a function and log what it raises: the calling thread continues.
    """
    try:
        function()
    except BaseException:
        logger.exception("%r raised", function)
