"""
What the loss of a connection and the end of a client do to all parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from .._concurrency.lifecycle import Lifecycle
from .._dispatch.dispatcher import Dispatcher
from .._dispatch.emitter import Emitter
from .._dispatch.mailbox import Mailboxes
from .._requests.acknowledgements import PendingCommands
from .._requests.response_queue import ResponseQueue
from .._requests.send_queue import SendQueue
from .._state.model_status import ModelStatus
from ..errors import RealtimeError
from ..events import ServerEvent
from ..models.enums import ModelStatusEnum
from ..models.stats import Stats
from .counters import Counters


@attrs.define(eq=False, repr=False)
class Engine:
    """
    The parts that a connection's loss and a client's end concern.

    Attributes:
        lifecycle: Where the client is in its life.
        queue: What is to be sent.
        pending: The commands that wait for an acknowledgement.
        responses: The requests for responses.
        mailboxes: The waits for events.
        status: What the model is doing.
        dispatcher: Runs the listeners.
        emitter: The way of an event to the user.
        counters: Numbers for `Stats`.
        on_loss: Called, on the reader thread, when a connection is gone.
        on_end: Likewise, when there will be no other.
        busy: Tell whether something is going on that a new session would not know of.
        retry_response: Whether to ask again for a response that was interrupted.
    """

    lifecycle: Lifecycle
    queue: SendQueue
    pending: PendingCommands
    responses: ResponseQueue
    mailboxes: Mailboxes
    status: ModelStatus
    dispatcher: Dispatcher
    emitter: Emitter
    counters: Counters
    on_loss: Sequence[Callable[[RealtimeError], None]]
    on_end: Sequence[Callable[[RealtimeError], None]]
    busy: Sequence[Callable[[], bool]]
    retry_response: bool

    def stats(self) -> Stats:
        """
        Return a snapshot of the numbers. Any thread.
        """
        bytes_sent, bytes_received = self.counters.traffic
        return Stats(
            send_queue=self.queue.waiting,
            send_queue_bytes=self.queue.waiting_bytes,
            send_queue_peak_bytes=self.queue.peak_bytes,
            audio_dropped=self.queue.audio_dropped,
            **self.dispatcher.backlog.load()._asdict(),
            reconnects=self.counters.reconnects,
            round_trip=self.counters.round_trip,
            bytes_sent=bytes_sent,
            bytes_received=bytes_received,
        )

    def quiet(self) -> bool:
        """
        Whether nothing is going on that a change of the session would interrupt.
        """
        listening = self.status.value is ModelStatusEnum.LISTENING
        if listening or not self.responses.quiet or not self.pending.quiet:
            return False
        return not any(busy() for busy in self.busy)

    def lose(self, error: RealtimeError, disconnected: ServerEvent) -> None:
        """
        Settle what ends with a connection, and announce its end. Reader thread.

        Audio from before is never sent to another session.
        """
        # taken first: a thread that is set free below may wait again, for what follows
        waiting = self.mailboxes.of_this_connection()
        change = self.status.lost()
        self.queue.hold()
        self.queue.drop_audio()
        for event_id in self.pending.lose(error):
            self.queue.withdraw(event_id)
        self.responses.lose(error, self.retry_response)
        for lose in self.on_loss:
            lose(error)
        self.emitter.emit(change, disconnected)
        for mailbox in waiting:
            mailbox.end(error)

    def end(self, error: RealtimeError, closed: ServerEvent) -> None:
        """
        Fail all that waits, and announce the end. Reader thread, after `ended` is set.
        """
        self.pending.end(error)
        self.responses.end(error)
        for tell in (*self.on_loss, *self.on_end):
            tell(error)
        self.emitter.emit(closed)
        self.mailboxes.end()
