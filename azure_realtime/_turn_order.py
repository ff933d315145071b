"""
One question at a time: of several threads that ask, each gets the answer to its own.

A conversation is one thread of talk. Questions that were put side by side would all be
in it before the first answer, and the model would answer the last of them.

Rules:

1. A turn ends when its last answer does, tools included, however much of it whoever
   asked has read: an iterator that is forgotten keeps nobody waiting.
2. A tool that asks is part of the turn that called it, and does not wait for its end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from ._deadline import Deadline


class TurnOrder:
    """
    Who asks waits here for those before.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # not re-entrant: the reader releases it

    def enter(self, deadline: Deadline) -> Callable[[], None]:
        """
        Wait until it is the caller's turn; return what ends it. Any thread but the
        reader; what is returned, any thread, and again does no harm.

        Raises:
            TimeoutError: The turns before did not end until *deadline*.
        """
        left = deadline.remaining()
        if not self._lock.acquire(timeout=-1 if left is None else left):
            raise TimeoutError("the turn before did not end in time")
        once = threading.Lock()

        def leave() -> None:
            if once.acquire(blocking=False):
                self._lock.release()

        return leave
