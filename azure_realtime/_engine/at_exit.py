"""
Clients that are open when the interpreter exits send what is queued, and end.
"""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Callable
from typing import NamedTuple

from .._concurrency.deadline import Deadline

_SENDING = 1.0  # seconds for what is queued to leave when the program ends
_LISTENERS = 0.5  # seconds of them for listeners, whose own commands have to leave too


class ExitSteps(NamedTuple):
    """
    What ends one client, step by step, so that several clients share the time.
    """

    drain: Callable[[Deadline], object]
    report: Callable[[], object]
    close: Callable[[Deadline], object]
    join: Callable[[Deadline], object]
    finish: Callable[[], object]
    join_dispatcher: Callable[[Deadline], object]


_Asked = Callable[[], ExitSteps | None]

_registered: set[weakref.WeakMethod[_Asked]] = set()


def register(exit_steps: _Asked) -> None:
    """
    Have a client ended at exit. Any thread.

    Args:
        exit_steps: A bound method, asked at exit unless its object was collected.
    """
    _registered.add(weakref.WeakMethod(exit_steps, _registered.discard))


@atexit.register
def _end_all() -> None:
    """
    Give what is queued one second to leave. No thread is started, none is left.

    Listeners come first: the last event may have come a moment ago, and their commands
    are part of what the program does. After that whatever they send is refused.
    """
    listeners, sending = Deadline(_LISTENERS), Deadline(_SENDING)
    alive = [method for ref in list(_registered) if (method := ref()) is not None]
    clients = [steps for ask in alive if (steps := ask()) is not None]
    for client in clients:
        client.drain(listeners)
    for client in clients:
        client.report()
    for client in clients:
        client.close(sending)
    for client in clients:
        client.join(sending)
    for client in clients:
        client.finish()
    for client in clients:
        client.join_dispatcher(sending)
