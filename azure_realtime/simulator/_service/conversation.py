"""
The conversation: its items, their order, and the client's operations on them.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any

from .._speech import audio as _audio
from .._wire import preview as _preview
from .._wire.errors import ServiceError
from .._wire.ga_shapes import GA_ITEM
from .._wire.ids import new_id
from .._wire.preview_shapes import PREVIEW_ITEM
from .connection import Connection

__all__ = ["Conversation", "Item", "decode_base64", "parse_item"]

Json = dict[str, Any]

_PARTS: dict[tuple[str, str], tuple[str, ...]] = {
    ("ga", "system"): ("input_text",),
    ("ga", "user"): ("input_text", "input_audio", "input_image"),
    ("ga", "assistant"): ("output_text", "output_audio"),
    ("preview", "system"): ("input_text",),
    ("preview", "user"): ("input_text", "input_audio"),
    # Preview refuses assistant items with a part of type "audio".
    ("preview", "assistant"): ("text",),
}


def decode_base64(text: str, path: str, fmt: str) -> bytes:
    """
    Return the audio in base64 from a client, or raise the service's error.
    """
    try:
        audio = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ServiceError(
            "invalid_value",
            f"Invalid '{path}'. Expected base64-encoded audio bytes.",
            path,
        ) from None
    if fmt == "audio/pcm" and len(audio) % 2:
        raise ServiceError(
            "invalid_value",
            f"Invalid '{path}'. 16-bit audio needs an even number of bytes, but got "
            f"{len(audio)}.",
            path,
        )
    return audio


@dataclass
class Item:
    """
    One item of a conversation.

    Attributes:
        wire: The item in GA's shape, without audio; events contain this.
        audio: Audio bytes by content index; only ``retrieve`` returns them.
        format: The format of the audio: the session's when the item was created.
        image_count: The number of images in the item.
        placeholder: Whether the transcript is made up; `text` does not contain it.
    """

    wire: Json
    audio: dict[int, bytearray] = field(default_factory=dict)
    format: str = "audio/pcm"
    image_count: int = 0
    placeholder: bool = False

    @property
    def id(self) -> str:
        """
        The item's id.
        """
        return str(self.wire["id"])

    @property
    def audio_ms(self) -> int:
        """
        The duration of the item's audio, in milliseconds.
        """
        size = sum(len(audio) for audio in self.audio.values())
        return int(size // _audio.bytes_per_ms(self.format))

    @property
    def text(self) -> str:
        """
        The texts and transcripts of a message, joined.
        """
        parts = [] if self.placeholder else self.wire.get("content", [])
        texts = [part.get("text") or part.get("transcript") or "" for part in parts]
        return " ".join(text for text in texts if text)

    def retrieved(self) -> Json:
        """
        Return the item with its audio as base64.
        """
        result = dict(self.wire)
        if self.audio:
            result["content"] = [
                {**part, "audio": base64.b64encode(self.audio[index]).decode()}
                if index in self.audio
                else part
                for index, part in enumerate(self.wire["content"])
            ]
        return result


def parse_item(given: Any, path: str, protocol: str, fmt: str) -> Item:
    """
    Check a client's item and return it, or raise the service's error.

    Args:
        given: The item as the client sent it.
        path: The item's path in the event, e.g. ``item`` or ``response.input[0]``.
        protocol: ``"ga"`` or ``"preview"``.
        fmt: The session's input audio format.
    """
    (GA_ITEM if protocol == "ga" else PREVIEW_ITEM).check(given, path)
    audio: dict[int, bytearray] = {}
    if given["type"] == "message":
        allowed = _PARTS.get((protocol, given["role"]))
        if allowed is None:
            raise ServiceError(
                "invalid_value",
                f"Invalid value: '{given['role']}'. Supported values are: 'system', "
                "'user', and 'assistant'.",
                f"{path}.role",
            )
        for index, part in enumerate(given["content"]):
            part_path = f"{path}.content[{index}]"
            _check_part(part, allowed, given["role"], part_path)
            if "audio" in part:
                audio[index] = bytearray(
                    decode_base64(part["audio"], f"{part_path}.audio", fmt)
                )
    wire = _preview.item_in(given) if protocol == "preview" else dict(given)
    wire.pop("object", None)
    wire = {"id": wire.get("id") or new_id("item"), **wire}
    wire["id"] = wire["id"] or new_id("item")
    if wire["type"] not in ("mcp_approval_response", "mcp_list_tools"):
        wire["status"] = "completed"
    if wire["type"] == "function_call":
        wire.setdefault("call_id", new_id("call"))
    images = 0
    if "content" in wire:
        images = sum(part["type"] == "input_image" for part in wire["content"])
        wire["content"] = [_without_audio(part) for part in wire["content"]]
    return Item(wire, audio, fmt, images)


def _check_part(
    part: Json, allowed: tuple[str, ...], role: str, part_path: str
) -> None:
    kind = part["type"]
    if kind not in allowed:
        raise ServiceError(
            "unsupported_content_type",
            f"Content of type '{kind}' is not supported for the role '{role}'. "
            f"Supported types: {', '.join(allowed)}.",
            f"{part_path}.type",
        )
    needed = {"input_image": "image_url", "input_audio": "audio"}.get(kind, "text")
    if kind == "output_audio":
        return
    if needed not in part:
        raise ServiceError(
            "missing_required_parameter",
            f"Missing required parameter: '{part_path}.{needed}'.",
            f"{part_path}.{needed}",
        )


def _without_audio(part: Json) -> Json:
    """
    Return a content part without its audio, as the service echoes it.
    """
    result = {key: value for key, value in part.items() if key != "audio"}
    if part["type"] in ("input_audio", "output_audio"):
        result.setdefault("transcript", None)
    return result


class Conversation:
    """
    The items of the default conversation, in order. The connection's lock guards it.
    """

    def __init__(self) -> None:
        self.id = new_id("conv")
        self.items: list[Item] = []
        self.has_assistant_audio = False

    def find(self, item_id: Any) -> Item | None:
        """
        Return the item with this id, or None.
        """
        return next((item for item in self.items if item.id == item_id), None)

    def last_id(self) -> str | None:
        """
        Return the id of the last item, or None.
        """
        return self.items[-1].id if self.items else None

    def insert(self, item: Item, previous_item_id: str | None = None) -> str | None:
        """
        Insert an item after another one (``root``: first; None: last).

        Returns:
            The id of the previous item, or None.

        Raises:
            ServiceError: The id is in use, or the previous item does not exist.
        """
        if self.find(item.id) is not None:
            raise ServiceError(
                "item_create_duplicate_item_id",
                f"Error adding item: an item with id '{item.id}' already exists.",
                echo=False,
            )
        position = len(self.items)
        if previous_item_id == "root":
            position = 0
        elif previous_item_id is not None:
            previous = self.find(previous_item_id)
            if previous is None:
                raise ServiceError(
                    "item_create_invalid_previous_item_id",
                    "Error adding item: the previous item with id "
                    f"'{previous_item_id}' does not exist.",
                    "previous_item_id",
                )
            position = self.items.index(previous) + 1
        self.items.insert(position, item)
        return self.items[position - 1].id if position else None

    def add(
        self, connection: Connection, item: Item, previous_item_id: str | None = None
    ) -> None:
        """
        Insert a completed item as `insert` does, and send its two events.
        """
        with connection.lock:
            previous = self.insert(item, previous_item_id)
            for kind in ("added", "done"):
                connection.emit(
                    f"conversation.item.{kind}",
                    previous_item_id=previous,
                    item=item.wire,
                )

    def previous_id(self, item: Item) -> str | None:
        """
        Return the id of the item before *item*, or None.
        """
        position = self.items.index(item) if item in self.items else 0
        return self.items[position - 1].id if position else None

    def retrieve(self, item_id: Any) -> Item:
        """
        Return an item, or raise ``item_retrieve_invalid_item_id``.
        """
        return self._require(item_id, "retrieve", "retrieving")

    def delete(self, item_id: Any) -> None:
        """
        Remove an item, or raise ``item_delete_invalid_item_id``.
        """
        self.items.remove(self._require(item_id, "delete", "deleting"))

    def _require(self, item_id: Any, verb: str, gerund: str) -> Item:
        item = self.find(item_id)
        if item is None:
            raise ServiceError(
                f"item_{verb}_invalid_item_id",
                f"Error {gerund} item: the item with id '{item_id}' does not exist.",
                "item_id",
            )
        return item

    def truncate(self, item_id: Any, content_index: int, end_ms: int) -> int | None:
        """
        Truncate the audio of an assistant's item, and remove its transcript.

        Returns:
            None, or the duration of the audio in milliseconds if it is below *end_ms*.
            The service then sends an error, and reports a truncation at this duration.
        """
        item = self._require(item_id, "truncate", "truncating")
        if item.wire.get("role") != "assistant":
            raise ServiceError(
                "item_truncate_invalid_item_id",
                "Error truncating item: only assistant messages can be truncated, and "
                f"'{item_id}' is not one.",
                "item_id",
            )
        if content_index not in item.audio:
            raise ServiceError(
                "invalid_value",
                f"Error truncating item: content {content_index} of '{item_id}' is not "
                "audio.",
                "content_index",
            )
        audio = item.audio[content_index]
        rate = _audio.bytes_per_ms(item.format)
        real_ms = len(audio) // rate
        if end_ms > real_ms:
            return int(real_ms)
        if end_ms < real_ms:
            del audio[end_ms * rate :]
            item.wire["content"][content_index]["transcript"] = None
        return None
