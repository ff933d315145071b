"""
The methods of a client that register listeners: `on`, `once`, `off`, `off_all`.
"""

from __future__ import annotations

from typing import Any

from .._concurrency.lifecycle import Lifecycle
from .._dispatch.backlog import size_of
from .._dispatch.dispatcher import Dispatcher
from .._dispatch.event_keys import EventName, key_for, warn_if_unknown
from .._dispatch.functions import check_listener
from .._dispatch.subscriptions import Listener, Subscription, Subscriptions

_MISSING: Any = ...  # not None: on(event, None) is an error, not a decorator


class Listening:
    """
    The methods of a client that register listeners.

    `overloads.pyi` has their types for each event.
    """

    _lifecycle: Lifecycle
    _dispatcher: Dispatcher
    _subscriptions: Subscriptions
    _warned_names: set[str]

    def on(self, event: EventName, listener: Any = _MISSING) -> Any:
        """
        Call *listener* with each *event*, in the order of arrival.

        Listeners run on the thread that the argument *dispatch* of the client names.
        Without *listener* the method returns a decorator. ``session.created``, ``init``
        and ``disconnected`` are states: a listener that is registered later receives
        the latest one at once.

        Args:
            event: An event type of the GA or the preview protocol, an event class, or
                ``"*"`` for all events. An unknown type issues a `ProtocolWarning`.
            listener: A function that takes the event. Its exceptions are logged and
                emitted as ``listener_error``; its return value is ignored.

        Returns:
            *listener*, or the decorator.

        Raises:
            TypeError: The listener is not callable, is a class, is async or a generator
                function, or does not take one argument; or *event* is neither text nor
                an event class.
            RuntimeError: The caller is a forked child.
        """
        return self._subscribe(event, listener, once=False)

    def once(self, event: EventName, listener: Any = _MISSING) -> Any:
        """
        Call *listener* with the next *event* only.

        Arguments, return value and errors are those of `on`.
        """
        return self._subscribe(event, listener, once=True)

    def off(self, event: EventName, listener: Listener | None = None) -> None:
        """
        Remove *listener*, or all listeners of *event*.

        When the method has returned, the listener receives no more events, queued ones
        included. Removing a listener that is not registered is no error.

        Args:
            event: The event as it was given to `on` or `once`.
            listener: The registered function; None removes all listeners of *event*.

        Raises:
            RuntimeError: The caller is a forked child.
        """
        self._lifecycle.check_process()
        self._subscriptions.remove(key_for(event), listener)

    def off_all(self) -> None:
        """
        Remove the listeners of all events.
        """
        self._lifecycle.check_process()
        self._subscriptions.clear()

    def _subscribe(self, event: EventName, listener: Any, once: bool) -> Any:
        self._lifecycle.check_process()
        key = key_for(event)
        if listener is _MISSING:
            return lambda function: self._subscribe(event, function, once)
        check_listener(listener, "a listener")
        warn_if_unknown(key, self._warned_names, "the listener is registered")
        subscription = Subscription(key, listener, once)
        for missed in self._subscriptions.add(subscription):
            self._dispatcher.post(missed, size_of(missed), subscription)
        return listener
