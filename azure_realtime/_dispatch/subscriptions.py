"""
The registry of listeners.

Rules:

1. Either generation's name of an event is the same subscription.
2. Some events are states as much as moments. A later subscriber receives the latest one
   at once, an earlier subscriber when it happens, and nobody receives it twice. So a
   state is noted in the same step, under the lock, that decides who receives it.
3. ``off()`` counts from the moment it returns, also for events that are queued.
4. "Once" belongs to the subscription, not to the function: the same function may be
   registered again, for another event or for good.

The registry belongs to the client, and threads reach it through a weak reference: a
listener that closes over the client must not keep the client alive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._concurrency.lock import OwnLock
from ..events import (
    Closed,
    Disconnected,
    Init,
    Reconnected,
    ServerEvent,
    SessionCreated,
    UnknownEvent,
)
from .event_keys import ANY, keys_of

Listener = Callable[[Any], Any]


class RetainedEvents:
    """
    The events that are states: the last of each that still holds. Not locked.

    There are two: `Mailboxes` has them as of their arrival, `Subscriptions` as of their
    delivery. A listener that is registered in between gets the old state now, and the
    new one in its place among the events that are queued.

    Attributes:
        CLASSES: The events that `note` must see.
    """

    CLASSES = (SessionCreated, Init, Disconnected, Closed, Reconnected)
    _ORDER = (SessionCreated, Init, Disconnected, Closed)

    def __init__(self) -> None:
        self._events: dict[type[ServerEvent], ServerEvent] = {}

    def note(self, event: ServerEvent) -> None:
        """
        Remember *event* if it is a state, and forget the states that it ends.
        """
        if isinstance(event, self._ORDER):
            self._events[type(event)] = event
        if isinstance(event, Disconnected) and not event.reconnecting:
            self._events.pop(SessionCreated, None)
            self._events.pop(Init, None)
        elif isinstance(event, (Init, Reconnected)):
            self._events.pop(Disconnected, None)
        if isinstance(event, Reconnected):  # a later subscriber gets the new session
            self._events[Init] = Init(
                session=event.session, raw=event.raw, generation=event.generation
            )

    def events(self) -> list[ServerEvent]:
        """
        Return what holds, in the order in which it came about.
        """
        return [self._events[kind] for kind in self._ORDER if kind in self._events]


class Subscription:
    """
    One listener for one event.
    """

    __slots__ = ("active", "failures", "key", "listener", "once")

    def __init__(self, key: str, listener: Listener, once: bool) -> None:
        self.key = key
        self.listener = listener
        self.once = once
        self.active = True
        self.failures = 0

    def wants(self, event: ServerEvent) -> bool:
        """
        Whether *event* is for this subscription.
        """
        return self.key == ANY or self.key in keys_of(event)


class Subscriptions:
    """
    The registry of listeners, in the order of their registration.

    Attributes:
        table: The subscriptions of a class of events, for the classes that were
            delivered since the last change; read without the lock. After each change it
            is another, empty one. States and unknown events are never in it.
    """

    def __init__(self) -> None:
        # makes a change of the registry one step, and rule 2
        self._lock = OwnLock()
        self._by_key: dict[str, list[Subscription]] = {}
        self._latest = RetainedEvents()
        self.table: dict[type[ServerEvent], tuple[Subscription, ...]] = {}

    def add(self, subscription: Subscription) -> list[ServerEvent]:
        """
        Register; return the states to deliver to the listener now. Any thread.
        """
        with self._lock:
            # first: Ctrl-C in between leaves no table without this subscription
            self.table = {}
            self._by_key.setdefault(subscription.key, []).append(subscription)
            return [e for e in self._latest.events() if subscription.wants(e)]

    def remove(self, key: str, listener: Listener | None = None) -> None:
        """
        Unregister *listener*, or (None) all of *key*. Any thread.
        """
        with self._lock:
            for subscription in list(self._by_key.get(key, ())):
                if listener is None or subscription.listener == listener:
                    self._drop(subscription)

    def clear(self) -> None:
        """
        Unregister everybody. Any thread.
        """
        with self._lock:
            for key in list(self._by_key):
                self.remove(key)

    def hears(self, event: ServerEvent) -> bool:
        """
        Whether anybody listens for *event*. Any thread.
        """
        return ANY in self._by_key or any(key in self._by_key for key in keys_of(event))

    def take(self, event: ServerEvent) -> tuple[Subscription, ...]:
        """
        Return who receives *event*; note it if it is a state, else fill the `table`.

        The thread that dispatches.
        """
        with self._lock:
            self._latest.note(event)
            found = [s for key in keys_of(event) for s in self._by_key.get(key, ())]
            listening = (*found, *self._by_key.get(ANY, ()))
            if not isinstance(event, (UnknownEvent, *RetainedEvents.CLASSES)):
                self.table[type(event)] = listening
            return listening

    def holds(self, event: ServerEvent) -> bool:
        """
        Whether *event* is a state that still holds. The thread that dispatches.
        """
        with self._lock:
            return any(event is state for state in self._latest.events())

    def claim(self, subscription: Subscription) -> bool:
        """
        Whether to call the listener now; this uses up a "once".

        The thread that dispatches, right before the call. Where `once` is false,
        reading `active` tells the same.
        """
        with self._lock:
            if not subscription.active:
                return False
            if subscription.once:
                self._drop(subscription)
            return True

    def _drop(self, subscription: Subscription) -> None:
        subscription.active = False
        self.table = {}
        listeners = self._by_key.get(subscription.key, [])
        if subscription in listeners:
            listeners.remove(subscription)
        if not listeners:
            self._by_key.pop(subscription.key, None)
