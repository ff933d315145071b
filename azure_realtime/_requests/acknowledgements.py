"""
Acknowledgements: matching events of the service with pending commands.

Rules:

1. A command is registered before it is queued, so it is pending before any
   acknowledgement of it can arrive.
2. The service acknowledges the commands of one kind in the order in which they were
   sent: an acknowledgement without an item id belongs to the oldest command of its
   kind.
3. An acknowledgement with an item id belongs to the command about that item. If the
   service assigns its own item ids, it belongs to the oldest command that creates an
   item with the same content.
4. `error_routing` decides which command an ``error`` event is about.

Response requests have more than one acknowledgement; see `response_queue`.
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
    The kind of command that an event acknowledges.

    Attributes:
        command: The type of the command.
        item_id: Returns the item id in the event; None for an event without item id.
        result: Returns the result for the command's future.
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
"""Event class -> the command it acknowledges (protocol reference, client events)."""

ACKNOWLEDGED = frozenset(answer.command for answer in _ANSWERS.values())
"""The types of commands that the service acknowledges."""

_ABOUT_AUDIO = {
    "conversation.item.truncate",
    "input_audio_buffer.clear",
    "input_audio_buffer.commit",
}


class _Pending(NamedTuple):
    command: ClientEvent
    future: CommandFuture[Any]


class PendingCommands:
    """
    The commands that are not acknowledged yet.

    There is no lock. Callers add to `_queued` and remove from it; the reader thread
    moves a command from there to `_sent`. The thread that pops a command from `_queued`
    owns it, and popping from a dictionary is atomic. Only the reader thread uses
    `_sent`.

    Args:
        ended: Returns the error that ended the client, or None. The error must be set
            before `end` is called. Then every command is failed: `expect` adds the
            command before it calls `ended`, so either `end` finds the command, or
            `expect` finds the error.
        resends_updates: Whether a new connection sends the session updates again.

    Attributes:
        handles: The classes of events for which `observe` must be called.
    """

    handles = frozenset(_ANSWERS)

    def __init__(
        self, ended: Callable[[], RealtimeError | None], resends_updates: bool = True
    ) -> None:
        self._ended = ended
        self._resends_updates = resends_updates
        self._queued: dict[str, _Pending] = {}
        self._sent: dict[str, _Pending] = {}
        self._sends_added = False

    def expect(self, command: ClientEvent, future: CommandFuture[Any]) -> None:
        """
        Register a command with an `event_id`, before it is queued. Any thread.
        """
        assert command.event_id is not None
        self._queued[command.event_id] = _Pending(command, future)
        error = self._ended()
        if error is not None and self._queued.pop(command.event_id, None) is not None:
            future.fail(copy_to_raise(error))

    def forget(self, event_id: str) -> None:
        """
        Remove a command that was not sent. Any thread.

        A command that was sent stays pending: its acknowledgement will arrive, and must
        not be taken for that of the next command of its kind.
        """
        self._queued.pop(event_id, None)

    def mark_sent(self, event_id: str) -> None:
        """
        Move a command from queued to sent. Reader thread.
        """
        pending = self._queued.pop(event_id, None)
        if pending is not None:
            self._sent[event_id] = pending

    def observe(self, event: ServerEvent) -> None:
        """
        Complete the command that *event* acknowledges. Reader thread.
        """
        if isinstance(event, ConversationItemDone):
            if self._sends_added:
                # acknowledged by `added` already; a later command may use the same id
                return
        elif isinstance(event, (ConversationItemAdded, ConversationItemCreated)):
            self._sends_added = True
        event_id = self._acknowledged_by(event)
        if event_id is not None:
            result = _ANSWERS[type(event)].result(event)
            self._sent.pop(event_id).future.settle(result)

    def _acknowledged_by(self, event: ServerEvent) -> str | None:
        """
        Return the event id of the command that *event* acknowledges (rules 2 and 3).
        """
        kind, get_item_id, _ = _ANSWERS[type(event)]
        commands: dict[str, Any] = {
            event_id: command
            for event_id, (command, _) in self._sent.items()
            if command.type == kind
        }
        if get_item_id is None:
            return next(iter(commands), None)
        item_id = get_item_id(event)
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
        Return the commands that an error can be about, oldest first. Reader thread.
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
        Fail the commands that were sent on a lost connection. Reader thread.

        Queued commands stay, for the next connection, except for commits, clears and
        truncations: their audio is lost.

        Returns:
            The event ids of the queued commands that must not be sent.
        """
        self._fail(
            self._sent,
            error,
            lambda kind: kind != "session.update" or not self._resends_updates,
        )
        return self._fail(self._queued, error, _ABOUT_AUDIO.__contains__)

    def session_restored(self, event: SessionUpdated) -> None:
        """
        Complete the sent session updates: the setup of the new connection contained
        them. Reader thread.
        """
        for event_id, (command, future) in list(self._sent.items()):
            if command.type == "session.update":
                del self._sent[event_id]
                future.settle(event.session)

    def refuse_updates(self, error: RealtimeError) -> list[str]:
        """
        Fail all session updates: the setup of the new connection contained them, and
        the service refused it. Reader thread.

        Returns:
            Their event ids; those still queued must not be sent.
        """
        is_update = "session.update".__eq__
        refused = self._fail(self._sent, error, is_update)
        return refused + self._fail(self._queued, error, is_update)

    def __contains__(self, event_id: object) -> bool:
        """
        Whether a command with this id is not acknowledged yet. Any thread.
        """
        return event_id in self._queued or event_id in self._sent

    @property
    def is_empty(self) -> bool:
        """
        Whether no acknowledgement is outstanding. Any thread.
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
        Fail and remove the commands whose type *is_chosen*; return their event ids.
        """
        failed = []
        for event_id in list(pending):  # an atomic copy: callers add and remove
            entry = pending.get(event_id)
            if entry is None or not is_chosen(entry.command.type):
                continue
            entry.future.fail(copy_to_raise(error))
            if pending.pop(event_id, None) is not None:
                failed.append(event_id)
        return failed


def _item_of(command: Any) -> str | None:
    item = getattr(command, "item", None)
    return getattr(command, "item_id", None) if item is None else item.id
