"""
The queue of turns: the turns of several threads run one after the other.

A conversation has one sequence of items. The questions of parallel turns would all be
in it before the first answer, and the model would answer only the last of them.

Rules:

1. A turn ends with its last response, tool calls included, whether or not the calling
   thread has read all of its events.
2. A turn that a tool starts belongs to the turn that called the tool, and does not wait
   for that turn's end.
3. A ticket that is garbage-collected ends its turn, so an error in a turn cannot block
   the following ones.
"""

from __future__ import annotations

import contextlib
import weakref

from .._concurrency.condition import Condition
from .._concurrency.deadline import Deadline
from ..errors import copy_to_raise


class TurnTicket:
    """
    A turn's position in the queue. Any thread.

    Args:
        order: The queue; None for a turn that does not wait in it.
    """

    def __init__(self, order: TurnLock | None = None) -> None:
        self._order = order

    def leave(self) -> None:
        """
        End the turn, so that the next one can begin; may be repeated.
        """
        if self._order is not None:
            self._order.left(weakref.ref(self))


class TurnLock:
    """
    FIFO queue of turns, of which the first one runs.

    It has no lock: ``list.append`` and ``list.remove`` are atomic. The queue has weak
    references to the tickets (rule 3).
    """

    def __init__(self) -> None:
        self._tickets: list[weakref.ref[TurnTicket]] = []
        self._condition = Condition()
        self._error: BaseException | None = None

    def enter(self, deadline: Deadline) -> TurnTicket:
        """
        Wait for the turns before to end. Any thread but the reader.

        Raises:
            TimeoutError: The turns before did not end before *deadline*.
            RealtimeError: The error that ended the connection.
        """
        ticket = TurnTicket(self)
        reference = weakref.ref(ticket, self.left)

        def is_first() -> bool:
            if self._error is not None:
                raise copy_to_raise(self._error)
            return self._tickets[0] is reference

        try:
            self._tickets.append(reference)
            if not self._condition.wait(is_first, deadline):
                raise TimeoutError(
                    "the turns of other threads did not end in time: give a longer "
                    "timeout, or ask with another client"
                )
        except BaseException:  # its traceback may keep the ticket alive
            ticket.leave()
            raise
        return ticket

    def end(self, error: BaseException) -> None:
        """
        Fail the waiting turns and all later ones with *error*. Reader thread.
        """
        self._error = error
        self._condition.notify_all()

    def left(self, reference: weakref.ref[TurnTicket]) -> None:
        """
        Remove an ended turn from the queue. Any thread, also a finalizer.
        """
        with contextlib.suppress(ValueError):
            self._tickets.remove(reference)
        self._condition.notify_all()
