"""
The registry of listeners.

Rules:

1. The preview name and the GA name of an event are the same subscription.
2. Some events are retained, because they describe a state that lasts. An earlier
   subscriber receives such an event when it happens, a later one receives the latest
   upon registration, and none receives it twice. So one step under the lock retains the
   event and selects its subscribers.
3. ``off()`` takes effect when it returns, also for events that are queued.
4. "Once" is a property of the subscription, not of the function: the same function may
   be registered a second time, for another event or permanently.

The client owns the registry, and threads have only a weak reference to it: a listener
that closes over the client must not keep the client alive.
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
    The latest event of each state that still holds. Not thread-safe.

    There are two instances: `Mailboxes` updates its own on arrival of an event,
    `Subscriptions` on its delivery. A listener registered in between gets the old state
    at once, and the new one in order with the queued events.

    Attributes:
        CLASSES: The events that must be passed to `note`.
    """

    CLASSES = (SessionCreated, Init, Disconnected, Closed, Reconnected)
    _ORDER = (SessionCreated, Init, Disconnected, Closed)

    def __init__(self) -> None:
        self._events: dict[type[ServerEvent], ServerEvent] = {}

    def note(self, event: ServerEvent) -> None:
        """
        Retain *event* if it is a state, and remove the states that it ends.
        """
        if isinstance(event, self._ORDER):
            self._events[type(event)] = event
        if isinstance(event, Disconnected) and not event.reconnecting:
            self._events.pop(SessionCreated, None)
            self._events.pop(Init, None)
        elif isinstance(event, (Init, Reconnected)):
            self._events.pop(Disconnected, None)
        if isinstance(event, Reconnected):  # later `init` listeners get the new session
            self._events[Init] = Init(
                session=event.session, raw=event.raw, generation=event.generation
            )

    def events(self) -> list[ServerEvent]:
        """
        Return the states that hold, in the order of their events.
        """
        return [self._events[kind] for kind in self._ORDER if kind in self._events]


class Subscription:
    """
    One listener of one event.
    """

    __slots__ = ("active", "failures", "key", "listener", "once")

    def __init__(self, key: str, listener: Listener, once: bool) -> None:
        self.key = key
        self.listener = listener
        self.once = once
        self.active = True
        self.failures = 0

    def matches(self, event: ServerEvent) -> bool:
        """
        Whether *event* matches the key of this subscription.
        """
        return self.key == ANY or self.key in keys_of(event)


class Subscriptions:
    """
    The registry of listeners, in the order of their registration.

    Attributes:
        table: A cache: event class -> its subscriptions, filled by `take`. Read without
            the lock. Each change of the registry replaces it by an empty one. Retained
            and unknown events are never in it.
    """

    def __init__(self) -> None:
        # guards the registry and the retained events (rule 2)
        self._lock = OwnLock()
        self._by_key: dict[str, list[Subscription]] = {}
        self._latest = RetainedEvents()
        self.table: dict[type[ServerEvent], tuple[Subscription, ...]] = {}

    def add(self, subscription: Subscription) -> list[ServerEvent]:
        """
        Register *subscription*; return the retained events to deliver to it.

        Any thread.
        """
        with self._lock:
            # before the change: Ctrl-C in between leaves no stale cache
            self.table = {}
            self._by_key.setdefault(subscription.key, []).append(subscription)
            return self._retained_for(subscription)

    def remove(self, key: str, listener: Listener | None = None) -> None:
        """
        Unregister *listener* of *key*; None: all listeners of *key*. Any thread.
        """
        with self._lock:
            self._drop_all(key, listener)

    def clear(self) -> None:
        """
        Unregister all listeners. Any thread.
        """
        with self._lock:
            for key in list(self._by_key):
                self._drop_all(key, None)

    def has_listener(self, event: ServerEvent) -> bool:
        """
        Whether *event* has a listener. Any thread.
        """
        return ANY in self._by_key or any(key in self._by_key for key in keys_of(event))

    def take(self, event: ServerEvent) -> tuple[Subscription, ...]:
        """
        Return the subscriptions of *event*; retain it, or cache them in `table`.

        Dispatching thread.
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
        Whether *event* is a retained event that still holds. Dispatching thread.
        """
        with self._lock:
            return any(event is state for state in self._latest.events())

    def claim(self, subscription: Subscription) -> bool:
        """
        Return whether to call the listener now; remove a "once" subscription.

        If `once` is false, reading `active` gives the same result. Dispatching thread,
        right before the call.
        """
        with self._lock:
            if not subscription.active:
                return False
            if subscription.once:
                self._drop(subscription)
            return True

    # Lock held.

    def _retained_for(self, subscription: Subscription) -> list[ServerEvent]:
        return [e for e in self._latest.events() if subscription.matches(e)]

    def _drop_all(self, key: str, listener: Listener | None) -> None:
        for subscription in list(self._by_key.get(key, ())):
            if listener is None or subscription.listener == listener:
                self._drop(subscription)

    def _drop(self, subscription: Subscription) -> None:
        subscription.active = False
        self.table = {}
        listeners = self._by_key.get(subscription.key, [])
        if subscription in listeners:
            listeners.remove(subscription)
        if not listeners:
            self._by_key.pop(subscription.key, None)
