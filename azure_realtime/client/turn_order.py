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

import threading
import weakref

from .._concurrency.condition import Gong
from .._concurrency.deadline import Deadline
from ..errors import fresh


class Place:
    """
    A turn's place; `leave` ends it. Any thread, and again does no harm.
    """

    def __init__(self, order: TurnOrder | None = None) -> None:
        self._order = order

    def leave(self) -> None:
        """
        Let the next one ask.
        """
        order, self._order = self._order, None
        if order is not None:
            order.left(self)


class TurnOrder:
    """
    Who asks waits here for those before.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._gong = Gong()
        self._owner: weakref.ref[Place] | None = None
        self._error: BaseException | None = None

    def enter(self, deadline: Deadline) -> Place:
        """
        Wait until it is the caller's turn. Any thread but the reader.

        Raises:
            TimeoutError: The turns before did not end until *deadline*.
            RealtimeError: The connection has ended; this is why.
        """
        place = Place(self)

        def free() -> bool:
            with self._lock:
                if self._error is not None:
                    raise fresh(self._error)
                if self._owner is not None and self._owner() is not None:
                    return False
                self._owner = weakref.ref(place, lambda _: self._gong.strike())
                return True

        if not self._gong.wait(free, deadline):
            raise TimeoutError("the turn before did not end in time")
        return place

    def end(self, error: BaseException) -> None:
        """
        Fail who waits, and who comes to wait. Reader thread.
        """
        with self._lock:
            self._error = error
        self._gong.strike()

    def left(self, place: Place) -> None:
        """
        Note that a turn has ended. Any thread.
        """
        with self._lock:
            if self._owner is not None and self._owner() is place:
                self._owner = None
        self._gong.strike()
