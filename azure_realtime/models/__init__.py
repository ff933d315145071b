"""
Immutable models: session, items, content, responses, tools, turns and usage.

The most used ones can be imported from `azure_realtime` as well.
"""

from .._public import set_module as _set_module
from ._base import Model
from ._unset import UNSET, Unset
from .content import (
    InputAudio,
    InputImage,
    InputText,
    OutputAudio,
    OutputText,
    UnknownPart,
)
from .enums import ModelStatusEnum, WebSocketState
from .items import (
    FunctionCallItem,
    FunctionCallOutputItem,
    Item,
    ItemReference,
    McpApprovalRequestItem,
    McpApprovalResponseItem,
    McpCallItem,
    McpError,
    McpListedTool,
    McpListToolsItem,
    MessageItem,
    UnknownItem,
)
from .responses import (
    CachedTokensDetails,
    InputTokenDetails,
    OutputTokenDetails,
    Response,
    ResponseConfig,
    StatusDetails,
    StatusError,
    Usage,
)
from .session import DEFAULT_SESSION_CONFIG, Session, SessionConfig
from .session_parts import (
    NoiseReduction,
    Prompt,
    Reasoning,
    RetentionRatioTruncation,
    Tracing,
    Transcription,
)
from .stats import Stats
from .tools import (
    FunctionTool,
    McpTool,
    ToolChoiceFunction,
    ToolChoiceMcp,
    UnknownTool,
    UnknownToolChoice,
)
from .turn import Latency, ToolCall, Turn
from .turn_detection import SemanticVad, ServerVad, UnknownTurnDetection
from .usage import UsageTotals

__all__ = [
    "DEFAULT_SESSION_CONFIG",
    "UNSET",
    "CachedTokensDetails",
    "FunctionCallItem",
    "FunctionCallOutputItem",
    "FunctionTool",
    "InputAudio",
    "InputImage",
    "InputText",
    "InputTokenDetails",
    "Item",
    "ItemReference",
    "Latency",
    "McpApprovalRequestItem",
    "McpApprovalResponseItem",
    "McpCallItem",
    "McpError",
    "McpListToolsItem",
    "McpListedTool",
    "McpTool",
    "MessageItem",
    "Model",
    "ModelStatusEnum",
    "NoiseReduction",
    "OutputAudio",
    "OutputText",
    "OutputTokenDetails",
    "Prompt",
    "Reasoning",
    "Response",
    "ResponseConfig",
    "RetentionRatioTruncation",
    "SemanticVad",
    "ServerVad",
    "Session",
    "SessionConfig",
    "Stats",
    "StatusDetails",
    "StatusError",
    "ToolCall",
    "ToolChoiceFunction",
    "ToolChoiceMcp",
    "Tracing",
    "Transcription",
    "Turn",
    "UnknownItem",
    "UnknownPart",
    "UnknownTool",
    "UnknownToolChoice",
    "UnknownTurnDetection",
    "Unset",
    "Usage",
    "UsageTotals",
    "WebSocketState",
]

_set_module(__name__, __all__, globals())
