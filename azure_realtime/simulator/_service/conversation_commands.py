"""
The commands of a conversation: their shapes and functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._wire.errors import ServiceError
from .._wire.schema import Anything, Integer, Nullable, String
from .conversation import parse_item
from .conversation_parts import ConversationParts
from .session_kind import Command

__all__ = ["commands_of"]

Json = dict[str, Any]
_Command = Command[ConversationParts]


def _update_session(parts: ConversationParts, event: Json) -> None:
    locked = parts.conversation.has_assistant_audio
    parts.session.update(event["session"], locked)
    parts.input_buffer.configure()
    parts.connection.emit("session.updated", session=parts.session.describe())
    parts.mcp.configure()


def _append(parts: ConversationParts, event: Json) -> None:
    parts.input_buffer.append(event["audio"])


def _commit(parts: ConversationParts, _: Json) -> None:
    parts.input_buffer.commit()


def _clear(parts: ConversationParts, _: Json) -> None:
    parts.input_buffer.clear()


def _create_item(parts: ConversationParts, event: Json) -> None:
    fmt = parts.session.input_format
    item = parse_item(event["item"], "item", parts.connection.protocol, fmt)

    def add() -> None:
        try:
            parts.conversation.add(
                parts.connection, item, event.get("previous_item_id")
            )
        except ServiceError as error:
            parts.connection.emit("error", error=error.body(event.get("event_id")))
            return
        if item.wire["type"] == "mcp_approval_response":
            reply = parts.mcp.on_approval(item.wire)
            if reply is not None:
                parts.responses.create_after_turn(reply)

    # The service adds items that it receives during a response after the response.
    parts.responses.when_idle(add)


def _retrieve_item(parts: ConversationParts, event: Json) -> None:
    item = parts.conversation.retrieve(event["item_id"])
    parts.connection.emit("conversation.item.retrieved", item=item.retrieved())


def _delete_item(parts: ConversationParts, event: Json) -> None:
    parts.conversation.delete(event["item_id"])
    parts.connection.emit("conversation.item.deleted", item_id=event["item_id"])


def _truncate_item(parts: ConversationParts, event: Json) -> None:
    index, end_ms = event["content_index"], event["audio_end_ms"]
    real_ms = parts.conversation.truncate(event["item_id"], index, end_ms)
    if real_ms is not None:
        message = f"Audio content of {real_ms}ms is already shorter than {end_ms}ms"
        error = ServiceError("invalid_value", message, "audio_end_ms", echo=False)
        parts.connection.emit("error", error=error.body(None))
    parts.connection.emit(
        "conversation.item.truncated",
        item_id=event["item_id"],
        content_index=index,
        audio_end_ms=end_ms if real_ms is None else real_ms,
    )


def _create_response(parts: ConversationParts, event: Json) -> None:
    parts.responses.create(event.get("response"))


def _cancel_response(parts: ConversationParts, event: Json) -> None:
    parts.responses.cancel(event.get("response_id"))


_UPDATE = _Command({"session": Anything()}, {}, _update_session)
_ITEM_ID = {"item_id": String()}
_POSITION = {"content_index": Integer(0), "audio_end_ms": Integer(0)}
_COMMON_COMMANDS: dict[str, _Command] = {
    "input_audio_buffer.append": _Command({"audio": String()}, {}, _append),
    "input_audio_buffer.commit": _Command({}, {}, _commit),
    "input_audio_buffer.clear": _Command({}, {}, _clear),
    "conversation.item.create": _Command(
        {"item": Anything()}, {"previous_item_id": Nullable(String())}, _create_item
    ),
    "conversation.item.retrieve": _Command(_ITEM_ID, {}, _retrieve_item),
    "conversation.item.delete": _Command(_ITEM_ID, {}, _delete_item),
    "conversation.item.truncate": _Command(
        {**_ITEM_ID, **_POSITION}, {}, _truncate_item
    ),
    "response.create": _Command({}, {"response": Anything()}, _create_response),
    "response.cancel": _Command(
        {}, {"response_id": Nullable(String())}, _cancel_response
    ),
}
_COMMANDS = {"session.update": _UPDATE, **_COMMON_COMMANDS}
_PREVIEW_TRANSCRIPTION = {"transcription_session.update": _UPDATE, **_COMMON_COMMANDS}


def commands_of(parts: ConversationParts) -> Mapping[str, _Command]:
    """
    Return the commands of a session, by type.
    """
    if parts.connection.protocol == "preview" and parts.session.transcription:
        return _PREVIEW_TRANSCRIPTION
    return _COMMANDS
