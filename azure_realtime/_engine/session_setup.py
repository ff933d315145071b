"""
The setup of the session of each connection, and the future that reports it.
"""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import Any

from .._concurrency.event import Event
from .._concurrency.future import InterruptibleFuture
from .._logging import logger
from ..errors import ConnectionClosed, RealtimeError, ServerError, copy_to_raise
from ..events import ServerEvent
from .engine import Engine
from .session_kind import OpeningMessages, SessionKind, SessionParts


class SessionSetup:
    """
    Follows the session from the opening messages to the configuration. Reader thread.

    Args:
        kind: The kind of session.
        parts: Make the opening messages, and handle the configuration.
        engine: The shared parts.

    Attributes:
        kind: As given.
        ready: A future that completes when the session is configured, or fails. Any
            thread may wait for it. It is replaced when the session is lost.
        noticed: Set when a caller gets a failure raised.
    """

    def __init__(
        self, kind: SessionKind[Any], parts: SessionParts, engine: Engine
    ) -> None:
        self.kind = kind
        self.opening = parts.opening
        self.rename_restored = parts.rename_restored
        self.on_item_refused = parts.on_item_refused
        self._on_configured = parts.on_configured
        self._on_refused = parts.on_refused
        self._engine = engine
        self._lifecycle = engine.lifecycle
        self._lost_at: float | None = None
        self.ready: Future[Any] = InterruptibleFuture()
        # an event, not a flag: the reader thread waits for it before it logs a failure
        self.noticed = Event()

    def configured(self, event: ServerEvent) -> ServerEvent:
        """
        Resume the send queue when the session is configured. Return the event to emit.
        """
        generation = self._lifecycle.generation
        self._lifecycle.configured = generation
        self._engine.queue.resume()
        seconds_lost = None
        if generation > 1:
            lost_at, self._lost_at = self._lost_at, None
            # None: the session was renewed before the last one was lost
            seconds_lost = 0.0 if lost_at is None else time.monotonic() - lost_at
        announcement = self._on_configured(event, generation, seconds_lost)
        if generation > 1:
            self._engine.counters.reconnects += 1
        return announcement

    def admit(self) -> None:
        """
        Complete `ready`, after the session's first events were emitted.
        """
        if self.ready.done() and self.ready.exception() is not None:
            self.ready = InterruptibleFuture()  # first refused, configured later
        if not self.ready.done():
            self.ready.set_result(None)

    def refused(
        self, refusal: ServerError, sure: bool
    ) -> OpeningMessages | RealtimeError | None:
        """
        Handle the refusal of the configuration.

        On a later connection, the reason may be a change that the last connection had
        not acknowledged: then the opening is made again without that change. Otherwise
        the parts may omit what was refused (`SessionParts.on_refused`). If they do not,
        the session cannot be restored and the client ends, provided that the error
        names its reason. An error without one may be about something else: the client
        reconnects.

        Args:
            refusal: The service's answer.
            sure: Whether the error names its reason.

        Returns:
            The messages to send instead, or the error to end the connection with, or
            None to keep the connection.
        """
        first = self._lifecycle.generation == 1
        if first:
            self.ready.set_exception(refusal)
            self._engine.queue.resume()
        elif refused := self._engine.pending.refuse_updates(refusal):
            for event_id in refused:
                self._engine.queue.withdraw(event_id)
            return self.opening(True)
        elif self._on_refused(refusal):
            return self.opening(True)
        elif not sure:
            logger.warning("%s", refusal)
            return ConnectionClosed(1011, refusal.message)
        if not first or not self.noticed.is_set():
            logger.error("%s", refusal)
        return None if first else refusal

    def lose(self, reconnects: bool) -> None:
        """
        Record that the connection was lost.

        Args:
            reconnects: Whether another connection follows.
        """
        self._lost_at = time.monotonic()
        if reconnects and self.ready.done():
            self.ready = InterruptibleFuture()  # for the next session

    def end(self, error: RealtimeError) -> None:
        """
        Fail `ready` if the session was never configured.
        """
        if not self.ready.done():
            self.ready.set_exception(copy_to_raise(error))
