"""
What an `error` event is about: every rule, every known code, every order.
"""

from __future__ import annotations

from typing import Any

import pytest

from azure_realtime._requests.error_routing import (
    ErrorRoute,
    Outstanding,
    SentCommand,
    SentItem,
    SentResponse,
    Subject,
    route_error,
    says_expired,
)
from azure_realtime.events import ErrorDetails

INVALID = "invalid_request_error"
BUSY = "conversation_already_has_active_response"
EXPIRED = "Your session hit the maximum duration of 60 minutes."

KINDS = {
    "update": "session.update",
    "commit": "input_audio_buffer.commit",
    "clear": "input_audio_buffer.clear",
    "create": "conversation.item.create",
    "delete": "conversation.item.delete",
    "truncate": "conversation.item.truncate",
    "retrieve": "conversation.item.retrieve",
}
ITEM_KINDS = ("create", "delete", "truncate", "retrieve")

ALL = Outstanding(
    restored=("restored",),
    commands=[
        SentCommand(kind, f"{name}_{number}", f"item_{number}")
        if name in ITEM_KINDS
        else SentCommand(kind, f"{name}_{number}")
        for number in (1, 2)
        for name, kind in reversed(KINDS.items())
    ],
    responses=[
        SentResponse("created", "resp_1"),
        SentResponse("certain", "resp_2", matched_by_marker=True),
        SentResponse("beside", "resp_3", out_of_band=True),
        SentResponse("sent_1"),
        SentResponse("sent_2"),
    ],
)
"""Two commands of each kind, in two rounds, and all kinds of response requests."""

NOTHING = Outstanding()
OPENING = ALL._replace(opening_id="opening")


def only(*names: str, **fields: Any) -> Outstanding:
    """
    Return some of the commands and response requests of `ALL`, in this order.
    """
    commands = {command.event_id: command for command in ALL.commands}
    responses = {response.event_id: response for response in ALL.responses}
    return Outstanding(
        commands=[commands[name] for name in names if name in commands],
        responses=[responses[name] for name in names if name in responses],
        **fields,
    )


def route(outstanding: Outstanding, **fields: Any) -> ErrorRoute:
    """
    Return what an error with these fields is about; it is an invalid request unless
    they say otherwise.
    """
    error = ErrorDetails(**{"type": INVALID, "message": "No.", **fields})
    return route_error(error, outstanding)


def subject(outstanding: Outstanding, **fields: Any) -> tuple[Subject, str | None]:
    """
    Return its subject alone.
    """
    found = route(outstanding, **fields)
    return found.subject, found.event_id


NO_SUBJECT = (Subject.NONE, None)
SESSION = (Subject.SESSION, None)


def command(event_id: str) -> tuple[Subject, str]:
    """
    Shorten a table.
    """
    return Subject.COMMAND, event_id


def response(event_id: str) -> tuple[Subject, str]:
    """
    Shorten a table.
    """
    return Subject.RESPONSE, event_id


NAMED: list[tuple[str, Any]] = [
    ("opening", (Subject.OPENING, "opening")),
    ("restored", (Subject.RESTORED_ITEM, "restored")),
    *((c.event_id, command(c.event_id)) for c in ALL.commands),
    *((r.event_id, response(r.event_id)) for r in ALL.responses),
    ("append_1", NO_SUBJECT),
]


@pytest.mark.parametrize(
    "fields",
    [
        {"code": "item_create_duplicate_item_id", "message": "There is 'item_1'."},
        {"code": "session_expired", "message": EXPIRED},
        {"code": BUSY},
        {"param": "session.voice"},
        {"type": "server_error"},
    ],
)
def test_a_name_decides_before_all_else(fields: dict[str, Any]) -> None:
    """
    Rule 1: whatever else the error says, and while the opening is unanswered, too.
    """
    for event_id, expected in NAMED:
        assert expected == subject(OPENING, event_id=event_id, **fields), event_id


def test_an_opening_that_was_answered_has_no_name() -> None:
    """
    Rule 1: its id means nothing any more.
    """
    assert NO_SUBJECT == subject(ALL, event_id="opening")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"event_id": ""},
        {"code": "item_create_duplicate_item_id", "message": "There is 'item_1'."},
        {"code": "session_expired", "message": EXPIRED},
        {"code": "unknown_parameter", "param": "session.voice"},
        {"code": BUSY},
        {"type": "server_error"},
    ],
)
def test_an_unanswered_opening_takes_what_has_no_name(fields: dict[str, Any]) -> None:
    """
    Rule 2: it was sent first.
    """
    assert (Subject.OPENING, "opening") == subject(OPENING, **fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"message": "There is no 'item_2'."}, "truncate_2"),
        ({"message": "There is no item_2."}, "update_1"),
        ({"type": "server_error", "message": "About 'item_1'."}, "retrieve_1"),
        ({"code": "item_create_x", "message": "There is 'item_2'."}, "create_2"),
        ({"code": "item_delete_x", "message": "There is 'item_3'."}, "delete_1"),
        ({"param": "item.id", "message": "There is 'item_2'."}, "create_2"),
        ({"param": "session.x", "message": "There is 'item_2'."}, "update_1"),
    ],
)
def test_a_quoted_item_decides_within_the_kind(
    fields: dict[str, Any], expected: str
) -> None:
    """
    Rule 3: of several commands with that item, the oldest.
    """
    reordered = ALL._replace(
        commands=sorted(ALL.commands, key=lambda c: c.event_id == "retrieve_2")
    )
    assert command(expected) == subject(reordered, **fields)


SPEAKING: list[tuple[dict[str, Any], Any]] = [
    ({"code": "item_create_duplicate_item_id"}, command("create_1")),
    ({"code": "item_create_invalid_previous_item_id"}, command("create_1")),
    ({"code": "item_truncate_invalid_item_id"}, command("truncate_1")),
    ({"code": "item_delete_invalid_item_id"}, command("delete_1")),
    ({"code": "item_retrieve_invalid_item_id"}, command("retrieve_1")),
    ({"code": "input_audio_buffer_commit_empty"}, command("commit_1")),
    ({"code": "cannot_update_voice"}, command("update_1")),
    ({"code": "response_cancel_not_active"}, NO_SUBJECT),
    ({"code": "response_input_too_long"}, response("sent_1")),
    ({"code": BUSY}, response("sent_1")),
    ({"param": "session"}, command("update_1")),
    ({"param": "session.type"}, command("update_1")),
    ({"param": "item.content[0].type"}, command("create_1")),
    ({"param": "previous_item_id"}, command("create_1")),
    ({"param": "audio_end_ms"}, command("truncate_1")),
    ({"param": "content_index"}, command("truncate_1")),
    ({"param": "audio"}, NO_SUBJECT),
    ({"param": "response"}, response("sent_1")),
    ({"param": "response.output_modalities"}, response("sent_1")),
    (
        {"message": "Audio content of 9ms is already shorter than 100ms"},
        command("truncate_1"),
    ),
    # a code counts more than a param, a param more than the message
    ({"code": "item_delete_x", "param": "session.x"}, command("delete_1")),
    ({"param": "session.x", "message": "already shorter than"}, command("update_1")),
]


@pytest.mark.parametrize("family", [INVALID, "server_error"])
def test_the_subject_of_an_error_decides(family: str) -> None:
    """
    Rule 4: the oldest of the kind.
    """
    for fields, expected in SPEAKING:
        assert expected == subject(ALL, type=family, **fields), fields


def test_errors_about_nothing_pending_fail_no_command() -> None:
    """
    Rule 4: with only another command and another response request outstanding, neither
    fails for it.
    """
    for fields, expected in SPEAKING:
        kind = (expected[1] or "").rpartition("_")[0]
        other = "commit_1" if kind == "update" else "update_1"
        responses = [] if expected[0] is Subject.RESPONSE else ["sent_1"]
        assert NO_SUBJECT == subject(only(other, *responses), **fields), fields
        assert NO_SUBJECT == subject(NOTHING, **fields), fields


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["created", "sent_1", "sent_2"], response("sent_1")),
        (["sent_2", "sent_1"], response("sent_2")),
        (["created", "certain"], response("created")),
        (["certain"], NO_SUBJECT),
        (["beside"], NO_SUBJECT),
        (["certain", "beside", "created"], response("created")),
        ([], NO_SUBJECT),
    ],
)
@pytest.mark.parametrize("is_active", [True, False])
def test_a_conflict_may_be_about_one_that_seems_to_have_its_response(
    names: list[str], expected: Any, is_active: bool
) -> None:
    """
    Rule 5: but not about one that is certain, or out of band.
    """
    outstanding = only("update_1", *names, is_active=is_active)
    assert expected == subject(outstanding, code=BUSY)


@pytest.mark.parametrize(
    "fields",
    [
        {"code": "session_expired", "message": EXPIRED},
        {"code": "session_expired"},
        {"type": "server_error", "message": EXPIRED},
    ],
)
@pytest.mark.parametrize(
    "outstanding", [ALL, only("update_1"), only("sent_1"), NOTHING]
)
def test_the_end_of_a_session_is_about_the_session(
    fields: dict[str, Any], outstanding: Outstanding
) -> None:
    """
    Rule 6: the connection ends, and with it, or after it, what is pending.
    """
    found = route(outstanding, **fields)
    assert (SESSION, True) == ((found.subject, found.event_id), found.expired)


@pytest.mark.parametrize(
    ("fields", "outstanding", "expected"),
    [
        ({"code": "invalid_value"}, ALL, command("update_1")),
        ({"code": "invalid_value"}, only("commit_1", "clear_1"), command("commit_1")),
        ({"code": "invalid_value"}, only("create_1", "update_1"), command("update_1")),
        ({"param": "type"}, only("create_1", "update_1"), command("create_1")),
        ({}, only("clear_1", "sent_1"), command("clear_1")),
        ({}, only("clear_1", "sent_1", is_active=True), command("clear_1")),
        ({}, only("sent_1"), response("sent_1")),
        ({}, only("sent_1", "certain"), response("sent_1")),
        ({}, only("sent_1", is_active=True), NO_SUBJECT),
        ({}, only("sent_1", "sent_2"), NO_SUBJECT),
        ({}, only("created"), NO_SUBJECT),
        ({"param": "type"}, only("sent_1"), NO_SUBJECT),
        ({}, NOTHING, NO_SUBJECT),
    ],
)
def test_a_refusal_without_a_subject_is_about_the_session_first(
    fields: dict[str, Any], outstanding: Outstanding, expected: Any
) -> None:
    """
    Rule 7: a change of the session first, then the oldest command, then a response
    request that is alone.
    """
    assert expected == subject(outstanding, **fields)


@pytest.mark.parametrize(
    ("outstanding", "expected"),
    [
        (only("clear_1"), command("clear_1")),
        (only("clear_1", "commit_1"), NO_SUBJECT),
        (only("clear_1", is_active=True), NO_SUBJECT),
        (only("clear_1", "sent_1"), NO_SUBJECT),
        (only("clear_1", "beside"), NO_SUBJECT),
        (only("sent_1"), NO_SUBJECT),
        (NOTHING, NO_SUBJECT),
    ],
)
@pytest.mark.parametrize("family", ["server_error", "", "tokens"])
def test_a_server_error_is_about_the_only_pending_command(
    outstanding: Outstanding, expected: Any, family: str
) -> None:
    """
    Rules 8 and 9: it is about the only pending command, else about none.
    """
    assert expected == subject(outstanding, type=family)


MEANINGS: list[tuple[dict[str, Any], set[str]]] = [
    ({"code": "unknown_parameter", "param": "session.x"}, set()),
    ({"code": "missing_required_parameter", "param": "session.type"}, set()),
    ({"code": "invalid_value", "param": "type"}, set()),
    ({"code": "invalid_value"}, set()),
    ({"code": "cannot_update_voice"}, set()),
    ({"code": BUSY}, {"benign"}),
    ({"code": "response_cancel_not_active"}, {"benign"}),
    ({"code": "input_audio_buffer_commit_empty"}, set()),
    ({"code": "item_create_duplicate_item_id"}, set()),
    ({"code": "item_truncate_invalid_item_id"}, set()),
    ({"code": "item_delete_invalid_item_id"}, set()),
    ({"code": "item_retrieve_invalid_item_id"}, set()),
    ({"code": "integer_below_min_value", "param": "audio_end_ms"}, set()),
    ({"code": "invalid_json"}, set()),
    ({"code": "invalid_event"}, set()),
    ({"code": "unsupported_content_type", "param": "item.content[0].type"}, set()),
    ({"code": "invalid_value", "param": "audio"}, set()),
    ({"code": "session_expired"}, {"expired"}),
    ({"type": "server_error", "message": EXPIRED}, {"expired", "passing"}),
    ({"code": "rate_limit_exceeded"}, {"passing"}),
    ({"code": "rate_limit_exceeded", "type": "tokens"}, {"passing"}),
    ({"code": "inference_rate_limit_exceeded"}, set()),
    ({"code": "insufficient_quota"}, {"fatal"}),
    ({"code": "invalid_api_key"}, {"fatal"}),
    ({"code": "account_deactivated"}, {"fatal"}),
    ({"code": "billing_hard_limit_reached"}, {"fatal"}),
    ({"code": "model_not_found"}, {"fatal"}),
    ({"code": "beta_api_shape_disabled"}, {"fatal"}),
    ({"type": "server_error"}, {"passing"}),
    ({"code": "immutable_field_update"}, set()),
    ({"code": "invalid_audio"}, set()),
]
"""Every code that an ``error`` event is known to have -> what it means."""


@pytest.mark.parametrize("outstanding", [NOTHING, ALL, OPENING])
def test_an_error_has_its_effect_on_the_connection_whatever_it_is_about(
    outstanding: Outstanding,
) -> None:
    """
    Whatever it is about.
    """
    for fields, meanings in MEANINGS:
        found = route(outstanding, **fields)._asdict()
        flags = {"expired", "fatal", "passing", "benign"}
        assert meanings == {name for name in flags if found[name]}, fields


def test_an_error_about_one_command_is_not_about_the_account() -> None:
    """
    Where it names a command, it is not fatal, and its words do not end the session;
    the code session_expired does.
    """
    for fields, meanings in MEANINGS:
        found = route(ALL, event_id="update_1", **fields)._asdict()
        lifted = {"fatal"} | ({"expired"} if "code" not in fields else set())
        flags = {"expired", "fatal", "passing", "benign"}
        assert meanings - lifted == {name for name in flags if found[name]}, fields


def test_a_close_frame_may_say_that_the_session_has_expired() -> None:
    """
    Azure writes it into the reason.
    """
    assert says_expired(None, EXPIRED)
    assert not says_expired(None, "Internal error.")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"event_id": "restored_2"}, (Subject.RESTORED_ITEM, "restored_2")),
        ({"code": "item_create_x"}, (Subject.RESTORED_ITEM, "restored_1")),
        ({"message": "'item_r2': No."}, (Subject.RESTORED_ITEM, "restored_2")),
        ({"message": "'item_1': No."}, (Subject.COMMAND, "retrieve_1")),
        ({}, (Subject.RESTORED_ITEM, "restored_1")),
        ({"code": "item_delete_x"}, (Subject.COMMAND, "delete_1")),
        ({"param": "session.voice"}, (Subject.COMMAND, "update_1")),
        ({"code": "response_x"}, (Subject.RESPONSE, "sent_1")),
        ({"type": "server_error"}, (Subject.NONE, None)),
    ],
)
def test_unanswered_restored_items_are_the_oldest_commands(
    fields: dict[str, Any], expected: tuple[Subject, str | None]
) -> None:
    """
    An error that fits a restored item fails no command of the program.
    """
    items = [SentItem("restored_1", "item_r1"), SentItem("restored_2", "item_r2")]
    restoring = ALL._replace(restored=("restored_1", "restored_2"), unanswered=items)
    assert route(restoring, **fields)[:2] == expected
