"""
How a connection's end is told, and how a program's end is met.
"""

from __future__ import annotations

import atexit
import weakref
from typing import Any, Protocol

from .._concurrency.deadline import Deadline
from ..errors import ConnectionClosed, RealtimeError
from ..events import Disconnected

_SAID = 1.0  # seconds for what is queued to leave when the program ends
_HEARD = 0.5  # of them, for listeners: what they say shall leave, too


class Hearing(Protocol):
    """
    What runs listeners: a dispatcher.
    """

    def drain(self, deadline: Deadline) -> None:
        """
        Wait until what is queued has been run.
        """

    def finish(self) -> None:
        """
        Begin to end.
        """

    def join(self, deadline: Deadline) -> bool:
        """
        Wait for the end.
        """


class Closing(Protocol):
    """
    What flushes and closes: a reader.
    """

    @property
    def elsewhere(self) -> bool:
        """
        Whether it is another process's.
        """

    @property
    def dispatcher(self) -> Hearing:
        """
        Where its listeners run.
        """

    def close(self, deadline: Deadline, at_exit: bool) -> None:
        """
        Begin to end.
        """

    def join(self, deadline: Deadline) -> bool:
        """
        Wait for the end.
        """


def last_words(error: RealtimeError, why: str | None, unsent: int) -> RealtimeError:
    """
    Return what everybody is told from now on, where *error* ended it all.

    Who was told of *error* itself may have been told of a way back.

    Args:
        error: What ended it.
        why: Why we have closed it, if we have.
        unsent: Commands that never left.
    """
    if not isinstance(error, ConnectionClosed):
        return error
    reason = error.reason
    if why and (error.code == 1006 or not reason):
        reason = why
    unsent = max(unsent, error.unsent)
    last = ConnectionClosed(error.code, reason, clean=error.clean, unsent=unsent)
    last.__cause__ = error.__cause__
    return last


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
"""The readers of all clients there are; each is a `Closing`."""


@atexit.register
def _flush_at_exit() -> None:
    """
    Give what is queued one second to leave. No thread is started, none is left.

    Listeners come first: the last event may have come a moment ago, and what they do
    about it is half of what the program does. After that whatever they send is refused.
    """
    heard, said = Deadline(_HEARD), Deadline(_SAID)
    readers: list[Closing] = [reader for reader in alive if not reader.elsewhere]
    for reader in readers:
        reader.dispatcher.drain(heard)
    for reader in readers:
        reader.close(said, at_exit=True)
    for reader in readers:
        reader.join(said)
    for reader in readers:
        reader.dispatcher.finish()
    for reader in readers:
        reader.dispatcher.join(said)
