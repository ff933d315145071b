"""
The requested configuration of a session (`SessionConfig`), and the session as the
service reports it (`Session`).
"""

import time
from collections.abc import Mapping
from typing import Any

import attrs

from .._spelling import checks_names, refuse_unknown
from ..audio.formats import flat_format
from ._base import Model, Value, brief
from ._coerce import EXTRA_REMEDY, Strings, as_extra, as_modalities, as_strings
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

__all__ = ["DEFAULT_SESSION_CONFIG", "Session", "SessionConfig"]


def _as_include(value: Strings | None | Unset) -> tuple[str, ...] | None | Unset:
    return as_strings([value] if isinstance(value, str) else value, "include")


@checks_names
@attrs.frozen(kw_only=True, eq=False, repr=False)
class SessionConfig(Value):
    """
    The configuration of a session, with the same flat fields for both protocols.

    A field that is not given (`UNSET`) is not changed in the session; None is sent as
    null: ``turn_detection=None`` switches voice activity detection off. Instead of a
    model, a mapping with its fields is accepted. The service checks the values.

    Attributes:
        type: ``realtime`` (the default), or ``transcription`` for a session that only
            transcribes the input.
        model: Rarely needed: the deployment is part of the address.
        modalities: ``["audio"]`` (speech with its transcript) or ``["text"]``.
        instructions: The system prompt.
        voice: A name, or ``{"id": ...}`` of a custom voice. It cannot be changed after
            the first audio output of the session.
        speed: The speed of speech, 0.25 to 1.5.
        input_audio_format: ``pcm16`` (24 kHz, mono, little-endian), ``g711_ulaw`` or
            ``g711_alaw`` (8 kHz).
        output_audio_format: As `input_audio_format`.
        input_audio_transcription: The transcription of the user's speech.
        input_audio_noise_reduction: The filter of the input.
        turn_detection: The detection of the end of the user's turn (VAD); with None
            the client commits the audio and requests responses.
        tools: The tools that the model may call; ``[]`` removes all.
        tool_choice: ``auto``, ``none``, ``required``, or one tool.
        temperature: Preview protocol only.
        max_response_output_tokens: 1 to 4096, or ``"inf"``.
        parallel_tool_calls: Reasoning models of the GA protocol only.
        reasoning: Reasoning models of the GA protocol only.
        truncation: What is removed from a conversation that is too long (GA).
        prompt: A stored prompt (GA).
        tracing: ``"auto"`` or details; None switches tracing off.
        include: Additional fields of events, such as
            ``item.input_audio_transcription.logprobs``.
        client_secret: Preview protocol only.
        extra: Further fields, in the shape of the protocol, for what this library does
            not know yet; merged recursively into the message.
    """

    type: SessionType | str | Unset = UNSET
    model: str | None | Unset = UNSET
    modalities: tuple[Modality | str, ...] | None | Unset = attrs.field(
        default=UNSET, converter=as_modalities
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
        default=UNSET, converter=_as_include
    )
    client_secret: Mapping[str, Any] | None | Unset = attrs.field(
        default=UNSET, repr=False
    )
    extra: Mapping[str, Any] = attrs.field(factory=dict, converter=as_extra, repr=False)

    __repr__ = brief

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "SessionConfig":
        """
        Make a configuration from the flat or the service's nested shape, or a mix.

        Raises:
            ValueError: A field, also of a nested object, is unknown, or is given in
                both shapes.
        """
        flat = flatten(mapping, SESSION_PATHS, strict=True)
        known = [attribute.name for attribute in attrs.fields(cls)]
        nested = [".".join(path) for path in SESSION_PATHS.values()]
        refuse_unknown("a session", leaves(flat), [*known, *nested], EXTRA_REMEDY)
        return cls(**flat)

    def merged(self, other: "SessionConfig") -> "SessionConfig":
        """
        Return this configuration updated with the fields that *other* sets.
        """
        return overlaid(self, other)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Session(Model):
    """
    A session as the service reports it, with the flat field names.

    A field is None if the service sent null or omitted it. Formats with a short name
    are represented by it. The fields are described in `SessionConfig`.

    Attributes:
        id: The id of the session.
        expires_at: Unix time in seconds at which the service ends the session.
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

    def _repr_html_(self) -> str:
        """
        Return HTML for notebooks: a table of the fields that the service reported.
        """
        from .._html import card, label, table, text  # only for notebooks

        rows = []
        for field in attrs.fields(Session):
            value = getattr(self, field.name)
            if not field.repr or value is None or value == ():
                continue
            rows.append([label(field.name), text(_short(field.name, value))])
        return card([table(rows)])


def _short(name: str, value: Any) -> str:
    """
    Return the value of a field of `Session` in a few words.
    """
    if name == "expires_at" and 0 <= value < 1 << 36:  # `gmtime` has its limits
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(value))
    if name == "tools":
        return ", ".join(str(getattr(tool, "name", tool.type)) for tool in value)
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if not isinstance(value, Model):
        return str(value)
    parts = [
        f"{field.name}={part!r}"
        for field in attrs.fields(type(value))
        if field.repr is True and (part := getattr(value, field.name)) is not None
    ]
    return f"{type(value).__name__}({', '.join(parts)})"


def as_session_config(config: SessionConfig | Mapping[str, Any]) -> SessionConfig:
    """
    Return *config* as a model.

    Raises:
        ValueError: A field is unknown.
        TypeError: *config* is neither a `SessionConfig` nor a mapping.
    """
    if isinstance(config, SessionConfig):
        return config
    if isinstance(config, Mapping):
        return SessionConfig.from_mapping(config)
    raise TypeError(
        "the configuration of a session must be a SessionConfig or a mapping, not "
        f"{type(config).__name__}"
    )


#: The session configuration of a client that is given none.
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
