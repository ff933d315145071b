"""
Other places for user functions than the callback thread (``dispatch=...``).

``"reader"``: the reader thread itself: no thread but one, no hop, for functions that
are quick. ``"manual"``: whoever calls ``pump()``: a window's thread, a select loop. An
executor, or any function like its ``submit``: one job at a time, in order.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Literal

from .._concurrency.condition import Gong
from .._concurrency.deadline import Deadline
from .._concurrency.waker import Bell
from .backlog import Backlog
from .dispatcher import CallbackThread, Dispatcher, Job
from .subscriptions import Subscriptions

logger = logging.getLogger("azure_realtime")

Dispatch = Literal["thread", "reader", "manual"] | Any
"""How a client dispatches; besides the words, an executor or a submit function."""


class ReaderDispatcher(Dispatcher):
    """
    Runs jobs on the reader thread.

    `attach` tells it who that is. What other threads submit waits for the reader's next
    turn; when the reader has ended, they run it themselves.
    """

    def __init__(
        self, subscriptions: Subscriptions, backlog: Backlog | None = None
    ) -> None:
        super().__init__(subscriptions, backlog)
        self._jobs: deque[Job] = deque()
        self._is_reader: Callable[[], bool] = lambda: False
        self._wake: Callable[[], object] = lambda: None
        self._ended = False
        self._running = threading.Lock()  # held by who runs jobs; nobody waits for it

    def attach(
        self,
        is_reader: Callable[[], bool],
        wake: Callable[[], object],
        closing: Callable[[], bool],  # noqa: ARG002
    ) -> None:
        """
        Say how to know the reader thread, and how to wake it.
        """
        self._is_reader, self._wake = is_reader, wake

    def submit(self, job: Job) -> None:
        """
        Run *job* here if this is the reader, else hand it over.
        """
        self._jobs.append(job)
        if self._is_reader() or self._ended:
            self.turn()
        else:
            self._wake()

    def turn(self) -> None:
        """
        Run what waits, unless somebody does already: that one runs it, too.

        The reader thread, once a turn; any thread after its end.
        """
        while self._jobs and self._running.acquire(blocking=False):
            try:
                while self._jobs:
                    with contextlib.suppress(IndexError):
                        self._jobs.popleft()()
            finally:
                self._running.release()

    def detach(self) -> None:
        """
        Note that the reader ends. Reader thread, last.
        """
        self._ended = True
        self.turn()

    @property
    def is_current(self) -> bool:
        """
        Whether the caller is the reader thread.
        """
        return self._is_reader()


class ManualDispatcher(Dispatcher):
    """
    Keeps jobs until somebody runs them with `pump`.
    """

    def __init__(
        self, subscriptions: Subscriptions, backlog: Backlog | None = None
    ) -> None:
        super().__init__(subscriptions, backlog)
        self._jobs: deque[Job] = deque()
        self._news = Gong()
        self._lock = threading.RLock()  # a job and its ring come, and go, together
        self._bell = Bell(self._lock)
        self._finished = False
        self.backlog.manual = True

    def submit(self, job: Job) -> None:
        """
        Keep *job*, and make `fileno` readable.
        """
        if self._finished:
            self._discard([job])
            return
        with self._lock:
            self._jobs.append(job)
            self._bell.wake()
        self._news.strike()

    def pump(self, deadline: Deadline) -> int:
        """
        Run what has come; wait until *deadline* for the first. Return how many ran.
        """
        self._news.wait(lambda: bool(self._jobs) or self._finished, deadline)
        try:
            with self._lock:
                self._bell.hush()
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
                    self._bell.wake()

    @property
    def finished(self) -> bool:
        """
        Whether nothing more will come.
        """
        return self._finished and not self._jobs

    def fileno(self) -> int:
        """
        Return the descriptor that is readable while jobs wait.
        """
        return self._bell.fileno()

    def finish(self) -> None:
        """
        Take nothing more. What is kept can still be pumped.
        """
        self._finished = True
        self._bell.close()
        self._news.strike()


class ExecutorDispatcher(Dispatcher):
    """
    Hands jobs to *submit*, one after the other.

    Args:
        subscriptions: Who hears events.
        submit: Takes a function and runs it some time, on a thread of its choice.
        backlog: Keeps count of what waits.
    """

    def __init__(
        self,
        subscriptions: Subscriptions,
        submit: Callable[[Job], object],
        backlog: Backlog | None = None,
    ) -> None:
        super().__init__(subscriptions, backlog)
        self._submit = submit
        self._jobs: deque[Job] = deque()
        self._lock = threading.RLock()
        self._idle = Gong()
        self._busy = False
        self._refused = False
        self._closing: Callable[[], bool] = lambda: False
        self._runner: threading.Thread | None = None

    def attach(
        self,
        is_reader: Callable[[], bool],  # noqa: ARG002
        wake: Callable[[], object],  # noqa: ARG002
        closing: Callable[[], bool],
    ) -> None:
        """
        Say how to know that the client is being closed.
        """
        self._closing = closing

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
                self._idle.strike()
            self._discard(refused)

    def _drain(self) -> None:
        try:
            self._runner = threading.current_thread()
            while self._run_next():
                pass
        except BaseException:  # Ctrl-C, where the main thread runs what is submitted
            if not self._home.elsewhere and self._stopped_short():
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
        self._idle.strike()

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


def make_dispatcher(
    dispatch: Dispatch, subscriptions: Subscriptions, name: str, backlog: Backlog
) -> Dispatcher:
    """
    Return what ``dispatch=...`` names.

    Raises:
        ValueError: It is neither a known word nor something that takes functions.
    """
    if dispatch == "thread":
        return CallbackThread(subscriptions, name, backlog)
    if dispatch == "reader":
        return ReaderDispatcher(subscriptions, backlog)
    if dispatch == "manual":
        return ManualDispatcher(subscriptions, backlog)
    submit = getattr(dispatch, "submit", dispatch)
    if callable(submit):
        return ExecutorDispatcher(subscriptions, submit, backlog)
    raise ValueError(
        f"dispatch must be 'thread', 'reader', 'manual', an executor or a function "
        f"like its submit, not {dispatch!r}"
    )
