"""
Other places for user functions than the callback thread (``dispatch=...``).

``"reader"``: the reader thread itself: no thread but one, no hop, for functions that
are quick. ``"manual"``: whoever calls ``pump()``: a window's thread, a select loop. An
executor, or any function like its ``submit``: one job at a time, in order.
"""

from __future__ import annotations

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
    dispatch: Dispatch, subscriptions: Subscriptions, name: str, backlog: Backlog
) -> Dispatcher:
    """
    Return what ``dispatch=...`` names.

    Raises:
        ValueError: It is neither a known word nor something that takes functions.
    """
    if dispatch == "thread":
        return CallbackThread(subscriptions, name, backlog)
    if dispatch == "reader":
        return ReaderDispatcher(subscriptions, backlog)
    if dispatch == "manual":
        return ManualDispatcher(subscriptions, backlog)
    submit = getattr(dispatch, "submit", dispatch)
    if callable(submit):
        return ExecutorDispatcher(subscriptions, submit, backlog)
    raise ValueError(
        f"dispatch must be 'thread', 'reader', 'manual', an executor or a function "
        f"like its submit, not {dispatch!r}"
    )
