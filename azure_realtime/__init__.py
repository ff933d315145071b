"""
A synchronous, threaded client for the Azure OpenAI Realtime API.

    with AzureRealTimeAudio(AzureRealTimeOptions.from_env()) as client:
        client.on("response.audio.delta", play)
        client.append_audio(pcm)

It does not use asyncio: a background thread owns the connection, another thread calls
your listeners, and every method may be called from any thread.

What is where:

- `AzureRealTimeAudio`: the client. Its options are `AzureRealTimeOptions` and
  `WebSocketOptions`, the configuration of its session is `SessionConfig`.
- `Turn`, `Response`, `Conversation`, `UsageTotals`: what it returns.
- `RealtimeError` and its subclasses: what it raises.
- `azure_realtime.events`: the events that listeners receive, and the commands.
- `azure_realtime.models`: all models, the rarely used ones included.
- `azure_realtime.audio`: WAV files, G.711, resampling, microphone and loudspeaker.
- `azure_realtime.voice`: voice calls, which `AzureRealTimeAudio.talk` begins.
- `azure_realtime.recording`: recorded sessions, their turns and timelines.
- `azure_realtime.notebook`: the transcript in a cell; the browser's microphone and
  loudspeaker.
- `azure_realtime.cli`: the command ``azure-realtime``.
- `azure_realtime.simulator`: a local service for trials and tests.
"""

import sys as _sys
import typing as _typing

from . import events
from ._public import set_module as _set_module
from ._state.conversation import Conversation
from ._tools.tool import Tool
from ._version import __version__
from .client.client import AzureRealTimeAudio
from .errors import (
    AudioDeviceError,
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
from .models._unset import UNSET, Unset
from .models.content import InputAudio, InputImage, InputText, OutputAudio, OutputText
from .models.enums import ModelStatusEnum, WebSocketState
from .models.items import (
    FunctionCallItem,
    FunctionCallOutputItem,
    Item,
    ItemReference,
    McpApprovalResponseItem,
    MessageItem,
)
from .models.responses import Response, ResponseConfig, Usage
from .models.session import DEFAULT_SESSION_CONFIG, Session, SessionConfig
from .models.session_parts import (
    NoiseReduction,
    Prompt,
    Reasoning,
    RetentionRatioTruncation,
    Tracing,
    Transcription,
)
from .models.stats import Stats
from .models.tools import FunctionTool, McpTool, ToolChoiceFunction, ToolChoiceMcp
from .models.turn import Latency, ToolCall, Turn
from .models.turn_detection import SemanticVad, ServerVad
from .models.usage import UsageTotals
from .options import AzureRealTimeOptions, Endpoint, WebSocketOptions

if _typing.TYPE_CHECKING:
    from .models.prices import Prices

__all__ = [
    "DEFAULT_SESSION_CONFIG",
    "UNSET",
    "AudioDeviceError",
    "AuthenticationError",
    "AzureRealTimeAudio",
    "AzureRealTimeOptions",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionClosed",
    "Conversation",
    "DeploymentNotFound",
    "Endpoint",
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
    "Prices",
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

_set_module(__name__, [name for name in __all__ if name in globals()], globals())


if not _typing.TYPE_CHECKING:  # with it, checkers accept any name

    def __getattr__(name: str) -> object:
        """
        Load what few programs use.
        """
        if name != "Prices":
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg, name=name, obj=_sys.modules[__name__])
        from .models.prices import Prices

        _set_module(__name__, [name], {name: Prices})
        globals()[name] = Prices
        return Prices
