"""
What an `error` event is about, by its code, its `param` and its message.
"""

from __future__ import annotations

from typing import Any

_SPOKEN_OF = (
    ("item_create_", "conversation.item.create"),
    ("item_truncate_", "conversation.item.truncate"),
    ("item_delete_", "conversation.item.delete"),
    ("item_retrieve_", "conversation.item.retrieve"),
    ("input_audio_buffer_commit", "input_audio_buffer.commit"),
    ("cannot_update_voice", "session.update"),
)
"""How an error's code begins -> the command it speaks of (errors.json)."""


_PARAMS = (
    ("session", "session.update"),
    ("item.", "conversation.item.create"),
    ("previous_item_id", "conversation.item.create"),
    ("audio_end_ms", "conversation.item.truncate"),
    ("content_index", "conversation.item.truncate"),
    ("audio", "input_audio_buffer.append"),  # these two are not in this line
    ("response", "response.create"),
)
"""How an error's param begins -> the command it speaks of."""


def _spoken_of(code: str, param: str, message: str) -> str | None:
    for beginning, kind in _SPOKEN_OF:
        if code.startswith(beginning):
            return kind
    for beginning, kind in _PARAMS:
        if param.startswith(beginning):
            return kind
    if "already shorter than" in message:
        return "conversation.item.truncate"
    if code.startswith(("response_", "conversation_already_has_active_response")):
        return "response.create"  # not in this line, and nobody else's fault
    return None


def _item_of(command: Any) -> str | None:
    item = getattr(command, "item", None)
    return getattr(command, "item_id", None) if item is None else item.id


_FATAL = {
    "account_deactivated",
    "beta_api_shape_disabled",
    "billing_hard_limit_reached",
    "insufficient_quota",
    "invalid_api_key",
    "model_not_found",
}
"""Codes of ``error`` events after which no session of this account works."""


def is_fatal(code: str | None) -> bool:
    """
    Whether an ``error`` event says that connecting again is pointless.
    """
    return code in _FATAL


def is_passing(family: str, code: str | None) -> bool:
    """
    Whether an ``error`` event is the service's own trouble, and may not come again.
    """
    return family == "server_error" or code == "rate_limit_exceeded"


def says_expired(code: str | None, words: str) -> bool:
    """
    Whether the service says that the session has come to its end. Azure does so in
    words only (protocol reference, session_expired).
    """
    return code == "session_expired" or "maximum duration" in words
