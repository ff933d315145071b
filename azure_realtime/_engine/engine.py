"""
What the threads and the callers of one client share, and the way an event takes
through it: the state follows, then what is waited for is completed, then user functions
are queued.

The core knows neither the client nor the threads: they know it.
"""

from __future__ import annotations

import itertools
import logging
import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Protocol

import attrs

from .._concurrency.deadline import Deadline
from .._concurrency.process import Home
from .._dispatch.dispatcher import Dispatcher
from .._dispatch.mailbox import Waiters
from .._protocol.codec import Codec
from .._requests.acknowledgements import PendingCommands
from .._requests.error_routing import ErrorRoute, Outstanding, Subject, route_error
from .._requests.failures import refusal
from .._requests.future import CommandFuture
from .._requests.response_queue import ResponseQueue, WhenBusy
from .._requests.response_requests import ResponseFuture
from .._requests.send_queue import Entry, Outbox
from .._state.model_status import ModelStatus
from ..errors import RealtimeError
from ..events import (
    ClientEvent,
    ErrorEvent,
    InputAudioBufferAppend,
    Overflow,
    ResponseCreate,
    ServerEvent,
)
from ..models.enums import ModelStatusEnum
from ..models.stats import Stats
from .counters import Counters

logger = logging.getLogger("azure_realtime")

ROOM = 10.0
"""Seconds that a command waits for room in the send queue."""


class Observer(Protocol):
    """
    Something that follows the events. Reader thread; must not block.
    """

    def observe(self, event: ServerEvent, /) -> object:
        """
        Take note of *event*.
        """


@attrs.define(eq=False)
class Core:
    """
    The parts, and what takes more than one of them.

    Attributes:
        observers: Follow every event of the service, before anybody hears of it.
        on_loss: Are told, on the reader thread, when a connection is gone.
        on_end: Likewise, when there will be no other.
        retry_response: Whether to ask again for a response that was interrupted.
        audio_overflow: What to do with audio where there is no room.
        busy: Tell whether something is going on that a new session would not know of.
        is_reader: Whether the caller is the reader thread.
        home: The process that connected.
        closing: Whether the user has closed the client.
        generation: The number of the connection there is, or was last.
        over: Whether there will be no other.
        ended: Why not.
    """

    codec: Codec
    outbox: Outbox
    dispatcher: Dispatcher
    gate: ResponseQueue
    acks: PendingCommands
    observers: Sequence[Observer] = ()
    on_loss: Sequence[Callable[[RealtimeError], None]] = ()
    on_end: Sequence[Callable[[RealtimeError], None]] = ()
    retry_response: bool = False
    audio_overflow: str = "block"
    busy: Sequence[Callable[[], bool]] = ()
    waiters: Waiters = attrs.field(factory=Waiters)
    status: ModelStatus = attrs.field(factory=ModelStatus)
    counters: Counters = attrs.field(factory=Counters)
    is_reader: Callable[[], bool] = lambda: False
    home: Home = attrs.field(factory=Home)
    closing: Callable[[], bool] = lambda: False
    generation: int = 0
    over: bool = False
    ended: RealtimeError | None = None
    _ids: Any = attrs.field(factory=itertools.count, init=False)
    _prefix: str = attrs.field(
        factory=lambda: f"event_{uuid.uuid4().hex[:12]}_", init=False
    )

    # Callers.

    def identified(self, command: ClientEvent) -> ClientEvent:
        """
        Return *command* with an ``event_id``: its own, or one that is ours alone.
        """
        if command.event_id is not None:
            return command
        return attrs.evolve(command, event_id=f"{self._prefix}{next(self._ids)}")

    def queue(self, *commands: ClientEvent, deadline: Deadline | None) -> None:
        """
        Encode and queue commands, all of them or none; tell of audio that made room.

        Any thread.

        Args:
            commands: With their ``event_id``.
            deadline: When to give up waiting for room; None always finds room: for the
                few commands that follow from others.

        Raises:
            QueueFull: No room until the deadline.
            RealtimeError: The connection has ended.
            RuntimeError: In another process than the one that connected.
            ValueError: The protocol cannot say it.
        """
        self.check_process()
        self._put([self._entry(command) for command in commands], deadline)

    def _entry(self, command: ClientEvent) -> Entry:
        audio = isinstance(command, InputAudioBufferAppend)
        return Entry(self.codec.encode(command), command.event_id, audio)

    def _put(self, entries: Sequence[Entry], deadline: Deadline | None) -> None:
        if deadline is not None and self.is_reader():
            deadline = Deadline(0)  # as `patience` says
        dropped = self.outbox.put(*entries, deadline=deadline)
        if dropped:
            self.emit(Overflow(dropped=dropped))

    def append(self, appends: Sequence[ClientEvent], deadline: Deadline) -> None:
        """
        Queue audio; wait for room only if the user chose so. Any thread.

        Raises:
            QueueFull: No room until the deadline, or at once.
        """
        if self.audio_overflow != "block":
            deadline = Deadline(0)
        self.queue(*map(self.identified, appends), deadline=deadline)

    def follow_up(self, commands: Iterable[ClientEvent]) -> None:
        """
        Queue what the gate wants queued. Any thread; never blocks, never raises.
        """
        for command in commands:
            try:
                self.queue(self.identified(command), deadline=None)
            except RealtimeError:
                return  # the connection has ended; whoever waits is told by its end

    def command(
        self,
        command: ClientEvent,
        expect: Callable[[CommandFuture[Any]], object] = lambda _: None,
    ) -> CommandFuture[Any]:
        """
        Queue a command that the service acknowledges. Any thread; raises as `queue`.

        Args:
            command: What to send.
            expect: Called with its future before it can leave, or be lost.
        """
        self.check_process()
        command = self.identified(command)
        event_id = command.event_id or ""
        entry = self._entry(command)  # a mistake is told before anybody reckons with it

        def withdraw() -> None:
            if self.outbox.withdraw(event_id):
                self.acks.forget(event_id)

        future: CommandFuture[Any] = CommandFuture(
            self.dispatcher.call, withdraw, self.check_may_wait
        )
        self.acks.expect(command, future)
        try:
            expect(future)
            self._put([entry], Deadline(ROOM))
        except BaseException:
            self.acks.forget(event_id)
            future.cancel()
            raise
        if future.failed:  # lost while it waited for room: not for the next session
            self.outbox.withdraw(event_id)
        return future

    def request(self, command: ResponseCreate, when_busy: WhenBusy) -> ResponseFuture:
        """
        Ask for a response, now or when its turn comes. Any thread; raises as `queue`.
        """
        self.check_process()
        command = attrs.evolve(command, event_id=self.identified(command).event_id)
        self.codec.encode(command)  # a mistake is told here, not when its turn comes

        def withdraw() -> None:
            commands, event_id = self.gate.abandon(future)
            if event_id is not None and self.outbox.withdraw(event_id):
                commands += self.gate.withdrawn(event_id)
            self.follow_up(commands)

        future = ResponseFuture(self.dispatcher.call, withdraw, self.check_may_wait)
        try:
            for following in self.gate.ask(command, future, when_busy):
                self.queue(self.identified(following), deadline=None)
        except BaseException:
            # also Ctrl-C: a request that is not queued would delay all others for ever
            future.cancel()
            self.follow_up(self.gate.withdrawn(command.event_id or ""))
            raise
        return future

    def patience(self, timeout: float | None) -> Deadline:
        """
        Return until when the caller may wait for room: the reader thread never, for it
        would keep what it waits for.

        Raises:
            RuntimeError: In another process than the one that connected.
        """
        self.check_process()
        return Deadline(0 if self.is_reader() else timeout)

    def check_process(self) -> None:
        """
        Refuse to touch, in a child process, what belongs to its parent.

        Raises:
            RuntimeError: This is another process than the one that connected.
        """
        self.home.check()

    def check_may_wait(self) -> None:
        """
        Refuse to wait where waiting would keep what is waited for.

        Raises:
            RuntimeError: On the reader thread, or in another process.
        """
        self.check_process()
        if self.is_reader():
            raise RuntimeError(
                "this runs on the reader thread (dispatch='reader'), which would wait "
                "for itself: use the default dispatch for listeners that wait"
            )

    # The reader thread.

    def sent(self, event_id: str | None) -> None:
        """
        Note that a command leaves. Reader thread.
        """
        if event_id is not None:
            self.acks.mark_sent(event_id)
            self.gate.mark_sent(event_id)

    def follow(self, event: ServerEvent) -> ServerEvent | None:
        """
        Let the state follow *event*; return the change of status to announce.

        Reader thread.
        """
        for observer in self.observers:
            try:
                observer.observe(event)
            except Exception:
                logger.exception("%r failed at %r; this is a bug", observer, event.type)
        return self.status.observe(event, self.gate.is_out_of_band(event))

    def route(
        self, error: ErrorEvent, opening_id: str | None, restored: Collection[str]
    ) -> ErrorRoute:
        """
        Return what an error is about. Reader thread.

        Args:
            error: What came.
            opening_id: Of the session's opening message while that is unanswered.
            restored: The ids of the commands that restore items.
        """
        return route_error(
            error.error,
            Outstanding(
                opening_id,
                restored,
                self.acks.sent_commands(),
                self.gate.sent_responses(),
                self.gate.is_active,
            ),
        )

    def settle(self, event: ServerEvent) -> None:
        """
        Complete the futures that *event* answers. Reader thread.
        """
        kind = type(event)
        if kind in self.acks.handles:
            self.acks.observe(event)
        elif kind in self.gate.handles:
            self.follow_up(self.gate.observe(event))

    def refuse(self, event: ErrorEvent, route: ErrorRoute) -> None:
        """
        Fail the futures that *event* is about, and log it if nobody sees it otherwise.
        Reader thread.
        """
        refused: Sequence[CommandFuture[Any]] = ()
        if route.subject is Subject.COMMAND and route.event_id:
            refused = [self.acks.refuse(route.event_id, refusal(event))]
        elif route.subject is Subject.RESPONSE and route.event_id:
            refused, following = self.gate.refuse(route.event_id, event)
            self.follow_up(following)
        if route.benign or any(future.heeded for future in refused):
            return
        if not self.dispatcher.hears(event):
            logger.warning("The service reports an error: %s", refusal(event))

    def emit(self, *events: ServerEvent | None) -> None:
        """
        Complete the waits for the events, then queue them for callbacks. Any thread.
        """
        happened = [self._stamped(event) for event in events if event is not None]
        for event in happened:
            self.waiters.offer(event)
        for event in happened:
            self.dispatcher.post(event)

    def _stamped(self, event: ServerEvent) -> ServerEvent:
        """
        Return *event* with the number of the connection, if it has none: one of ours.
        """
        if event.generation or not self.generation:
            return event
        return attrs.evolve(event, generation=self.generation)

    def stats(self) -> Stats:
        """
        Return a snapshot of the numbers. Any thread.
        """
        return Stats(
            send_queue=self.outbox.waiting,
            send_queue_bytes=self.outbox.waiting_bytes,
            send_queue_peak_bytes=self.outbox.peak_bytes,
            audio_dropped=self.outbox.audio_dropped,
            **attrs.asdict(self.dispatcher.backlog.load()),
            **attrs.asdict(self.counters),
        )

    def quiet(self) -> bool:
        """
        Whether nothing is going on that a change of the session would interrupt.
        """
        listening = self.status.value is ModelStatusEnum.LISTENING
        if listening or not self.gate.quiet or not self.acks.quiet:
            return False
        return not any(busy() for busy in self.busy)

    def lose(self, error: RealtimeError, farewell: ServerEvent) -> None:
        """
        Settle what ends with a connection, and tell of its end. Reader thread.

        Audio from before is never sent to another session.
        """
        # whoever is set free below, and asks anew, waits for what comes next
        waiting = self.waiters.of_this_connection()
        change = self.status.lost()
        self.outbox.hold()
        self.outbox.drop_audio()
        for event_id in self.acks.lose(error):
            self.outbox.withdraw(event_id)
        self.gate.lose(error, self.retry_response)
        for lose in self.on_loss:
            lose(error)
        self.emit(change, farewell)
        for box in waiting:
            box.end(error)

    def end(self, error: RealtimeError, farewell: ServerEvent) -> None:
        """
        Tell everybody that it is over. Reader thread.
        """
        self.ended, self.over = error, True
        self.acks.end(error)
        self.gate.end(error)
        for tell in (*self.on_loss, *self.on_end):
            tell(error)
        self.emit(farewell)
        self.waiters.end(error)
