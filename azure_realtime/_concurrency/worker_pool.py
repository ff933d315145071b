"""
Threads for functions of the user that take their time.

1. Threads start when there is work, at most *size* of them, and end when there has
   been none for a while, or at `close`.
2. They are daemons: a function that never returns does not keep the interpreter from
   exiting. The hook of `concurrent.futures.ThreadPoolExecutor` would wait for it.
3. A job that is overdue no longer counts: its thread is let go, to end when the job
   does, and another takes its place. A watcher thread sees to that while jobs run.
4. Under the lock it is decided; threads are started and functions called after it.

Strictly private.
"""

from __future__ import annotations

import itertools
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable

import attrs

logger = logging.getLogger("azure_realtime")


@attrs.frozen(eq=False)
class Job:
    """
    Something to do.

    Attributes:
        run: Called on a worker thread.
        timeout: Seconds it may take, counted from its start; None: as long as it
            likes.
        overdue: Called on the watcher thread when it took longer; must not block.
    """

    run: Callable[[], None]
    timeout: float | None = None
    overdue: Callable[[], None] = lambda: None


class WorkerPool:
    """
    A queue of jobs and the threads that do them.

    Args:
        size: How many jobs run side by side, overdue ones not counted.
        name: What the threads' names begin with.
        idle: Seconds without work after which a thread ends.
    """

    def __init__(self, size: int, name: str, idle: float = 5.0) -> None:
        self._size = size
        self._name = name
        self._idle_after = idle
        self._numbers = itertools.count(1)
        lock = threading.RLock()
        self._work = threading.Condition(lock)
        self._watched = threading.Condition(lock)
        self._jobs: deque[Job] = deque()
        self._due: dict[Job, float] = {}
        self._workers = 0
        self._idle = 0
        self._watching = False
        self._closed = False

    def submit(self, job: Job, *, first: bool = False) -> None:
        """
        Do *job* soon, before all others if it is to be *first*.

        Any thread; never blocks. After `close` it is dropped.
        """
        with self._work:
            if self._closed:
                return
            if first:
                self._jobs.appendleft(job)
            else:
                self._jobs.append(job)
            self._work.notify()
            hire = self._hire()
        if hire:
            self._start_worker()

    def close(self) -> None:
        """
        Drop what has not been started and end the threads, after the job they are at.

        Any thread, also a finalizer; never blocks.
        """
        with self._work:
            self._closed = True
            self._jobs.clear()
            self._work.notify_all()
            self._watched.notify_all()

    def _hire(self) -> bool:
        # those who are idle have been woken, but may not have taken their job yet
        if len(self._jobs) <= self._idle or self._workers >= self._size:
            return False
        self._workers += 1
        return True

    def _start_worker(self) -> None:
        if not self._start(self._work_on, str(next(self._numbers))):
            with self._work:
                self._workers -= 1

    def _start(self, target: Callable[[], None], suffix: str) -> bool:
        name = f"{self._name}-{suffix}"
        try:
            threading.Thread(target=target, name=name, daemon=True).start()
        except RuntimeError as exc:  # the interpreter exits, or has too many threads
            logger.warning("The thread %s could not be started: %s", name, exc)
            return False
        return True

    # -- Worker threads ----------------------------------------------------------

    def _work_on(self) -> None:
        while self._do_next():
            pass

    def _do_next(self) -> bool:
        # a function of its own: between two jobs nothing here refers to the last one
        job = self._next_job()
        if job is None:
            return False
        if job.timeout is not None:
            self._watch_over(job, job.timeout)
        _safely(job.run)
        if job.timeout is None:
            return True
        with self._work:
            # gone if it was overdue, and somebody else is in this thread's place
            return self._due.pop(job, None) is not None

    def _next_job(self) -> Job | None:
        with self._work:
            while not self._jobs:
                self._idle += 1
                in_time = not self._closed and self._work.wait(self._idle_after)
                self._idle -= 1
                if not self._jobs and not in_time:
                    self._workers -= 1
                    return None
            return self._jobs.popleft()

    # -- Watcher thread ----------------------------------------------------------

    def _watch_over(self, job: Job, timeout: float) -> None:
        with self._work:
            self._due[job] = time.monotonic() + timeout
            self._watched.notify()
            start, self._watching = not self._watching, True
        if start and not self._start(self._watch, "watch"):
            with self._work:
                self._watching = False

    def _watch(self) -> None:
        while self._watch_once():
            pass

    def _overdue(self) -> list[Job]:
        now = time.monotonic()
        return [job for job, due in self._due.items() if due <= now]

    def _watch_once(self) -> bool:
        with self._watched:
            while not (overdue := self._overdue()):
                next_due = min(self._due.values(), default=math.inf)
                left = min(next_due - time.monotonic(), self._idle_after)
                news = not self._closed and self._watched.wait(max(left, 0))
                if self._closed or not (news or self._due):
                    self._watching = False
                    return False
            for job in overdue:
                del self._due[job]
            self._workers -= len(overdue)
            hired = sum(self._hire() for _ in overdue)
        for _ in range(hired):
            self._start_worker()
        for job in overdue:
            _safely(job.overdue)
        return True


def _safely(function: Callable[[], None]) -> None:
    """
    Call what is not to raise; should it do so, its thread goes on.
    """
    try:
        function()
    except BaseException:
        logger.exception("%r raised", function)
