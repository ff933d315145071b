"""
The event types of the GA and the preview protocol.

`on("response.audio.delta")` and `on("response.output_audio.delta")` are the same
subscription with either protocol; this library uses the GA names.
"""

from collections.abc import Mapping

from .._spelling import closest
from . import SERVER_EVENTS

#: Preview name -> GA name, for names that differ.
RENAMED: Mapping[str, str] = {
    "conversation.item.created": "conversation.item.added",
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "transcription_session.created": "session.created",
    "transcription_session.update": "session.update",
    "transcription_session.updated": "session.updated",
}

LOCAL_EVENT_NAMES = frozenset(
    {
        "*",
        "closed",
        "disconnected",
        "expiring",
        "init",
        "invalid_message",
        "listener_error",
        "overflow",
        "reconnected",
        "reconnecting",
        "status_changed",
        "tool_error",
    }
)

#: The event types that a subscription accepts without a warning.
KNOWN_EVENT_NAMES: frozenset[str] = (
    frozenset(SERVER_EVENTS)
    | LOCAL_EVENT_NAMES
    | (frozenset(RENAMED) - {"transcription_session.update"})
)


def canonical(name: str) -> str:
    """
    Return the GA name of the event *name*; any other name is returned as it is.
    """
    return RENAMED.get(name, name)


def did_you_mean(name: str) -> str | None:
    """
    Return the event type of which *name* is probably a misspelling, if any.
    """
    return closest(name, KNOWN_EVENT_NAMES - {"*"})
