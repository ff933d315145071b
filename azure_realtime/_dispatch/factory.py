"""
Other places for user functions than the callback thread (``dispatch=...``).

``"reader"``: the reader thread itself: no thread but one, no hop, for functions that
are quick. ``"manual"``: whoever calls ``pump()``: a window's thread, a select loop. An
executor, or any function like its ``submit``: one job at a time, in order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from .backlog import Backlog
from .callback_thread import CallbackThread
from .dispatcher import Dispatcher
from .executor import ExecutorDispatcher
from .inline import ReaderDispatcher
from .manual import ManualDispatcher
from .subscriptions import Subscriptions

Dispatch = Literal["thread", "reader", "manual"] | Any
"""How a client dispatches; besides the words, an executor or a submit function."""


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
    Return what ``dispatch=...`` names.

    Args:
        dispatch: One of the words, an executor, or a function like its ``submit``.
        subscriptions: Who receives events; only a weak reference is kept.
        name: Of the callback thread.
        backlog: Counts what waits.
        is_reader: Tells whether the caller is the reader thread.
        wake: Wakes the reader thread. Any thread.
        closing: Tells whether the client is being closed. Any thread.

    Raises:
        ValueError: It is neither a known word nor something that takes functions.
    """
    if dispatch == "thread":
        return CallbackThread(subscriptions, name, backlog)
    if dispatch == "reader":
        return ReaderDispatcher(subscriptions, backlog, is_reader=is_reader, wake=wake)
    if dispatch == "manual":
        return ManualDispatcher(subscriptions, backlog)
    submit = getattr(dispatch, "submit", dispatch)
    if callable(submit):
        return ExecutorDispatcher(subscriptions, submit, backlog, closing=closing)
    raise ValueError(
        f"dispatch must be 'thread', 'reader', 'manual', an executor or a function "
        f"like its submit, not {dispatch!r}"
    )
