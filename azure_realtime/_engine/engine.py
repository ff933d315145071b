"""
Applies the loss of a connection, and the end of a client, to all parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

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
from .internal_errors import run_all


@attrs.define(eq=False, repr=False)
class Engine:
    """
    The parts of one client that several modules of this folder share.

    Attributes:
        lifecycle: The state of the client.
        queue: The send queue.
        pending: The commands that wait for an acknowledgement.
        responses: The requests for responses.
        mailboxes: The waits for events.
        status: The status of the model.
        dispatcher: Runs the listeners.
        emitter: Passes events to waits and listeners.
        counters: The counters for `Stats`.
        on_loss: Called with the error when a connection has ended. Reader thread.
        on_end: Called with the error when the client has ended. Reader thread.
        busy: Return whether an activity is under way that a new session would lose.
        runs_tools: Return whether a function runs whose result the service waits for.
        retry_response: Whether to request an interrupted response again.
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
    runs_tools: Callable[[], bool]
    retry_response: bool

    def stats(self) -> Stats:
        """
        Return a snapshot of the counters and queues. Any thread.
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

    def is_idle(self) -> bool:
        """
        Return whether no activity is under way that a new session would interrupt.
        """
        listening = self.status.value is ModelStatusEnum.LISTENING
        if listening or not self.responses.is_idle or not self.pending.is_empty:
            return False
        return not any(busy() for busy in self.busy)

    def lose(self, error: RealtimeError, disconnected: ServerEvent) -> None:
        """
        Fail the requests of an ended connection, and emit its end. Reader thread.

        Queued audio and cancellations are dropped: another session must not get them.

        Args:
            error: The error that ended the connection.
            disconnected: The event that reports it.
        """
        # Read first: a thread that is woken below may wait again, for events of the
        # next connection.
        waiting = self.mailboxes.of_this_connection()
        change = self.status.lost()
        steps: list[Callable[[], object]] = [
            self.queue.pause,
            self.queue.lose,
            partial(self._lose_commands, error),
            partial(self.responses.lose, error, self.retry_response),
            *(partial(lose, error) for lose in self.on_loss),
            partial(self.emitter.emit, change, disconnected),
            *(partial(mailbox.end, error) for mailbox in waiting),
        ]
        run_all(steps, self.lifecycle.process)

    def _lose_commands(self, error: RealtimeError) -> None:
        for event_id in self.pending.lose(error):
            self.queue.withdraw(event_id)

    def end(self, error: RealtimeError, closed: ServerEvent) -> None:
        """
        Fail all pending requests and waits, and emit the end of the client.

        Reader thread, after `Lifecycle.ended` was set.
        """
        handlers = self.pending.end, self.responses.end, *self.on_loss, *self.on_end
        steps = [partial(handler, error) for handler in handlers]
        emit = partial(self.emitter.emit, closed)
        run_all([*steps, emit, self.mailboxes.end], self.lifecycle.process)
