"""
Errors of the service about commands whose futures the program may not have read yet.

Whether the program will read a future is not known when the error arrives: the service
may be quicker than the next line of the program. So the error is logged later, and only
if no future of the command was read until then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from .._concurrency.deadline import Deadline
from .._logging import logger
from ..errors import ServerError
from .future import CommandFuture

_TIME_TO_READ = 1.0  # seconds

Failed = tuple[Deadline, Sequence[CommandFuture[Any]], ServerError]


class UnreadErrors:
    """
    Logs an error that the program has not read in time. Reader thread.
    """

    def __init__(self) -> None:
        self._failed: deque[Failed] = deque()  # oldest first

    def add(self, futures: Sequence[CommandFuture[Any]], error: ServerError) -> None:
        """
        Log *error* soon, unless one of *futures*, which failed with it, is read.

        Without futures, log it now.
        """
        if futures:
            self._failed.append((Deadline(_TIME_TO_READ), futures, error))
        else:
            _log(error)

    def next_deadline(self) -> float | None:
        """
        Return in how many seconds `log` is to be called again; None for never.
        """
        return self._failed[0][0].remaining() if self._failed else None

    def log(self, all_of_them: bool = False) -> None:
        """
        Log the errors that were not read in time, or all that were not read yet.
        """
        while self._failed and (all_of_them or self._failed[0][0].passed):
            _, futures, error = self._failed.popleft()
            if not any(future.is_observed for future in futures):
                _log(error)


def _log(error: ServerError) -> None:
    logger.warning("The service reports an error: %s", error)
