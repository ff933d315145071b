"""
The configuration of a response (`ResponseConfig`), and the response (`Response`).
"""

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from .._redaction import redacted, redacted_repr
from .._spelling import checks_names, refuse_unknown
from ..audio.formats import flat_format
from ._base import LENIENT, Model, Value, brief
from ._coerce import EXTRA_REMEDY, as_extra, as_list, as_metadata, as_modalities
from ._shape import RESPONSE_PATHS, flatten, leaves, overlaid
from ._unset import UNSET, Unset
from .enums import AudioFormat, ConversationMode, Modality, Voice
from .items import FunctionCallItem, Item, MessageItem, as_item
from .session_parts import Prompt, Reasoning, as_prompt, as_reasoning
from .tools import ToolChoice, ToolSpec, as_tool_choice, as_tools

__all__ = [
    "CachedTokensDetails",
    "InputTokenDetails",
    "OutputTokenDetails",
    "Response",
    "ResponseConfig",
    "StatusDetails",
    "StatusError",
    "Usage",
]


def _as_items(
    value: str | Iterable[Item | Mapping[str, Any] | str] | None | Unset,
) -> tuple[Item, ...] | None | Unset:
    if value is None or isinstance(value, Unset):
        return value
    if isinstance(value, str):
        return (as_item(value),)
    items = enumerate(as_list(value, "input"))
    return tuple(as_item(item, f"input[{number}]") for number, item in items)


@checks_names
@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseConfig(Value):
    """
    The configuration of one response; fields that are not set are as in the session.

    Attributes:
        modalities: ``["audio"]`` (speech with its transcript) or ``["text"]``.
        instructions: Replaces the session's instructions.
        voice: A name, or ``{"id": ...}`` of a custom voice.
        output_audio_format: ``pcm16``, ``g711_ulaw`` or ``g711_alaw``.
        tools: Replaces the session's tools.
        tool_choice: ``auto``, ``none``, ``required``, or one tool.
        conversation: ``none`` makes an out-of-band response, which is not added to the
            conversation.
        input: The items to answer instead of the conversation; an `ItemReference`
            refers to an item of it. ``[]`` means no items.
        metadata: Up to 16 pairs of text, which are returned with the response.
        max_output_tokens: 1 to 4096, or ``"inf"``.
        parallel_tool_calls: Reasoning models of the GA protocol only.
        reasoning: Reasoning models of the GA protocol only.
        prompt: A stored prompt (GA).
        temperature: Preview protocol only.
        extra: Further fields, in the shape of the protocol; merged recursively into the
            message.
    """

    modalities: tuple[Modality | str, ...] | None | Unset = attrs.field(
        default=UNSET, converter=as_modalities
    )
    instructions: str | None | Unset = UNSET
    voice: Voice | str | Mapping[str, Any] | None | Unset = UNSET
    output_audio_format: AudioFormat | str | Mapping[str, Any] | None | Unset = (
        attrs.field(default=UNSET, converter=flat_format)
    )
    tools: tuple[ToolSpec, ...] | None | Unset = attrs.field(
        default=UNSET, converter=as_tools
    )
    tool_choice: ToolChoice | None | Unset = attrs.field(
        default=UNSET, converter=as_tool_choice
    )
    temperature: float | None | Unset = UNSET
    max_output_tokens: int | str | None | Unset = UNSET
    parallel_tool_calls: bool | None | Unset = UNSET
    reasoning: Reasoning | None | Unset = attrs.field(
        default=UNSET, converter=as_reasoning
    )
    conversation: ConversationMode | str | None | Unset = UNSET
    metadata: Mapping[str, str] | None | Unset = attrs.field(
        default=UNSET, converter=as_metadata
    )
    prompt: Prompt | None | Unset = attrs.field(default=UNSET, converter=as_prompt)
    input: tuple[Item, ...] | None | Unset = attrs.field(
        default=UNSET, converter=_as_items
    )
    extra: Mapping[str, Any] = attrs.field(factory=dict, converter=as_extra, repr=False)

    __repr__ = brief

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "ResponseConfig":
        """
        Make a configuration from the flat or the service's nested shape, or a mix.

        Raises:
            ValueError: A field is unknown or given in both shapes.
        """
        flat = flatten(mapping, RESPONSE_PATHS, strict=True)
        if "max_response_output_tokens" in flat:  # the name of this field in sessions
            flat.setdefault("max_output_tokens", flat.pop("max_response_output_tokens"))
        known = [attribute.name for attribute in attrs.fields(cls)]
        nested = [".".join(path) for path in RESPONSE_PATHS.values()]
        refuse_unknown("a response", leaves(flat), [*known, *nested], EXTRA_REMEDY)
        return cls(**flat)

    def merged(self, other: "ResponseConfig") -> "ResponseConfig":
        """
        Return this configuration updated with the fields that *other* sets.
        """
        return overlaid(self, other)


def as_response_config(
    config: ResponseConfig | Mapping[str, Any] | None,
) -> ResponseConfig:
    """
    Return *config* as a model; None becomes an empty configuration.

    Raises:
        ValueError: A field is unknown.
        TypeError: *config* is neither a `ResponseConfig` nor a mapping.
    """
    if config is None:
        return ResponseConfig()
    if isinstance(config, ResponseConfig):
        return config
    if isinstance(config, Mapping):
        return ResponseConfig.from_mapping(config)
    raise TypeError(
        "the configuration of a response must be a ResponseConfig or a mapping, not "
        f"{type(config).__name__}"
    )


@attrs.frozen(eq=False, repr=False)
class StatusError(Model):
    """
    The error of a failed response, such as ``rate_limit_exceeded``.
    """

    type: str | None = attrs.field(default=None, repr=redacted_repr)
    code: str | None = attrs.field(default=None, repr=redacted_repr)
    message: str | None = attrs.field(default=None, repr=redacted_repr)


@attrs.frozen(eq=False, repr=False)
class StatusDetails(Model):
    """
    The reason of a response's status.

    Attributes:
        reason: ``turn_detected`` or ``client_cancelled`` of a cancelled response,
            ``max_output_tokens`` or ``content_filter`` of an incomplete one.
        error: The error of a failed response.
    """

    type: str | None = None
    reason: str | None = None
    error: StatusError | None = None


@attrs.frozen(eq=False, repr=False)
class CachedTokensDetails(Model):
    """
    Cached input tokens by kind.
    """

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


@attrs.frozen(eq=False, repr=False)
class InputTokenDetails(Model):
    """
    Input tokens by kind; cached ones cost less.
    """

    cached_tokens: int | None = None
    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None
    cached_tokens_details: CachedTokensDetails | None = None


@attrs.frozen(eq=False, repr=False)
class OutputTokenDetails(Model):
    """
    Output tokens by kind.
    """

    text_tokens: int | None = None
    audio_tokens: int | None = None


@attrs.frozen(eq=False, repr=False)
class Usage(Model):
    """
    The tokens of a response.
    """

    total_tokens: int = attrs.field(default=0, metadata=LENIENT)
    input_tokens: int = attrs.field(default=0, metadata=LENIENT)
    output_tokens: int = attrs.field(default=0, metadata=LENIENT)
    input_token_details: InputTokenDetails | None = None
    output_token_details: OutputTokenDetails | None = None


MARKER = "client_event_id"
"""The key in the metadata of a request whose value is its event id."""


def without_marker(metadata: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """
    Return the metadata that the user gave; None if the marker is all there is.
    """
    if metadata is None or MARKER not in metadata:
        return metadata
    return {key: metadata[key] for key in metadata if key != MARKER} or None


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Response(Model):
    """
    A response of the model, complete or partial.

    Attributes:
        status: ``in_progress``, ``completed``, ``cancelled``, ``incomplete`` or
            ``failed``. Rate limits and content filters are reported here, not by an
            ``error`` event.
        status_details: The reason of the status.
        output: The items of the response.
        usage: Its tokens.
        metadata: The pairs of the request; `raw` has a pair that the client adds, too.
        conversation_id: None for an out-of-band response.
    """

    id: str = attrs.field(default="", metadata=LENIENT)
    status: str = attrs.field(default="", metadata=LENIENT)
    status_details: StatusDetails | None = None
    output: tuple[Item, ...] = attrs.field(default=(), metadata=LENIENT)
    usage: Usage | None = None
    metadata: Mapping[str, Any] | None = attrs.field(
        default=None, converter=without_marker
    )
    conversation_id: str | None = None
    modalities: tuple[str, ...] | None = None
    voice: str | Mapping[str, Any] | None = None
    output_audio_format: str | Mapping[str, Any] | None = None
    max_output_tokens: int | str | None = None
    temperature: float | None = None
    object: str | None = attrs.field(default=None, repr=False)

    __repr__ = brief

    @property
    def text(self) -> str:
        """
        The texts and transcripts of all messages.
        """
        return "".join(
            item.text for item in self.output if isinstance(item, MessageItem)
        )

    @property
    def transcript(self) -> str:
        """
        The transcripts of all messages.
        """
        return "".join(
            getattr(part, "transcript", None) or ""
            for item in self.output
            if isinstance(item, MessageItem)
            for part in item.content
        )

    def _repr_html_(self) -> str:
        """
        Return HTML for notebooks: text, function calls, status and tokens.
        """
        from .._html import card, code, facts, text, tokens  # only for notebooks

        details = self.status_details or StatusDetails()
        error = details.error or StatusError()
        calls = (item for item in self.output if isinstance(item, FunctionCallItem))
        return card(
            [
                text(self.text) if self.text else "",
                *(code(f"{call.name}({call.arguments})") for call in calls),
                facts(
                    [
                        self.status,
                        details.reason or "",
                        redacted(error.code or ""),
                        redacted(error.message or ""),
                        tokens(self.usage),
                        self.id,
                    ]
                ),
            ]
        )
