"""
Who wants to hear what.

Rules:

1. Either generation's name of an event is the same subscription.
2. Some events are states as much as moments. Who subscribes later hears the latest one
   at once; who has subscribed before hears it when it happens; nobody hears it twice.
   That is why it is noted down in the same step that decides who hears it.
3. ``off()`` counts from the moment it returns, also for events that are queued.
4. "Once" belongs to the subscription, not to the function: the same function may be
   registered again, for another event or for good.

The registry belongs to the client, and threads reach it through a weak reference: a
listener that closes over the client must not keep the client alive.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ..events import Disconnected, Init, Reconnected, ServerEvent, UnknownEvent
from ..events._names import LOCAL_EVENT_NAMES, canonical

Listener = Callable[[Any], Any]

ANY = "*"
_UNKNOWN = "(unknown)"


class Latest:
    """
    The events that are states: the last of each that still holds. Not locked.
    """

    NAMES = ("session.created", "init", "disconnected", "closed")

    def __init__(self) -> None:
        self._events: dict[str, ServerEvent] = {}

    def note(self, event: ServerEvent) -> None:
        """
        Remember *event* if it is a state, and forget what it puts an end to.
        """
        if event.type in self.NAMES and not isinstance(event, UnknownEvent):
            self._events[event.type] = event
        if isinstance(event, Disconnected) and not event.reconnecting:
            self._events.pop("session.created", None)
            self._events.pop("init", None)
        elif isinstance(event, (Init, Reconnected)):
            self._events.pop("disconnected", None)
        if isinstance(event, Reconnected):  # who comes now is told of this session
            self._events["init"] = Init(
                session=event.session, raw=event.raw, generation=event.generation
            )

    def events(self) -> list[ServerEvent]:
        """
        Return what holds, in the order in which it came about.
        """
        return [self._events[name] for name in self.NAMES if name in self._events]


class Subscription:
    """
    One listener for one event.
    """

    __slots__ = ("active", "key", "listener", "once")

    def __init__(self, key: str, listener: Listener, once: bool) -> None:
        self.key = key
        self.listener = listener
        self.once = once
        self.active = True

    def wants(self, event: ServerEvent) -> bool:
        """
        Whether *event* is for this subscription.
        """
        return self.key == ANY or self.key in keys_of(event)


def key_for(event: str | type[Any]) -> str:
    """
    Return the key for what a user names: a wire name, ``"*"`` or an event class.

    Raises:
        TypeError: It is neither.
    """
    if isinstance(event, str):
        return canonical(event)
    if isinstance(event, type) and issubclass(event, ServerEvent):
        if event is ServerEvent:
            return ANY
        if event is UnknownEvent:
            return _UNKNOWN
        if isinstance(name := getattr(event, "type", None), str):
            return name
    raise TypeError(f"an event is named by its type or its class, not by {event!r}")


def keys_of(event: ServerEvent) -> tuple[str, ...]:
    """
    Return the keys under which *event* is heard, but for "*".
    """
    if isinstance(event, UnknownEvent):
        # a service that uses the name of one of our own events is not heard under it
        named = () if event.type in LOCAL_EVENT_NAMES else (event.type,)
        return (*named, _UNKNOWN)
    return (canonical(event.type),)


class Subscriptions:
    """
    The registry of listeners, in the order of their registration.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._by_key: dict[str, list[Subscription]] = {}
        self._latest = Latest()

    def add(self, subscription: Subscription) -> list[ServerEvent]:
        """
        Register; return what the listener has missed and shall hear now. Any thread.
        """
        with self._lock:
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

    def take(self, event: ServerEvent) -> list[Subscription]:
        """
        Return who hears *event*, and note it down if it is a state.

        The thread that dispatches.
        """
        with self._lock:
            self._latest.note(event)
            found = [s for key in keys_of(event) for s in self._by_key.get(key, ())]
            return found + self._by_key.get(ANY, [])

    def claim(self, subscription: Subscription) -> bool:
        """
        Whether the listener is to be called now; a "once" is used up by asking.

        The thread that dispatches, right before each call.
        """
        with self._lock:
            if not subscription.active:
                return False
            if subscription.once:
                self._drop(subscription)
            return True

    def _drop(self, subscription: Subscription) -> None:
        subscription.active = False
        listeners = self._by_key.get(subscription.key, [])
        if subscription in listeners:
            listeners.remove(subscription)
        if not listeners:
            self._by_key.pop(subscription.key, None)
