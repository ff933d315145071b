"""
Content parts: what messages are made of.

Made by users (``InputText("Hello")``) and received alike; a field that is None is
left out when sending.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import attrs

from ._base64 import as_base64
from ._model import Model, build
from ._spelling import closest
from .enums import ImageDetail


@attrs.frozen
class InputText(Model):
    """
    Text of a system or user message.
    """

    type: ClassVar[str] = "input_text"

    text: str


@attrs.frozen
class InputAudio(Model):
    """
    Audio of a user message.

    Attributes:
        audio: base64 text, in the session's input format (raw bytes are accepted
            and encoded). The service leaves it out of what it reports, except in
            the answer to ``conversation.item.retrieve``.
        transcript: What was said, once it has been transcribed.
    """

    type: ClassVar[str] = "input_audio"

    audio: str | None = attrs.field(
        default=None, converter=attrs.converters.optional(as_base64), repr=False
    )
    transcript: str | None = None


@attrs.frozen
class InputImage(Model):
    """
    An image of a user message.

    Attributes:
        image_url: A ``data:image/png;base64,...`` (or jpeg) URL.
        detail: How closely to look; the service's default is ``auto``.
    """

    type: ClassVar[str] = "input_image"

    image_url: str = attrs.field(repr=False)
    detail: ImageDetail | str | None = None


@attrs.frozen
class OutputText(Model):
    """
    Text of an assistant message.
    """

    type: ClassVar[str] = "output_text"
    aliases: ClassVar[tuple[str, ...]] = ("text",)

    text: str


@attrs.frozen
class OutputAudio(Model):
    """
    Audio of an assistant message.

    Attributes:
        audio: base64 text; the service reports it only when an item is retrieved.
        transcript: What is said.
    """

    type: ClassVar[str] = "output_audio"
    aliases: ClassVar[tuple[str, ...]] = ("audio",)

    audio: str | None = attrs.field(
        default=None, converter=attrs.converters.optional(as_base64), repr=False
    )
    transcript: str | None = None


@attrs.frozen
class UnknownPart(Model):
    """
    A content part of a type this library does not know; `raw` has all of it.
    """

    type: str
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, kw_only=True)


Part = InputText | InputAudio | InputImage | OutputText | OutputAudio | UnknownPart

_PARTS: dict[str, type[Model]] = {
    cls.type: cls
    for cls in (InputText, InputAudio, InputImage, OutputText, OutputAudio)
} | {alias: cls for cls in (OutputText, OutputAudio) for alias in cls.aliases}


def as_part(part: Part | Mapping[str, Any]) -> Part:
    """
    Return *part* as a model.

    Raises:
        ValueError: A mapping with a misspelled type or field.
        TypeError: Neither a part nor a mapping.
    """
    if not isinstance(part, Mapping):
        if isinstance(part, Model):
            return part  # type: ignore[return-value]  # any model of ours is a part
        msg = f"content: expected a part or a mapping, got {type(part).__name__}"
        raise TypeError(msg)
    kind = part.get("type")
    cls = _PARTS.get(kind) if isinstance(kind, str) else None
    if cls is not None:
        return build(cls, part, f"content part {kind!r}")  # type: ignore[return-value]
    if not isinstance(kind, str) or (guess := closest(kind, _PARTS)) is None:
        if isinstance(kind, str):
            return UnknownPart(kind, raw=part)
        msg = f"a content part needs a 'type': one of {', '.join(_PARTS)}"
        raise ValueError(msg)
    msg = f"no content part has the type {kind!r}. Did you mean {guess!r}?"
    raise ValueError(msg)


def as_content(content: Any, role: str) -> tuple[Part, ...]:
    """
    Return the content of a message; a plain str is text in the voice of *role*.
    """
    if isinstance(content, str):
        text: Part = OutputText(content) if role == "assistant" else InputText(content)
        return (text,)
    if isinstance(content, (Mapping, Model)) or not isinstance(content, Iterable):
        msg = f"content: expected str or a list of parts, got {type(content).__name__}"
        raise TypeError(msg)
    return tuple(
        part if isinstance(part, Model) else as_part(part)  # type: ignore[misc]
        for part in content
    )
