"""
How the session of each connection becomes ready, and who waits for that.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from typing import Any

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
        kind: Which events are awaited.
        parts: Compose the opening, and follow the configuration.
        engine: The shared parts.

    Attributes:
        kind: As given.
        ready: Completes when the session is configured; fails when it cannot be. Any
            thread may wait for it. A new one replaces it when the session is lost.
    """

    def __init__(
        self, kind: SessionKind[Any], parts: SessionParts, engine: Engine
    ) -> None:
        self.kind = kind
        self.opening = parts.opening
        self.rename_restored = parts.rename_restored
        self._on_configured = parts.on_configured
        self._on_refused = parts.on_refused
        self._engine = engine
        self._lifecycle = engine.lifecycle
        self._lost_at: float | None = None
        self.ready: Future[Any] = InterruptibleFuture()
        # set when a caller gets a failure raised: it need not be logged then
        self.noticed = threading.Event()

    def configured(self, event: ServerEvent) -> ServerEvent:
        """
        Send what is queued: the session is configured. Return what to announce.
        """
        generation = self._lifecycle.generation
        self._lifecycle.configured = generation
        self._engine.queue.release()
        seconds_lost = None
        if generation > 1:
            lost_at, self._lost_at = self._lost_at, None
            # a session that replaces one in time loses nothing
            seconds_lost = 0.0 if lost_at is None else time.monotonic() - lost_at
        announcement = self._on_configured(event, generation, seconds_lost)
        if generation > 1:
            self._engine.counters.reconnects += 1
        return announcement

    def admit(self) -> None:
        """
        Complete `ready`, after the session's first events were announced.
        """
        if self.ready.done() and self.ready.exception() is not None:
            self.ready = InterruptibleFuture()  # refused at first, and configured later
        if not self.ready.done():
            self.ready.set_result(None)

    def refused(
        self, refusal: ServerError, sure: bool
    ) -> OpeningMessages | RealtimeError | None:
        """
        Handle the refusal of the configuration.

        On a later connection it may be for a change that the last connection had not
        answered: then the opening is composed without that change. If it is not, and
        the parts cannot do without what they had (`SessionParts.on_refused`), no
        session like the lost one can be had, and the client ends: where the error says
        what is wrong. An error that says nothing may be about something else; the next
        connection will show it.

        Args:
            refusal: What the service answered.
            sure: Whether the error says what is wrong.

        Returns:
            What to send instead, or the error to end the connection with, or None to
            keep the connection as it is.
        """
        first = self._lifecycle.generation == 1
        if first:
            self.ready.set_exception(refusal)
            self._engine.queue.release()
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

    def lose(self, again: bool) -> None:
        """
        Note that the connection is gone, and whether another is to follow.
        """
        self._lost_at = time.monotonic()
        if again and self.ready.done():
            self.ready = InterruptibleFuture()  # new waits are for the next session

    def end(self, error: RealtimeError) -> None:
        """
        Fail `ready` if the session was never configured.
        """
        if not self.ready.done():
            self.ready.set_exception(copy_to_raise(error))
