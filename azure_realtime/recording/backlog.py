"""
The bounded queue between the reader thread of a client and the writer thread.

Neither end has a lock: each counter has one thread that changes it, and
``SimpleQueue.put`` is one call in C.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import Any, Literal, NamedTuple

from .format import MAX_QUEUE_BYTES
from .payloads import STREAM_TYPES

Direction = Literal["in", "out"]

_OVERHEAD = 200  # bytes of memory per entry, in addition to its text
_AUDIO_SHARE = 0.75  # of the limit; beyond it, messages with audio are dropped
_LONGEST_HEAD = 300  # bytes at the start of a message, in which its type is found
_AUDIO_TYPES = tuple(f'"{kind}"'.encode() for kind in sorted(STREAM_TYPES))


class Received(NamedTuple):
    """
    A message as the hook got it.
    """

    direction: Direction
    generation: int
    at: float
    text: bytes


class Mark(NamedTuple):
    """
    A note of the application.
    """

    at: float
    name: str
    data: dict[str, Any]


class Dropped(NamedTuple):
    """
    The messages that were dropped since the last such entry.
    """

    at: float
    audio: int
    messages: int


Entry = Received | Mark | Dropped


class Backlog:
    """
    A queue of at most *limit* bytes.

    Above three quarters of the limit, messages that carry audio are dropped, above the
    limit all messages. When there is room again, one `Dropped` entry has the counts.

    Args:
        limit: Maximum size in bytes.
    """

    def __init__(self, limit: int = MAX_QUEUE_BYTES) -> None:
        self._limit = limit
        self._queue: SimpleQueue[Entry | None] = SimpleQueue()
        self._added = 0  # bytes; changed by the thread that calls `put`
        self._taken = 0  # bytes; changed by the writer thread
        self._audio = 0
        self._messages = 0

    def put(
        self, direction: Direction, generation: int, at: float, text: bytes
    ) -> None:
        """
        Add a message, or drop it. Never blocks. One thread at a time.
        """
        size = len(text) + _OVERHEAD
        queued = self._added - self._taken
        if queued + size > self._limit * _AUDIO_SHARE:
            head = text[:_LONGEST_HEAD]
            if any(kind in head for kind in _AUDIO_TYPES):
                self._audio += 1
                return
            if queued + size > self._limit:
                self._messages += 1
                return
        elif self._audio or self._messages:
            self._report_dropped(at)
        self._added += size
        self._queue.put(Received(direction, generation, at, text))

    def _report_dropped(self, at: float) -> None:
        """
        Add an entry with the counts of what was dropped, if anything was.
        """
        if self._audio or self._messages:
            self._queue.put(Dropped(at, self._audio, self._messages))
            self._audio = self._messages = 0

    def mark(self, name: str, data: dict[str, Any]) -> None:
        """
        Add a note of the application. Any thread.
        """
        self._queue.put(Mark(time.monotonic(), name, data))

    def end(self) -> None:
        """
        Add the end, after the counts of what was dropped. Any thread.
        """
        self._report_dropped(time.monotonic())
        self._queue.put(None)

    def take_all(self) -> Iterator[Entry | None]:
        """
        Wait for an entry; yield it and those that are there. None stands for the end.

        The writer thread.
        """
        entry = self._queue.get()
        while True:
            if isinstance(entry, Received):
                self._taken += len(entry.text) + _OVERHEAD
            yield entry
            try:
                entry = self._queue.get_nowait()
            except Empty:
                return
