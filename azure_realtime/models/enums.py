"""
The values that fields take.

The two enumerations are ours. The `Literal` aliases name what the service is known
to accept; fields are typed ``Alias | str``, because new values appear without
notice: editors complete the known ones, and nobody refuses the others.
"""

from enum import Enum, IntEnum
from typing import Literal


class ModelStatusEnum(str, Enum):
    """
    What the model is doing, as far as the user of a conversation can tell.
    """

    #: Nothing is going on.
    IDLE = "idle"
    #: The service hears the user speak.
    LISTENING = "listening"
    #: The user has finished; the answer has not begun.
    THINKING = "thinking"
    #: The answer is being said (or, without audio, written).
    SPEAKING = "speaking"

    def __str__(self) -> str:
        return self.value


class WebSocketState(IntEnum):
    """
    The connection's state, numbered as in the browsers' WebSocket interface.
    """

    CONNECTING = 0
    OPEN = 1
    CLOSING = 2
    CLOSED = 3

    def __str__(self) -> str:
        return self.name


Voice = Literal[
    "alloy",
    "ash",
    "ballad",
    "coral",
    "echo",
    "sage",
    "shimmer",
    "verse",
    "marin",
    "cedar",
]
AudioFormat = Literal["pcm16", "g711_ulaw", "g711_alaw"]
Modality = Literal["text", "audio"]
SessionType = Literal["realtime", "transcription"]
TranscriptionModel = Literal[
    "whisper-1",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
    "gpt-4o-transcribe-diarize",
    "gpt-realtime-whisper",
    "gpt-transcribe",
    "gpt-live-transcribe",
]
TranscriptionDelay = Literal["minimal", "low", "medium", "high", "xhigh"]
NoiseReductionType = Literal["near_field", "far_field"]
Eagerness = Literal["low", "medium", "high", "auto"]
ToolChoiceMode = Literal["auto", "none", "required"]
RequireApproval = Literal["always", "never"]
ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
TruncationMode = Literal["auto", "disabled"]
Include = Literal["item.input_audio_transcription.logprobs"]
ConversationMode = Literal["auto", "none"]
Role = Literal["system", "user", "assistant"]
ItemStatus = Literal["in_progress", "completed", "incomplete"]
Phase = Literal["commentary", "final_answer"]
ImageDetail = Literal["auto", "low", "high"]
ResponseStatus = Literal[
    "in_progress", "completed", "cancelled", "incomplete", "failed"
]
StatusReason = Literal[
    "turn_detected", "client_cancelled", "max_output_tokens", "content_filter"
]
