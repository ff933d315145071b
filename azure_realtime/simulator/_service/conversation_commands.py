"""
The client's commands: which there are, what they look like, and who carries them out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._wire.errors import ServiceError
from .._wire.schema import Anything, Maybe, Record, Shape, Text, Whole, wrong_value
from .conversation import parse_item

if TYPE_CHECKING:
    from .connection import Connection

__all__ = ["dispatch"]

Json = dict[str, Any]

_HEAD: dict[str, Shape] = {"type": Text(), "event_id": Maybe(Text(longest=512))}


def _record(required: dict[str, Shape], optional: dict[str, Shape]) -> Record:
    return Record({**_HEAD, **required, **optional}, tuple(required))


def _update_session(connection: Connection, event: Json) -> None:
    locked = connection.conversation.has_assistant_audio
    connection.session.update(event["session"], locked)
    connection.input_buffer.configure()
    connection.emit("session.updated", session=connection.session.describe())
    connection.mcp.configure()


def _append(connection: Connection, event: Json) -> None:
    connection.input_buffer.append(event["audio"])


def _commit(connection: Connection, _: Json) -> None:
    connection.input_buffer.commit()


def _clear(connection: Connection, _: Json) -> None:
    connection.input_buffer.clear()


def _create_item(connection: Connection, event: Json) -> None:
    fmt = connection.session.input_format
    item = parse_item(event["item"], "item", connection.protocol, fmt)

    def add() -> None:
        try:
            connection.add_item(item, event.get("previous_item_id"))
        except ServiceError as error:
            connection.send_error(error, event.get("event_id"))
            return
        if item.wire["type"] == "mcp_approval_response":
            connection.mcp.answer(item.wire)

    # While a response runs, the service takes items but adds them after it.
    connection.responses.when_idle(add)


def _retrieve_item(connection: Connection, event: Json) -> None:
    item = connection.conversation.retrieve(event["item_id"])
    connection.emit("conversation.item.retrieved", item=item.retrieved())


def _delete_item(connection: Connection, event: Json) -> None:
    connection.conversation.delete(event["item_id"])
    connection.emit("conversation.item.deleted", item_id=event["item_id"])


def _truncate_item(connection: Connection, event: Json) -> None:
    index, end_ms = event["content_index"], event["audio_end_ms"]
    real_ms = connection.conversation.truncate(event["item_id"], index, end_ms)
    if real_ms is not None:
        message = f"Audio content of {real_ms}ms is already shorter than {end_ms}ms"
        error = ServiceError("invalid_value", message, "audio_end_ms", echo=False)
        connection.send_error(error, None)
    connection.emit(
        "conversation.item.truncated",
        item_id=event["item_id"],
        content_index=index,
        audio_end_ms=end_ms if real_ms is None else real_ms,
    )


def _create_response(connection: Connection, event: Json) -> None:
    connection.responses.create(event.get("response"))


def _cancel_response(connection: Connection, event: Json) -> None:
    connection.responses.cancel(event.get("response_id"))


_Command = tuple[Record, Callable[["Connection", Json], None]]

_UPDATE: _Command = (_record({"session": Anything()}, {}), _update_session)
_AUDIO: dict[str, _Command] = {
    "input_audio_buffer.append": (_record({"audio": Text()}, {}), _append),
    "input_audio_buffer.commit": (_record({}, {}), _commit),
    "input_audio_buffer.clear": (_record({}, {}), _clear),
}
_ITEM_ID = {"item_id": Text()}
_CONVERSATION: dict[str, _Command] = {
    "conversation.item.create": (
        _record({"item": Anything()}, {"previous_item_id": Maybe(Text())}),
        _create_item,
    ),
    "conversation.item.retrieve": (_record({**_ITEM_ID}, {}), _retrieve_item),
    "conversation.item.delete": (_record({**_ITEM_ID}, {}), _delete_item),
    "conversation.item.truncate": (
        _record(
            {**_ITEM_ID, "content_index": Whole(0), "audio_end_ms": Whole(0)},
            {},
        ),
        _truncate_item,
    ),
    "response.create": (_record({}, {"response": Anything()}), _create_response),
    "response.cancel": (
        _record({}, {"response_id": Maybe(Text())}),
        _cancel_response,
    ),
}
_COMMANDS: dict[str, _Command] = {"session.update": _UPDATE, **_AUDIO, **_CONVERSATION}
_PREVIEW_TRANSCRIPTION: dict[str, _Command] = {
    "transcription_session.update": _UPDATE,
    **_AUDIO,
    **_CONVERSATION,
}


def dispatch(connection: Connection, event: Json) -> None:
    """
    Carry out one client event. Holds the connection's lock.

    Raises:
        ServiceError: What the service refuses it with.
    """
    kind = event["type"]
    if kind is None:
        raise ServiceError("invalid_event", "The 'type' field is missing.")
    commands = _COMMANDS
    if connection.protocol == "preview" and connection.session.transcription:
        commands = _PREVIEW_TRANSCRIPTION
    if not isinstance(kind, str) or kind not in commands:
        raise wrong_value("type", kind, tuple(commands))
    shape, carry_out = commands[kind]
    shape.check(event, "")
    carry_out(connection, event)
