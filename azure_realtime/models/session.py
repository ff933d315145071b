"""
The session: what you ask for (`SessionConfig`), what the service says (`Session`).
"""

from collections.abc import Mapping
from typing import Any

import attrs

from .._spelling import checks_names, refuse_unknown
from ..audio.formats import flat_format
from ._base import Model, Value, brief
from ._coerce import EXTRA_REMEDY, as_extra, as_strings
from ._shape import SESSION_PATHS, flatten, leaves, overlaid
from ._unset import UNSET, Unset
from .enums import AudioFormat, Modality, SessionType, TruncationMode, Voice
from .session_parts import (
    NoiseReduction,
    Prompt,
    Reasoning,
    RetentionRatioTruncation,
    Tracing,
    Transcription,
    as_noise_reduction,
    as_prompt,
    as_reasoning,
    as_tracing,
    as_transcription,
    as_truncation,
)
from .tools import ToolChoice, ToolSpec, as_tool_choice, as_tools
from .turn_detection import ServerVad, TurnDetection, as_turn_detection


@checks_names
@attrs.frozen(kw_only=True, eq=False, repr=False)
class SessionConfig(Value):
    """
    What a session is to be like, in the same flat words on both protocols.

    A field left out (`UNSET`) keeps what the service has; None is sent as null and
    clears it: ``turn_detection=None`` switches voice activity detection off.
    Wherever a model is expected, a mapping of its shape will do. Values are the
    service's business: none is refused here.

    Attributes:
        type: ``realtime`` (also when left out), or ``transcription``: only write
            down what is said.
        model: Seldom needed: the deployment is named when connecting.
        modalities: ``["audio"]`` (speech with its transcript) or ``["text"]``.
        voice: A name, or ``{"id": ...}`` of a custom voice. It cannot change once
            the session has spoken.
        speed: Of speech, 0.25 to 1.5.
        input_audio_format: ``pcm16`` (24 kHz, mono, little endian), ``g711_ulaw``
            or ``g711_alaw`` (8 kHz).
        output_audio_format: Likewise.
        input_audio_transcription: Write down what the user says.
        turn_detection: When the user's turn is over; None: you say so.
        tools: What the model may call; ``[]`` takes all away.
        temperature: Preview protocol only.
        max_response_output_tokens: 1 to 4096, or ``"inf"``.
        parallel_tool_calls: Reasoning models on GA only, as is `reasoning`.
        truncation: What to forget when the conversation is too long (GA).
        tracing: ``"auto"`` or details; None switches it off.
        include: More to be told, such as ``item.input_audio_transcription.logprobs``.
        client_secret: Preview protocol only.
        extra: Merged in depth into what is sent, after everything else, in the
            wire's own words: for fields the service has gained.
    """

    type: SessionType | str | Unset = UNSET
    model: str | None | Unset = UNSET
    modalities: tuple[Modality | str, ...] | None | Unset = attrs.field(
        default=UNSET, converter=as_strings
    )
    instructions: str | None | Unset = UNSET
    voice: Voice | str | Mapping[str, Any] | None | Unset = UNSET
    speed: float | None | Unset = UNSET
    input_audio_format: AudioFormat | str | Mapping[str, Any] | None | Unset = (
        attrs.field(default=UNSET, converter=flat_format)
    )
    output_audio_format: AudioFormat | str | Mapping[str, Any] | None | Unset = (
        attrs.field(default=UNSET, converter=flat_format)
    )
    input_audio_transcription: Transcription | None | Unset = attrs.field(
        default=UNSET, converter=as_transcription
    )
    input_audio_noise_reduction: NoiseReduction | None | Unset = attrs.field(
        default=UNSET, converter=as_noise_reduction
    )
    turn_detection: TurnDetection | None | Unset = attrs.field(
        default=UNSET, converter=as_turn_detection
    )
    tools: tuple[ToolSpec, ...] | None | Unset = attrs.field(
        default=UNSET, converter=as_tools
    )
    tool_choice: ToolChoice | None | Unset = attrs.field(
        default=UNSET, converter=as_tool_choice
    )
    temperature: float | None | Unset = UNSET
    max_response_output_tokens: int | str | None | Unset = UNSET
    parallel_tool_calls: bool | None | Unset = UNSET
    reasoning: Reasoning | None | Unset = attrs.field(
        default=UNSET, converter=as_reasoning
    )
    truncation: TruncationMode | str | RetentionRatioTruncation | None | Unset = (
        attrs.field(default=UNSET, converter=as_truncation)
    )
    prompt: Prompt | None | Unset = attrs.field(default=UNSET, converter=as_prompt)
    tracing: str | Tracing | None | Unset = attrs.field(
        default=UNSET, converter=as_tracing
    )
    include: tuple[str, ...] | None | Unset = attrs.field(
        default=UNSET, converter=as_strings
    )
    client_secret: Mapping[str, Any] | None | Unset = attrs.field(
        default=UNSET, repr=False
    )
    extra: Mapping[str, Any] = attrs.field(factory=dict, converter=as_extra, repr=False)

    __repr__ = brief

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "SessionConfig":
        """
        Make one from flat names, from the service's nested shape, or from a mix.

        Raises:
            ValueError: A name we do not know, here or deeper; or given twice.
        """
        flat = flatten(mapping, SESSION_PATHS, strict=True)
        known = [attribute.name for attribute in attrs.fields(cls)]
        nested = [".".join(path) for path in SESSION_PATHS.values()]
        refuse_unknown("a session", leaves(flat), [*known, *nested], EXTRA_REMEDY)
        return cls(**flat)

    def merged(self, other: "SessionConfig") -> "SessionConfig":
        """
        Return this configuration after *other*: what that leaves out stays.
        """
        return overlaid(self, other)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Session(Model):
    """
    A session as the service reports it: every field it has, under the flat names.

    A field is None where the service said null or nothing. Formats have their short
    name where there is one.

    Attributes:
        expires_at: Unix time in seconds at which the service will end the session.
    """

    id: str = ""
    object: str | None = attrs.field(default=None, repr=False)
    type: str | None = None
    model: str | None = None
    expires_at: int | None = None
    modalities: tuple[str, ...] | None = None
    instructions: str | None = None
    voice: str | Mapping[str, Any] | None = None
    speed: float | None = None
    input_audio_format: str | Mapping[str, Any] | None = None
    output_audio_format: str | Mapping[str, Any] | None = None
    input_audio_transcription: Transcription | None = None
    input_audio_noise_reduction: NoiseReduction | None = None
    turn_detection: TurnDetection | None = None
    tools: tuple[ToolSpec, ...] | None = None
    tool_choice: ToolChoice | None = None
    temperature: float | None = None
    max_response_output_tokens: int | str | None = None
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | None = None
    truncation: str | RetentionRatioTruncation | None = None
    prompt: Prompt | None = None
    tracing: str | Tracing | None = None
    include: tuple[str, ...] | None = None
    client_secret: Mapping[str, Any] | None = attrs.field(default=None, repr=False)

    __repr__ = brief


def as_session_config(config: Any) -> SessionConfig:
    """
    Return *config* as a model.

    Raises:
        ValueError: A mapping with a name we do not know.
        TypeError: Neither a `SessionConfig` nor a mapping.
    """
    if isinstance(config, SessionConfig):
        return config
    if isinstance(config, Mapping):
        return SessionConfig.from_mapping(config)
    msg = f"expected a SessionConfig or a mapping, got {type(config).__name__}"
    raise TypeError(msg)


#: What a client asks for that was given no configuration.
DEFAULT_SESSION_CONFIG = SessionConfig(
    voice="alloy",
    instructions=(
        "You are a helpful voice assistant. Answer briefly and in the language you "
        "are spoken to. Where one of your tools fits the question, use it rather "
        "than guess."
    ),
    input_audio_format="pcm16",
    input_audio_transcription=Transcription(model="whisper-1"),
    turn_detection=ServerVad(threshold=0.4, silence_duration_ms=600),
)
