"""
Which answer belongs to which command: with events made by hand.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from azure_realtime import ConnectionClosed, ServerError
from azure_realtime._protocol.codec import Codec
from azure_realtime._requests.acknowledgements import PendingCommands
from azure_realtime._requests.error_routing import (
    Outstanding,
    Subject,
    route_error,
)
from azure_realtime._requests.failures import refusal
from azure_realtime._requests.future import CommandFuture
from azure_realtime.events import ClientEvent, ErrorEvent, ServerEvent

CODEC = Codec(None)

TEXT_ITEM = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "Hello"}],
}


def command(kind: str, event_id: str, item_id: str = "item_1") -> ClientEvent:
    """
    Make a command of this kind, about this item if it is about one.
    """
    fields: dict[str, Any] = {}
    if kind == "session.update":
        fields = {"session": {"instructions": "Be brief."}}
    elif kind == "conversation.item.create":
        fields = {"item": {**TEXT_ITEM, "id": item_id}}
    elif kind.startswith("conversation.item."):
        fields = {"item_id": item_id}
    if kind.endswith("truncate"):
        fields |= {"content_index": 0, "audio_end_ms": 100}
    made: Any = CODEC.command({"type": kind, "event_id": event_id, **fields})
    return made


def event(**fields: Any) -> ServerEvent:
    """
    Make an event as it would come.
    """
    (made,) = CODEC.decode(json.dumps({"event_id": "event_1", **fields}))
    return made


def error(code: str | None = None, **fields: Any) -> ServerEvent:
    """
    Make an ``error`` without the client's ``event_id``, unless one is given.
    """
    kind = "invalid_request_error"
    details = {"type": kind, "message": "No.", "param": None, "event_id": None}
    return event(type="error", error={**details, "code": code, **fields})


class SentCommands:
    """
    Commands that have left, and their futures.
    """

    def __init__(self) -> None:
        self.over: ConnectionClosed | None = None
        self.acks = PendingCommands(lambda: self.over)
        self.futures: dict[str, CommandFuture[Any]] = {}

    def expect(self, kind: str, event_id: str, item_id: str = "item_1") -> None:
        """
        Register a command; it is still queued.
        """
        future: CommandFuture[Any] = CommandFuture(
            lambda function, future: function(future), lambda: None, lambda: None
        )
        self.futures[event_id] = future
        self.acks.expect(command(kind, event_id, item_id), future)

    def leave(self, *commands: tuple[str, str, str]) -> None:
        """
        Register commands and have them leave.
        """
        for kind, event_id, item_id in commands:
            self.expect(kind, event_id, item_id)
            self.acks.mark_sent(event_id)

    def observe(self, event: ServerEvent, alone: bool = True) -> None:
        """
        Give an answer or an error to whom it belongs; *alone* if no response is active.
        """
        if isinstance(event, ErrorEvent):
            sent = self.acks.sent_commands()
            outstanding = Outstanding(commands=sent, is_active=not alone)
            route = route_error(event.error, outstanding)
            if route.subject is Subject.COMMAND:
                assert route.event_id is not None
                self.acks.refuse(route.event_id, refusal(event))
        elif type(event) in self.acks.handles:
            self.acks.observe(event)

    @property
    def refused(self) -> list[str]:
        """
        The event ids of the commands that failed.
        """
        return [
            event_id
            for event_id, future in self.futures.items()
            if future.done() and future.exception(0) is not None
        ]

    @property
    def answered(self) -> list[str]:
        """
        The event ids of the commands that were acknowledged.
        """
        return [
            event_id
            for event_id, future in self.futures.items()
            if future.done() and future.exception(0) is None
        ]


ANSWERS: dict[str, dict[str, Any]] = {
    "session.update": {"type": "session.updated", "session": {"id": "sess_1"}},
    "input_audio_buffer.commit": {
        "type": "input_audio_buffer.committed",
        "item_id": "item_9",
    },
    "input_audio_buffer.clear": {"type": "input_audio_buffer.cleared"},
    "conversation.item.create": {
        "type": "conversation.item.added",
        "item": {**TEXT_ITEM, "id": "b"},
    },
    "conversation.item.retrieve": {
        "type": "conversation.item.retrieved",
        "item": {**TEXT_ITEM, "id": "b"},
    },
    "conversation.item.delete": {"type": "conversation.item.deleted", "item_id": "b"},
    "conversation.item.truncate": {
        "type": "conversation.item.truncated",
        "item_id": "b",
    },
}
NAMED = {kind for kind in ANSWERS if kind.startswith("conversation.item.")}


def abc(kind: str) -> SentCommands:
    """
    Three commands of one kind that have left: 1, 2, 3, about the items a, b, c.
    """
    pending = SentCommands()
    pending.leave(*((kind, str(n), item) for n, item in enumerate("abc", 1)))
    return pending


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_goes_to_its_command(kind: str) -> None:
    """
    The one that the answer names, and where it names none, the oldest.
    """
    pending = abc(kind)
    pending.observe(event(**ANSWERS[kind]))

    assert (["2"] if kind in NAMED else ["1"]) == pending.answered
    assert [] == pending.refused


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_error_with_an_event_id_goes_there(kind: str) -> None:
    """
    Our own id is believed before anything else.
    """
    pending = abc(kind)
    pending.observe(error("input_audio_buffer_commit_empty", event_id="3"))

    assert ["3"] == pending.refused


def test_an_error_with_an_unknown_event_id_fails_no_command() -> None:
    """
    It may be about a command that has no future: an append, a cancel.
    """
    pending = abc("session.update")
    pending.observe(error("invalid_value", event_id="event_other", param="session"))

    assert [] == pending.refused


@pytest.mark.parametrize(
    ("kind", "reported", "blamed"),
    [
        ("session.update", {"code": "unknown_parameter", "param": "session.x"}, "1"),
        ("session.update", {"code": "cannot_update_voice"}, "1"),
        (
            "session.update",
            {"code": "invalid_value", "message": "reasoning is not supported"},
            "1",
        ),
        (
            "conversation.item.create",
            {
                "code": "item_create_duplicate_item_id",
                "message": "Error adding item: an item with id 'b' already exists.",
            },
            "2",
        ),
        (
            "conversation.item.create",
            {"code": "item_create_invalid_previous_item_id"},
            "1",
        ),
        (
            "conversation.item.create",
            {"code": "invalid_value", "param": "previous_item_id"},
            "1",
        ),
        (
            "conversation.item.create",
            {"code": "unsupported_content_type", "param": "item.content[0].type"},
            "1",
        ),
        (
            "conversation.item.delete",
            {
                "code": "item_delete_invalid_item_id",
                "message": "Error deleting item: the item with id 'c' does not exist.",
            },
            "3",
        ),
        ("conversation.item.delete", {"code": "item_delete_invalid_item_id"}, "1"),
        (
            "conversation.item.retrieve",
            {"code": "item_retrieve_invalid_item_id", "message": "No item 'b'."},
            "2",
        ),
        (
            "conversation.item.retrieve",
            {"code": "invalid_value", "param": "item_id", "message": "No item 'b'."},
            "2",
        ),
        (
            "conversation.item.truncate",
            {"code": "item_truncate_invalid_item_id", "param": "item_id"},
            "1",
        ),
        (
            "conversation.item.truncate",
            {"code": "integer_below_min_value", "param": "audio_end_ms"},
            "1",
        ),
        (
            "conversation.item.truncate",
            {"message": "Audio content of 9ms is already shorter than 100ms"},
            "1",
        ),
        (
            "input_audio_buffer.commit",
            {"code": "input_audio_buffer_commit_empty"},
            "1",
        ),
        ("input_audio_buffer.clear", {"type": "server_error"}, None),
    ],
)
def test_an_error_without_an_event_id_finds_its_command(
    kind: str, reported: dict[str, Any], blamed: str | None
) -> None:
    """
    Three of a kind are outstanding behind one of each other: the right one fails.
    """
    pending = SentCommands()
    others = [other for other in ANSWERS if other != kind]
    if reported.get("code") == "invalid_value" and "param" not in reported:
        others = ["conversation.item.create"]  # which are answered late
    pending.leave(*((other, other, "z") for other in others))
    pending.leave(*((kind, str(n), item) for n, item in enumerate("abc", 1)))
    pending.observe(error(**reported))

    assert [blamed] * (blamed is not None) == pending.refused
    if blamed:
        failure: Any = pending.futures[blamed].exception(0)
        assert isinstance(failure, ServerError)
        assert reported.get("code") == failure.code
        assert "error" == failure.event.type


@pytest.mark.parametrize(
    "reported",
    [
        {"code": "response_cancel_not_active"},
        {"code": "conversation_already_has_active_response"},
        {"code": "invalid_value", "param": "response.output_modalities"},
        {"code": "invalid_value", "param": "response"},
        {"code": "invalid_value", "param": "audio", "message": "no base64"},
        {"code": "unknown_parameter", "param": "session.x", "event_id": "theirs"},
        {"code": "input_audio_buffer_commit_empty"},
    ],
)
def test_errors_about_something_else_fail_no_command(reported: dict[str, Any]) -> None:
    """
    A wrong failure is worse than none: the retrieved item still comes.
    """
    pending = abc("conversation.item.retrieve")
    pending.observe(error(**reported))

    assert [] == pending.refused + pending.answered


def test_a_plain_refusal_goes_to_the_oldest() -> None:
    """
    An error that speaks of nothing belongs to the first that waits, if one does.
    """
    pending = abc("conversation.item.retrieve")
    for _ in "abcd":
        pending.observe(error("invalid_value"))

    assert ["1", "2", "3"] == pending.refused


def test_a_server_error_answers_no_command() -> None:
    """
    It names no command: one that waits alone takes it for its own, but not while a
    response is made, which it may be about; then the answer still comes.
    """
    pending = SentCommands()
    pending.leave(("conversation.item.retrieve", "1", "b"))
    pending.observe(error(type="server_error"), alone=False)
    assert [] == pending.refused
    pending.observe(event(**ANSWERS["conversation.item.retrieve"]))
    assert ["1"] == pending.answered
    pending.leave(("conversation.item.retrieve", "2", "b"))
    pending.observe(error(type="server_error"))
    assert ["2"] == pending.refused


def test_the_end_of_an_item_is_no_second_answer() -> None:
    """
    A command that creates an item with an id in use fails, however quickly; a service
    that reports only the end is understood, too.
    """
    item = {**TEXT_ITEM, "id": "b"}
    pending = SentCommands()
    pending.leave(("conversation.item.create", "0", "b"))
    pending.observe(event(type="conversation.item.done", item=item))
    pending.leave(("conversation.item.create", "1", "b"))
    pending.observe(event(type="conversation.item.added", item=item))
    pending.leave(("conversation.item.create", "2", "b"))
    pending.observe(event(type="conversation.item.done", item=item))
    pending.observe(error("item_create_duplicate_item_id", message="'b' exists"))

    assert (["0", "1"], ["2"]) == (pending.answered, pending.refused)


def test_a_queued_command_is_not_acknowledged() -> None:
    """
    An answer that comes before a command has left belongs to another command.
    """
    pending = SentCommands()
    pending.expect("session.update", "1")
    pending.observe(event(**ANSWERS["session.update"]))
    pending.observe(error("unknown_parameter", param="session.x"))
    assert [] == pending.answered + pending.refused

    pending.acks.mark_sent("1")
    pending.observe(event(**ANSWERS["session.update"]))

    assert ["1"] == pending.answered


def test_answers_are_matched_in_the_order_of_sending() -> None:
    """
    Who registered first and left second is answered second.
    """
    pending = SentCommands()
    pending.expect("input_audio_buffer.commit", "1")
    pending.expect("input_audio_buffer.commit", "2")
    pending.acks.mark_sent("2")
    pending.acks.mark_sent("1")
    pending.observe(event(**ANSWERS["input_audio_buffer.commit"]))

    assert ["2"] == pending.answered


@pytest.mark.slow
def test_nothing_is_kept_of_what_was_answered() -> None:
    """
    Ten thousand commands leave nothing behind.
    """
    pending = SentCommands()
    for number in range(10_000):
        pending.leave(("input_audio_buffer.clear", str(number), ""))
        pending.observe(event(**ANSWERS["input_audio_buffer.clear"]))

    assert pending.acks.is_empty
    assert 10_000 == len(pending.answered)


def test_a_lost_connection_fails_what_had_left() -> None:
    """
    What is queued goes to the next one, but for what speaks of audio that is gone.
    """
    pending = SentCommands()
    pending.leave(("conversation.item.retrieve", "1", "a"), ("session.update", "2", ""))
    pending.expect("conversation.item.retrieve", "3")
    pending.expect("input_audio_buffer.commit", "4")
    withdrawn = pending.acks.lose(ConnectionClosed(1006))
    assert ["1", "4"] == pending.refused
    assert ["4"] == withdrawn

    updated: Any = event(**ANSWERS["session.update"])
    pending.acks.session_restored(updated)
    assert ["2"] == pending.answered

    pending.over = ConnectionClosed(1006)
    pending.acks.end(pending.over)
    pending.expect("conversation.item.retrieve", "5")

    assert ["1", "3", "4", "5"] == pending.refused
    assert pending.futures["3"].exception(0) is not pending.futures["5"].exception(0)


@pytest.mark.parametrize("ends_meanwhile", [True, False])
def test_a_command_registered_while_the_client_ends_fails_once(
    ends_meanwhile: bool,
) -> None:
    """
    Whether the end finds the command first, or the command the end.
    """
    pending = SentCommands()
    error = ConnectionClosed(1006)

    def ended() -> ConnectionClosed:
        if ends_meanwhile:
            pending.acks.end(error)
        return error

    pending.acks = PendingCommands(ended)
    pending.expect("input_audio_buffer.clear", "1")
    pending.acks.end(error)

    assert ["1"] == pending.refused
    assert pending.acks.is_empty


def test_a_sent_command_keeps_its_answer_when_it_is_forgotten() -> None:
    """
    A command that is forgotten after it was sent keeps its answer for itself.
    """
    pending = abc("input_audio_buffer.clear")
    pending.acks.forget("1")
    pending.expect("input_audio_buffer.clear", "4")
    pending.acks.forget("4")
    pending.observe(event(**ANSWERS["input_audio_buffer.clear"]))

    assert ["1"] == pending.answered
    pending.acks.mark_sent("4")
    assert ["2", "3"] == [sent.event_id for sent in pending.acks.sent_commands()]
