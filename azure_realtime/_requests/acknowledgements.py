"""
Which answer belongs to which command.

Rules:

1. A command is registered before it is queued, so no answer can come too early.
2. The service answers commands in the order they left, each kind in its own line: an
   answer that names nothing belongs to the oldest of its kind that has left.
3. An answer or an error that names what it is about (an item, our ``event_id``) is
   believed before any order.
4. An ``error`` without our ``event_id`` (the service leaves it out for some codes) goes
   to the oldest command of the kind that its code, its ``param`` or its message speak
   of; an ``invalid_request_error`` that speaks of nothing, to the oldest
   ``session.update`` (the settings a model does not have, protocol reference), else to
   the oldest command.
5. The service's own trouble, which speaks of nothing, belongs to a command that waits
   alone while no response is made.
6. What cannot be told belongs to nobody: a wrong answer is worse than a time-out.

Responses need more than one answer; see `response_queue`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import attrs

from ..errors import RealtimeError, fresh
from ..events import (
    ClientEvent,
    ConversationItemCreated,
    ConversationItemDone,
    ErrorEvent,
    ServerEvent,
)
from .error_routing import _item_of, _spoken_of
from .failures import refusal
from .future import CommandFuture


class Answer(NamedTuple):
    """
    How one kind of command is acknowledged.
    """

    names: frozenset[str]
    matches: Callable[[Any, Any], bool]
    result: Callable[[Any], Any]


def _any(command: Any, event: Any) -> bool:  # noqa: ARG001
    return True


def _same_item(command: Any, event: Any) -> bool:
    return bool(command.item_id == event.item_id)


def _itself(event: Any) -> Any:
    return event


ANSWERS: dict[str, Answer] = {
    "session.update": Answer(
        frozenset({"session.updated"}), _any, lambda event: event.session
    ),
    "input_audio_buffer.commit": Answer(
        frozenset({"input_audio_buffer.committed"}), _any, _itself
    ),
    "input_audio_buffer.clear": Answer(
        frozenset({"input_audio_buffer.cleared"}), _any, _itself
    ),
    "conversation.item.create": Answer(
        frozenset(
            {
                "conversation.item.added",
                ConversationItemCreated.type,  # some compatible services say so
                "conversation.item.done",
            }
        ),
        lambda command, event: command.item.id == event.item.id,
        lambda event: event.item,
    ),
    "conversation.item.delete": Answer(
        frozenset({"conversation.item.deleted"}), _same_item, _itself
    ),
    "conversation.item.truncate": Answer(
        frozenset({"conversation.item.truncated"}), _same_item, _itself
    ),
    "conversation.item.retrieve": Answer(
        frozenset({"conversation.item.retrieved"}),
        lambda command, event: command.item_id == event.item.id,
        lambda event: event.item,
    ),
}
"""Command -> what acknowledges it (protocol reference, client events)."""

_ANSWERING = frozenset().union(*(answer.names for answer in ANSWERS.values()))

_BEGINNINGS = {"conversation.item.added", ConversationItemCreated.type}
"""Where a service sends these, the end of an item is no second answer."""

_OF_THE_BUFFER = {"input_audio_buffer.commit", "input_audio_buffer.clear"}


@attrs.define(eq=False)
class _Outstanding:
    command: Any
    future: CommandFuture[Any]
    sent: bool = False


class Acknowledgements:
    """
    The commands whose answers have not come.

    Args:
        asks_again: Whether a new connection asks for the changes of the session again.
    """

    def __init__(self, asks_again: bool = True) -> None:
        self._asks_again = asks_again
        self._lock = threading.RLock()
        self._outstanding: dict[str, _Outstanding] = {}
        self._error: RealtimeError | None = None
        self._items_begin = False

    def expect(self, command: ClientEvent, future: CommandFuture[Any]) -> None:
        """
        Register a command with an `event_id` that is about to be queued. Any thread.
        """
        assert command.event_id is not None
        with self._lock:
            error = self._error
            if error is None:
                self._outstanding[command.event_id] = _Outstanding(command, future)
        if error is not None:
            future.fail(fresh(error))

    def forget(self, event_id: str) -> None:
        """
        Expect no answer to a command any more. Any thread.
        """
        with self._lock:
            self._outstanding.pop(event_id, None)

    def sent(self, event_id: str | None) -> None:
        """
        Note that a command has left. Reader thread.
        """
        if event_id in self._outstanding:
            with self._lock:
                entry = self._outstanding.pop(event_id, None)
                if entry is not None:  # to the end: the order they left in
                    entry.sent = True
                    self._outstanding[event_id] = entry

    def observe(
        self, event: ServerEvent, alone: bool = True
    ) -> CommandFuture[Any] | None:
        """
        Complete or fail the command that *event* answers. Reader thread.

        Args:
            event: What came.
            alone: Whether no response is being made that it may be about.

        Returns:
            The future of a command that was refused.
        """
        if event.type in _BEGINNINGS:
            self._items_begin = True
        elif event.type == ConversationItemDone.type and self._items_begin:
            return None  # it was answered at its beginning; another may have its id
        if event.type in _ANSWERING:
            self._take(lambda sent: self._answered(sent, event), event)
        elif isinstance(event, ErrorEvent):
            entry = self._take(lambda sent: self._blamed(sent, event, alone))
            if entry is not None:
                entry.future.fail(refusal(event))
                return entry.future
        return None

    def lose(self, error: RealtimeError) -> list[str]:
        """
        Fail what was under way on a connection that is gone. Reader thread.

        What is still queued will be sent on the next one, but for what speaks of audio
        that is gone.

        Returns:
            The ids of queued commands that shall not be sent.
        """
        with self._lock:
            lost = [
                entry
                for entry in self._outstanding.values()
                if (entry.sent and not self._is_asked_again(entry))
                or (not entry.sent and entry.command.type in _OF_THE_BUFFER)
            ]
            for entry in lost:
                del self._outstanding[entry.command.event_id]
        for entry in lost:
            entry.future.fail(fresh(error))
        return [entry.command.event_id for entry in lost if not entry.sent]

    def _is_asked_again(self, entry: _Outstanding) -> bool:
        return self._asks_again and entry.command.type == "session.update"

    def restored(self, event: ServerEvent) -> None:
        """
        Complete the changes of the session that the new connection began with.

        Reader thread.
        """
        while self._take(_an_update, event):
            pass

    def refuse_updates(self, error: RealtimeError) -> list[str]:
        """
        Fail the changes of the session that the new connection began with, queued ones
        among them, and that the service refused. Reader thread.

        Returns:
            Their ids: what is queued of them shall not be sent.
        """
        with self._lock:
            refused = [
                entry
                for entry in self._outstanding.values()
                if entry.command.type == "session.update"
            ]
            for entry in refused:
                del self._outstanding[entry.command.event_id]
        for entry in refused:
            entry.future.fail(fresh(error))
        return [entry.command.event_id for entry in refused]

    @property
    def quiet(self) -> bool:
        """
        Whether no answer is outstanding. Any thread.
        """
        return not self._outstanding

    def end(self, error: RealtimeError) -> None:
        """
        Fail every command, and every later one. Reader thread.
        """
        with self._lock:
            self._error = error
            entries = list(self._outstanding.values())
            self._outstanding.clear()
        for entry in entries:
            entry.future.fail(fresh(error))

    def _take(
        self,
        choose: Callable[[list[_Outstanding]], _Outstanding | None],
        answer: ServerEvent | None = None,
    ) -> _Outstanding | None:
        """
        Take the chosen command out, and complete it with its *answer*, if that is one.
        """
        with self._lock:
            entry = choose([e for e in self._outstanding.values() if e.sent])
            if entry is not None:
                del self._outstanding[entry.command.event_id]
        if entry is not None and answer is not None:
            entry.future.settle(ANSWERS[entry.command.type].result(answer))
        return entry

    @staticmethod
    def _answered(sent: list[_Outstanding], event: ServerEvent) -> _Outstanding | None:
        for entry in sent:
            answer = ANSWERS[entry.command.type]
            if event.type in answer.names and answer.matches(entry.command, event):
                return entry
        return None

    @staticmethod
    def _blamed(
        sent: list[_Outstanding], event: ErrorEvent, alone: bool
    ) -> _Outstanding | None:
        details = event.error
        if details.event_id:
            for entry in sent:
                if entry.command.event_id == details.event_id:
                    return entry
            return None
        kind = _spoken_of(details.code or "", details.param or "", details.message)
        line = [entry for entry in sent if kind in (None, entry.command.type)]
        for entry in line:
            if (name := _item_of(entry.command)) and f"'{name}'" in details.message:
                return entry
        if kind is None:
            if details.type != "invalid_request_error" and not (
                alone and len(line) == 1
            ):
                return None
            if not details.param:
                updates = [e for e in line if e.command.type == "session.update"]
                line = updates or line
        return line[0] if line else None


def _an_update(sent: list[_Outstanding]) -> _Outstanding | None:
    return next((e for e in sent if e.command.type == "session.update"), None)
