"""
What an `error` event is about: one pure function decides.

Rules; the first that applies decides:

1. An error that names a command (its ``event_id``) is about that command: the opening
   message of the session, a restored item, a pending command or a response request. If
   none of these has the name, the error is about nobody: appends and cancels have no
   future.
2. While the opening message is unanswered, an error without a name is about the opening
   message: it was sent first.
3. An error that quotes an item is about the oldest command with that item. If the error
   speaks of a kind of command as well, the command must be of that kind.
4. An error speaks of a kind of command by its code, its ``param`` or its message
   (`_CODES`, `_PARAMS`, `_WORDS`). It is about the oldest command of that kind that was
   sent, or about nobody. Of response requests, it is about the oldest without a
   response.
5. "Already has an active response" may also be about a request that seems to have its
   response: what was created may be a response that the service started by itself. A
   response that was matched by its marker is certain, and one out of band is never
   refused for this.
6. An error that speaks of nothing and says that the session has expired is about the
   session: what is pending ends, or is sent again, with the connection.
7. Another ``invalid_request_error`` that speaks of nothing (a setting that the model
   does not have, protocol reference) is about the oldest ``session.update`` unless it
   has a ``param``, else about the oldest command. If no command is pending and no
   response is active, it is about the only response request without a response.
8. Another error that speaks of nothing (trouble of the service) is about a command that
   is pending alone while no response is requested or active.
9. Everything else is about nobody: a wrong answer is worse than a timeout.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence
from typing import NamedTuple

from ..events import ErrorDetails

ALREADY_ACTIVE = "conversation_already_has_active_response"

_CREATE_RESPONSE = "response.create"

_CODES = (
    ("item_create_", "conversation.item.create"),
    ("item_truncate_", "conversation.item.truncate"),
    ("item_delete_", "conversation.item.delete"),
    ("item_retrieve_", "conversation.item.retrieve"),
    ("input_audio_buffer_commit", "input_audio_buffer.commit"),
    ("cannot_update_voice", "session.update"),
    ("response_cancel", "response.cancel"),
    ("response_", _CREATE_RESPONSE),
    (ALREADY_ACTIVE, _CREATE_RESPONSE),
)
"""How a code begins -> the kind of command it speaks of (errors.json)."""

_PARAMS = (
    ("session", "session.update"),
    ("item.", "conversation.item.create"),
    ("previous_item_id", "conversation.item.create"),
    ("audio_end_ms", "conversation.item.truncate"),
    ("content_index", "conversation.item.truncate"),
    ("audio", "input_audio_buffer.append"),
    ("response", _CREATE_RESPONSE),
)
"""How a param begins -> the kind of command it speaks of."""

_WORDS = (("already shorter than", "conversation.item.truncate"),)
"""What a message contains -> the kind of command it speaks of."""

_FATAL = {
    "account_deactivated",
    "beta_api_shape_disabled",
    "billing_hard_limit_reached",
    "insufficient_quota",
    "invalid_api_key",
    "model_not_found",
}
"""Codes after which no session of this account works."""

_BENIGN = {ALREADY_ACTIVE, "response_cancel_not_active"}
"""Codes of lost races."""


class Subject(enum.Enum):
    """
    What an error can be about.
    """

    OPENING = enum.auto()
    RESTORED_ITEM = enum.auto()
    COMMAND = enum.auto()
    RESPONSE = enum.auto()
    SESSION = enum.auto()
    NOBODY = enum.auto()


class SentCommand(NamedTuple):
    """
    A command that was sent and is not answered.

    Attributes:
        item_id: The item it is about, if it is about one.
    """

    type: str
    event_id: str
    item_id: str | None = None


class SentResponse(NamedTuple):
    """
    A response request that was sent and whose response is not done.

    Attributes:
        response_id: The response, once it is created.
        matched_by_marker: Whether that response is certain to be the right one.
    """

    event_id: str
    response_id: str | None = None
    matched_by_marker: bool = False
    out_of_band: bool = False


class Outstanding(NamedTuple):
    """
    What an error can be about at the moment it arrives.

    Attributes:
        opening_id: The ``event_id`` of the session's opening message while that is
            unanswered, then None.
        restored: The ``event_id`` of each command that restores an item.
        commands: The oldest first.
        responses: The oldest first.
        is_active: Whether the conversation has an active response.
    """

    opening_id: str | None = None
    restored: Collection[str] = ()
    commands: Sequence[SentCommand] = ()
    responses: Sequence[SentResponse] = ()
    is_active: bool = False


class ErrorRoute(NamedTuple):
    """
    What an error is about, and what it means for the connection.

    Attributes:
        event_id: Of the command, the response request or the restored item.
        expired: The session has come to its end.
        fatal: No other session will do better.
        passing: Trouble of the service that may not come again.
        benign: A lost race, which is no failure.
    """

    subject: Subject
    event_id: str | None = None
    expired: bool = False
    fatal: bool = False
    passing: bool = False
    benign: bool = False


def route_error(error: ErrorDetails, outstanding: Outstanding) -> ErrorRoute:
    """
    Return what *error* is about, given what is *outstanding*.
    """
    code = error.code or ""
    # the message of an error that names a command is about that command
    expired = says_expired(code, "" if error.event_id else error.message)
    subject, event_id = (
        _by_name(error.event_id, outstanding)
        if error.event_id
        else _by_content(error, outstanding, expired)
    )
    return ErrorRoute(
        subject,
        event_id,
        expired=expired,
        fatal=code in _FATAL and not error.event_id,
        passing=error.type == "server_error" or code == "rate_limit_exceeded",
        benign=code in _BENIGN,
    )


def says_expired(code: str | None, words: str) -> bool:
    """
    Whether an error or a close frame says that the session has come to its end. Azure
    says so in words only (protocol reference, session_expired).
    """
    return code == "session_expired" or "maximum duration" in words


_Target = tuple[Subject, str | None]

_NOBODY: _Target = Subject.NOBODY, None


def _by_name(name: str, outstanding: Outstanding) -> _Target:
    """
    Apply rule 1.
    """
    if name == outstanding.opening_id:
        return Subject.OPENING, name
    if name in outstanding.restored:
        return Subject.RESTORED_ITEM, name
    if any(command.event_id == name for command in outstanding.commands):
        return Subject.COMMAND, name
    if any(response.event_id == name for response in outstanding.responses):
        return Subject.RESPONSE, name
    return _NOBODY


def _by_content(
    error: ErrorDetails, outstanding: Outstanding, expired: bool
) -> _Target:
    """
    Apply rules 2 to 9.
    """
    if outstanding.opening_id is not None:  # rule 2
        return Subject.OPENING, outstanding.opening_id
    kind = _kind_of(error)
    commands = [c for c in outstanding.commands if kind in (None, c.type)]
    for command in commands:  # rule 3
        if command.item_id and f"'{command.item_id}'" in error.message:
            return Subject.COMMAND, command.event_id
    if kind == _CREATE_RESPONSE:
        return _first(Subject.RESPONSE, _refusable(error, outstanding.responses))
    if kind is not None:
        return _first(Subject.COMMAND, commands)
    if expired:
        return Subject.SESSION, None
    if error.type == "invalid_request_error":
        return _misfit(error, outstanding)
    if len(commands) == 1 and not (outstanding.responses or outstanding.is_active):
        return Subject.COMMAND, commands[0].event_id  # rule 8
    return _NOBODY


def _kind_of(error: ErrorDetails) -> str | None:
    """
    Return the kind of command that an error speaks of.
    """
    for text, table in ((error.code or "", _CODES), (error.param or "", _PARAMS)):
        for beginning, kind in table:
            if text.startswith(beginning):
                return kind
    return next((kind for words, kind in _WORDS if words in error.message), None)


def _refusable(
    error: ErrorDetails, responses: Sequence[SentResponse]
) -> list[SentResponse]:
    """
    Return the requests that an error about response requests can be about, the
    likeliest first (rules 4 and 5).
    """
    if error.code != ALREADY_ACTIVE:
        return [r for r in responses if r.response_id is None]
    uncertain = [r for r in responses if not r.matched_by_marker and not r.out_of_band]
    return sorted(uncertain, key=lambda response: response.response_id is not None)


def _misfit(error: ErrorDetails, outstanding: Outstanding) -> _Target:
    """
    Apply rule 7.
    """
    commands, param = outstanding.commands, bool(error.param)
    updates = [c for c in commands if c.type == "session.update" and not param]
    if commands:
        return _first(Subject.COMMAND, updates or commands)
    nameless = [r for r in outstanding.responses if r.response_id is None]
    if param or outstanding.is_active or len(nameless) != 1:
        return _NOBODY
    return Subject.RESPONSE, nameless[0].event_id


def _first(
    subject: Subject, candidates: Sequence[SentCommand] | Sequence[SentResponse]
) -> _Target:
    return (subject, candidates[0].event_id) if candidates else _NOBODY
