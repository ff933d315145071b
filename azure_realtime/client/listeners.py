"""
``on``, ``once``, ``off``, ``off_all``: one part of the client.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, overload

from .._concurrency.lifecycle import Lifecycle
from .._dispatch.dispatcher import Dispatcher
from .._dispatch.subscriptions import (
    ANY,
    Listener,
    Subscription,
    Subscriptions,
    key_for,
)
from ..errors import warn
from ..events import ServerEvent
from ..events._names import KNOWN_EVENT_NAMES, did_you_mean

L = TypeVar("L", bound=Listener)
E = TypeVar("E", bound=ServerEvent)

EventName = str | type[ServerEvent]
"""A wire name of either protocol's generation, ``"*"``, or an event class."""


class Listening:
    """
    What a client offers to those who want to be called.
    """

    _lifecycle: Lifecycle
    _dispatcher: Dispatcher
    _subscriptions: Subscriptions
    _doubted: set[str]

    @overload
    def on(
        self, event: type[E], listener: Callable[[E], Any]
    ) -> Callable[[E], Any]: ...

    @overload
    def on(self, event: str, listener: L) -> L: ...

    @overload
    def on(self, event: EventName) -> Callable[[L], L]: ...

    def on(self, event: EventName, listener: Any = None) -> Any:
        """
        Call *listener* with each *event*, in wire order, on the callback thread.

        Without a listener it is a decorator. ``session.created``, ``init`` and
        ``disconnected`` are states: who comes late hears the latest one at once.

        Args:
            event: A wire name of either protocol's generation, an event class, or
                ``"*"`` for all.
            listener: Takes the event. What it raises is logged and emitted as
                ``listener_error``; what it returns is ignored.

        Raises:
            TypeError: The listener cannot be called, or is async.
            RuntimeError: In another process than the one that made the client.
        """
        return self._subscribe(event, listener, once=False)

    @overload
    def once(
        self, event: type[E], listener: Callable[[E], Any]
    ) -> Callable[[E], Any]: ...

    @overload
    def once(self, event: str, listener: L) -> L: ...

    @overload
    def once(self, event: EventName) -> Callable[[L], L]: ...

    def once(self, event: EventName, listener: Any = None) -> Any:
        """
        Call *listener* with the next *event* only; see `on`.
        """
        return self._subscribe(event, listener, once=True)

    def off(self, event: EventName, listener: Listener | None = None) -> None:
        """
        Unregister *listener*, or every listener of *event*.

        It counts from the moment it returns, also for events that are queued. To
        unregister what is not registered is no error.
        """
        self._lifecycle.check_process()
        self._subscriptions.remove(key_for(event), listener)

    def off_all(self) -> None:
        """
        Unregister every listener.
        """
        self._lifecycle.check_process()
        self._subscriptions.clear()

    def _subscribe(self, event: EventName, listener: Any, once: bool) -> Any:
        self._lifecycle.check_process()
        if listener is None:
            return lambda function: self._subscribe(event, function, once)
        if not callable(listener):
            raise TypeError(f"a listener must be callable, not {listener!r}")
        if inspect.iscoroutinefunction(listener) or inspect.iscoroutinefunction(
            getattr(listener, "__call__", None)  # noqa: B004 - its signature is asked
        ):
            raise TypeError(f"a listener is a plain function; {listener!r} is async")
        key = key_for(event)
        self._doubt(key)
        subscription = Subscription(key, listener, once)
        for missed in self._subscriptions.add(subscription):
            self._dispatcher.post(missed, subscription)
        return listener

    def _doubt(self, key: str) -> None:
        """
        Warn, once, of a name that nobody has used before; the service may have it.
        """
        known = key in KNOWN_EVENT_NAMES or key.startswith("(") or key == ANY
        if known or key in self._doubted:
            return
        self._doubted.add(key)
        near = did_you_mean(key)
        meant = f"did you mean {near!r}? It" if near else "it"
        warn(f"no event named {key!r} is known: {meant} is listened for all the same")
