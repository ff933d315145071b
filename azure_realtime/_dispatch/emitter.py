"""
The way of an event to the user: to the waits for it, then to the listeners.
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
        mailboxes: The waits.
        dispatcher: Runs the listeners.
        lifecycle: Knows the number of the connection.
    """

    def __init__(
        self, mailboxes: Mailboxes, dispatcher: Dispatcher, lifecycle: Lifecycle
    ) -> None:
        self._mailboxes = mailboxes
        self._lifecycle = lifecycle
        self.post_batch = dispatcher.post_batch

    def emit(self, *events: ServerEvent | None) -> None:
        """
        Complete the waits for all of *events*, then queue them for the listeners.

        None stands for nothing to announce.
        """
        happened: list[ServerEvent] = []
        sizes: list[int] = []
        for event in events:
            if event is not None:
                if not event.generation:
                    event = self._stamped(event)
                size = size_of(event)
                self._mailboxes.offer(event, size)
                happened.append(event)
                sizes.append(size)
        self.post_batch(happened, sizes)

    def _stamped(self, event: ServerEvent) -> ServerEvent:
        """
        Return *event*, which is none of the service's, with the number of the
        connection.
        """
        generation = self._lifecycle.generation
        return attrs.evolve(event, generation=generation) if generation else event
