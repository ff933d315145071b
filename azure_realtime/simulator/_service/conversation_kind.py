"""
The kind of session for conversations with a model and for transcription.

A session of the intent ``transcription`` has the same paths, input buffer and items as
a conversation, but refuses to create responses.
"""

from __future__ import annotations

from typing import Any

from .._network.handshake import Route
from .conversation_commands import commands_of
from .conversation_parts import ConversationParts
from .conversation_routes import is_transcription, route_conversation
from .conversation_session import ConversationSession
from .session_kind import SessionKind
from .settings import Settings

__all__ = ["CONVERSATION"]


def _new_session(route: Route, settings: Settings) -> ConversationSession:
    return ConversationSession(
        route.protocol,
        route.model,
        is_transcription(route.handshake.query),
        settings.session_seconds,
    )


def _opening(session: ConversationSession) -> dict[str, Any]:
    return {"type": "session.created", "session": session.describe()}


CONVERSATION = SessionKind(
    route=route_conversation,
    new_session=_new_session,
    new_parts=ConversationParts,
    opening=_opening,
    commands=commands_of,
    stop=ConversationParts.stop,
)
