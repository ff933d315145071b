"""
How a client ends: asked to, or forgotten.

What ends a forgotten one must not know what the user's functions hang on: a function
that knows the client would keep it alive.
"""

from __future__ import annotations

from collections.abc import Callable

from .._concurrency.deadline import Deadline
from .._dispatch.dispatcher import Dispatcher
from .engine import Core
from .reader import Reader

_FAREWELL = 0.2  # seconds for listeners of "disconnected" after a long close
_LAST_WORDS = 1.0  # seconds for those that are too far behind to catch up
_FORGOTTEN = 1.0  # seconds for the goodbye of a client that nobody refers to


class Ending:
    """
    The end of one client. Any thread.

    Args:
        core: The shared parts.
        reader: The thread that reads.
        close_tools: Ends the threads of tools.
        others: What else a call of the user's may hold the lock of.
    """

    def __init__(
        self,
        core: Core,
        reader: Reader,
        close_tools: Callable[[], None],
        others: tuple[object, ...],
    ) -> None:
        self._core = core
        self._reader = reader
        self._close_tools = close_tools
        self._others = others

    def close(self, timeout: float | None) -> None:
        """
        Send what is queued, say goodbye, and end the threads within *timeout*.

        Any thread, also in a signal handler.
        """
        if self._reader.elsewhere:
            return
        deadline = Deadline(timeout)
        self._reader.close(deadline)
        if self._has_interrupted_us():
            # the reader waits for that call, so nobody can wait for the reader
            _finish(self._close_tools, self._core.dispatcher)
            return
        # the reader enforces the same deadline; after it, it has one last turn to take
        self._reader.join(Deadline(None if timeout is None else timeout + 1.0))
        _finish(self._close_tools, self._core.dispatcher)
        left = deadline.remaining()
        if self._core.dispatcher.backlog.behind:
            left = _LAST_WORDS if left is None else min(left, _LAST_WORDS)
        # what the end itself has set off is heard, even when the time is up
        self._core.dispatcher.join(
            Deadline(None if left is None else max(_FAREWELL, left))
        )

    def _has_interrupted_us(self) -> bool:
        """
        Whether this is a signal handler, and what it interrupted was a call of ours.
        """
        core = self._core
        return held_here(
            core.outbox,
            core.dispatcher,
            core.dispatcher.backlog,
            core.gate,
            core.waiters,
            core.status,
            *self._others,
        )


def abandon(
    reader: Reader, dispatcher: Dispatcher, close_tools: Callable[[], None]
) -> None:
    """
    End what a client that was dropped has left running. Any thread; never blocks.
    """
    if reader.elsewhere:  # not in this process: a fork has no threads
        return
    reader.close(Deadline(_FORGOTTEN))
    _finish(close_tools, dispatcher)


def _finish(close_tools: Callable[[], None], dispatcher: Dispatcher) -> None:
    close_tools()
    dispatcher.finish()


def held_here(*parts: object) -> bool:
    """
    Tell whether the caller's thread holds the lock of one of the *parts*.

    Nothing of ours calls the user while it holds one: so the call that holds it has
    been interrupted, and goes on only when the caller has returned. Until then nobody
    may wait for a thread that needs the lock as well.

    Args:
        parts: Each with a re-entrant ``_lock``, or none.
    """
    locks = (getattr(part, "_lock", None) for part in parts)
    return any(lock is not None and lock._is_owned() for lock in locks)
