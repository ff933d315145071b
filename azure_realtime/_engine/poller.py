"""
What the reader thread waits with: descriptors, and a time limit.
"""

from __future__ import annotations

import math
import select
import selectors
from collections.abc import Collection, Mapping

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Poller:
    """
    Waits for descriptors. Reader thread.

    With `select.poll` where there is one: half the time of `selectors`, and no
    descriptor of its own. It knows descriptors by number only. One that was closed, and
    whose number another has by now, needs no special care.
    """

    def __init__(self) -> None:
        self._interest: Mapping[int, int] = {}
        self._poll = _Poll() if hasattr(select, "poll") else _Select()

    def watch(self, interest: Mapping[int, int]) -> None:
        """
        Watch these descriptors, and no others, for READ, WRITE or both.
        """
        if interest == self._interest:
            return
        for descriptor in self._interest:
            self._poll.unregister(descriptor)
        for descriptor, events in interest.items():
            self._poll.register(descriptor, events)
        self._interest = interest

    def wait(self, seconds: float) -> Collection[int]:
        """
        Wait at most so long; return the descriptors that are ready.

        One that has failed is ready: the operation on it tells how.
        """
        # rounded up: else turns would follow each other without a pause until a timer
        # is due
        return self._poll.wait(math.ceil(max(0.0, seconds) * 1000))


class _Poll:
    def __init__(self) -> None:
        self._poll = select.poll()
        self.unregister = self._poll.unregister

    def register(self, descriptor: int, events: int) -> None:
        reads = select.POLLIN if events & READ else 0
        writes = select.POLLOUT if events & WRITE else 0
        self._poll.register(descriptor, reads | writes)

    def wait(self, milliseconds: int) -> Collection[int]:
        return [descriptor for descriptor, _ in self._poll.poll(milliseconds)]


class _Select:
    """
    The same for Windows, which has no `select.poll`.
    """

    def __init__(self) -> None:
        self._selector = selectors.SelectSelector()
        self.register = self._selector.register
        self.unregister = self._selector.unregister

    def wait(self, milliseconds: int) -> Collection[int]:
        return [key.fd for key, _ in self._selector.select(milliseconds / 1000)]
