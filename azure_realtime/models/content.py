"""
The content parts of messages.

The same classes are sent (``InputText("Hello")``) and received. A field that is None is
not sent.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from .._spelling import checks_names
from ..audio.encoding import as_audio, as_base64
from ._base import Model
from ._coerce import as_list, as_model
from .enums import ImageDetail

__all__ = [
    "InputAudio",
    "InputImage",
    "InputText",
    "OutputAudio",
    "OutputText",
    "UnknownPart",
]


@checks_names
@attrs.frozen(eq=False, repr=False)
class InputText(Model):
    """
    Text of a system or user message.
    """

    type: ClassVar[str] = "input_text"

    text: str


@checks_names
@attrs.frozen(eq=False, repr=False)
class InputAudio(Model):
    """
    Audio of a user message.

    Attributes:
        audio: Base64 text in the session's input format. Bytes are accepted and
            encoded; samples and WAV files are accepted as by `append_audio`, and
            converted to the session's format when they are sent. The service reports
            audio only in the acknowledgement of ``conversation.item.retrieve``.
        transcript: The transcript; None before the transcription.
    """

    type: ClassVar[str] = "input_audio"

    audio: str | None = attrs.field(
        default=None, converter=attrs.converters.optional(as_audio), repr=False
    )
    transcript: str | None = None


@checks_names
@attrs.frozen(eq=False, repr=False)
class InputImage(Model):
    """
    An image of a user message.

    Attributes:
        image_url: A ``data:image/png;base64,...`` (or jpeg) URL.
        detail: Resolution for the model: ``auto`` (the service's default), ``low`` or
            ``high``.
    """

    type: ClassVar[str] = "input_image"

    image_url: str = attrs.field(repr=False)
    detail: ImageDetail | str | None = None


@checks_names
@attrs.frozen(eq=False, repr=False)
class OutputText(Model):
    """
    Text of an assistant message.
    """

    type: ClassVar[str] = "output_text"
    aliases: ClassVar[tuple[str, ...]] = ("text",)

    text: str


@checks_names
@attrs.frozen(eq=False, repr=False)
class OutputAudio(Model):
    """
    Audio of an assistant message.

    Attributes:
        audio: Base64 text; the service reports it only when an item is retrieved.
        transcript: The transcript of the audio.
    """

    type: ClassVar[str] = "output_audio"
    aliases: ClassVar[tuple[str, ...]] = ("audio",)

    audio: str | None = attrs.field(
        default=None, converter=attrs.converters.optional(as_base64), repr=False
    )
    transcript: str | None = None


@attrs.frozen(eq=False, repr=False)
class UnknownPart(Model):
    """
    A content part of a type that this library does not know; `raw` has its fields.
    """

    type: str
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, kw_only=True)


Part = InputText | InputAudio | InputImage | OutputText | OutputAudio | UnknownPart

_PARTS: dict[str, type[Model]] = {
    "input_text": InputText,
    "input_audio": InputAudio,
    "input_image": InputImage,
    "output_text": OutputText,
    "output_audio": OutputAudio,
    "text": OutputText,
    "audio": OutputAudio,
}


def as_content(content: Any, role: str) -> tuple[Part, ...]:
    """
    Return the content of a message; a str becomes the text part that fits *role*.

    Raises:
        ValueError: A type or field is misspelled.
        TypeError: *content* is no list of parts or mappings.
    """
    if isinstance(content, str):
        text: Part = OutputText(content) if role == "assistant" else InputText(content)
        return (text,)
    parts = as_list(content, "content")
    if role != "assistant":  # "text" is the preview protocol's type of model output
        parts = [
            {**part, "type": "input_text"}
            if isinstance(part, Mapping) and part.get("type") == "text"
            else part
            for part in parts
        ]
    return tuple(
        as_model(part, _PARTS, UnknownPart, f"content[{number}]")
        for number, part in enumerate(parts)
    )


def part_text(part: Part) -> str:
    """
    Return the text or transcript of *part*; "" if it has none.
    """
    text = getattr(part, "text", None) or getattr(part, "transcript", None)
    return text if isinstance(text, str) else ""
