"""
The way of an event to the user: to the waits for it, then to the listeners.
"""

from __future__ import annotations

import attrs

from .._concurrency.lifecycle import Lifecycle
from ..events import ServerEvent
from .backlog import size_of
from .dispatcher import Dispatcher
from .event_keys import ANY
from .mailbox import Waiters


class Emitter:
    """
    Offers events to mailboxes and posts them to the dispatcher. Any thread.

    Args:
        mailboxes: The waits.
        dispatcher: Runs the listeners.
        lifecycle: Knows the number of the connection.
    """

    def __init__(
        self, mailboxes: Waiters, dispatcher: Dispatcher, lifecycle: Lifecycle
    ) -> None:
        self._mailboxes = mailboxes
        self._lifecycle = lifecycle
        self.post_batch = dispatcher.post_batch

    def emit(self, *events: ServerEvent | None) -> None:
        """
        Complete the waits for all of *events*, then queue them for the listeners.

        None stands for nothing to announce.
        """
        happened = [self._stamped(event) for event in events if event is not None]
        sizes = [size_of(event) for event in happened]
        for event, size in zip(happened, sizes, strict=True):
            self._mailboxes.offer(event, size)
        self.post_batch(happened, sizes)

    def offer(self, event: ServerEvent, size: int) -> None:
        """
        Complete the waits for an event that came; `post_batch` comes after it.

        Args:
            event: Not a state (`RetainedEvents`), and none of our own.
            size: About how many bytes of memory its content takes.
        """
        wanted = self._mailboxes.wanted
        if event.type in wanted or ANY in wanted:
            self._mailboxes.offer(event, size)

    def _stamped(self, event: ServerEvent) -> ServerEvent:
        """
        Return *event* with the number of the connection: local events have none.
        """
        generation = self._lifecycle.generation
        if event.generation or not generation:
            return event
        return attrs.evolve(event, generation=generation)
