"""
``conversation.*``: the items of the conversation, and their transcription.
"""

from typing import Any, ClassVar, Literal

import attrs

from .._redaction import redacted_repr
from ..models._base import LENIENT, Model
from ..models.items import Item, UnknownItem, as_item
from ._base import ClientEvent, ServerEvent
from ._checks import as_whole, optional_text, text, whole

__all__ = [
    "Conversation",
    "ConversationCreated",
    "ConversationItemAdded",
    "ConversationItemCreate",
    "ConversationItemCreated",
    "ConversationItemDelete",
    "ConversationItemDeleted",
    "ConversationItemDone",
    "ConversationItemInputAudioTranscriptionCompleted",
    "ConversationItemInputAudioTranscriptionDelta",
    "ConversationItemInputAudioTranscriptionFailed",
    "ConversationItemInputAudioTranscriptionSegment",
    "ConversationItemRetrieve",
    "ConversationItemRetrieved",
    "ConversationItemTruncate",
    "ConversationItemTruncated",
    "LogProb",
    "TranscriptionError",
    "TranscriptionLanguage",
    "TranscriptionUsage",
]


def _no_item() -> UnknownItem:
    return UnknownItem("")


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemCreate(ClientEvent):
    """
    Add an item to the conversation.

    Attributes:
        item: An item, a mapping of the same shape, or the text of a user message.
        previous_item_id: The item after which it is inserted; ``"root"`` inserts at the
            beginning, None appends at the end.
    """

    type: "ClassVar[Literal['conversation.item.create']]" = "conversation.item.create"

    item: Item = attrs.field(converter=as_item)
    previous_item_id: str | None = attrs.field(default=None, validator=optional_text)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _ItemCommand(ClientEvent):
    item_id: str = attrs.field(validator=text)


class ConversationItemRetrieve(_ItemCommand):
    """
    Request an item as the service stores it, audio included.
    """

    __slots__ = ()

    type: "ClassVar[Literal['conversation.item.retrieve']]" = (
        "conversation.item.retrieve"
    )


class ConversationItemDelete(_ItemCommand):
    """
    Delete an item from the conversation.
    """

    __slots__ = ()

    type: "ClassVar[Literal['conversation.item.delete']]" = "conversation.item.delete"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemTruncate(ClientEvent):
    """
    Remove the audio that was not played from an assistant's message.

    Attributes:
        item_id: The id of the message.
        content_index: Index of the content part.
        audio_end_ms: Milliseconds of the audio that were played; not more than were
            received.
    """

    type: "ClassVar[Literal['conversation.item.truncate']]" = (
        "conversation.item.truncate"
    )

    item_id: str = attrs.field(validator=text)
    content_index: int = attrs.field(converter=as_whole, validator=whole)
    audio_end_ms: int = attrs.field(converter=as_whole, validator=whole)


@attrs.frozen(eq=False, repr=False)
class Conversation(Model):
    """
    The conversation of a session.
    """

    id: str | None = None
    object: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationCreated(ServerEvent):
    """
    The conversation of the session was created (preview protocol only).
    """

    type: "ClassVar[Literal['conversation.created']]" = "conversation.created"

    conversation: Conversation = attrs.field(factory=Conversation)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _ItemEvent(ServerEvent):
    item: Item = attrs.field(factory=_no_item)
    previous_item_id: str | None = None


class ConversationItemAdded(_ItemEvent):
    """
    An item was added to the conversation. An item of a response is still empty.
    """

    __slots__ = ()

    type: "ClassVar[Literal['conversation.item.added']]" = "conversation.item.added"


class ConversationItemCreated(_ItemEvent):
    """
    The former name of `ConversationItemAdded`; some gateways send both.
    """

    __slots__ = ()

    type: "ClassVar[Literal['conversation.item.created']]" = "conversation.item.created"


class ConversationItemDone(_ItemEvent):
    """
    An item is complete.
    """

    __slots__ = ()

    type: "ClassVar[Literal['conversation.item.done']]" = "conversation.item.done"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemRetrieved(ServerEvent):
    """
    The requested item, audio included.
    """

    type: "ClassVar[Literal['conversation.item.retrieved']]" = (
        "conversation.item.retrieved"
    )

    item: Item = attrs.field(factory=_no_item)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemDeleted(ServerEvent):
    """
    An item was deleted.
    """

    type: "ClassVar[Literal['conversation.item.deleted']]" = "conversation.item.deleted"

    item_id: str = ""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemTruncated(ServerEvent):
    """
    The audio of an item was truncated.

    Attributes:
        audio_end_ms: The new end in milliseconds, limited by the service to the length
            of the audio.
    """

    type: "ClassVar[Literal['conversation.item.truncated']]" = (
        "conversation.item.truncated"
    )

    item_id: str = ""
    content_index: int = 0
    audio_end_ms: int = 0


@attrs.frozen(eq=False, repr=False)
class LogProb(Model):
    """
    The log probability of a token of a transcript.
    """

    token: str = ""
    logprob: float = 0.0
    bytes: tuple[int, ...] = ()


@attrs.frozen(eq=False, repr=False)
class TranscriptionLanguage(Model):
    """
    A language that was detected.
    """

    code: str = ""


@attrs.frozen(eq=False, repr=False)
class TranscriptionUsage(Model):
    """
    The usage of a transcription.

    Attributes:
        type: ``tokens`` or ``duration``; it determines which other fields are set.
        seconds: Duration of the audio.
    """

    type: str = ""
    input_tokens: int | None = None
    input_token_details: dict[str, Any] | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    seconds: float | None = None


@attrs.frozen(eq=False, repr=False)
class TranscriptionError(Model):
    """
    The error of a transcription.

    The code ``DeploymentNotFound`` means that the transcription model is not the name
    of a deployment of the resource.
    """

    type: str | None = None
    code: str | None = None
    message: str | None = attrs.field(default=None, repr=redacted_repr)
    param: str | None = None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemInputAudioTranscriptionDelta(ServerEvent):
    """
    A piece of the transcript of the user's speech.
    """

    type: "ClassVar[Literal['conversation.item.input_audio_transcription.delta']]" = (
        "conversation.item.input_audio_transcription.delta"
    )

    item_id: str = ""
    content_index: int | None = None
    delta: str | None = None
    logprobs: tuple[LogProb, ...] | None = attrs.field(default=None, repr=False)
    obfuscation: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemInputAudioTranscriptionSegment(ServerEvent):
    """
    A piece of the transcript of the user's speech, with speaker and time.

    Attributes:
        speaker: The label of the speaker.
        start: Begin in seconds.
        end: End in seconds.
    """

    type: "ClassVar[Literal['conversation.item.input_audio_transcription.segment']]" = (
        "conversation.item.input_audio_transcription.segment"
    )

    item_id: str = ""
    content_index: int = 0
    text: str = ""
    id: str = ""
    speaker: str = ""
    start: float = 0.0
    end: float = 0.0


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemInputAudioTranscriptionCompleted(ServerEvent):
    """
    The transcript of the user's speech; it may arrive before, during or after the
    answer.
    """

    type: "ClassVar[Literal['conversation.item.input_audio_transcription.completed']]" = (  # noqa: E501
        "conversation.item.input_audio_transcription.completed"
    )

    item_id: str = ""
    content_index: int = 0
    transcript: str = ""
    languages: tuple[TranscriptionLanguage, ...] | None = None
    logprobs: tuple[LogProb, ...] | None = attrs.field(default=None, repr=False)
    usage: TranscriptionUsage = attrs.field(
        factory=TranscriptionUsage, metadata=LENIENT
    )


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemInputAudioTranscriptionFailed(ServerEvent):
    """
    The transcription of the user's speech failed; the model has the audio nevertheless.
    """

    type: "ClassVar[Literal['conversation.item.input_audio_transcription.failed']]" = (
        "conversation.item.input_audio_transcription.failed"
    )

    item_id: str = ""
    content_index: int = 0
    error: TranscriptionError = attrs.field(factory=TranscriptionError)
