"""
The way in: state first, then futures and waits, then listeners.

A thread that an event wakes sees the new state, and a listener can wait for an event
that is queued behind the one it hears.

All of it belongs to the reader thread.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Protocol

from .._dispatch.dispatcher import Dispatcher
from .._requests.error_routing import ErrorRoute, Outstanding, Subject, route_error
from .._requests.failures import refusal
from .._requests.future import CommandFuture
from .._state.model_status import ModelStatus
from ..events import ErrorEvent, ServerEvent
from .sender import Sender

logger = logging.getLogger("azure_realtime")


class Observer(Protocol):
    """
    A part that follows events. Reader thread; must not block.
    """

    def observe(self, event: ServerEvent, /) -> object:
        """
        Take note of *event*.
        """


class EventPipeline:
    """
    What an event changes in this client.

    Args:
        observers: Follow the events, in this order, before futures and listeners.
        status: What the model is doing.
        sender: Has the commands and requests that an event may answer.
        dispatcher: Knows whether an error has a listener.
    """

    def __init__(
        self,
        observers: Iterable[Observer],
        status: ModelStatus,
        sender: Sender,
        dispatcher: Dispatcher,
    ) -> None:
        self._observers = tuple(observers)
        self._status = status
        self._sender = sender
        self._dispatcher = dispatcher

    def follow(self, event: ServerEvent) -> ServerEvent | None:
        """
        Let the state follow *event*; return the change of status to announce.
        """
        for observer in self._observers:
            try:
                observer.observe(event)
            except Exception:
                logger.exception("%r failed at %r; this is a bug", observer, event.type)
        return self._status.observe(event, self._sender.responses.is_out_of_band(event))

    def route(
        self, error: ErrorEvent, opening_id: str | None, restored: Collection[str]
    ) -> ErrorRoute:
        """
        Return what an error is about.

        Args:
            error: What came.
            opening_id: Of the session's opening message while that is unanswered.
            restored: The ids of the commands that restore items.
        """
        pending, responses = self._sender.pending, self._sender.responses
        return route_error(
            error.error,
            Outstanding(
                opening_id,
                restored,
                pending.sent_commands(),
                responses.sent_responses(),
                responses.is_active,
            ),
        )

    def settle(self, event: ServerEvent) -> None:
        """
        Complete the futures that *event* answers.
        """
        kind = type(event)
        pending, responses = self._sender.pending, self._sender.responses
        if kind in pending.handles:
            pending.observe(event)
        elif kind in responses.handles:
            self._sender.follow_up(responses.observe(event))

    def refuse(self, event: ErrorEvent, route: ErrorRoute) -> None:
        """
        Fail the futures that *event* is about, and log it if nobody sees it otherwise.
        """
        pending, responses = self._sender.pending, self._sender.responses
        refused: Sequence[CommandFuture[Any]] = ()
        if route.subject is Subject.COMMAND and route.event_id:
            refused = [pending.refuse(route.event_id, refusal(event))]
        elif route.subject is Subject.RESPONSE and route.event_id:
            refused, following = responses.refuse(route.event_id, event)
            self._sender.follow_up(following)
        if route.benign or any(future.heeded for future in refused):
            return
        if not self._dispatcher.hears(event):
            logger.warning("The service reports an error: %s", refusal(event))
