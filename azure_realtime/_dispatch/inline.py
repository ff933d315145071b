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

    What other threads submit waits for the reader's next turn; when the reader has
    ended, they run it themselves.

    Args:
        subscriptions: Who receives events; only a weak reference is kept.
        backlog: Counts what waits.
        is_reader: Tells whether the caller is the reader thread.
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
        while self._jobs and self._token.take():
            try:
                while self._jobs:
                    with contextlib.suppress(IndexError):
                        self._jobs.popleft()()
            finally:
                self._token.give_back()

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
