"""
Which answer belongs to which command.

Rules:

1. A command is registered before it is queued, so no answer can come too early.
2. The service answers the commands of one kind in the order in which they were sent: an
   answer that names nothing belongs to the oldest command of its kind.
3. An answer that names an item belongs to the command about that item; where a service
   gives items ids of its own, to the oldest command that creates an item like it.
4. What an ``error`` is about is decided in `error_routing`.

Response requests have more than one answer; see `response_queue`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..errors import RealtimeError, copy_to_raise
from ..events import (
    ClientEvent,
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemRetrieved,
    ConversationItemTruncated,
    InputAudioBufferCleared,
    InputAudioBufferCommitted,
    ServerEvent,
    SessionUpdated,
)
from ..models.items import looks_like
from .error_routing import SentCommand
from .future import CommandFuture


class Answer(NamedTuple):
    """
    What an event acknowledges.

    Attributes:
        command: The kind of command.
        item_id: Returns the item that the answer names; None where it names none.
        result: Returns the result of the command's future.
    """

    command: str
    item_id: Callable[[Any], str | None] | None
    result: Callable[[Any], Any]


def _event(event: Any) -> Any:
    return event


def _item(event: Any) -> Any:
    return event.item


def _id_of_item(event: Any) -> str | None:
    return event.item.id  # type: ignore[no-any-return]


def _item_id(event: Any) -> str | None:
    return event.item_id  # type: ignore[no-any-return]


_CREATED = Answer("conversation.item.create", _id_of_item, _item)

_ANSWERS: dict[type[ServerEvent], Answer] = {
    SessionUpdated: Answer("session.update", None, lambda event: event.session),
    InputAudioBufferCommitted: Answer("input_audio_buffer.commit", None, _event),
    InputAudioBufferCleared: Answer("input_audio_buffer.clear", None, _event),
    ConversationItemAdded: _CREATED,
    ConversationItemCreated: _CREATED,  # sent by some compatible services
    ConversationItemDone: _CREATED,
    ConversationItemDeleted: Answer("conversation.item.delete", _item_id, _event),
    ConversationItemTruncated: Answer("conversation.item.truncate", _item_id, _event),
    ConversationItemRetrieved: Answer("conversation.item.retrieve", _id_of_item, _item),
}
"""Event -> what it acknowledges (protocol reference, client events)."""

ACKNOWLEDGED = frozenset(answer.command for answer in _ANSWERS.values())
"""The kinds of commands that the service acknowledges."""

_BUFFER_COMMANDS = {"input_audio_buffer.commit", "input_audio_buffer.clear"}


class _Pending(NamedTuple):
    command: ClientEvent
    future: CommandFuture[Any]


class PendingCommands:
    """
    The commands that are not answered.

    There is no lock. Callers add to `_queued` and withdraw from it, the reader thread
    moves a command from there to `_sent`; whoever pops a command from `_queued` owns
    it, and popping from a dictionary is atomic. `_sent` belongs to the reader thread.

    Args:
        ended: Returns why the client is over, or None. It must be set before `end` is
            called. Then no command is forgotten: `expect` adds before it asks `ended`,
            so either `end` finds the command, or `expect` finds the error.
        asks_again: Whether a new connection asks for the changes of the session again.

    Attributes:
        handles: The classes of events for which `observe` must be called.
    """

    handles = frozenset(_ANSWERS)

    def __init__(
        self, ended: Callable[[], RealtimeError | None], asks_again: bool = True
    ) -> None:
        self._ended = ended
        self._asks_again = asks_again
        self._queued: dict[str, _Pending] = {}
        self._sent: dict[str, _Pending] = {}
        self._items_begin = False

    def expect(self, command: ClientEvent, future: CommandFuture[Any]) -> None:
        """
        Register a command with an `event_id` that is about to be queued. Any thread.
        """
        assert command.event_id is not None
        self._queued[command.event_id] = _Pending(command, future)
        error = self._ended()
        if error is not None and self._queued.pop(command.event_id, None) is not None:
            future.fail(copy_to_raise(error))

    def forget(self, event_id: str) -> None:
        """
        Expect no answer to a command that was not sent. Any thread.

        A command that was sent stays: its answer is still to come, and must not go to
        the next command of its kind.
        """
        self._queued.pop(event_id, None)

    def mark_sent(self, event_id: str) -> None:
        """
        Note that a command is sent. Reader thread.
        """
        pending = self._queued.pop(event_id, None)
        if pending is not None:
            self._sent[event_id] = pending

    def observe(self, event: ServerEvent) -> None:
        """
        Complete the command that *event* answers. Reader thread.
        """
        if isinstance(event, ConversationItemDone):
            if self._items_begin:
                return  # answered when it was added; another may have its id
        elif isinstance(event, (ConversationItemAdded, ConversationItemCreated)):
            self._items_begin = True
        event_id = self._answered_by(event)
        if event_id is not None:
            result = _ANSWERS[type(event)].result(event)
            self._sent.pop(event_id).future.settle(result)

    def _answered_by(self, event: ServerEvent) -> str | None:
        """
        Return the id of the command that *event* answers (rules 2 and 3).
        """
        kind, named_by, _ = _ANSWERS[type(event)]
        commands: dict[str, Any] = {
            event_id: command
            for event_id, (command, _) in self._sent.items()
            if command.type == kind
        }
        if named_by is None:
            return next(iter(commands), None)
        item_id = named_by(event)
        for event_id, command in commands.items():
            if item_id == _item_of(command):
                return event_id
        if kind == _CREATED.command:
            for event_id, command in commands.items():
                if looks_like(command.item, _item(event)):
                    return event_id
        return None

    def sent_commands(self) -> list[SentCommand]:
        """
        Return the commands an error can be about, the oldest first. Reader thread.
        """
        return [
            SentCommand(command.type, event_id, _item_of(command))
            for event_id, (command, _) in self._sent.items()
        ]

    def refuse(self, event_id: str, error: RealtimeError) -> CommandFuture[Any]:
        """
        Fail a command of `sent_commands`; return its future. Reader thread.
        """
        future = self._sent.pop(event_id).future
        future.fail(error)
        return future

    def lose(self, error: RealtimeError) -> list[str]:
        """
        Fail what was sent on a connection that is lost. Reader thread.

        Queued commands are sent on the next connection, except for those about audio
        that is lost.

        Returns:
            The ids of queued commands that must not be sent.
        """
        self._fail(
            self._sent,
            error,
            lambda kind: kind != "session.update" or not self._asks_again,
        )
        return self._fail(self._queued, error, _BUFFER_COMMANDS.__contains__)

    def session_restored(self, event: SessionUpdated) -> None:
        """
        Complete the changes of the session that the new connection has opened with.
        Reader thread.
        """
        for event_id, (command, future) in list(self._sent.items()):
            if command.type == "session.update":
                del self._sent[event_id]
                future.settle(event.session)

    def refuse_updates(self, error: RealtimeError) -> list[str]:
        """
        Fail all changes of the session: the new connection has opened with them, and
        the service refused. Reader thread.

        Returns:
            Their ids: those that are queued must not be sent.
        """
        is_update = "session.update".__eq__
        refused = self._fail(self._sent, error, is_update)
        return refused + self._fail(self._queued, error, is_update)

    @property
    def quiet(self) -> bool:
        """
        Whether no answer is outstanding. Any thread.
        """
        return not self._queued and not self._sent

    def end(self, error: RealtimeError) -> None:
        """
        Fail every command. Reader thread.
        """
        for pending in (self._sent, self._queued):
            self._fail(pending, error, lambda _: True)

    @staticmethod
    def _fail(
        pending: dict[str, _Pending],
        error: RealtimeError,
        is_chosen: Callable[[str], bool],
    ) -> list[str]:
        """
        Remove the commands of the chosen kinds and fail them; return their ids.
        """
        failed = []
        for event_id in list(pending):  # in one step: callers add and remove
            entry = pending.get(event_id)
            if entry is None or not is_chosen(entry.command.type):
                continue
            if pending.pop(event_id, None) is not None:
                entry.future.fail(copy_to_raise(error))
                failed.append(event_id)
        return failed


def _item_of(command: Any) -> str | None:
    """
    Return the id of the item that a command is about.
    """
    item = getattr(command, "item", None)
    return getattr(command, "item_id", None) if item is None else item.id
