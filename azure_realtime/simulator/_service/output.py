"""
The output items of one response, while they are streamed.

All events are sent under the connection's lock. After `finished` is set, every method
that sends raises `Finished`, so that no event of a cancelled response follows its
``response.done``.
"""

from __future__ import annotations

import base64
import threading
import time
from typing import Any

from .._speech import audio as _audio
from .._wire.ids import obfuscation
from .connection import Connection
from .conversation import Conversation, Item

__all__ = ["Finished", "OutOfTokens", "Output"]

Json = dict[str, Any]

_AUDIO_TOKEN_MS = 50
_TEXT = ("response.output_text.delta", "text")
_TRANSCRIPT = ("response.output_audio_transcript.delta", "transcript")
_ARGUMENTS = {
    "function_call": "response.function_call_arguments",
    "mcp_call": "response.mcp_call_arguments",
}


class Finished(Exception):
    """
    The response has ended; its thread stops.
    """


class OutOfTokens(Exception):
    """
    The response has reached ``max_output_tokens``.
    """


class Output:
    """
    The output of one response.

    Args:
        connection: The connection to send the events on.
        conversation: The conversation to add the items to; None for an out-of-band
            response.
        response_id: The response's id.
        audio_format: The format of the audio, e.g. ``audio/pcm``.
        max_tokens: The maximum number of tokens, or ``"inf"``.
    """

    def __init__(
        self,
        connection: Connection,
        conversation: Conversation | None,
        response_id: str,
        audio_format: str,
        max_tokens: int | str,
    ) -> None:
        self._connection = connection
        self._response_id = response_id
        self._conversation = conversation
        self._format = audio_format
        self._max_tokens = max_tokens
        self._item: Item | None = None
        self._part: Json | None = None
        self.finished = threading.Event()
        self.items: list[Item] = []
        self.text_tokens = 0
        self.audio_tokens = 0
        self.audio_ms = 0
        self.first_audio_at = 0.0

    def open_item(self, wire: Json) -> None:
        """
        Start an item.
        """
        connection = self._connection
        with connection.lock:
            item = Item(wire, format=self._format)
            self.items.append(item)
            self._item = item
            self._emit(
                "response.output_item.added",
                output_index=len(self.items) - 1,
                item=wire,
            )
            if self._conversation is not None:
                previous = self._conversation.insert(item)
                connection.emit(
                    "conversation.item.added", previous_item_id=previous, item=wire
                )

    def open_content(self, kind: str) -> None:
        """
        Start the content of the open message, ``audio`` or ``text``.
        """
        part: Json = {"type": kind, "transcript" if kind == "audio" else "text": ""}
        with self._connection.lock:
            item = self._require_open_item()
            self._part = part
            item.wire["content"].append({**part, "type": f"output_{kind}"})
            if kind == "audio":
                item.audio[0] = bytearray()
            self._emit_content_part("added", part)

    def write(self, token: str) -> None:
        """
        Send a delta of the open content's text or transcript.
        """
        with self._connection.lock:
            item = self._require_open_item()
            part = self._part
            assert part is not None
            self._count_tokens(text=1)
            event, key = _TRANSCRIPT if part["type"] == "audio" else _TEXT
            part[key] += token
            item.wire["content"][0][key] = part[key]
            self._emit_part(event, delta=token, obfuscation=obfuscation(token))

    def send_audio(self, piece: bytes) -> None:
        """
        Send a delta of the open content's audio, in the response's format.
        """
        length_ms = len(piece) // _audio.bytes_per_ms(self._format)
        with self._connection.lock:
            item = self._require_open_item()
            self._count_tokens(audio=max(1, length_ms // _AUDIO_TOKEN_MS))
            if not self.audio_ms:
                self.first_audio_at = time.monotonic()
            if self._conversation is not None:
                self._conversation.has_assistant_audio = True
            self.audio_ms += length_ms
            item.audio[0] += piece
            delta = base64.b64encode(piece).decode()
            self._emit_part("response.output_audio.delta", delta=delta)

    def send_arguments(self, token: str) -> None:
        """
        Send a delta of the open call's arguments.
        """
        with self._connection.lock:
            wire = self._require_open_item().wire
            self._count_tokens(text=1)
            wire["arguments"] += token
            self._emit_call("delta", wire, delta=token, obfuscation=obfuscation(token))

    def send_event(self, kind: str) -> None:
        """
        Send an event that has no other fields than those that identify the open item.
        """
        with self._connection.lock:
            item_fields = self._item_fields(self._require_open_item())
            self._connection.emit(kind, **item_fields)

    def close_arguments(self) -> None:
        """
        Send the ``done`` event of the open call's arguments, also if incomplete.
        """
        with self._connection.lock:
            wire = self._require_open_item().wire
            extra = {"name": wire["name"]} if wire["type"] == "function_call" else {}
            self._emit_call("done", wire, **extra, arguments=wire["arguments"])

    def close_item(self, status: str) -> None:
        """
        Send the ``done`` events of the open item, if there is one.
        """
        connection = self._connection
        with connection.lock:
            item = self._item
            if item is None:
                return
            if self._part is not None:
                self._close_content(self._part)
            elif item.wire["type"] == "function_call":
                self.close_arguments()
            if "status" in item.wire:
                item.wire["status"] = status
            if self._conversation is not None:
                connection.emit(
                    "conversation.item.done",
                    previous_item_id=self._conversation.previous_id(item),
                    item=item.wire,
                )
            self._emit(
                "response.output_item.done",
                output_index=len(self.items) - 1,
                item=item.wire,
            )
            self._item = None

    # ------------------------------------------------ private, under the lock

    def _require_open_item(self) -> Item:
        # `Generation.finish` closes the item and then sets `finished`.
        if self.finished.is_set() or self._item is None:
            raise Finished
        return self._item

    def _item_fields(self, item: Item) -> Json:
        return {"item_id": item.id, "output_index": len(self.items) - 1}

    def _emit(self, kind: str, **fields: Any) -> None:
        if self.finished.is_set():
            raise Finished
        self._connection.emit(kind, response_id=self._response_id, **fields)

    def _emit_part(self, kind: str, **fields: Any) -> None:
        item_fields = self._item_fields(self._require_open_item())
        self._emit(kind, **item_fields, content_index=0, **fields)

    def _emit_content_part(self, what: str, part: Json) -> None:
        # Azure's GA service sends the part in two fields; OpenAI and preview in one.
        azure_ga = self._connection.azure and self._connection.protocol == "ga"
        extra = {"content": part} if azure_ga else {}
        self._emit_part(f"response.content_part.{what}", part=part, **extra)

    def _emit_call(self, what: str, wire: Json, **fields: Any) -> None:
        item_fields = self._item_fields(self._require_open_item())
        if "call_id" in wire:
            item_fields["call_id"] = wire["call_id"]
        self._emit(f"{_ARGUMENTS[wire['type']]}.{what}", **item_fields, **fields)

    def _close_content(self, part: Json) -> None:
        if part["type"] == "audio":
            self._emit_part("response.output_audio.done")
            self._emit_part(
                "response.output_audio_transcript.done", transcript=part["transcript"]
            )
        else:
            self._emit_part("response.output_text.done", text=part["text"])
        self._emit_content_part("done", part)
        self._part = None

    def _count_tokens(self, *, text: int = 0, audio: int = 0) -> None:
        if isinstance(self._max_tokens, int):
            spent = self.text_tokens + self.audio_tokens
            if spent + text + audio > self._max_tokens:
                raise OutOfTokens
        self.text_tokens += text
        self.audio_tokens += audio
