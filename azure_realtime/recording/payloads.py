"""
Where a message carries audio: the base64 texts in it.

Pure functions of decoded messages, in the shape of either protocol. Any thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..events._names import RENAMED

_DELTA = "response.output_audio.delta"
_APPEND = "input_audio_buffer.append"
STREAM_TYPES = frozenset(
    {_APPEND, _DELTA, *(old for old, new in RENAMED.items() if new == _DELTA)}
)
"""The types of the messages that carry a piece of a stream, in both protocols."""

_USER_PARTS = {"input_audio"}
_MODEL_PARTS = {"output_audio", "audio"}

#: Maximum depth at which items are looked for: response.output[].content[].
_MAX_DEPTH = 8

Path = tuple[str | int, ...]


class Payload(NamedTuple):
    """
    The audio at one path in a message.

    Attributes:
        path: The keys and indices from the message to the text.
        text: The base64 text.
        track: ``user`` or ``model``: who speaks.
        is_stream: Whether it is a piece of a stream, not the audio of a whole item.
    """

    path: Path
    text: str
    track: str
    is_stream: bool


def payloads(message: dict[str, Any]) -> list[Payload]:
    """
    Return the audio in *message*; most messages have none.
    """
    kind = message.get("type")
    if isinstance(kind, str) and kind in STREAM_TYPES:
        key, track = ("audio", "user") if kind == _APPEND else ("delta", "model")
        text = message.get(key)
        return [Payload((key,), text, track, True)] if isinstance(text, str) else []
    return list(_in_items(message, (), 0))


def _in_items(value: Any, path: Path, depth: int) -> Iterator[Payload]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list):
        for index, each in enumerate(value):
            if isinstance(each, (dict, list)):
                yield from _in_items(each, (*path, index), depth + 1)
    elif isinstance(value, dict):
        kind, text = value.get("type"), value.get("audio")
        if isinstance(text, str) and isinstance(kind, str):
            if kind in _USER_PARTS:
                yield Payload((*path, "audio"), text, "user", False)
            elif kind in _MODEL_PARTS:
                yield Payload((*path, "audio"), text, "model", False)
        for key, each in value.items():
            if isinstance(each, (dict, list)):
                yield from _in_items(each, (*path, key), depth + 1)


def put(message: Any, path: Any, text: str) -> bool:
    """
    Replace the text at *path*. Return False if there is no text at this path.
    """
    if not isinstance(path, (list, tuple)) or not path:
        return False
    parent: Any = message
    for key in path[:-1]:
        parent = _child(parent, key)
    last = path[-1]
    if not isinstance(_child(parent, last), str):
        return False
    parent[last] = text
    return True


def _child(value: Any, key: str | int) -> Any:
    if isinstance(value, dict) and isinstance(key, str):
        return value.get(key)
    if isinstance(value, list) and isinstance(key, int) and 0 <= key < len(value):
        return value[key]
    return None


def decoded_size(text: str) -> int:
    """
    Return the number of bytes that base64 *text* stands for.
    """
    return len(text) * 3 // 4 - text[-2:].count("=")
