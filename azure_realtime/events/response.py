"""
``response.*``: the answer as it comes.
"""

from typing import ClassVar

import attrs

from ..audio.encoding import load
from ..models._base import LENIENT, Model
from ..models.items import Item, UnknownItem
from ..models.responses import Response, ResponseConfig, as_response_config
from ._base import ClientEvent, ServerEvent
from ._checks import maybe_text


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseCreate(ClientEvent):
    """
    Ask for an answer. While one is running, the service refuses another.

    Attributes:
        response: How it is to be; a mapping will do; None: as the session says.
    """

    type: ClassVar[str] = "response.create"

    response: ResponseConfig | None = attrs.field(
        default=None, converter=attrs.converters.optional(as_response_config)
    )


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseCancel(ClientEvent):
    """
    Stop an answer.

    Attributes:
        response_id: Which; None: the one of the conversation.
    """

    type: ClassVar[str] = "response.cancel"

    response_id: str | None = attrs.field(default=None, validator=maybe_text)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseCreated(ServerEvent):
    """
    An answer has begun.
    """

    type: ClassVar[str] = "response.created"

    response: Response = attrs.field(factory=Response)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseDone(ServerEvent):
    """
    An answer has ended, well or not: see ``response.status``.
    """

    type: ClassVar[str] = "response.done"

    response: Response = attrs.field(factory=Response)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _OutputItem(ServerEvent):
    response_id: str = ""
    output_index: int = 0
    item: Item = attrs.field(factory=lambda: UnknownItem(""))


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemAdded(_OutputItem):
    """
    The answer has a new item, still empty.
    """

    type: ClassVar[str] = "response.output_item.added"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemDone(_OutputItem):
    """
    An item of the answer is complete; act on a function call from here.
    """

    type: ClassVar[str] = "response.output_item.done"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _OfPart(ServerEvent):
    response_id: str = ""
    item_id: str = ""
    output_index: int = 0
    content_index: int = 0


@attrs.frozen(eq=False, repr=False)
class ContentPart(Model):
    """
    A part of the answer.

    Attributes:
        type: ``audio`` or ``text``; inside items the same parts are called
            ``output_audio`` and ``output_text``.
    """

    type: str = attrs.field(default="", metadata=LENIENT)
    text: str | None = None
    audio: str | None = attrs.field(default=None, repr=False)
    transcript: str | None = None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseContentPartAdded(_OfPart):
    """
    An item of the answer has a new part, still empty.
    """

    type: ClassVar[str] = "response.content_part.added"

    part: ContentPart = attrs.field(factory=ContentPart)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseContentPartDone(_OfPart):
    """
    A part of the answer is complete.
    """

    type: ClassVar[str] = "response.content_part.done"

    part: ContentPart = attrs.field(factory=ContentPart)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputTextDelta(_OfPart):
    """
    A piece of written answer.
    """

    type: ClassVar[str] = "response.output_text.delta"

    delta: str = ""
    obfuscation: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputTextDone(_OfPart):
    """
    A written part is complete.
    """

    type: ClassVar[str] = "response.output_text.done"

    text: str = ""


class _DecodedAudio(_OfPart):
    # A slot that is no field: attrs' cached_property costs a failed look-up first.
    __slots__ = ("_audio",)

    _audio: bytes


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputAudioDelta(_DecodedAudio):
    """
    A piece of spoken answer. It comes much faster than it can be played.

    Attributes:
        delta: base64 text, as on the wire, in the session's output format.
    """

    type: ClassVar[str] = "response.output_audio.delta"

    delta: str = attrs.field(default="", repr=False)

    @property
    def audio(self) -> bytes:
        """
        The decoded audio; ``b""`` if it cannot be decoded.
        """
        try:
            return self._audio
        except AttributeError:
            pass
        try:
            audio = load().decode(self.delta)
        except ValueError:
            audio = b""
        object.__setattr__(self, "_audio", audio)
        return audio


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputAudioDone(_OfPart):
    """
    A spoken part has all its audio.
    """

    type: ClassVar[str] = "response.output_audio.done"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputAudioTranscriptDelta(_OfPart):
    """
    A piece of what is being said.
    """

    type: ClassVar[str] = "response.output_audio_transcript.delta"

    delta: str = ""
    obfuscation: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputAudioTranscriptDone(_OfPart):
    """
    All that a spoken part says.
    """

    type: ClassVar[str] = "response.output_audio_transcript.done"

    transcript: str = ""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _OfCall(ServerEvent):
    response_id: str = ""
    item_id: str = ""
    output_index: int = 0
    call_id: str = ""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionCallArgumentsDelta(_OfCall):
    """
    A piece of the arguments (JSON text) of a function call.
    """

    type: ClassVar[str] = "response.function_call_arguments.delta"

    delta: str = ""
    obfuscation: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionCallArgumentsDone(_OfCall):
    """
    The arguments (JSON text) of a function call are complete.

    Attributes:
        name: Of the function; "" from services that do not tell it here.
    """

    type: ClassVar[str] = "response.function_call_arguments.done"

    name: str = attrs.field(default="", metadata=LENIENT)
    arguments: str = ""
