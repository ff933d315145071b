"""
What the reader thread waits with: descriptors, and a time limit.
"""

from __future__ import annotations

import select
import selectors
from collections.abc import Callable, Mapping

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Poller:
    """
    Waits for descriptors. Reader thread.

    With `select.poll` where there is one: half the time of `selectors`, and no
    descriptor of its own. It knows descriptors by number only. One that was closed, and
    whose number another has by now, needs no special care.

    Attributes:
        wait: Waits at most so many milliseconds, for ever with None; returns the
            descriptors that are ready, each with what it is ready for. One that has
            failed is ready: the operation on it tells how.
    """

    def __init__(self) -> None:
        self._interest: Mapping[int, int] = {}
        self._poll = select.poll() if hasattr(select, "poll") else SelectPoll()
        self.wait: Callable[[int | None], list[tuple[int, int]]] = self._poll.poll

    def watch(self, interest: Mapping[int, int]) -> None:
        """
        Watch these descriptors, and no others, for READ, WRITE or both.
        """
        if interest == self._interest:
            return
        for descriptor in self._interest:
            self._poll.unregister(descriptor)
        for descriptor, events in interest.items():
            reads = POLLIN if events & READ else 0
            writes = POLLOUT if events & WRITE else 0
            self._poll.register(descriptor, reads | writes)
        self._interest = interest


POLLIN, POLLOUT = getattr(select, "POLLIN", 1), getattr(select, "POLLOUT", 4)


class SelectPoll:
    """
    A `select.poll` for Windows, which has none.
    """

    def __init__(self) -> None:
        self._selector = selectors.SelectSelector()
        self.unregister = self._selector.unregister

    def register(self, descriptor: int, events: int) -> None:
        """
        Watch a descriptor for POLLIN, POLLOUT or both.
        """
        reads = READ if events & POLLIN else 0
        writes = WRITE if events & POLLOUT else 0
        self._selector.register(descriptor, reads | writes)

    def poll(self, milliseconds: int | None) -> list[tuple[int, int]]:
        """
        Wait at most so long; return the descriptors that are ready.
        """
        seconds = None if milliseconds is None else milliseconds / 1000
        ready = self._selector.select(seconds)
        return [(key.fd, events) for key, events in ready]
