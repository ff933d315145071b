"""
Handles the events that concern a session: its setup, its end, and errors.

The order of `event_pipeline`, rule 1, applies: the state is updated first, then futures
and waits are completed, then listeners are queued.

All of it runs on the reader thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from .._requests.error_routing import SentItem, Subject
from ..errors import ConnectionClosed, RealtimeError, ServerError
from ..events import ErrorEvent, ServerEvent
from .engine import Engine
from .event_pipeline import EventPipeline
from .restored_items import RestoredItems
from .session_kind import OpeningMessages
from .session_setup import SessionSetup


class SessionEvents:
    """
    The state of the session of one connection.

    Args:
        setup: Follows the session until it is configured.
        engine: The shared parts.
        pipeline: Handles the events.
        generation: Number of the connection.
        opening: The messages that were sent first.
        send_instead: Sends another opening message, after a refusal.
        on_expiry: Called with the Unix time at which the session expires.

    Attributes:
        created: Whether the service has created the session.
        ready_at: Monotonic time at which the session was configured; 0.0 before.
        failure: The error that must end the connection; None without one.
        expired: Whether an error reported that the session has expired.
        fatal: Whether an error reported that every connection would fail.
    """

    def __init__(
        self,
        setup: SessionSetup,
        engine: Engine,
        pipeline: EventPipeline,
        generation: int,
        opening: OpeningMessages,
        send_instead: Callable[[bytes], object],
        on_expiry: Callable[[float], object],
    ) -> None:
        self._setup = setup
        self._kind = setup.kind
        self._engine = engine
        self._pipeline = pipeline
        self._generation = generation
        self._update_event_id = opening.update_event_id
        self._send_instead = send_instead
        self._on_expiry = on_expiry
        self._restored = RestoredItems(
            opening.restored, self._kind.restored, setup.rename_restored
        )
        self._refused = False
        self._answers_before = 0  # those of the opening message included
        self.created = False
        self.ready_at = 0.0
        self.failure: RealtimeError | None = None
        self.expired = False
        self.fatal = False

    @property
    def ready(self) -> bool:
        """
        Whether the session is configured.
        """
        return self._engine.lifecycle.configured == self._generation

    @property
    def unanswered(self) -> bool:
        """
        Whether the opening message was neither acknowledged nor refused.
        """
        return not self.ready and not self._refused

    def follow(self, events: Sequence[ServerEvent]) -> bool:
        """
        Handle the events of one message. Return whether one concerns the connection.

        An event that may acknowledge a restored item does not.
        """
        concerned = False
        emitted: list[ServerEvent | None] = []
        answers: list[ServerEvent] = []
        was_ready = self.ready
        for event in events:
            concerned |= event.type not in self._kind.restored
            if self._restored.is_acknowledgement(event):
                emitted.append(self._pipeline.follow(event))
                continue
            answers.append(event)
            emitted += [event, self._pipeline.follow(event), self._configure(event)]
        for event in answers:
            if isinstance(event, ErrorEvent):
                self._on_error(event)
            else:
                self._pipeline.settle(event)
        self._engine.emitter.emit(*emitted)
        if not was_ready and self.ready:
            self._answers_before = self._pipeline.answers
            # Last, so that `events('*')` does not start with the session's own setup.
            self._setup.admit()
        return concerned

    def _configure(self, event: ServerEvent) -> ServerEvent | None:
        """
        Update the session's setup and expiry. Return an additional event to emit.
        """
        self.created |= event.type == self._kind.created
        session = getattr(event, "session", None)
        if session is not None and session.expires_at:
            self._on_expiry(session.expires_at)
        if event.type == self._kind.configured and not self.ready:
            self.failure = None  # an earlier error was not about the configuration
            self.ready_at = time.monotonic()
            return self._setup.configured(event)
        return None

    def _on_error(self, event: ErrorEvent) -> None:
        """
        Apply an error to the connection, or fail the request that it is about.
        """
        route = self._pipeline.route(
            event,
            self._update_event_id if self.unanswered else None,
            self._restored.commands,
            self._unanswered_items(event),
        )
        self.expired |= route.expired
        self.fatal |= route.fatal
        if route.subject is Subject.RESTORED_ITEM and route.event_id:
            self._setup.on_item_refused(self._restored.refuse(route.event_id))
        elif route.subject is Subject.OPENING:
            if self._generation == 1 or not route.passing:
                self._refuse(event)
                return  # `SessionSetup.refused` has logged it
            self.failure = ConnectionClosed(1011, event.error.message)
        self._pipeline.refuse(event, route)

    def _unanswered_items(self, event: ErrorEvent) -> list[SentItem]:
        """
        Return the restored items that an error can be about if it names no command.

        There are none after the answer to a later command: some services acknowledge no
        items.
        """
        later = self._pipeline.answers != self._answers_before
        return [] if event.error.event_id or later else self._restored.unanswered

    def _refuse(self, event: ErrorEvent) -> None:
        details = event.error
        instead = self._setup.refused(
            ServerError(
                f"The service refused the session configuration: {details.message}",
                code=details.code,
                param=details.param,
                event=event,
            ),
            sure=bool(details.event_id or details.code or details.param),
        )
        if isinstance(instead, OpeningMessages):
            self._update_event_id = instead.update_event_id
            self._send_instead(instead.messages[0])  # the others were sent already
        else:
            self._refused, self.failure = True, instead
