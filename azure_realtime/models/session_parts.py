"""
The smaller nouns of a session's configuration.

A field that is None is left out, and the service takes its default.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from ._base import Model
from ._coerce import as_names, as_part_of
from ._unset import Unset
from .enums import (
    NoiseReductionType,
    ReasoningEffort,
    TranscriptionDelay,
    TranscriptionModel,
)


@attrs.frozen(eq=False, repr=False)
class Transcription(Model):
    """
    Write down what the user says, beside answering it.

    Attributes:
        model: On Azure the name of a *deployment* (``whisper-1`` works without).
            A wrong one is accepted here and fails at every turn.
        language: ISO 639-1, such as ``de``; better and faster than guessing.
        languages: Several (GA; ``gpt-transcribe`` and ``gpt-live-transcribe``).
        keywords: Words to expect (GA; the same models).
        prompt: Keywords for ``whisper-1``, free text for ``gpt-4o-*``.
        delay: How long ``gpt-realtime-whisper`` may wait for context (GA).
    """

    model: TranscriptionModel | str | None = None
    language: str | None = None
    prompt: str | None = None
    languages: tuple[str, ...] | None = attrs.field(default=None, converter=as_names)
    keywords: tuple[str, ...] | None = attrs.field(default=None, converter=as_names)
    delay: TranscriptionDelay | str | None = None


@attrs.frozen(eq=False, repr=False)
class NoiseReduction(Model):
    """
    Filter the input before it is listened to.

    Attributes:
        type: ``near_field`` for headsets, ``far_field`` for rooms.
    """

    type: NoiseReductionType | str


@attrs.frozen(eq=False, repr=False)
class Reasoning(Model):
    """
    How hard to think; only models that reason accept it at all.
    """

    effort: ReasoningEffort | str


@attrs.frozen(eq=False, repr=False)
class RetentionRatioTruncation(Model):
    """
    When the conversation outgrows the model, keep this part of it.

    Attributes:
        retention_ratio: 0 to 1.
        token_limits: ``{"post_instructions": int}``.
    """

    type: ClassVar[str] = "retention_ratio"

    retention_ratio: float
    token_limits: Mapping[str, Any] | None = None


@attrs.frozen(eq=False, repr=False)
class Prompt(Model):
    """
    A prompt stored with the service (GA protocol only).
    """

    id: str
    version: str | None = None
    variables: Mapping[str, Any] | None = None


@attrs.frozen(eq=False, repr=False)
class Tracing(Model):
    """
    How the session is called in the traces dashboard.
    """

    workflow_name: str | None = None
    group_id: str | None = None
    metadata: Mapping[str, Any] | None = None


def as_transcription(value: Any) -> Transcription | None | Unset:
    """
    Return *value*, a model or a mapping, as a model.
    """
    return as_part_of(value, Transcription, "input_audio_transcription")


def as_noise_reduction(value: Any) -> NoiseReduction | None | Unset:
    """
    Return *value*, a model or a mapping, as a model.
    """
    return as_part_of(value, NoiseReduction, "input_audio_noise_reduction")


def as_reasoning(value: Any) -> Reasoning | None | Unset:
    """
    Return *value*, a model or a mapping, as a model.
    """
    return as_part_of(value, Reasoning, "reasoning")


def as_prompt(value: Any) -> Prompt | None | Unset:
    """
    Return *value*, a model or a mapping, as a model.
    """
    return as_part_of(value, Prompt, "prompt")


def as_truncation(value: Any) -> str | RetentionRatioTruncation | None | Unset:
    """
    Return *value*, a word, a model or a mapping, as a word or a model.
    """
    if isinstance(value, str):
        return value
    return as_part_of(value, RetentionRatioTruncation, "truncation")


def as_tracing(value: Any) -> str | Tracing | None | Unset:
    """
    Return *value*, a word, a model or a mapping, as a word or a model.
    """
    if isinstance(value, str):
        return value
    return as_part_of(value, Tracing, "tracing")
