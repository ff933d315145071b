"""
A dispatcher that runs listeners on the reader thread.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable

from .backlog import Backlog
from .dispatcher import Dispatcher, Job, RunToken
from .subscriptions import Subscriptions


class ReaderDispatcher(Dispatcher):
    """
    Runs jobs on the reader thread.

    A job from another thread runs in the reader's next turn or, after the end of the
    reader, on the thread that submits it.

    Args:
        subscriptions: The registry of listeners; only a weak reference is kept.
        backlog: Counts the waiting events.
        is_reader: Returns whether the caller is the reader thread.
        wake: Wakes the reader thread.
    """

    def __init__(
        self,
        subscriptions: Subscriptions,
        backlog: Backlog | None = None,
        *,
        is_reader: Callable[[], bool],
        wake: Callable[[], object],
    ) -> None:
        super().__init__(subscriptions, backlog)
        self._jobs: deque[Job] = deque()
        self._is_reader = is_reader
        self._wake = wake
        self._ended = False
        self._token = RunToken()

    def submit(self, job: Job) -> None:
        """
        Run *job* now on the reader thread; from another thread, queue it and wake.
        """
        self._jobs.append(job)
        if self._is_reader() or self._ended:
            self.turn()
        else:
            self._wake()

    def turn(self) -> None:
        """
        Run the queued jobs; return at once if another call runs them already.

        Reader thread, once per turn; after its end, any thread.
        """
        while self._jobs and self._token.take():
            try:
                while self._jobs:
                    with contextlib.suppress(IndexError):
                        self._jobs.popleft()()
            finally:
                self._token.give_back()

    def detach(self) -> None:
        """
        Note that the reader ends. Reader thread, its last call.
        """
        self._ended = True
        self.turn()

    @property
    def is_current(self) -> bool:
        """
        Whether the caller is the reader thread.
        """
        return self._is_reader()
