"""
Waits for events: the events that came for them, on threads of the user.

Rules:

1. A mailbox gets what comes after it was opened, and in it from the beginning are the
   states that hold (`RetainedEvents`): both are decided in one step, under the lock.
2. Nothing is dropped in silence: after what came before, `Mailbox.get` raises.
3. `Mailboxes.wanted` may hold too many names, never too few.
4. `ended` returns the error before `Mailboxes.end` is called. `open` checks, under the
   lock, whether `end` has taken the list of mailboxes: if it has not, `end` ends this
   one as well; if it has, `ended` returns the error. So no wait is forgotten, and one
   that is opened in between still gets the last events.
"""

from __future__ import annotations

import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from .._concurrency.condition import Condition
from .._concurrency.deadline import Deadline
from .._concurrency.lock import OwnLock
from ..errors import RealtimeError, SlowConsumer, copy_to_raise
from ..events import ServerEvent
from .backlog import size_of
from .event_keys import ANY, KEYS, keys_of
from .subscriptions import RetainedEvents

MAX_EVENTS = 100_000
MAX_BYTES = 64 << 20  # of what they hold: base64 audio, mostly, and JSON around it

_AFTER_THE_END = frozenset({"closed", "reconnected", "reconnecting"})
_STATES = frozenset(event.type for event in RetainedEvents.CLASSES)

Where = Callable[[Any], Any]


class Mailbox:
    """
    The events that came for one wait and were not taken yet.

    It is bounded: after the events that found room, `get` raises.

    Args:
        keys: The keys of what is wanted.
        lock: That of all mailboxes of a client.
        lasting: Whether it goes on after a reconnect.
        known: What is in it from the beginning.

    Attributes:
        came_at: When the event that was taken last came, on the monotonic clock.
    """

    def __init__(
        self,
        keys: frozenset[str],
        lock: OwnLock,
        lasting: bool = False,
        known: Iterable[ServerEvent] = (),
    ) -> None:
        self.keys = keys
        self.lasting = lasting
        now = time.monotonic()
        self._events = deque([(now, size_of(event), event) for event in known])
        self.came_at = 0.0
        self._bytes = sum(size for _, size, _ in self._events)
        self._error: RealtimeError | None = None
        self._lock = lock
        self._changed = Condition()
        self.notify = self._changed.notify_all  # after `put`, and after its lock

    def __repr__(self) -> str:
        return f"of {', '.join(sorted(self.keys))}: {len(self._events)} waiting"

    def put(self, event: ServerEvent, size: int) -> None:
        """
        Keep *event*, of about so many bytes. Under the lock; `notify` comes after it.
        """
        if self._error is not None:
            return
        if len(self._events) >= MAX_EVENTS or self._bytes + size > MAX_BYTES:
            self._error = SlowConsumer(
                f"{len(self._events)} events wait and nobody takes them"
            )
        else:
            self._events.append((time.monotonic(), size, event))
            self._bytes += size

    def end(self, error: RealtimeError) -> None:
        """
        Put nothing more into it, because of *error*. Any thread.
        """
        with self._lock:
            self._error = self._error or error
        self.notify()

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
        if not self._changed.wait(lambda: self._take(taken), deadline):
            names = ", ".join(sorted(self.keys))
            raise TimeoutError(f"no {names} came in time")
        return taken[0]

    def _take(self, into: list[ServerEvent]) -> bool:
        with self._lock:
            if self._events:
                self.came_at, size, event = self._events.popleft()
                self._bytes -= size
                into.append(event)
            elif self._error is not None:
                raise copy_to_raise(self._error)
            return bool(into)


class Mailboxes:
    """
    The mailboxes. They are held weakly: one that nobody refers to is gone.

    Args:
        ended: Returns why there will be no more events; None while there will be.
            Rule 4 says since when.

    Attributes:
        wanted: The keys that somebody waits for, and the names of the states. An event
            of another key need not be offered unless ``"*"`` is in it. Read without the
            lock; replaced when a mailbox comes, and when it is seen to have gone.
    """

    def __init__(self, ended: Callable[[], RealtimeError | None]) -> None:
        # guards the list of mailboxes, the states and what is in each mailbox
        self._lock = OwnLock()
        self._boxes: weakref.WeakSet[Mailbox] = weakref.WeakSet()
        self._counted = 0  # those that `wanted` was made of
        self._latest = RetainedEvents()
        self._ended = ended
        self._closed = False
        self.wanted: frozenset[str] = _STATES

    def open(self, keys: frozenset[str], *, lasting: bool = False) -> Mailbox:
        """
        Return a mailbox that gets what comes from now on. Any thread.

        A *lasting* one goes on after a reconnect; another ends with the connection,
        unless it waits for what comes after that.

        The states that hold (`RetainedEvents`) are in it already.
        """
        lasting = lasting or keys <= _AFTER_THE_END
        with self._lock:
            # in one step: what comes a moment later is behind it
            known = [e for e in self._latest.events() if keys & set(keys_of(e))]
            mailbox = Mailbox(keys, self._lock, lasting, known)
            closed = self._closed
            if not closed:
                self._boxes.add(mailbox)
                self._publish()
        if closed and (error := self._ended()) is not None:
            mailbox.end(error)
        return mailbox

    def close(self, mailbox: Mailbox) -> None:
        """
        Put nothing more into *mailbox*. Any thread.
        """
        with self._lock:
            self._boxes.discard(mailbox)
            self._publish()

    def offer(self, event: ServerEvent, size: int) -> None:
        """
        Put *event* into every mailbox that wants it. Any thread; never blocks.

        Args:
            event: The event.
            size: About how many bytes of memory its content takes; see
                `Dispatcher.post`.
        """
        keys = KEYS.get(event.__class__) or keys_of(event)
        wanted = self.wanted
        if ANY not in wanted and wanted.isdisjoint(keys):
            return
        with self._lock:
            if isinstance(event, RetainedEvents.CLASSES):
                self._latest.note(event)
            mailboxes = list(self._boxes)
            if len(mailboxes) != self._counted:  # one was dropped without being closed
                self._publish()
            taking: list[Mailbox] = []
            for mailbox in mailboxes:
                if ANY in mailbox.keys or not mailbox.keys.isdisjoint(keys):
                    mailbox.put(event, size)
                    taking.append(mailbox)
        for mailbox in taking:
            mailbox.notify()

    def of_this_connection(self) -> list[Mailbox]:
        """
        Return the waits that end with the connection. Reader thread.
        """
        with self._lock:
            return [mailbox for mailbox in self._boxes if not mailbox.lasting]

    def end(self) -> None:
        """
        End every wait, and every later one. Reader thread; see rule 4.
        """
        error = self._ended()
        assert error is not None
        with self._lock:
            self._closed = True
            mailboxes = list(self._boxes)
        for mailbox in mailboxes:
            mailbox.end(error)

    def _publish(self) -> None:
        """
        Make `wanted` of the mailboxes there are. Under the lock.
        """
        mailboxes = list(self._boxes)
        self._counted = len(mailboxes)
        self.wanted = _STATES.union(*(mailbox.keys for mailbox in mailboxes))
