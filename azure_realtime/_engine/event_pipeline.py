"""
The way in: state first, then futures and waits, then listeners.

A thread that an event wakes sees the new state, and a listener can wait for an event
that is queued behind the one it hears.

All of it belongs to the reader thread.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Protocol

from .._dispatch.dispatcher import Dispatcher
from .._requests.failures import refusal
from .._requests.response_requests import BENIGN
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

    def settle(self, event: ServerEvent, logged: bool = False) -> None:
        """
        Complete the futures that *event* answers.

        Args:
            event: What came.
            logged: Whether the log has it already, if it is an error.
        """
        pending, responses = self._sender.pending, self._sender.responses
        # where a response is being made, what names nothing may be about that
        refused = pending.observe(event, alone=responses.quiet)
        self._sender.follow_up(responses.observe(event, spoken_for=refused is not None))
        failed = [*responses.take_refused(), *([refused] if refused else [])]
        if isinstance(event, ErrorEvent) and not logged:
            self._log(event, any(future.heeded for future in failed))

    def _log(self, event: ErrorEvent, heeded: bool) -> None:
        """
        Log an error of the service that nobody would see otherwise.
        """
        if heeded or event.error.code in BENIGN or self._dispatcher.hears(event):
            return
        logger.warning("The service reports an error: %s", refusal(event))
