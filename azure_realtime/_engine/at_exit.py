"""
Closes the open clients when the interpreter exits.
"""

from __future__ import annotations

import atexit
import sys
import weakref
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from .._concurrency.deadline import Deadline
from .._concurrency.lifecycle import Phase
from .._logging import logger
from .control import Control
from .engine import Engine

_SEND_SECONDS = 1.0  # until queued messages must have been sent
_CONNECT_SECONDS = 5.0  # the same, if the first connection is still being opened
_LISTENER_SECONDS = 0.5  # of these, first: listeners may queue commands as well


class ExitSteps(NamedTuple):
    """
    The steps that close one client. Each runs for all clients, so they share the time.

    Attributes:
        deadline: When the reader thread must have ended.
        drain: Waits until the listeners have returned.
        unfinished: Returns what the program should have waited for (`unfinished`).
        close: Starts to close the client.
        join: Waits for the reader thread.
        finish: Ends the dispatcher after its queued events.
        join_dispatcher: Waits for the dispatcher.
    """

    deadline: Deadline
    drain: Callable[[Deadline], object]
    unfinished: Callable[[], str | None]
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


def exit_deadline(engine: Engine, connect_timeout: float) -> Deadline:
    """
    Return when the reader thread must have ended.

    A program that ends at once, and has queued messages, has to wait for its first
    connection: a busy machine may need more than a second for it.
    """
    if engine.lifecycle.configured or not engine.queue.waiting:
        return Deadline(_SEND_SECONDS)
    return Deadline(max(_SEND_SECONDS, min(connect_timeout, _CONNECT_SECONDS)))


def drain(control: Control, engine: Engine, deadline: Deadline) -> None:
    """
    Wait until the listeners of all events that were read have returned.

    The event that ended the program's last wait may not have been posted yet: the
    reader thread completes futures first.
    """
    if engine.lifecycle.phase is Phase.OPEN:  # else no turn follows
        control.wait_for_turn(deadline)
    engine.dispatcher.drain(deadline)


def unfinished(control: Control, engine: Engine) -> str | None:
    """
    Return what the program has not waited for, as words for a log message, or None.

    That is an answer or a tool; or the first connection, if nothing is queued (then the
    program only waits for events); or the next one, if commands are queued for it.
    """
    if control.closing is not None or engine.lifecycle.ended is not None:
        return None
    if not engine.lifecycle.configured and not engine.queue.waiting:
        return "before the client was connected"
    reconnects = (
        engine.lifecycle.configured and engine.lifecycle.phase is not Phase.OPEN
    )
    if reconnects and engine.queue.waiting:  # they are lost: no attempt follows
        return "before the client reconnected"
    if engine.runs_tools():
        return "while a tool was running"
    return "while an answer was outstanding" if engine.responses.is_awaited else None


def _report(found: Iterable[str | None]) -> None:
    """
    Log one warning about the clients of which *found* has the unfinished activity.
    """
    counts = Counter(when for when in found if when is not None)
    # The interpreter sets it: after Ctrl-C the program was not meant to wait.
    interrupted = getattr(sys, "last_type", None) is KeyboardInterrupt
    if counts and not interrupted:
        logger.warning(
            "The program ended %s. End a script of callbacks with client.run_forever() "
            "or client.wait_closed().",
            " and ".join(
                f"{when} ({count} clients)" if count > 1 else when
                for when, count in counts.items()
            ),
        )


@atexit.register
def _close_all() -> None:
    """
    Close all clients within `_SEND_SECONDS`, or within `_CONNECT_SECONDS` if one is not
    connected yet; listeners of the end have some time more. No thread is started.

    The listeners are waited for first: the last event may just have been received, and
    their commands are part of the program. Commands that they send later are refused.
    """
    listeners_by = Deadline(_LISTENER_SECONDS)
    alive = [method for ref in _registered.copy() if (method := ref()) is not None]
    clients = [steps for make in alive if (steps := make()) is not None]
    for client in clients:
        client.drain(listeners_by)
    _report([client.unfinished() for client in clients])
    for client in clients:
        client.close(client.deadline)
    for client in clients:
        client.join(client.deadline)
    for client in clients:
        client.finish()
    listeners_by = Deadline(_LISTENER_SECONDS)  # for those of the end
    for client in clients:
        client.join_dispatcher(listeners_by)
