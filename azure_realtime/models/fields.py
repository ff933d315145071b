"""
The fields of a configuration as keyword arguments: ``**fields: Unpack[SessionFields]``.

The names are those of `SessionConfig` and `ResponseConfig`, the types those that their
constructors take.
"""

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from ._coerce import Strings
from ._unset import Unset
from .enums import AudioFormat, ConversationMode, SessionType, TruncationMode, Voice
from .items import Item
from .session_parts import (
    NoiseReduction,
    Prompt,
    Reasoning,
    RetentionRatioTruncation,
    Tracing,
    Transcription,
)
from .tools import ToolChoice, ToolSpec
from .turn_detection import TurnDetection

if TYPE_CHECKING:
    from typing_extensions import Unpack as Unpack
elif sys.version_info >= (3, 11):
    from typing import Unpack
else:

    class Unpack:
        """
        Stands for `typing.Unpack`, so that annotations can be resolved.
        """

        def __class_getitem__(cls, fields: Any) -> Any:
            return fields


WhenBusy = Literal["wait", "cancel", "error"]
"""What to do with a response request while another response is not done."""

_Mapping = Mapping[str, Any] | None | Unset
_Text = str | None | Unset


class ResponseFields(TypedDict, total=False):
    """
    The fields of `ResponseConfig`.
    """

    modalities: Strings | None | Unset
    instructions: _Text
    voice: Voice | str | _Mapping
    output_audio_format: AudioFormat | str | _Mapping
    tools: Iterable[ToolSpec | Mapping[str, Any]] | None | Unset
    tool_choice: ToolChoice | _Mapping
    temperature: float | None | Unset
    max_output_tokens: int | str | None | Unset
    parallel_tool_calls: bool | None | Unset
    reasoning: Reasoning | _Mapping
    conversation: ConversationMode | _Text
    metadata: Mapping[str, str] | None | Unset
    prompt: Prompt | _Mapping
    input: str | Iterable[Item | Mapping[str, Any] | str] | None | Unset
    extra: Mapping[str, Any]


class SessionFields(TypedDict, total=False):
    """
    The fields of `SessionConfig`.
    """

    type: SessionType | str | Unset
    model: _Text
    modalities: Strings | None | Unset
    instructions: _Text
    voice: Voice | str | _Mapping
    speed: float | None | Unset
    input_audio_format: AudioFormat | str | _Mapping
    output_audio_format: AudioFormat | str | _Mapping
    input_audio_transcription: Transcription | _Mapping
    input_audio_noise_reduction: NoiseReduction | _Mapping
    turn_detection: TurnDetection | _Mapping
    tools: Iterable[ToolSpec | Mapping[str, Any]] | None | Unset
    tool_choice: ToolChoice | _Mapping
    temperature: float | None | Unset
    max_response_output_tokens: int | str | None | Unset
    parallel_tool_calls: bool | None | Unset
    reasoning: Reasoning | _Mapping
    truncation: TruncationMode | str | RetentionRatioTruncation | _Mapping
    prompt: Prompt | _Mapping
    tracing: str | Tracing | _Mapping
    include: Strings | None | Unset
    client_secret: _Mapping
    extra: Mapping[str, Any]


def check_when_busy(when_busy: str) -> None:
    """
    Check the argument of a response request.

    Raises:
        ValueError: It is no `WhenBusy`.
    """
    if when_busy not in ("wait", "cancel", "error"):
        raise ValueError(
            f"when_busy must be 'wait', 'cancel' or 'error', not {when_busy!r}"
        )
