"""
One question at a time: of several threads that ask, each gets the answer to its own.

A conversation is one thread of talk. Questions that were put side by side would all be
in it before the first answer, and the model would answer the last of them.

Rules:

1. A turn ends when its last answer does, tools included, however much of it whoever
   asked has read.
2. A tool that asks is part of the turn that called it, and does not wait for its end.
3. A turn that nobody refers to any more has ended: nothing that goes wrong on the way
   can keep the others waiting.
"""

from __future__ import annotations

import contextlib
import weakref

from .._concurrency.condition import Condition
from .._concurrency.deadline import Deadline
from ..errors import copy_to_raise


class TurnTicket:
    """
    A turn's place; `leave` ends it. Any thread, and again does no harm.
    """

    def __init__(self, order: TurnLock | None = None) -> None:
        self._order = order

    def leave(self) -> None:
        """
        Let the next one ask.
        """
        if self._order is not None:
            self._order.left(weakref.ref(self))


class TurnLock:
    """
    Who asks waits here for those before.

    There is no lock. A place joins the queue, and leaves it, in one step in C; the one
    at the head has the turn. The queue refers to places weakly (rule 3).
    """

    def __init__(self) -> None:
        self._places: list[weakref.ref[TurnTicket]] = []
        self._condition = Condition()
        self._error: BaseException | None = None

    def enter(self, deadline: Deadline) -> TurnTicket:
        """
        Wait until it is the caller's turn. Any thread but the reader.

        Raises:
            TimeoutError: The turns before did not end until *deadline*.
            RealtimeError: The connection has ended; this is why.
        """
        ticket = TurnTicket(self)
        reference = weakref.ref(ticket, self.left)

        def is_first() -> bool:
            if self._error is not None:
                raise copy_to_raise(self._error)
            return self._places[0] is reference

        try:
            self._places.append(reference)
            if not self._condition.wait(is_first, deadline):
                raise TimeoutError("the turn before did not end in time")
        except BaseException:  # whose traceback may keep the place alive
            ticket.leave()
            raise
        return ticket

    def end(self, error: BaseException) -> None:
        """
        Fail who waits, and who comes to wait. Reader thread.
        """
        self._error = error
        self._condition.notify_all()

    def left(self, reference: weakref.ref[TurnTicket]) -> None:
        """
        Note that a turn has ended. Any thread, also a finalizer.
        """
        with contextlib.suppress(ValueError):
            self._places.remove(reference)
        self._condition.notify_all()
