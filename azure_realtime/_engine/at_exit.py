"""
Closes the open clients when the interpreter exits.
"""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Callable
from typing import NamedTuple

from .._concurrency.deadline import Deadline
from .._logging import logger
from .control import Control
from .engine import Engine

_SEND_SECONDS = 1.0  # until queued messages must have been sent
_LISTENER_SECONDS = 0.5  # of these: listeners may queue commands, which are sent too


class ExitSteps(NamedTuple):
    """
    The steps that close one client. Each runs for all clients, so they share the time.

    Attributes:
        drain: Waits until the listeners have returned.
        report: Logs what the program should have waited for.
        close: Starts to close the client.
        join: Waits for the reader thread.
        finish: Ends the dispatcher after its queued events.
        join_dispatcher: Waits for the dispatcher.
    """

    drain: Callable[[Deadline], object]
    report: Callable[[], object]
    close: Callable[[Deadline], object]
    join: Callable[[Deadline], object]
    finish: Callable[[], object]
    join_dispatcher: Callable[[Deadline], object]


_MakeSteps = Callable[[], ExitSteps | None]

_registered: set[weakref.WeakMethod[_MakeSteps]] = set()


def register(exit_steps: _MakeSteps) -> None:
    """
    Register a client to be closed at exit. Any thread.

    Args:
        exit_steps: A bound method that returns the steps, or None if there are none. It
            is called at exit, unless its object was collected.
    """
    _registered.add(weakref.WeakMethod(exit_steps, _registered.discard))


def report_unfinished(control: Control, engine: Engine) -> None:
    """
    Log that the program ends before an answer; or before the first connection, and has
    queued nothing: then it only waits for events.
    """
    if control.closing is not None or engine.lifecycle.ended is not None:
        return
    if not engine.lifecycle.configured and not engine.queue.waiting:
        when = "before the client was connected"
    elif not engine.responses.quiet:
        when = "while an answer was outstanding"
    else:
        return
    logger.warning(
        "The program ended %s. End a script of callbacks with client.run_forever() or "
        "client.wait_closed().",
        when,
    )


@atexit.register
def _close_all() -> None:
    """
    Close all clients within one second. It starts no thread, and ends all.

    The listeners are waited for first: the last event may just have been received, and
    their commands are part of the program. Commands that they send later are refused.
    """
    listeners_by, sending_by = Deadline(_LISTENER_SECONDS), Deadline(_SEND_SECONDS)
    alive = [method for ref in _registered.copy() if (method := ref()) is not None]
    clients = [steps for make in alive if (steps := make()) is not None]
    for client in clients:
        client.drain(listeners_by)
    for client in clients:
        client.report()
    for client in clients:
        client.close(sending_by)
    for client in clients:
        client.join(sending_by)
    for client in clients:
        client.finish()
    for client in clients:
        client.join_dispatcher(sending_by)
