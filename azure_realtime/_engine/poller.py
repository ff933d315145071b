"""
What the reader thread waits with: descriptors, and a time limit.
"""

from __future__ import annotations

import math
import select
import selectors
from collections.abc import Collection, Mapping
from typing import Any

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Poller:
    """
    `select.poll` where there is one: half the time of `selectors`, and no descriptor
    of its own. It knows descriptors by number only: one that was closed, and whose
    number another has by now, needs no special care.
    """

    def __init__(self) -> None:
        self._poll: Any = select.poll() if hasattr(select, "poll") else _SelectPoll()
        self._interest: Mapping[int, int] = {}

    def watch(self, interest: Mapping[int, int]) -> None:
        """
        Watch these descriptors, and no others, for READ, WRITE or both.
        """
        if interest == self._interest:
            return
        for descriptor in self._interest:
            self._poll.unregister(descriptor)
        for descriptor, events in interest.items():
            self._poll.register(descriptor, _BITS[events])
        self._interest = interest

    def wait(self, seconds: float) -> Collection[int]:
        """
        Wait at most so long; return the descriptors that are ready.

        One that has failed is ready: the operation on it tells how.
        """
        # rounded up: until a timer is due, turns would follow each other without pause
        ready = self._poll.poll(math.ceil(max(0.0, seconds) * 1000))
        return [descriptor for descriptor, _ in ready]


class _SelectPoll:
    """
    `select.poll` made of `select.select`, for Windows.
    """

    def __init__(self) -> None:
        self._selector = selectors.SelectSelector()
        self.register = self._selector.register
        self.unregister = self._selector.unregister

    def poll(self, milliseconds: int) -> list[tuple[int, int]]:
        ready = self._selector.select(milliseconds / 1000)
        return [(key.fd, events) for key, events in ready]


_IN, _OUT = getattr(select, "POLLIN", READ), getattr(select, "POLLOUT", WRITE)
_BITS = {READ: _IN, WRITE: _OUT, READ | WRITE: _IN | _OUT}
