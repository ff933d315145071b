"""
The values of fields.

The two enumerations belong to this library. The `Literal` aliases list the values that
the service is known to accept, for completion in editors. Fields have the type ``Alias
| str``, because new values appear without notice; they are accepted.
"""

from enum import Enum, IntEnum
from typing import Literal

__all__ = ["ModelStatusEnum", "WebSocketState"]


class ModelStatusEnum(str, Enum):
    """
    What the model does, from the view of the user of a conversation.
    """

    #: The model waits.
    IDLE = "idle"
    #: The service detects speech of the user.
    LISTENING = "listening"
    #: The user has finished; the answer has not begun.
    THINKING = "thinking"
    #: The answer is being played (or, without audio, received).
    SPEAKING = "speaking"

    def __str__(self) -> str:
        return self.value


class WebSocketState(IntEnum):
    """
    State of the connection, with the numbers of the browsers' WebSocket interface.
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
