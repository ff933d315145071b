"""
A synchronous, threaded client for the Azure OpenAI Realtime API.

    with AzureRealTimeAudio(AzureRealTimeOptions.from_env()) as client:
        client.on("response.audio.delta", play)
        client.append_audio(pcm)

It needs no asyncio: a background thread owns the connection, another one calls your
listeners, and every method may be called from anywhere. Event classes are in
`azure_realtime.events`, a local service to try it on in `azure_realtime.simulator`.
"""

from . import events
from ._stats import Stats
from ._unset import UNSET, Unset
from ._version import __version__
from .client import AzureRealTimeAudio
from .content import InputAudio, InputImage, InputText, OutputAudio, OutputText
from .conversation import Conversation
from .enums import ModelStatusEnum, WebSocketState
from .errors import (
    AuthenticationError,
    ConnectError,
    ConnectionClosed,
    ConnectTimeout,
    DeploymentNotFound,
    ProtocolWarning,
    QueueFull,
    RateLimited,
    RealtimeError,
    ResponseCancelled,
    ResponseError,
    ResponseFailed,
    ResponseIncomplete,
    ServerError,
    SlowConsumer,
)
from .items import (
    FunctionCallItem,
    FunctionCallOutputItem,
    Item,
    ItemReference,
    McpApprovalResponseItem,
    MessageItem,
)
from .options import AzureRealTimeOptions, WebSocketOptions
from .responses import Response, ResponseConfig, Usage
from .session import DEFAULT_SESSION_CONFIG, Session, SessionConfig
from .session_parts import (
    NoiseReduction,
    Prompt,
    Reasoning,
    RetentionRatioTruncation,
    Tracing,
    Transcription,
)
from .tool_specs import FunctionTool, McpTool, ToolChoiceFunction, ToolChoiceMcp
from .tools import Tool
from .turn import Latency, ToolCall, Turn
from .turn_detection import SemanticVad, ServerVad
from .usage import UsageTotals

__all__ = [
    "DEFAULT_SESSION_CONFIG",
    "UNSET",
    "AuthenticationError",
    "AzureRealTimeAudio",
    "AzureRealTimeOptions",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionClosed",
    "Conversation",
    "DeploymentNotFound",
    "FunctionCallItem",
    "FunctionCallOutputItem",
    "FunctionTool",
    "InputAudio",
    "InputImage",
    "InputText",
    "Item",
    "ItemReference",
    "Latency",
    "McpApprovalResponseItem",
    "McpTool",
    "MessageItem",
    "ModelStatusEnum",
    "NoiseReduction",
    "OutputAudio",
    "OutputText",
    "Prompt",
    "ProtocolWarning",
    "QueueFull",
    "RateLimited",
    "RealtimeError",
    "Reasoning",
    "Response",
    "ResponseCancelled",
    "ResponseConfig",
    "ResponseError",
    "ResponseFailed",
    "ResponseIncomplete",
    "RetentionRatioTruncation",
    "SemanticVad",
    "ServerError",
    "ServerVad",
    "Session",
    "SessionConfig",
    "SlowConsumer",
    "Stats",
    "Tool",
    "ToolCall",
    "ToolChoiceFunction",
    "ToolChoiceMcp",
    "Tracing",
    "Transcription",
    "Turn",
    "Unset",
    "Usage",
    "UsageTotals",
    "WebSocketOptions",
    "WebSocketState",
    "__version__",
    "events",
]
