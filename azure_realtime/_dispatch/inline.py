"""
A dispatcher that runs listeners on the reader thread.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable

from .backlog import Backlog
from .dispatcher import Dispatcher, Job
from .subscriptions import Subscriptions


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
