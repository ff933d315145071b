"""
Closes a client: by `close()`, or when it is garbage collected.

The function for a collected client must not refer to the user's functions: one that
refers to the client would keep it alive.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from .._concurrency.deadline import Deadline
from .._concurrency.lock import is_own_lock_held
from .._dispatch.dispatcher import Dispatcher
from .._logging import logger
from .control import Control
from .disconnect import COLLECTED
from .engine import Engine
from .reader import Reader

_LISTENERS_OF_THE_END = 0.2  # seconds for those of "disconnected", in any case
_LISTENERS_BEHIND = 1.0  # seconds for listeners that have fallen behind
_EXIT_SECONDS = 0.2  # in which a program that has dropped its client may end


class Shutdown:
    """
    Closes one client. Any thread.

    Args:
        engine: The shared parts.
        reader: The reader thread.
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
        Send the queued messages and a close frame, and end the threads in *timeout*.

        Any thread, also in a signal handler.
        """
        if self._reader.is_other_process:
            return
        deadline = Deadline(timeout)
        self._reader.close(deadline)
        if is_own_lock_held():  # a signal handler that interrupted a call of ours:
            # the reader thread may wait for its lock, so this thread must not wait
            _finish(self._close_tools, self._engine.dispatcher)
            return
        # the reader enforces the deadline, and takes one more turn after it
        self._reader.join(Deadline(None if timeout is None else timeout + 1.0))
        _finish(self._close_tools, self._engine.dispatcher)
        remaining = deadline.remaining()
        if self._engine.dispatcher.backlog.behind:
            remaining = (
                _LISTENERS_BEHIND
                if remaining is None
                else min(remaining, _LISTENERS_BEHIND)
            )
        # listeners of the events of the end run even if the time is up
        self._engine.dispatcher.join(
            Deadline(
                None if remaining is None else max(_LISTENERS_OF_THE_END, remaining)
            )
        )


def abandon(
    reader: Reader,
    control: Control,
    engine: Engine,
    close_tools: Callable[[], None],
    hold_connector: Callable[[], None],
) -> None:
    """
    Close a client that was garbage collected. Any thread; never blocks.
    """
    if reader.is_other_process:  # a forked child has none of the threads
        return
    hold_connector()  # it may not have begun to connect, and has messages to send
    if not control.is_closing():
        # on the reader thread: a finalizer may run inside any call, also of a logger
        control.call(partial(_report, engine))
    reader.close(reader.exit_deadline(), COLLECTED)
    _finish(close_tools, engine.dispatcher)


def _report(engine: Engine) -> None:
    """
    Log a warning if the program still expects an answer. Reader thread.

    Commands that are queued need none: they are sent before the end.
    """
    if engine.lifecycle.ended is None and (
        engine.runs_tools() or engine.responses.is_awaited
    ):
        # A program that ends, as by Ctrl-C, drops its clients as well: no advice then.
        threading.main_thread().join(_EXIT_SECONDS)
        if threading.main_thread().is_alive():
            logger.warning(
                "A client is closed while an answer is outstanding, because it was "
                "garbage collected. Keep a reference to the client, or use it in a "
                "with block."
            )


def _finish(close_tools: Callable[[], None], dispatcher: Dispatcher) -> None:
    close_tools()
    dispatcher.finish()
