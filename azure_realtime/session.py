"""
The session: what you ask for (`SessionConfig`), what the service says (`Session`).
"""

from collections.abc import Mapping
from typing import Any

import attrs

from ._model import Model, build
from ._session_shape import SESSION_PATHS, flat_format, flatten
from ._spelling import closest
from ._unset import UNSET, Unset
from .enums import (
    AudioFormat,
    Modality,
    SessionType,
    TruncationMode,
    Voice,
)
from .session_parts import (
    NoiseReduction,
    Prompt,
    Reasoning,
    RetentionRatioTruncation,
    Tracing,
    Transcription,
)
from .tool_specs import Tool, ToolChoice, as_tool_choice, as_tools
from .turn_detection import ServerVad, TurnDetection, as_turn_detection


def _settable(convert: Any) -> Any:
    """
    Return *convert*, leaving UNSET and None alone.
    """
    return lambda value: value if value is UNSET or value is None else convert(value)


def _part(cls: type[Model], name: str) -> Any:
    def convert(value: Any) -> Any:
        if isinstance(value, cls):
            return value
        if isinstance(value, Mapping):
            return build(cls, value, name)
        expected = f"expected {cls.__name__} or a mapping"
        msg = f"{name}: {expected}, got {type(value).__name__}"
        raise TypeError(msg)

    return _settable(convert)


def _str_or(cls: type[Model], name: str) -> Any:
    part = _part(cls, name)
    return lambda value: value if isinstance(value, str) else part(value)


def _strings(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _extra(value: Any) -> Mapping[str, Any]:
    return dict(value or {})


@attrs.frozen(kw_only=True)
class SessionConfig:
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
        default=UNSET, converter=_settable(_strings)
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
        default=UNSET, converter=_part(Transcription, "input_audio_transcription")
    )
    input_audio_noise_reduction: NoiseReduction | None | Unset = attrs.field(
        default=UNSET, converter=_part(NoiseReduction, "input_audio_noise_reduction")
    )
    turn_detection: TurnDetection | None | Unset = attrs.field(
        default=UNSET, converter=_settable(as_turn_detection)
    )
    tools: tuple[Tool, ...] | None | Unset = attrs.field(
        default=UNSET, converter=_settable(as_tools)
    )
    tool_choice: ToolChoice | None | Unset = attrs.field(
        default=UNSET, converter=_settable(as_tool_choice)
    )
    temperature: float | None | Unset = UNSET
    max_response_output_tokens: int | str | None | Unset = UNSET
    parallel_tool_calls: bool | None | Unset = UNSET
    reasoning: Reasoning | None | Unset = attrs.field(
        default=UNSET, converter=_part(Reasoning, "reasoning")
    )
    truncation: TruncationMode | str | RetentionRatioTruncation | None | Unset = (
        attrs.field(
            default=UNSET, converter=_str_or(RetentionRatioTruncation, "truncation")
        )
    )
    prompt: Prompt | None | Unset = attrs.field(
        default=UNSET, converter=_part(Prompt, "prompt")
    )
    tracing: str | Tracing | None | Unset = attrs.field(
        default=UNSET, converter=_str_or(Tracing, "tracing")
    )
    include: tuple[str, ...] | None | Unset = attrs.field(
        default=UNSET, converter=_settable(_strings)
    )
    client_secret: Mapping[str, Any] | None | Unset = attrs.field(
        default=UNSET, repr=False
    )
    extra: Mapping[str, Any] = attrs.field(factory=dict, converter=_extra)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "SessionConfig":
        """
        Make one from flat names, from the service's nested shape, or from a mix.

        Raises:
            ValueError: A name we do not know, here or deeper; or given twice.
        """
        flat = flatten(mapping, SESSION_PATHS, strict=True)
        known = [attribute.name for attribute in attrs.fields(cls)]
        for name in _leaves(flat, known):
            raise ValueError(_unknown(name, known))
        return cls(**flat)

    def merged(self, other: "SessionConfig") -> "SessionConfig":
        """
        Return this configuration after *other*: what that leaves out stays.
        """
        changes = {
            attribute.name: getattr(other, attribute.name)
            for attribute in attrs.fields(SessionConfig)
            if getattr(other, attribute.name) is not UNSET
        }
        changes["extra"] = {**self.extra, **other.extra}
        return attrs.evolve(self, **changes)


def _leaves(flat: Mapping[str, Any], known: list[str]) -> list[str]:
    """
    Return the names in *flat* that are not *known*, ``audio.input.x`` in full.
    """
    unknown = []
    for key, value in flat.items():
        if key == "audio" and isinstance(value, Mapping):
            for side, inner in value.items():
                deeper = inner if isinstance(inner, Mapping) and inner else {"": 0}
                unknown += [f"audio.{side}.{leaf}".rstrip(".") for leaf in deeper]
        elif key not in known:
            unknown.append(str(key))
    return unknown


def _unknown(name: str, known: list[str]) -> str:
    nested = {".".join(path): path for path in SESSION_PATHS.values()}
    guess = closest(name, [*known, *nested])
    meant = f" Did you mean {guess!r}?" if guess else ""
    return (
        f"a session has no field {name!r}.{meant} If the service has gained it, "
        "pass it in extra={...}."
    )


@attrs.frozen
class Session(Model):
    """
    A session as the service reports it: every field it has, under the flat names.

    A field is None where the service said null or nothing. Formats have their short
    name where there is one.

    Attributes:
        expires_at: Unix time in seconds at which the service will end the session.
    """

    id: str = attrs.field(default="", kw_only=True)
    object: str | None = attrs.field(default=None, kw_only=True, repr=False)
    type: str | None = attrs.field(default=None, kw_only=True)
    model: str | None = attrs.field(default=None, kw_only=True)
    expires_at: int | None = attrs.field(default=None, kw_only=True)
    modalities: tuple[str, ...] | None = attrs.field(default=None, kw_only=True)
    instructions: str | None = attrs.field(default=None, kw_only=True)
    voice: str | Mapping[str, Any] | None = attrs.field(default=None, kw_only=True)
    speed: float | None = attrs.field(default=None, kw_only=True)
    input_audio_format: str | Mapping[str, Any] | None = attrs.field(
        default=None, kw_only=True
    )
    output_audio_format: str | Mapping[str, Any] | None = attrs.field(
        default=None, kw_only=True
    )
    input_audio_transcription: Transcription | None = attrs.field(
        default=None, kw_only=True
    )
    input_audio_noise_reduction: NoiseReduction | None = attrs.field(
        default=None, kw_only=True
    )
    turn_detection: TurnDetection | None = attrs.field(default=None, kw_only=True)
    tools: tuple[Tool, ...] | None = attrs.field(default=None, kw_only=True)
    tool_choice: ToolChoice | None = attrs.field(default=None, kw_only=True)
    temperature: float | None = attrs.field(default=None, kw_only=True)
    max_response_output_tokens: int | str | None = attrs.field(
        default=None, kw_only=True
    )
    parallel_tool_calls: bool | None = attrs.field(default=None, kw_only=True)
    reasoning: Reasoning | None = attrs.field(default=None, kw_only=True)
    truncation: str | RetentionRatioTruncation | None = attrs.field(
        default=None, kw_only=True
    )
    prompt: Prompt | None = attrs.field(default=None, kw_only=True)
    tracing: str | Tracing | None = attrs.field(default=None, kw_only=True)
    include: tuple[str, ...] | None = attrs.field(default=None, kw_only=True)
    client_secret: Mapping[str, Any] | None = attrs.field(
        default=None, kw_only=True, repr=False
    )


def as_session_config(config: SessionConfig | Mapping[str, Any]) -> SessionConfig:
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
