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
class _OfResponse(ServerEvent):
    response: Response = attrs.field(factory=Response)


class ResponseCreated(_OfResponse):
    """
    An answer has begun.
    """

    __slots__ = ()

    type: ClassVar[str] = "response.created"


class ResponseDone(_OfResponse):
    """
    An answer has ended, well or not: see ``response.status``.
    """

    __slots__ = ()

    type: ClassVar[str] = "response.done"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _OutputItem(ServerEvent):
    response_id: str = ""
    output_index: int = 0
    item: Item = attrs.field(factory=lambda: UnknownItem(""))


class ResponseOutputItemAdded(_OutputItem):
    """
    The answer has a new item, still empty.
    """

    __slots__ = ()

    type: ClassVar[str] = "response.output_item.added"


class ResponseOutputItemDone(_OutputItem):
    """
    An item of the answer is complete; act on a function call from here.
    """

    __slots__ = ()

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
class _OfContent(_OfPart):
    part: ContentPart = attrs.field(factory=ContentPart)


class ResponseContentPartAdded(_OfContent):
    """
    An item of the answer has a new part, still empty.
    """

    __slots__ = ()

    type: ClassVar[str] = "response.content_part.added"


class ResponseContentPartDone(_OfContent):
    """
    A part of the answer is complete.
    """

    __slots__ = ()

    type: ClassVar[str] = "response.content_part.done"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _TextDelta(_OfPart):
    delta: str = ""
    obfuscation: str | None = attrs.field(default=None, repr=False)


class ResponseOutputTextDelta(_TextDelta):
    """
    A piece of written answer.
    """

    __slots__ = ()

    type: ClassVar[str] = "response.output_text.delta"


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


class ResponseOutputAudioDone(_OfPart):
    """
    A spoken part has all its audio.
    """

    __slots__ = ()

    type: ClassVar[str] = "response.output_audio.done"


class ResponseOutputAudioTranscriptDelta(_TextDelta):
    """
    A piece of what is being said.
    """

    __slots__ = ()

    type: ClassVar[str] = "response.output_audio_transcript.delta"


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
