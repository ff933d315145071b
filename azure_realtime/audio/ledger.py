"""
Which audio of which item was played: a ledger from the frames of a device to items.

Rules:

1. Only samples count, not the silence that a device plays in between.
2. One thread adds; any thread reads. A run is appended or replaced in one step in C.
3. The frames of an item that count as played never exceed those that were added.
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

    def played(self, item: str, position: int) -> int:
        """
        Return the frames of *item* before the device's frame *position*.
        """
        # The runs are read first: a run that `forget` moves meanwhile is then found
        # here or in `_played`, never in neither.
        runs = tuple(self._runs)
        frames = self._played.get(item, 0)
        for run in runs:
            if run.item == item and run.start < position:
                frames = max(frames, run.first + min(run.length, position - run.start))
        return frames

    def forget(self, position: int) -> None:
        """
        Remove the runs before the device's frame *position*, except the last run. Not
        while another thread restarts the ledger.
        """
        while len(self._runs) > 1 and self._runs[0].end <= position:
            run = self._runs[0]
            self._played[run.item] = run.first + run.length
            self._runs.popleft()

    def restart(self, position: int) -> None:
        """
        Start again with the device's frame 0, after the frame *position* was played.

        Frames that were handed over and not played no longer count.
        """
        for item in tuple(self._added):
            self._played[item] = self._added[item] = self.played(item, position)
        self._runs.clear()
