"""
The events and commands of the Realtime API, one class for each type.

A class is named after its type: ``response.output_audio.delta`` is
`ResponseOutputAudioDelta`. There is one module for each group of types, with events and
commands. Names are those of the GA protocol, also with the preview protocol.
"""

# the annotations of `type` are strings, which cost nothing until they are resolved here
from typing import ClassVar, Literal, TypeVar  # noqa: F401

from .._public import set_module as _set_module
from ._base import ClientEvent, Event, ServerEvent
from .conversation import (
    Conversation,
    ConversationCreated,
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemCreated,
    ConversationItemDelete,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemInputAudioTranscriptionFailed,
    ConversationItemInputAudioTranscriptionSegment,
    ConversationItemRetrieve,
    ConversationItemRetrieved,
    ConversationItemTruncate,
    ConversationItemTruncated,
    LogProb,
    TranscriptionError,
    TranscriptionLanguage,
    TranscriptionUsage,
)
from .input_audio_buffer import (
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCleared,
    InputAudioBufferCommit,
    InputAudioBufferCommitted,
    InputAudioBufferDtmfEventReceived,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    InputAudioBufferTimeoutTriggered,
)
from .local import (
    Closed,
    Disconnected,
    Expiring,
    Init,
    ListenerError,
    Overflow,
    Reconnected,
    Reconnecting,
    StatusChanged,
    ToolErrorEvent,
)
from .mcp import (
    McpListToolsCompleted,
    McpListToolsFailed,
    McpListToolsInProgress,
    ResponseMcpCallArgumentsDelta,
    ResponseMcpCallArgumentsDone,
    ResponseMcpCallCompleted,
    ResponseMcpCallFailed,
    ResponseMcpCallInProgress,
)
from .output_audio_buffer import (
    OutputAudioBufferClear,
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
)
from .response import (
    ContentPart,
    ResponseCancel,
    ResponseContentPartAdded,
    ResponseContentPartDone,
    ResponseCreate,
    ResponseCreated,
    ResponseDone,
    ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
)
from .service import ErrorDetails, ErrorEvent, RateLimit, RateLimitsUpdated
from .session import SessionCreated, SessionUpdate, SessionUpdated
from .unknown import InvalidMessage, RawCommand, UnknownEvent

__all__ = [
    "CLIENT_EVENTS",
    "SERVER_EVENTS",
    "ClientEvent",
    "Closed",
    "ContentPart",
    "Conversation",
    "ConversationCreated",
    "ConversationItemAdded",
    "ConversationItemCreate",
    "ConversationItemCreated",
    "ConversationItemDelete",
    "ConversationItemDeleted",
    "ConversationItemDone",
    "ConversationItemInputAudioTranscriptionCompleted",
    "ConversationItemInputAudioTranscriptionDelta",
    "ConversationItemInputAudioTranscriptionFailed",
    "ConversationItemInputAudioTranscriptionSegment",
    "ConversationItemRetrieve",
    "ConversationItemRetrieved",
    "ConversationItemTruncate",
    "ConversationItemTruncated",
    "Disconnected",
    "ErrorDetails",
    "ErrorEvent",
    "Event",
    "Expiring",
    "Init",
    "InputAudioBufferAppend",
    "InputAudioBufferClear",
    "InputAudioBufferCleared",
    "InputAudioBufferCommit",
    "InputAudioBufferCommitted",
    "InputAudioBufferDtmfEventReceived",
    "InputAudioBufferSpeechStarted",
    "InputAudioBufferSpeechStopped",
    "InputAudioBufferTimeoutTriggered",
    "InvalidMessage",
    "ListenerError",
    "LogProb",
    "McpListToolsCompleted",
    "McpListToolsFailed",
    "McpListToolsInProgress",
    "OutputAudioBufferClear",
    "OutputAudioBufferCleared",
    "OutputAudioBufferStarted",
    "OutputAudioBufferStopped",
    "Overflow",
    "RateLimit",
    "RateLimitsUpdated",
    "RawCommand",
    "Reconnected",
    "Reconnecting",
    "ResponseCancel",
    "ResponseContentPartAdded",
    "ResponseContentPartDone",
    "ResponseCreate",
    "ResponseCreated",
    "ResponseDone",
    "ResponseFunctionCallArgumentsDelta",
    "ResponseFunctionCallArgumentsDone",
    "ResponseMcpCallArgumentsDelta",
    "ResponseMcpCallArgumentsDone",
    "ResponseMcpCallCompleted",
    "ResponseMcpCallFailed",
    "ResponseMcpCallInProgress",
    "ResponseOutputAudioDelta",
    "ResponseOutputAudioDone",
    "ResponseOutputAudioTranscriptDelta",
    "ResponseOutputAudioTranscriptDone",
    "ResponseOutputItemAdded",
    "ResponseOutputItemDone",
    "ResponseOutputTextDelta",
    "ResponseOutputTextDone",
    "ServerEvent",
    "SessionCreated",
    "SessionUpdate",
    "SessionUpdated",
    "StatusChanged",
    "ToolErrorEvent",
    "TranscriptionError",
    "TranscriptionLanguage",
    "TranscriptionUsage",
    "UnknownEvent",
]

_E = TypeVar("_E", bound=Event)


def _by_type(base: type[_E]) -> dict[str, type[_E]]:
    """
    Return the subclasses of *base* that the protocol defines, by ``type``.
    """
    values = [globals().get(name) for name in __all__]
    return {
        cls.type: cls
        for cls in values
        if isinstance(cls, type)
        and issubclass(cls, base)
        and cls.__module__.rpartition(".")[2] not in ("_base", "local", "unknown")
    }


#: Event classes by type (GA protocol).
SERVER_EVENTS = _by_type(ServerEvent)

#: Command classes by type (GA protocol).
CLIENT_EVENTS = _by_type(ClientEvent)

_set_module(__name__, __all__, globals())
