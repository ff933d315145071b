"""
How a client ends: asked to, or forgotten.

What ends a forgotten one must not know what the user's functions hang on: a function
that knows the client would keep it alive.
"""

from __future__ import annotations

from collections.abc import Callable

from .._concurrency.deadline import Deadline
from .._concurrency.lock import is_own_lock_held
from .._dispatch.dispatcher import Dispatcher
from .engine import Engine
from .reader import Reader

_LISTENERS_OF_THE_END = 0.2  # seconds for those of "disconnected", in any case
_LISTENERS_BEHIND = 1.0  # seconds for those that are too far behind to catch up
_FORGOTTEN = 1.0  # seconds for the goodbye of a client that nobody refers to


class Shutdown:
    """
    The end of one client. Any thread.

    Args:
        engine: The shared parts.
        reader: The thread that reads.
        close_tools: Ends the threads of tools.
    """

    def __init__(
        self,
        engine: Engine,
        reader: Reader,
        close_tools: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._close_tools = close_tools

    def close(self, timeout: float | None) -> None:
        """
        Send what is queued, say goodbye, and end the threads within *timeout*.

        Any thread, also in a signal handler.
        """
        if self._reader.is_other_process:
            return
        deadline = Deadline(timeout)
        self._reader.close(deadline)
        if is_own_lock_held():  # a signal handler that interrupted a call of ours:
            # the reader waits for that call, so nobody can wait for the reader
            _finish(self._close_tools, self._engine.dispatcher)
            return
        # the reader enforces the same deadline; after it, it has one last turn to take
        self._reader.join(Deadline(None if timeout is None else timeout + 1.0))
        _finish(self._close_tools, self._engine.dispatcher)
        left = deadline.remaining()
        if self._engine.dispatcher.backlog.behind:
            left = _LISTENERS_BEHIND if left is None else min(left, _LISTENERS_BEHIND)
        # what the end itself has set off is heard, even when the time is up
        self._engine.dispatcher.join(
            Deadline(None if left is None else max(_LISTENERS_OF_THE_END, left))
        )


def abandon(
    reader: Reader, dispatcher: Dispatcher, close_tools: Callable[[], None]
) -> None:
    """
    End what a client that was dropped has left running. Any thread; never blocks.
    """
    if reader.is_other_process:  # not in this process: a fork has no threads
        return
    reader.close(Deadline(_FORGOTTEN))
    _finish(close_tools, dispatcher)


def _finish(close_tools: Callable[[], None], dispatcher: Dispatcher) -> None:
    close_tools()
    dispatcher.finish()
