"""
The objects within a session's configuration.

A field that is None is not sent; the service uses its default.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from .._spelling import checks_names
from ._base import Model
from ._coerce import Strings, as_part_of, as_strings
from ._unset import Unset
from .enums import (
    NoiseReductionType,
    ReasoningEffort,
    TranscriptionDelay,
    TranscriptionModel,
    TruncationMode,
)

__all__ = [
    "NoiseReduction",
    "Prompt",
    "Reasoning",
    "RetentionRatioTruncation",
    "Tracing",
    "Transcription",
]


def _as_languages(value: Strings | None) -> tuple[str, ...] | None:
    return as_strings(value, "languages")


def _as_keywords(value: Strings | None) -> tuple[str, ...] | None:
    return as_strings(value, "keywords")


@checks_names
@attrs.frozen(eq=False, repr=False)
class Transcription(Model):
    """
    Transcription of the user's speech, in addition to the answer.

    Attributes:
        model: On Azure, the name of a *deployment* (``whisper-1`` needs none). The
            service accepts a wrong name, and each transcription fails.
        language: ISO 639-1 code, such as ``de``; it improves accuracy and latency.
        prompt: Keywords for ``whisper-1``, free text for ``gpt-4o-*``.
        languages: Several codes (GA; ``gpt-transcribe``, ``gpt-live-transcribe``).
        keywords: Expected words (GA; the same models).
        delay: How long ``gpt-realtime-whisper`` may wait for context (GA).
    """

    model: TranscriptionModel | str | None = None
    language: str | None = None
    prompt: str | None = None
    languages: tuple[str, ...] | None = attrs.field(
        default=None, converter=_as_languages
    )
    keywords: tuple[str, ...] | None = attrs.field(default=None, converter=_as_keywords)
    delay: TranscriptionDelay | str | None = None


@checks_names
@attrs.frozen(eq=False, repr=False)
class NoiseReduction(Model):
    """
    Noise reduction of the input, before VAD and model.

    Attributes:
        type: ``near_field`` for headsets, ``far_field`` for room microphones.
    """

    type: NoiseReductionType | str


@checks_names
@attrs.frozen(eq=False, repr=False)
class Reasoning(Model):
    """
    The reasoning effort; only reasoning models accept it.
    """

    effort: ReasoningEffort | str


@checks_names
@attrs.frozen(eq=False, repr=False)
class RetentionRatioTruncation(Model):
    """
    Keep a part of the conversation when it exceeds the model's context window.

    Attributes:
        retention_ratio: The part that is kept, 0 to 1.
        token_limits: ``{"post_instructions": int}``.
    """

    type: ClassVar[str] = "retention_ratio"

    retention_ratio: float
    token_limits: Mapping[str, Any] | None = None


@checks_names
@attrs.frozen(eq=False, repr=False)
class Prompt(Model):
    """
    A prompt that is stored in the service (GA protocol only).
    """

    id: str
    version: str | None = None
    variables: Mapping[str, Any] | None = None


@checks_names
@attrs.frozen(eq=False, repr=False)
class Tracing(Model):
    """
    The name, group and metadata of the session in the traces dashboard.
    """

    workflow_name: str | None = None
    group_id: str | None = None
    metadata: Mapping[str, Any] | None = None


def as_transcription(
    value: Transcription | Mapping[str, Any] | None | Unset,
) -> Transcription | None | Unset:
    """
    Return *value*, a model or a mapping, as a model.
    """
    return as_part_of(value, Transcription, "input_audio_transcription")


def as_noise_reduction(
    value: NoiseReduction | Mapping[str, Any] | None | Unset,
) -> NoiseReduction | None | Unset:
    """
    Return *value*, a model or a mapping, as a model.
    """
    return as_part_of(value, NoiseReduction, "input_audio_noise_reduction")


def as_reasoning(
    value: Reasoning | Mapping[str, Any] | None | Unset,
) -> Reasoning | None | Unset:
    """
    Return *value*, a model or a mapping, as a model.
    """
    return as_part_of(value, Reasoning, "reasoning")


def as_prompt(
    value: Prompt | Mapping[str, Any] | None | Unset,
) -> Prompt | None | Unset:
    """
    Return *value*, a model or a mapping, as a model.
    """
    return as_part_of(value, Prompt, "prompt")


def as_truncation(
    value: TruncationMode
    | str
    | RetentionRatioTruncation
    | Mapping[str, Any]
    | None
    | Unset,
) -> str | RetentionRatioTruncation | None | Unset:
    """
    Return *value*, a word, a model or a mapping, as a word or a model.
    """
    if isinstance(value, str):
        return value
    return as_part_of(value, RetentionRatioTruncation, "truncation")


def as_tracing(
    value: str | Tracing | Mapping[str, Any] | None | Unset,
) -> str | Tracing | None | Unset:
    """
    Return *value*, a word, a model or a mapping, as a word or a model.
    """
    if isinstance(value, str):
        return value
    return as_part_of(value, Tracing, "tracing")
