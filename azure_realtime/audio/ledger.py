"""
Which audio of which item was played: a ledger from the frames of a device to items.

Rules:

1. Only samples count, not the silence that a device plays in between.
2. One thread adds; any thread reads. A run is appended or replaced in one step in C.
3. What is told of an item never exceeds what was added of it.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple


class _Run(NamedTuple):
    """
    Frames of one item that a device plays without a gap.
    """

    start: int  # the device's frame
    item: str
    first: int  # the item's frame
    length: int

    @property
    def end(self) -> int:
        return self.start + self.length


class Ledger:
    """
    The frames that were handed to a device, in their order.
    """

    def __init__(self) -> None:
        self._runs: deque[_Run] = deque()
        self._added: dict[str, int] = {}  # item -> frames handed over
        self._played: dict[str, int] = {}  # of the runs that `forget` has removed

    @property
    def end(self) -> int:
        """
        The device's frame after the last run.
        """
        return self._runs[-1].end if self._runs else 0

    def add(self, start: int, item: str, count: int) -> None:
        """
        Note that the device plays *count* frames of *item*, from its frame *start* on.
        """
        first = self._added.get(item, 0)
        self._added[item] = first + count
        last = self._runs[-1] if self._runs else None
        if last is not None and last.item == item and last.end == start:
            self._runs[-1] = last._replace(length=last.length + count)
        else:
            self._runs.append(_Run(start, item, first, count))

    def added(self) -> dict[str, int]:
        """
        Return the frames of each item that were handed over.
        """
        return dict(self._added)

    def played(self, item: str, heard: int) -> int:
        """
        Return the frames of *item* among the first *heard* frames of the device.
        """
        # The runs first: what `forget` moves meanwhile is then found in one of both.
        runs = tuple(self._runs)
        frames = self._played.get(item, 0)
        for run in runs:
            if run.item == item and run.start < heard:
                frames = max(frames, run.first + min(run.length, heard - run.start))
        return frames

    def forget(self, heard: int) -> None:
        """
        Remove the runs that were played, but the last one. Not while another thread
        restarts the ledger.
        """
        while len(self._runs) > 1 and self._runs[0].end <= heard:
            run = self._runs[0]
            self._played[run.item] = run.first + run.length
            self._runs.popleft()

    def restart(self, heard: int) -> None:
        """
        Begin again with the device's frame 0, after *heard* frames were played.

        What was handed over and not played does not count any more.
        """
        for item in tuple(self._added):
            self._played[item] = self._added[item] = self.played(item, heard)
        self._runs.clear()
