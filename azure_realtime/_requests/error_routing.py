"""
Error routing: a pure function finds the request that an ``error`` event is about.

Rules; the first that applies decides:

1. An error with an ``event_id`` is about the message with that id: the opening message
   of the session, a restored item, a pending command or a response request. If none of
   these has the id, the error is about no request: appends and cancels have no future.
2. While the opening message is not acknowledged, an error without an ``event_id`` is
   about the opening message, which was sent first.
3. An error that quotes an item id is about the oldest command with that item. If the
   error also indicates a kind of command (rule 4), the command must be of that kind.
   The items that a new session is restored with were sent before all other commands:
   they are the oldest commands of this rule and of the following ones.
4. The code, the ``param`` or the message of an error can indicate a kind of command
   (`_CODES`, `_PARAMS`, `_WORDS`). The error is about the oldest sent command of that
   kind, if there is one. Among response requests, it is about the oldest without a
   response.
5. "Already has an active response" may also be about a request that was matched with a
   response: the service may have started that response by itself. This is impossible
   for a response matched by its marker, and for a request out of band.
6. An error that indicates no kind of command and reports an expired session is about
   the session: pending requests end, or are sent again, with the connection.
7. Another ``invalid_request_error`` that indicates no kind of command (a setting that
   the model does not have, protocol reference) is about the oldest ``session.update``
   unless it has a ``param`` or restored items are unanswered, else about the oldest
   command. If no command is pending and no response is active, it is about the only
   response request without a response.
8. Any other error that indicates no kind of command (a failure in the service) is about
   the only pending command, while no response is requested or active.
9. Any other error is about no request: completing the wrong future is worse than a
   timeout.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence
from typing import NamedTuple

from ..events import ErrorDetails

ALREADY_ACTIVE = "conversation_already_has_active_response"

_CREATE_RESPONSE = "response.create"
_CREATE_ITEM = "conversation.item.create"

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
"""Prefix of an error's code -> the kind of command it indicates (errors.json)."""

_PARAMS = (
    ("session", "session.update"),
    ("item.", "conversation.item.create"),
    ("previous_item_id", "conversation.item.create"),
    ("audio_end_ms", "conversation.item.truncate"),
    ("content_index", "conversation.item.truncate"),
    ("audio", "input_audio_buffer.append"),
    ("response", _CREATE_RESPONSE),
)
"""Prefix of an error's param -> the kind of command it indicates."""

_WORDS = (("already shorter than", "conversation.item.truncate"),)
"""Words in an error's message -> the kind of command they indicate."""

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
"""Codes of race conditions between client and service, which are no failures."""


class Subject(enum.Enum):
    """
    The kind of request that an error can be about.
    """

    OPENING = enum.auto()
    RESTORED_ITEM = enum.auto()
    COMMAND = enum.auto()
    RESPONSE = enum.auto()
    SESSION = enum.auto()
    NONE = enum.auto()


class SentCommand(NamedTuple):
    """
    A command that was sent and is not acknowledged.

    Attributes:
        item_id: The item that the command is about, if any.
    """

    type: str
    event_id: str
    item_id: str | None = None


class SentItem(NamedTuple):
    """
    The command that restores an item.
    """

    event_id: str
    item_id: str


class SentResponse(NamedTuple):
    """
    A response request that was sent and whose response is not done.

    Attributes:
        response_id: The id of the response; None until it is created.
        matched_by_marker: Whether a marker proves that the response is to this request.
    """

    event_id: str
    response_id: str | None = None
    matched_by_marker: bool = False
    out_of_band: bool = False


class Outstanding(NamedTuple):
    """
    The requests that an error can be about when it arrives.

    Attributes:
        opening_id: The ``event_id`` of the session's opening message; None after its
            acknowledgement.
        restored: The ``event_id`` of each command that restores an item.
        unanswered: Those of these commands that are not answered, oldest first.
        commands: The sent commands, oldest first.
        responses: The sent response requests, oldest first.
        is_active: Whether the conversation has an active response.
    """

    opening_id: str | None = None
    restored: Collection[str] = ()
    unanswered: Sequence[SentItem] = ()
    commands: Sequence[SentCommand] = ()
    responses: Sequence[SentResponse] = ()
    is_active: bool = False


class ErrorRoute(NamedTuple):
    """
    The request that an error is about, and the effect on the connection.

    Attributes:
        event_id: The id of the command, the response request or the restored item.
        expired: Whether the session has expired.
        fatal: Whether every other session would fail as well.
        passing: Whether the error is transient, so that a retry may succeed.
        benign: Whether the error reports a race condition that is no failure.
    """

    subject: Subject
    event_id: str | None = None
    expired: bool = False
    fatal: bool = False
    passing: bool = False
    benign: bool = False


def route_error(error: ErrorDetails, outstanding: Outstanding) -> ErrorRoute:
    """
    Return the route of *error*, given the *outstanding* requests.
    """
    code = error.code or ""
    # the message of an error with an `event_id` is about that command only
    expired = says_expired(code, "" if error.event_id else error.message)
    subject, event_id = (
        _by_event_id(error.event_id, outstanding)
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
    Whether an error or a close frame reports that the session has expired.

    Azure reports it in the message only (protocol reference, session_expired).
    """
    return code == "session_expired" or "maximum duration" in words


_Target = tuple[Subject, str | None]

_NO_TARGET: _Target = Subject.NONE, None


def _by_event_id(event_id: str, outstanding: Outstanding) -> _Target:
    """
    Apply rule 1.
    """
    if event_id == outstanding.opening_id:
        return Subject.OPENING, event_id
    if event_id in outstanding.restored:
        return Subject.RESTORED_ITEM, event_id
    if any(command.event_id == event_id for command in outstanding.commands):
        return Subject.COMMAND, event_id
    if any(response.event_id == event_id for response in outstanding.responses):
        return Subject.RESPONSE, event_id
    return _NO_TARGET


def _by_content(
    error: ErrorDetails, outstanding: Outstanding, expired: bool
) -> _Target:
    """
    Apply rules 2 to 9.
    """
    if outstanding.opening_id is not None:  # rule 2
        return Subject.OPENING, outstanding.opening_id
    if outstanding.unanswered:
        return _among_restored(error, outstanding, expired)
    return _among_sent(error, outstanding, expired)


def _among_restored(
    error: ErrorDetails, outstanding: Outstanding, expired: bool
) -> _Target:
    """
    Apply rules 3 to 9 while restored items are the oldest commands.
    """
    items = [SentCommand(_CREATE_ITEM, *item) for item in outstanding.unanswered]
    commands = [*items, *outstanding.commands]
    all_sent = outstanding._replace(unanswered=(), commands=commands)
    subject, event_id = _among_sent(error, all_sent, expired)
    if event_id in outstanding.restored:
        return Subject.RESTORED_ITEM, event_id
    return subject, event_id


def _among_sent(
    error: ErrorDetails, outstanding: Outstanding, expired: bool
) -> _Target:
    """
    Apply rules 3 to 9 to the commands.
    """
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
        return _by_error_type(error, outstanding)
    if len(commands) == 1 and not (outstanding.responses or outstanding.is_active):
        return Subject.COMMAND, commands[0].event_id  # rule 8
    return _NO_TARGET


def _kind_of(error: ErrorDetails) -> str | None:
    """
    Return the kind of command that *error* indicates (rule 4).
    """
    for text, table in ((error.code or "", _CODES), (error.param or "", _PARAMS)):
        for prefix, kind in table:
            if text.startswith(prefix):
                return kind
    return next((kind for words, kind in _WORDS if words in error.message), None)


def _refusable(
    error: ErrorDetails, responses: Sequence[SentResponse]
) -> list[SentResponse]:
    """
    Return the response requests that *error* can be about, the most probable first
    (rules 4 and 5).
    """
    if error.code != ALREADY_ACTIVE:
        return [r for r in responses if r.response_id is None]
    uncertain = [r for r in responses if not r.matched_by_marker and not r.out_of_band]
    return sorted(uncertain, key=lambda response: response.response_id is not None)


def _by_error_type(error: ErrorDetails, outstanding: Outstanding) -> _Target:
    """
    Apply rule 7.
    """
    commands, param = outstanding.commands, bool(error.param)
    updates = [c for c in commands if c.type == "session.update" and not param]
    if commands:
        if commands[0].event_id in outstanding.restored:
            updates = []
        return _first(Subject.COMMAND, updates or commands)
    unanswered = [r for r in outstanding.responses if r.response_id is None]
    if param or outstanding.is_active or len(unanswered) != 1:
        return _NO_TARGET
    return Subject.RESPONSE, unanswered[0].event_id


def _first(
    subject: Subject, candidates: Sequence[SentCommand] | Sequence[SentResponse]
) -> _Target:
    return (subject, candidates[0].event_id) if candidates else _NO_TARGET
