"""
Every event and command of the Realtime API, one class for each.

Class names are mechanical: ``response.output_audio.delta`` is
`ResponseOutputAudioDelta`. There is one file per noun of the wire, with both
directions in it. Names are those of the GA protocol, whichever is spoken.
"""

from typing import TypeVar

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
    Return the classes of what travels on the wire, by the ``type`` it has there.
    """
    here = [value for name in __all__ if isinstance(value := globals().get(name), type)]
    return {
        cls.type: cls
        for cls in here
        if issubclass(cls, base)
        and cls.__module__.rpartition(".")[2] not in ("_base", "local", "unknown")
    }


#: Received events by the GA protocol's name.
SERVER_EVENTS = _by_type(ServerEvent)

#: Commands by the GA protocol's name.
CLIENT_EVENTS = _by_type(ClientEvent)

_set_module(__name__, __all__, globals())
