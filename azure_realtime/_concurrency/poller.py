"""
Waits for file descriptors, with a timeout.
"""

from __future__ import annotations

import select
import selectors
from collections.abc import Callable, Mapping

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Poller:
    """
    Waits for file descriptors. Reader thread.

    It uses `select.poll` where the platform has it: that takes half the time of
    `selectors` and needs no descriptor of its own. `poll` knows descriptors by number
    only, so a number that was closed and reused needs no special handling.

    Attributes:
        wait: Waits up to so many milliseconds, without a limit for None. Returns the
            descriptors that are ready, each with its events. A descriptor that has
            failed is ready: the next operation on it raises the error.
    """

    def __init__(self) -> None:
        self._interest: Mapping[int, int] = {}
        self._poll = select.poll() if hasattr(select, "poll") else SelectPoll()
        self.wait: Callable[[int | None], list[tuple[int, int]]] = self._poll.poll

    def watch(self, interest: Mapping[int, int]) -> None:
        """
        Replace the watched descriptors by *interest*: READ, WRITE or both for each.
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
        Wait up to *milliseconds*. Return the descriptors that are ready.
        """
        seconds = None if milliseconds is None else milliseconds / 1000
        ready = self._selector.select(seconds)
        return [(key.fd, events) for key, events in ready]
