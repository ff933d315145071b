"""
How a connection's end is told, and how a program's end is met.
"""

from __future__ import annotations

import atexit
import weakref
from typing import Any, Protocol

from ._deadline import Deadline
from .errors import ConnectionClosed, RealtimeError
from .events import Disconnected


class Closing(Protocol):
    """
    What flushes and closes: a reader.
    """

    def close(self, deadline: Deadline, noticed: bool) -> None:
        """
        Begin to end.
        """

    def join(self, deadline: Deadline) -> bool:
        """
        Wait for the end.
        """


def farewell(
    error: RealtimeError, cause: Any, again: bool, generation: int
) -> Disconnected:
    """
    Return what tells of the end of a connection.
    """
    closed = error if isinstance(error, ConnectionClosed) else None
    expected = cause == "client" and closed is not None and closed.code == 1000
    return Disconnected(
        error=None if expected else error,
        cause=cause,
        code=closed.code if closed else None,
        reason=closed.reason if closed else str(error),
        clean=bool(closed and (closed.clean or closed.code == 1000)),
        reconnecting=again,
        generation=generation,
    )


alive: weakref.WeakSet[Any] = weakref.WeakSet()
"""The readers that run; each is a `Closing`."""


@atexit.register
def _flush_at_exit() -> None:
    """
    Give what is queued one second to leave. No thread is started, none is left.
    """
    deadline = Deadline(1.0)
    readers: list[Closing] = list(alive)
    for reader in readers:
        reader.close(deadline, noticed=False)
    for reader in readers:
        reader.join(deadline)
