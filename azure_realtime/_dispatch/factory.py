"""
The choice of the thread that runs user functions (``dispatch=...``).

``"thread"``: a callback thread of the client. ``"reader"``: the reader thread; saves a
thread and a queue, for quick functions only. ``"manual"``: the thread that calls
``pump()``, such as that of a GUI or a select loop. An executor, or a function like its
``submit``: the threads of that executor, one job at a time, in order.
"""

from __future__ import annotations

from collections.abc import Callable

from .backlog import Backlog
from .callback_thread import CallbackThread
from .dispatcher import Dispatch, Dispatcher
from .executor import ExecutorDispatcher
from .inline import ReaderDispatcher
from .manual import ManualDispatcher
from .subscriptions import Subscriptions


def make_dispatcher(
    dispatch: Dispatch,
    subscriptions: Subscriptions,
    name: str,
    backlog: Backlog,
    *,
    is_reader: Callable[[], bool],
    wake: Callable[[], object],
    closing: Callable[[], bool],
) -> Dispatcher:
    """
    Create the dispatcher for a value of ``dispatch=...``.

    Args:
        dispatch: A mode, an executor, or a function like its ``submit``.
        subscriptions: The registry of listeners; only a weak reference is kept.
        name: Name of the callback thread.
        backlog: Counts the waiting events.
        is_reader: Returns whether the caller is the reader thread.
        wake: Wakes the reader thread. Any thread.
        closing: Returns whether the client is being closed. Any thread.

    Raises:
        ValueError: *dispatch* is neither a known mode nor callable.
        TypeError: *dispatch* is a class.
    """
    if dispatch == "thread":
        return CallbackThread(subscriptions, name, backlog)
    if dispatch == "reader":
        return ReaderDispatcher(subscriptions, backlog, is_reader=is_reader, wake=wake)
    if dispatch == "manual":
        return ManualDispatcher(subscriptions, backlog)
    if isinstance(dispatch, type):
        name = dispatch.__name__
        raise TypeError(f"dispatch is a class: give an object, {name}(...)")
    submit = getattr(dispatch, "submit", dispatch)
    if callable(submit):
        return ExecutorDispatcher(subscriptions, submit, backlog, closing=closing)
    raise ValueError(
        f"dispatch must be 'thread', 'reader', 'manual', an executor or a function "
        f"like its submit, not {dispatch!r}"
    )
