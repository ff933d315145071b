"""
The methods of a client that register listeners: `on`, `once`, `off`, `off_all`.
"""

from __future__ import annotations

import inspect
from typing import Any

from .._concurrency.lifecycle import Lifecycle
from .._dispatch.backlog import size_of
from .._dispatch.dispatcher import Dispatcher
from .._dispatch.event_keys import EventName, key_for, warn_if_unknown
from .._dispatch.subscriptions import Listener, Subscription, Subscriptions
from .._logging import repr_of

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
            TypeError: The listener is not callable, is async or a generator function,
                or does not take one argument; or *event* is neither text nor an event
                class.
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
        if listener is _MISSING:
            return lambda function: self._subscribe(event, function, once)
        if not callable(listener):
            raise TypeError(
                f"a listener must be callable, not {repr_of(listener)}: give the "
                "function itself, not the result of calling it"
            )
        if inspect.iscoroutinefunction(listener) or inspect.iscoroutinefunction(
            getattr(listener, "__call__", None)  # noqa: B004 - its signature is asked
        ):
            raise TypeError(
                f"a listener is a plain function; {repr_of(listener)} is async: call "
                "asyncio.run() in a plain function, or hand the event to your loop"
            )
        if inspect.isgeneratorfunction(listener):
            raise TypeError(
                f"a listener is a plain function; {repr_of(listener)} is a generator "
                "function, whose body a call does not run: do the work in a plain "
                "function"
            )
        _check_arity(listener)
        key = key_for(event)
        warn_if_unknown(key, self._warned_names, "the listener is registered")
        subscription = Subscription(key, listener, once)
        for missed in self._subscriptions.add(subscription):
            self._dispatcher.post(missed, size_of(missed), subscription)
        return listener


def _check_arity(listener: Any) -> None:
    """
    Refuse a listener that cannot be called with one argument.
    """
    try:
        signature = inspect.signature(listener)
    except (ValueError, TypeError):  # C code may have none
        return
    try:
        signature.bind(None)
    except TypeError:
        raise TypeError(
            "a listener is called with one argument, the event; "
            f"{repr_of(listener)} has the signature {signature}"
        ) from None
