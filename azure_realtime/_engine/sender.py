"""
Encodes commands, registers their futures, and puts them into the send queue.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any

import attrs

from .._concurrency.deadline import Deadline
from .._concurrency.lifecycle import Lifecycle
from .._dispatch.dispatcher import Dispatcher
from .._dispatch.emitter import Emitter
from .._protocol.codec import Codec
from .._requests.acknowledgements import ACKNOWLEDGED, PendingCommands
from .._requests.entry import Entry
from .._requests.future import CommandFuture
from .._requests.response_queue import ResponseQueue
from .._requests.response_requests import ResponseFuture
from .._requests.send_queue import SendQueue
from ..audio import encoding
from ..errors import RealtimeError
from ..events import (
    ClientEvent,
    InputAudioBufferAppend,
    Overflow,
    ResponseCancel,
    ResponseCreate,
)
from ..models._coerce import snapshot
from ..models.fields import WhenBusy, check_when_busy

_LONGEST_ID = 512  # characters of an ``event_id`` (protocol reference)


class Sender:
    """
    Encodes commands, registers their futures and queues them. Any thread.

    Args:
        codec: Encodes the commands.
        queue: The send queue.
        pending: The commands that wait for an acknowledgement.
        responses: The requests for responses.
        dispatcher: Runs the done-callbacks of futures.
        emitter: Emits ``overflow``.
        lifecycle: Knows the process and the reader thread.
        call: Has the reader thread call a function.
        audio_overflow: The option of that name.
        session_kind: The name of the kind of session.
        missing: The types of the commands that such a session does not have.
    """

    ACKNOWLEDGED = ACKNOWLEDGED
    """The types of the commands that have a future."""

    QUEUE_TIMEOUT = 10.0
    """How many seconds a command waits for room in the send queue."""

    def __init__(
        self,
        codec: Codec,
        queue: SendQueue,
        pending: PendingCommands,
        responses: ResponseQueue,
        dispatcher: Dispatcher,
        emitter: Emitter,
        lifecycle: Lifecycle,
        call: Callable[[Callable[[], object]], None],
        audio_overflow: str,
        session_kind: str,
        missing: Collection[str],
    ) -> None:
        self.codec = codec
        self.pending = pending
        self.responses = responses
        self._queue = self.send_queue = queue
        self._dispatcher = dispatcher
        self._emitter = emitter
        self._lifecycle = lifecycle
        self._call = call
        self._audio_overflow = audio_overflow
        self._session_kind = session_kind
        self._missing = missing
        self._ids = itertools.count()
        self._prefix = f"event_{os.urandom(6).hex()}_"

    def identified(self, command: ClientEvent) -> ClientEvent:
        """
        Return *command* with an ``event_id``: its own, or a generated one.
        """
        if command.event_id is not None:
            return command
        return attrs.evolve(command, event_id=f"{self._prefix}{next(self._ids)}")

    def accepted(self, command: ClientEvent) -> ClientEvent:
        """
        Return a command of the user with an ``event_id``: its own, which is checked, or
        a generated one.

        Raises:
            TypeError: The id is no text.
            ValueError: The id is empty or too long, or a pending command has it.
        """
        given: object = command.event_id
        if given is None:
            return self.identified(command)
        if not isinstance(given, str):
            raise TypeError(f"event_id must be a str, not {type(given).__name__}")
        if not 0 < len(given) <= _LONGEST_ID:
            raise ValueError(
                f"event_id must have 1 to {_LONGEST_ID} characters, not {len(given)}"
            )
        if given in self.pending or given in self.responses.event_ids():
            raise ValueError(
                f"event_id {given!r} is that of a command that is not answered yet: "
                "give each command its own, or none"
            )
        return command

    def queue(self, *commands: ClientEvent, deadline: Deadline | None) -> None:
        """
        Encode and queue commands, all of them or none; emit ``overflow`` if audio was
        dropped.

        Args:
            commands: The commands, each with its ``event_id``.
            deadline: When to stop waiting for room. None queues them beyond the limit:
                for the few commands that the client sends by itself.

        Raises:
            QueueFull: There was no room by the deadline.
            RealtimeError: The connection has ended.
            RuntimeError: This is not the process that made the client.
            ValueError: The protocol cannot express a command, or the kind of session
                does not have it.
        """
        self._lifecycle.check_process()
        self._put([self._entry(command) for command in commands], deadline)

    def _entry(self, command: ClientEvent) -> Entry:
        self._check_exists(command.type)
        return Entry(
            self.codec.encode(command),
            command.event_id,
            audio=isinstance(command, InputAudioBufferAppend),
            of_connection=isinstance(command, ResponseCancel),
        )

    def _check_exists(self, kind: str) -> None:
        if kind in self._missing:
            raise ValueError(f"a {self._session_kind} session has no command {kind!r}")

    def _put(self, entries: Sequence[Entry], deadline: Deadline | None) -> None:
        if deadline is not None and self._lifecycle.is_reader_thread():
            deadline = Deadline(0)  # only this thread can make room
        dropped = self._queue.put(*entries, deadline=deadline)
        if dropped:
            self._emitter.emit(Overflow(dropped=dropped))

    def append(self, pieces: Sequence[bytes], timeout: float | None) -> None:
        """
        Queue audio. Wait for room only if ``audio_overflow`` is ``"block"``.

        Args:
            pieces: Bytes of whole samples. Each piece becomes one append; all of them
                are queued, or none.
            timeout: Seconds to wait for room.

        Raises:
            QueueFull: There was no room in time.
            RealtimeError: The connection has ended.
            ValueError: The kind of session has no input audio buffer.
        """
        if self._missing:
            self._check_exists(InputAudioBufferAppend.type)
        if len(pieces) == 1:  # the fast path of a microphone: there is room usually
            message = self._append_message(pieces[0])
            if self._queue.put_audio(message):
                return
            deadline, messages = Deadline(timeout), [message]
        else:
            deadline = Deadline(timeout)
            messages = [self._append_message(piece) for piece in pieces]
        if self._audio_overflow != "block":
            deadline = Deadline(0)
        self._put([Entry(message, None, audio=True) for message in messages], deadline)

    def _append_message(self, piece: bytes) -> bytes:
        event_id = f'"{self._prefix}{next(self._ids)}"'.encode()
        return self.codec.append_message(encoding.load().encode(piece), event_id)

    def follow_up(self, commands: Iterable[ClientEvent]) -> None:
        """
        Queue commands that an event has caused. Never blocks; never raises if the
        connection has ended.
        """
        for command in commands:
            try:
                self.queue(self.identified(command), deadline=None)
            except RealtimeError:
                return  # the connection has ended, and the pending requests with it

    def command(
        self,
        command: ClientEvent,
        expect: Callable[[CommandFuture[Any]], object] = lambda _: None,
        *,
        bounded: bool = True,
    ) -> CommandFuture[Any]:
        """
        Queue a command that the service acknowledges. It raises the errors of `queue`.

        Args:
            command: The command.
            expect: Called with the future before the command is queued.
            bounded: Whether it waits for room in the queue.
        """
        self._lifecycle.check_process()
        command = self.accepted(command)
        event_id = command.event_id or ""
        entry = self._entry(command)  # raises before anything is registered

        def withdraw() -> None:
            if self._queue.withdraw(event_id):
                self.pending.forget(event_id)

        future: CommandFuture[Any] = CommandFuture(
            self._dispatcher.call,
            partial(self._on_reader, withdraw),
            self._lifecycle.check_may_wait,
        )
        self.pending.expect(command, future)
        try:
            expect(future)
            self._put([entry], Deadline(self.QUEUE_TIMEOUT) if bounded else None)
        except BaseException:
            self.pending.forget(event_id)
            future.cancel()
            raise
        if future.failed:  # the connection was lost while the command waited for room
            withdraw()
        return future

    def request(
        self,
        command: ResponseCreate,
        when_busy: WhenBusy,
        expect: Callable[[ResponseFuture], object] = lambda _: None,
    ) -> ResponseFuture:
        """
        Request a response, at once or after the active one, as *when_busy* says.

        It raises the errors of `queue`. *expect* is called with the future before the
        command is queued: the connection may be lost as soon as it is.
        """
        check_when_busy(when_busy)
        self._lifecycle.check_process()
        command = attrs.evolve(
            command,
            event_id=self.accepted(command).event_id,
            response=snapshot(command.response),  # it may be encoded later
        )
        self._check_exists(command.type)
        if not self.responses.is_idle:  # else it is encoded below
            self._entry(command)  # raises now, not when the command is queued later

        def withdraw() -> None:
            commands, event_id = self.responses.abandon(future)
            if event_id is not None:
                self._queue.withdraw(event_id)
            # also if it was not in the queue: Ctrl-C may have come before that, and
            # another request may wait for this one already
            self.follow_up(commands + self.responses.withdrawn(event_id or ""))

        future = ResponseFuture(
            self._dispatcher.call,
            partial(self._on_reader, withdraw),
            self._lifecycle.check_may_wait,
        )
        try:
            expect(future)
            for following in self.responses.ask(command, future, when_busy):
                self.queue(self.identified(following), deadline=None)
        except BaseException:
            # Also Ctrl-C: a request that is registered but not queued would delay all
            # later ones for ever. So would a second Ctrl-C during the first `cancel`.
            try:
                future.cancel()
            except BaseException:
                future.cancel()
            raise
        if future.cancelled():  # before it was registered
            self._on_reader(withdraw)
        return future

    def _on_reader(self, withdraw: Callable[[], None]) -> None:
        """
        Have the reader thread do it: Ctrl-C after the removal of a request would leave
        the next one waiting for ever.
        """
        if self._lifecycle.is_reader_thread():
            withdraw()
        else:
            self._call(withdraw)

    def mark_sent(self, event_id: str | None) -> None:
        """
        Mark a command as sent. Reader thread.
        """
        if event_id is not None:
            self.pending.mark_sent(event_id)
            self.responses.mark_sent(event_id)
