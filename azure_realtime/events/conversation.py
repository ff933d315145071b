"""
``conversation.*``: the items of the conversation, and what was heard in them.
"""

from typing import Any, ClassVar

import attrs

from .._redaction import redacted_repr
from ..models._base import LENIENT, Model
from ..models.items import Item, UnknownItem, as_item
from ._base import ClientEvent, ServerEvent
from ._checks import maybe_text, text, whole


def _no_item() -> UnknownItem:
    return UnknownItem("")


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemCreate(ClientEvent):
    """
    Add an item to the conversation.

    Attributes:
        item: An item, a mapping of the same shape, or the text of a user message.
        previous_item_id: Insert after this one; ``"root"`` for the very front.
            None appends.
    """

    type: ClassVar[str] = "conversation.item.create"

    item: Item = attrs.field(converter=as_item)
    previous_item_id: str | None = attrs.field(default=None, validator=maybe_text)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _ItemCommand(ClientEvent):
    item_id: str = attrs.field(validator=text)


class ConversationItemRetrieve(_ItemCommand):
    """
    Ask for an item as the service has it, audio included.
    """

    __slots__ = ()

    type: ClassVar[str] = "conversation.item.retrieve"


class ConversationItemDelete(_ItemCommand):
    """
    Remove an item.
    """

    __slots__ = ()

    type: ClassVar[str] = "conversation.item.delete"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemTruncate(ClientEvent):
    """
    Cut an assistant's audio to what was heard, so that the model knows.

    Attributes:
        audio_end_ms: How much was played, in milliseconds; not more than was
            received.
    """

    type: ClassVar[str] = "conversation.item.truncate"

    item_id: str = attrs.field(validator=text)
    content_index: int = attrs.field(converter=whole)
    audio_end_ms: int = attrs.field(converter=whole)


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
    The session has a conversation (preview protocol only).
    """

    type: ClassVar[str] = "conversation.created"

    conversation: Conversation = attrs.field(factory=Conversation)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _ItemEvent(ServerEvent):
    item: Item = attrs.field(factory=_no_item)
    previous_item_id: str | None = None


class ConversationItemAdded(_ItemEvent):
    """
    The conversation has a new item. An answer's item is still empty here.
    """

    __slots__ = ()

    type: ClassVar[str] = "conversation.item.added"


class ConversationItemCreated(_ItemEvent):
    """
    The former name of `ConversationItemAdded`; some gateways send both.
    """

    __slots__ = ()

    type: ClassVar[str] = "conversation.item.created"


class ConversationItemDone(_ItemEvent):
    """
    The item is final.
    """

    __slots__ = ()

    type: ClassVar[str] = "conversation.item.done"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemRetrieved(ServerEvent):
    """
    The item that was asked for, audio included.
    """

    type: ClassVar[str] = "conversation.item.retrieved"

    item: Item = attrs.field(factory=_no_item)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemDeleted(ServerEvent):
    """
    The item is gone.
    """

    type: ClassVar[str] = "conversation.item.deleted"

    item_id: str = ""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemTruncated(ServerEvent):
    """
    The item's audio is cut.

    Attributes:
        audio_end_ms: Where, clamped by the service to the audio's real end.
    """

    type: ClassVar[str] = "conversation.item.truncated"

    item_id: str = ""
    content_index: int = 0
    audio_end_ms: int = 0


@attrs.frozen(eq=False, repr=False)
class LogProb(Model):
    """
    How likely the model found a token of a transcript.
    """

    token: str = ""
    logprob: float = 0.0
    bytes: tuple[int, ...] = ()


@attrs.frozen(eq=False, repr=False)
class TranscriptionLanguage(Model):
    """
    A language that was heard.
    """

    code: str = ""


@attrs.frozen(eq=False, repr=False)
class TranscriptionUsage(Model):
    """
    What a transcription cost.

    Attributes:
        type: ``tokens`` or ``duration``: which of the other fields are there.
        seconds: Length of the audio.
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
    Why a transcription failed; ``DeploymentNotFound``: the transcription model must
    be the name of a deployment of yours.
    """

    type: str | None = None
    code: str | None = None
    message: str | None = attrs.field(default=None, repr=redacted_repr)
    param: str | None = None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemInputAudioTranscriptionDelta(ServerEvent):
    """
    A piece of what the user said.
    """

    type: ClassVar[str] = "conversation.item.input_audio_transcription.delta"

    item_id: str = ""
    content_index: int | None = None
    delta: str | None = None
    logprobs: tuple[LogProb, ...] | None = attrs.field(default=None, repr=False)
    obfuscation: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemInputAudioTranscriptionSegment(ServerEvent):
    """
    A piece of what was said, by whom and when.

    Attributes:
        start: In seconds, as is `end`.
    """

    type: ClassVar[str] = "conversation.item.input_audio_transcription.segment"

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
    What the user said. It may come before, during or after the answer.
    """

    type: ClassVar[str] = "conversation.item.input_audio_transcription.completed"

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
    The user's words could not be written down; the model heard them all the same.
    """

    type: ClassVar[str] = "conversation.item.input_audio_transcription.failed"

    item_id: str = ""
    content_index: int = 0
    error: TranscriptionError = attrs.field(factory=TranscriptionError)
