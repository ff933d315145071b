"""
Emission of an event: to the mailboxes of waiting calls, then to the listeners.
"""

from __future__ import annotations

import attrs

from .._concurrency.lifecycle import Lifecycle
from ..events import ServerEvent
from .backlog import size_of
from .dispatcher import Dispatcher
from .mailbox import Mailboxes


class Emitter:
    """
    Offers events to mailboxes and posts them to the dispatcher. Any thread.

    Args:
        mailboxes: The mailboxes of waiting calls.
        dispatcher: Runs the listeners.
        lifecycle: Provides the number of the connection.
    """

    def __init__(
        self, mailboxes: Mailboxes, dispatcher: Dispatcher, lifecycle: Lifecycle
    ) -> None:
        self._mailboxes = mailboxes
        self._lifecycle = lifecycle
        self.post_batch = dispatcher.post_batch

    def emit(self, *events: ServerEvent | None) -> None:
        """
        Offer *events* to the mailboxes, then post them to the dispatcher.

        None in *events* is skipped.
        """
        emitted: list[ServerEvent] = []
        sizes: list[int] = []
        for event in events:
            if event is not None:
                if not event.generation:
                    event = self._stamped(event)
                size = size_of(event)
                self._mailboxes.offer(event, size)
                emitted.append(event)
                sizes.append(size)
        self.post_batch(emitted, sizes)

    def _stamped(self, event: ServerEvent) -> ServerEvent:
        """
        Return *event*, a local event, with the number of the connection.
        """
        generation = self._lifecycle.generation
        return attrs.evolve(event, generation=generation) if generation else event
