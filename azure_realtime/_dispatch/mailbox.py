"""
Who pulls events instead of being called.

The reader thread puts every event here before it is queued for callbacks, so that a
callback may wait for an event that is still behind it in the queue. Each wait is a
mailbox; what a user wants of an event (``where=...``) is asked on the waiting thread.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from .._concurrency.condition import Gong
from .._concurrency.deadline import Deadline
from .._memory import weight_of
from ..errors import RealtimeError, SlowConsumer, fresh
from ..events import ServerEvent
from .subscriptions import ANY, Latest, keys_of

MAX_EVENTS = 100_000
MAX_BYTES = 64 << 20  # of what they hold: base64 audio, mostly, and JSON around it

_AFTER_THE_END = frozenset({"closed", "reconnected", "reconnecting"})

Where = Callable[[Any], Any]


class Mailbox:
    """
    The events that came for one wait and were not looked at yet.

    It is bounded; what does not fit is not dropped in silence: after what came before,
    `get` raises.

    Args:
        keys: What is wanted.
        lasting: Whether it goes on after a reconnect.
        known: What is in it from the beginning.

    Attributes:
        came_at: When the event that was taken last came, on the monotonic clock.
    """

    def __init__(
        self,
        keys: frozenset[str],
        lasting: bool = False,
        known: Iterable[ServerEvent] = (),
    ) -> None:
        self._keys = keys
        self.lasting = lasting
        now = time.monotonic()
        self._events = deque([(now, _size(event), event) for event in known])
        self.came_at = 0.0
        self._bytes = sum(size for _, size, _ in self._events)
        self._error: RealtimeError | None = None
        self._lock = threading.RLock()
        self._news = Gong()

    def __repr__(self) -> str:
        return f"of {', '.join(sorted(self._keys))}: {len(self._events)} waiting"

    def put(self, event: ServerEvent) -> None:
        """
        Keep *event* if it is wanted. Reader thread; never blocks.
        """
        if ANY not in self._keys and self._keys.isdisjoint(keys_of(event)):
            return
        size = _size(event)
        with self._lock:
            if self._error is not None:
                return
            if len(self._events) >= MAX_EVENTS or self._bytes + size > MAX_BYTES:
                self._error = SlowConsumer(
                    f"{len(self._events)} events wait and nobody takes them"
                )
            else:
                self._events.append((time.monotonic(), size, event))
                self._bytes += size
        self._news.strike()

    def end(self, error: RealtimeError) -> None:
        """
        Say that nothing more comes, and why. Reader thread.
        """
        with self._lock:
            self._error = self._error or error
        self._news.strike()

    def get(self, deadline: Deadline, where: Where | None = None) -> ServerEvent:
        """
        Return the next event that *where* accepts; what it refuses is gone.

        Any thread but the reader.

        Raises:
            TimeoutError: None came until the deadline.
            RealtimeError: Nothing more comes; this is why.
        """
        while True:
            event = self._next(deadline)
            if where is None or where(event):
                return event

    def _next(self, deadline: Deadline) -> ServerEvent:
        taken: list[ServerEvent] = []
        if not self._news.wait(lambda: self._take(taken), deadline):
            names = ", ".join(sorted(self._keys))
            raise TimeoutError(f"no {names} came in time")
        return taken[0]

    def _take(self, into: list[ServerEvent]) -> bool:
        with self._lock:
            if self._events:
                self.came_at, size, event = self._events.popleft()
                self._bytes -= size
                into.append(event)
            elif self._error is not None:
                raise fresh(self._error)
            return bool(into)


class Waiters:
    """
    The mailboxes. They are held weakly: one that nobody looks into is gone.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._boxes: weakref.WeakSet[Mailbox] = weakref.WeakSet()
        self._latest = Latest()
        self._error: RealtimeError | None = None

    def open(self, keys: frozenset[str], *, lasting: bool = False) -> Mailbox:
        """
        Return a mailbox that gets what comes from now on. Any thread.

        A *lasting* one goes on after a reconnect; another ends with the connection,
        unless it waits for what comes after that.

        What is a state as much as a moment (`Latest`) is in it already.
        """
        lasting = lasting or keys <= _AFTER_THE_END
        with self._lock:
            # all at once: what comes a moment later is behind it
            known = [e for e in self._latest.events() if keys & set(keys_of(e))]
            box = Mailbox(keys, lasting, known)
            error = self._error
            if error is None:
                self._boxes.add(box)
        if error is not None:
            box.end(error)
        return box

    def close(self, box: Mailbox) -> None:
        """
        Put nothing more into *box*. Any thread.
        """
        with self._lock:
            self._boxes.discard(box)

    def offer(self, event: ServerEvent) -> None:
        """
        Put *event* into every mailbox that wants it. Reader thread.
        """
        with self._lock:
            self._latest.note(event)
            boxes = list(self._boxes)
        for box in boxes:
            box.put(event)

    def of_this_connection(self) -> list[Mailbox]:
        """
        Return the waits that end with the connection. Reader thread.
        """
        with self._lock:
            return [box for box in self._boxes if not box.lasting]

    def end(self, error: RealtimeError) -> None:
        """
        End every wait, and every later one. Reader thread.
        """
        with self._lock:
            self._error = error
            boxes = list(self._boxes)
        for box in boxes:
            box.end(error)


def _size(event: ServerEvent) -> int:
    return weight_of(event.raw) + weight_of(getattr(event, "data", ""))
