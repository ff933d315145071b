"""
``response.*``: responses of the model.
"""

from typing import ClassVar, Literal

import attrs

from ..audio.encoding import load
from ..models._base import JSON_TEXT, LENIENT, Model
from ..models.items import Item, UnknownItem
from ..models.responses import Response, ResponseConfig, as_response_config
from ._base import ClientEvent, ServerEvent
from ._checks import optional_text

__all__ = [
    "ContentPart",
    "ResponseCancel",
    "ResponseContentPartAdded",
    "ResponseContentPartDone",
    "ResponseCreate",
    "ResponseCreated",
    "ResponseDone",
    "ResponseFunctionCallArgumentsDelta",
    "ResponseFunctionCallArgumentsDone",
    "ResponseOutputAudioDelta",
    "ResponseOutputAudioDone",
    "ResponseOutputAudioTranscriptDelta",
    "ResponseOutputAudioTranscriptDone",
    "ResponseOutputItemAdded",
    "ResponseOutputItemDone",
    "ResponseOutputTextDelta",
    "ResponseOutputTextDone",
]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseCreate(ClientEvent):
    """
    Request a response. The service refuses it while another one is in progress.

    Attributes:
        response: The configuration, or a mapping of its shape; None uses the session's
            configuration.
    """

    type: "ClassVar[Literal['response.create']]" = "response.create"

    response: ResponseConfig | None = attrs.field(
        default=None, converter=attrs.converters.optional(as_response_config)
    )


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseCancel(ClientEvent):
    """
    Cancel a response.

    Attributes:
        response_id: The id of the response; None means the conversation's own.
    """

    type: "ClassVar[Literal['response.cancel']]" = "response.cancel"

    response_id: str | None = attrs.field(default=None, validator=optional_text)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _OfResponse(ServerEvent):
    response: Response = attrs.field(factory=Response)


class ResponseCreated(_OfResponse):
    """
    A response has started.
    """

    __slots__ = ()

    type: "ClassVar[Literal['response.created']]" = "response.created"


class ResponseDone(_OfResponse):
    """
    A response has ended; ``response.status`` says whether it is complete.
    """

    __slots__ = ()

    type: "ClassVar[Literal['response.done']]" = "response.done"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _OutputItem(ServerEvent):
    response_id: str = ""
    output_index: int = 0
    item: Item = attrs.field(factory=lambda: UnknownItem(""))


class ResponseOutputItemAdded(_OutputItem):
    """
    An item was added to a response; it is still empty.
    """

    __slots__ = ()

    type: "ClassVar[Literal['response.output_item.added']]" = (
        "response.output_item.added"
    )


class ResponseOutputItemDone(_OutputItem):
    """
    An item of a response is complete, for example a function call.
    """

    __slots__ = ()

    type: "ClassVar[Literal['response.output_item.done']]" = "response.output_item.done"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _OfPart(ServerEvent):
    response_id: str = ""
    item_id: str = ""
    output_index: int = 0
    content_index: int = 0


@attrs.frozen(eq=False, repr=False)
class ContentPart(Model):
    """
    A content part of a response.

    Attributes:
        type: ``audio`` or ``text``; in items the same parts have the types
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
    A content part was added to an item of a response; it is still empty.
    """

    __slots__ = ()

    type: "ClassVar[Literal['response.content_part.added']]" = (
        "response.content_part.added"
    )


class ResponseContentPartDone(_OfContent):
    """
    A content part of a response is complete.
    """

    __slots__ = ()

    type: "ClassVar[Literal['response.content_part.done']]" = (
        "response.content_part.done"
    )


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _TextDelta(_OfPart):
    delta: str = ""
    obfuscation: str | None = attrs.field(default=None, repr=False)


class ResponseOutputTextDelta(_TextDelta):
    """
    A piece of the text of a response.
    """

    __slots__ = ()

    type: "ClassVar[Literal['response.output_text.delta']]" = (
        "response.output_text.delta"
    )


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputTextDone(_OfPart):
    """
    A text part of a response is complete.
    """

    type: "ClassVar[Literal['response.output_text.done']]" = "response.output_text.done"

    text: str = ""


class _DecodedAudio(_OfPart):
    # A slot that is no field: cached_property in attrs costs a failed look-up per call.
    __slots__ = ("_audio",)

    _audio: bytes


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputAudioDelta(_DecodedAudio):
    """
    A piece of the audio of a response. It arrives much faster than it is played.

    Attributes:
        delta: Base64 text as received, in the session's output format.
    """

    type: "ClassVar[Literal['response.output_audio.delta']]" = (
        "response.output_audio.delta"
    )

    delta: str = attrs.field(default="", repr=False)

    @property
    def audio(self) -> bytes:
        """
        The decoded audio in the session's output format; ``b""`` if it is invalid.
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
    The audio of a content part is complete.
    """

    __slots__ = ()

    type: "ClassVar[Literal['response.output_audio.done']]" = (
        "response.output_audio.done"
    )


class ResponseOutputAudioTranscriptDelta(_TextDelta):
    """
    A piece of the transcript of a response.
    """

    __slots__ = ()

    type: "ClassVar[Literal['response.output_audio_transcript.delta']]" = (
        "response.output_audio_transcript.delta"
    )


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputAudioTranscriptDone(_OfPart):
    """
    The transcript of a content part is complete.
    """

    type: "ClassVar[Literal['response.output_audio_transcript.done']]" = (
        "response.output_audio_transcript.done"
    )

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

    type: "ClassVar[Literal['response.function_call_arguments.delta']]" = (
        "response.function_call_arguments.delta"
    )

    delta: str = ""
    obfuscation: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionCallArgumentsDone(_OfCall):
    """
    The arguments (JSON text) of a function call are complete.

    Attributes:
        name: The name of the function; "" if the service omits it.
    """

    type: "ClassVar[Literal['response.function_call_arguments.done']]" = (
        "response.function_call_arguments.done"
    )

    name: str = attrs.field(default="", metadata=LENIENT)
    arguments: str = attrs.field(default="", metadata=JSON_TEXT)
