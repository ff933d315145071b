"""
Mailboxes: queues of events for calls that wait on threads of the user.

Rules:

1. A mailbox starts with the retained events that still hold (`RetainedEvents`), and
   gets every matching event offered after it was opened: opening it is one step under
   the lock.
2. No event is dropped silently: when a mailbox is full, `Mailbox.get` returns the
   events in it, then raises.
3. `Mailboxes.wanted` may contain too many keys, never too few.
4. `ended` returns the error before `Mailboxes.end` is called. `open` checks, under the
   lock, whether `end` has copied the list of mailboxes: if it has not, `end` ends the
   new mailbox as well; if it has, `ended` returns the error. So every mailbox is ended,
   and one that is opened before the copy still gets the last events.
"""

from __future__ import annotations

import time
import weakref
from collections import deque
from collections.abc import Callable, Collection, Iterable
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
MAX_BYTES = 64 << 20  # of their content, mostly JSON with base64 audio

_AFTER_THE_END = frozenset({"closed", "reconnected", "reconnecting"})
_STATES = frozenset(event.type for event in RetainedEvents.CLASSES)

Where = Callable[[Any], Any]


class Mailbox:
    """
    A bounded queue of the events that one call waits for.

    Args:
        keys: The keys of the wanted events.
        lock: The lock of all mailboxes of a client.
        survives_reconnect: Whether it stays open across a reconnect.
        known: The events it starts with.

    Attributes:
        came_at: Arrival of the event that `get` returned last, on the monotonic clock;
            before the first one, the beginning of the wait.
    """

    def __init__(
        self,
        keys: frozenset[str],
        lock: OwnLock,
        survives_reconnect: bool = False,
        known: Iterable[ServerEvent] = (),
    ) -> None:
        self.keys = keys
        self.survives_reconnect = survives_reconnect
        now = time.monotonic()
        self._events = deque([(now, size_of(event), event) for event in known])
        self.came_at = time.monotonic()
        self._bytes = sum(size for _, size, _ in self._events)
        self._error: RealtimeError | None = None
        self._lock = lock
        self._changed = Condition()
        self.notify = self._changed.notify_all  # after `put`, and after its lock

    def __repr__(self) -> str:
        return f"of {', '.join(sorted(self.keys))}: {len(self._events)} waiting"

    def put(self, event: ServerEvent, size: int) -> None:
        """
        Queue *event* of about *size* bytes. Lock held; the caller calls `notify` after
        its release.
        """
        if self._error is not None:
            return
        if len(self._events) >= MAX_EVENTS or self._bytes + size > MAX_BYTES:
            self._error = SlowConsumer(
                f"{len(self._events)} events wait and are not taken; iterate faster, "
                "or wait for fewer kinds of events"
            )
        else:
            self._events.append((time.monotonic(), size, event))
            self._bytes += size

    def end(self, error: RealtimeError) -> None:
        """
        Close the mailbox: after the events in it, `get` raises *error*. Any thread.
        """
        with self._lock:
            self._error = self._error or error
        self.notify()

    def get(self, deadline: Deadline, where: Where | None = None) -> ServerEvent:
        """
        Return the next event that *where* accepts; events it refuses are dropped.

        Any thread but the reader.

        Raises:
            TimeoutError: No such event came until the deadline.
            RealtimeError: The mailbox has ended; the error is the reason.
        """
        while True:
            event = self._next(deadline)
            if where is None or where(event):
                return event

    def _next(self, deadline: Deadline) -> ServerEvent:
        taken: list[ServerEvent] = []
        if not self._changed.wait(lambda: self._take(taken), deadline):
            names = ", ".join(sorted(self.keys))
            raise TimeoutError(f"no {names} event came before the timeout")
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
    The mailboxes of a client, in a weak set: an unreferenced mailbox disappears.

    Args:
        ended: Returns the error after which no events come, else None (see rule 4).

    Attributes:
        wanted: The keys of all mailboxes and of all retained events. An event with
            another key need not be offered, unless ``"*"`` is in the set. Read without
            the lock; replaced when a mailbox is opened or found to have disappeared.
    """

    def __init__(self, ended: Callable[[], RealtimeError | None]) -> None:
        # guards the set of mailboxes, the retained events and each mailbox's events
        self._lock = OwnLock()
        self._mailboxes: weakref.WeakSet[Mailbox] = weakref.WeakSet()
        self._published = 0  # number of mailboxes that `wanted` was computed from
        self._latest = RetainedEvents()
        self._ended = ended
        self._closed = False
        self.wanted: frozenset[str] = _STATES

    def open(
        self, keys: frozenset[str], *, survives_reconnect: bool = False
    ) -> Mailbox:
        """
        Open a mailbox for the events offered from now on. Any thread.

        It starts with the retained events of *keys* that still hold. It ends with the
        connection, unless it survives a reconnect, or waits only for events that follow
        the end of a connection.
        """
        survives_reconnect = survives_reconnect or keys <= _AFTER_THE_END
        with self._lock:
            # one step (rule 1): an event offered later comes after the retained ones
            known = self._known(keys)
            mailbox = Mailbox(keys, self._lock, survives_reconnect, known)
            closed = self._closed
            if not closed:
                self._mailboxes.add(mailbox)
                self._publish()
        if closed and (error := self._ended()) is not None:
            mailbox.end(error)
        return mailbox

    def close(self, mailbox: Mailbox) -> None:
        """
        Remove *mailbox*: no event is put into it any more. Any thread.
        """
        with self._lock:
            self._mailboxes.discard(mailbox)
            self._publish()

    def put(self, mailbox: Mailbox, event: Any) -> None:
        """
        Put *event* into one mailbox, whatever its keys. Any thread; never blocks.
        """
        with self._lock:
            mailbox.put(event, 0)
        mailbox.notify()

    def offer(self, event: ServerEvent, size: int) -> None:
        """
        Put *event* into every mailbox that wants it. Any thread; never blocks.

        Args:
            event: The event.
            size: Approximate memory of its content in bytes; see `Dispatcher.post`.
        """
        keys = KEYS.get(event.__class__) or keys_of(event)
        wanted = self.wanted
        if ANY not in wanted and wanted.isdisjoint(keys):
            return
        with self._lock:
            if isinstance(event, RetainedEvents.CLASSES):
                self._latest.note(event)
            mailboxes = list(self._mailboxes)
            if len(mailboxes) != self._published:  # one was dropped without `close`
                self._publish()
            taking = _put(event, size, keys, mailboxes)
        for mailbox in taking:
            mailbox.notify()

    def of_this_connection(self) -> list[Mailbox]:
        """
        Return the mailboxes that end with the connection. Reader thread.
        """
        with self._lock:
            mailboxes = list(self._mailboxes)
        return [mailbox for mailbox in mailboxes if not mailbox.survives_reconnect]

    def end(self) -> None:
        """
        End every mailbox, now and when it is opened later (rule 4). Reader thread.
        """
        error = self._ended()
        assert error is not None
        with self._lock:
            self._closed = True
            mailboxes = list(self._mailboxes)
        for mailbox in mailboxes:
            mailbox.end(error)

    def _known(self, keys: frozenset[str]) -> list[ServerEvent]:
        """
        Return the retained events of *keys* that still hold. Lock held.
        """
        return [e for e in self._latest.events() if keys & set(keys_of(e))]

    def _publish(self) -> None:
        """
        Compute `wanted` from the open mailboxes. Lock held.
        """
        mailboxes = list(self._mailboxes)
        self._published = len(mailboxes)
        self.wanted = _STATES.union(*(mailbox.keys for mailbox in mailboxes))


def _put(
    event: ServerEvent, size: int, keys: Collection[str], mailboxes: Iterable[Mailbox]
) -> list[Mailbox]:
    """
    Put *event*, which has these keys, into the mailboxes that want it; return them.
    """
    taking = []
    for mailbox in mailboxes:
        if ANY in mailbox.keys or not mailbox.keys.isdisjoint(keys):
            mailbox.put(event, size)
            taking.append(mailbox)
    return taking
