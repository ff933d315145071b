"""
Our classes against the published tables of the protocol, where those are at hand.
"""

import json
from pathlib import Path
from typing import Any, get_args

import attrs
import pytest

from azure_realtime._protocol.dialects import PREVIEW
from azure_realtime.audio.formats import flat_format, nested_format
from azure_realtime.events import (
    CLIENT_EVENTS,
    SERVER_EVENTS,
    ErrorDetails,
    LogProb,
    RateLimit,
    TranscriptionError,
    TranscriptionUsage,
)
from azure_realtime.events._names import KNOWN_EVENT_NAMES, RENAMED, canonical
from azure_realtime.models import enums
from azure_realtime.models._shape import RESPONSE_PATHS, SESSION_PATHS
from azure_realtime.models.content import InputAudio, InputImage, InputText
from azure_realtime.models.items import (
    _ITEMS,
    FunctionCallItem,
    FunctionCallOutputItem,
    ItemReference,
    McpApprovalRequestItem,
    McpApprovalResponseItem,
    McpCallItem,
    McpListedTool,
    McpListToolsItem,
    MessageItem,
)
from azure_realtime.models.responses import (
    CachedTokensDetails,
    InputTokenDetails,
    OutputTokenDetails,
    Response,
    ResponseConfig,
    StatusDetails,
    StatusError,
    Usage,
)
from azure_realtime.models.session import Session, SessionConfig
from azure_realtime.models.session_parts import (
    NoiseReduction,
    Prompt,
    Reasoning,
    RetentionRatioTruncation,
    Tracing,
    Transcription,
)
from azure_realtime.models.tools import (
    FunctionTool,
    McpTool,
    ToolChoiceFunction,
    ToolChoiceMcp,
)
from azure_realtime.models.turn_detection import SemanticVad, ServerVad

TABLES = Path(__file__).parents[3] / "shared" / "protocol"

pytestmark = pytest.mark.skipif(
    not TABLES.is_dir(), reason="the protocol's tables are not at hand"
)


def _table(name: str) -> dict[str, Any]:
    path = TABLES / f"{name}.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


GA = _table("ga")
PREVIEW_TABLE = _table("preview")
MAPPING = _table("mapping")
ENUMS = _table("enums")
_OURS = {"raw", "problems", "generation", "extra"}

#: Object of the GA table -> our class and the names it has elsewhere.
OBJECTS: dict[str, type] = {
    "RealtimeConversationItemMessageSystem": MessageItem,
    "RealtimeConversationItemMessageUser": MessageItem,
    "RealtimeConversationItemMessageAssistant": MessageItem,
    "RealtimeConversationItemFunctionCall": FunctionCallItem,
    "RealtimeConversationItemFunctionCallOutput": FunctionCallOutputItem,
    "RealtimeMCPApprovalResponse": McpApprovalResponseItem,
    "RealtimeMCPListTools": McpListToolsItem,
    "MCPListToolsTool": McpListedTool,
    "RealtimeMCPToolCall": McpCallItem,
    "RealtimeMCPApprovalRequest": McpApprovalRequestItem,
    "RealtimeItemReference": ItemReference,
    "RealtimeFunctionTool": FunctionTool,
    "MCPTool": McpTool,
    "ToolChoiceFunction": ToolChoiceFunction,
    "ToolChoiceMCP": ToolChoiceMcp,
    "RealtimeReasoning": Reasoning,
    "Prompt": Prompt,
    "AudioTranscription": Transcription,
    "RealtimeTurnDetection.ServerVad": ServerVad,
    "RealtimeTurnDetection.SemanticVad": SemanticVad,
    "RealtimeSessionCreateRequestGA.audio.input.noise_reduction": NoiseReduction,
    "RealtimeSessionCreateRequestGA.tracing.TracingConfiguration": Tracing,
    "RealtimeTruncation.RetentionRatioTruncation": RetentionRatioTruncation,
    "LogProbProperties": LogProb,
    "TranscriptTextUsageTokens": TranscriptionUsage,
    "TranscriptTextUsageDuration": TranscriptionUsage,
    "RealtimeServerEventError.error": ErrorDetails,
    "RealtimeServerEventRateLimitsUpdated.rate_limits[]": RateLimit,
    "RealtimeServerEventConversationItemInputAudioTranscriptionFailed.error": (
        TranscriptionError
    ),
    "RealtimeResponse.status_details": StatusDetails,
    "RealtimeResponse.status_details.error": StatusError,
    "RealtimeResponse.usage": Usage,
    "RealtimeResponse.usage.input_token_details": InputTokenDetails,
    "RealtimeResponse.usage.input_token_details.cached_tokens_details": (
        CachedTokensDetails
    ),
    "RealtimeResponse.usage.output_token_details": OutputTokenDetails,
}


def _names(cls: type) -> set[str]:
    return {a.name for a in attrs.fields(cls)} - _OURS


def _promised(cls: type) -> set[str]:
    """
    Return the fields that have a plain type and are missed when they are missing.
    """
    return {
        a.name
        for a in attrs.fields(cls)
        if type(None) not in (get_args(a.type) or (a.type,))
        and a.name not in _OURS
        and not a.metadata.get("lenient")
    }


def _required(fields: dict[str, Any]) -> set[str]:
    return {k for k, v in fields.items() if v["required"]} - {"type", "event_id"}


@pytest.mark.parametrize("side", ["client", "server"])
def test_every_event_has_its_class(side: str) -> None:
    """
    Nothing the service says, and nothing it understands, is unknown to us.
    """
    ours = CLIENT_EVENTS if side == "client" else SERVER_EVENTS

    assert set(GA.get(side, ())) == set(ours)
    for name, cls in ours.items():
        words = name.replace(".", "_").split("_")
        expected = "".join(word.capitalize() for word in words)
        assert ("ErrorEvent" if name == "error" else expected) == cls.__name__


def test_every_preview_event_has_a_class() -> None:
    """
    The same for the preview protocol, by way of the names of GA.
    """
    for name in PREVIEW_TABLE["server"]:
        assert canonical(name) in SERVER_EVENTS
        assert name in KNOWN_EVENT_NAMES
    for name in PREVIEW_TABLE["client"]:
        assert canonical(name) in CLIENT_EVENTS


def test_received_events_have_their_fields() -> None:
    """
    Every field, and plain types exactly where the service promises a value.
    """
    for name in SERVER_EVENTS:
        fields = GA["server"][name]
        cls = SERVER_EVENTS[name]

        missing = set(fields) - {"type"} - _names(cls)
        assert set() == missing, name
        # ``usage`` and ``name`` are promised by GA alone; see the classes.
        kindly = {"usage", "name"} & _names(cls)
        assert _required(fields) - kindly == _promised(cls), name


def test_received_events_have_the_fields_of_preview() -> None:
    """
    Under either name of the event.
    """
    for name in SERVER_EVENTS:
        former = {new: old for old, new in RENAMED.items() if "session" not in old}
        fields = PREVIEW_TABLE["server"].get(former.get(name, name), {})

        assert set() == set(fields) - {"type"} - _names(SERVER_EVENTS[name]), name


def test_commands_have_their_fields() -> None:
    """
    What must be given is what the service requires.
    """
    for name in CLIENT_EVENTS:
        fields = GA["client"][name]
        attributes = attrs.fields(CLIENT_EVENTS[name])

        assert set(fields) - {"type"} == {a.name for a in attributes}, name
        assert _required(fields) == {
            a.name for a in attributes if a.default is attrs.NOTHING
        }, name


def test_objects_have_their_fields() -> None:
    """
    Items, parts, tools and all that is inside them.
    """
    for name in OBJECTS:
        fields = GA["objects"][name]
        # One class stands for both kinds of MCP approval; what varies is optional.
        known = _names(OBJECTS[name]) | {"type", "object"}

        assert set() == set(fields) - known, name


def test_content_parts_have_their_fields() -> None:
    """
    The tables list the parts of a user message as one object.
    """
    fields = GA["objects"]["RealtimeConversationItemMessageUser.content[]"]

    ours = _names(InputText) | _names(InputAudio) | _names(InputImage) | {"type"}
    assert set(fields) == ours


@pytest.mark.parametrize(
    ("name", "cls", "paths"),
    [
        ("RealtimeSessionCreateRequestGA", SessionConfig, SESSION_PATHS),
        ("RealtimeTranscriptionSessionCreateRequestGA", SessionConfig, SESSION_PATHS),
        ("RealtimeSessionCreateResponseGA", Session, SESSION_PATHS),
        ("RealtimeTranscriptionSessionCreateResponseGA", Session, SESSION_PATHS),
        ("RealtimeResponseCreateParams", ResponseConfig, RESPONSE_PATHS),
        ("RealtimeResponse", Response, RESPONSE_PATHS),
    ],
)
def test_nested_shapes_are_covered_to_the_leaves(
    name: str, cls: type, paths: dict[str, tuple[str, ...]]
) -> None:
    """
    Every field of a session and a response has a flat name.
    """
    flat = {path: name for name, path in paths.items()}

    def walk(table: str, path: tuple[str, ...]) -> None:
        for field in GA["objects"][table]:
            here = (*path, field)
            if here in (("audio",), ("audio", "input"), ("audio", "output")):
                walk(f"{table}.{field}", here)
            else:
                assert flat.get(here, field) in _names(cls)
                assert here in flat or len(here) == 1

    walk(name, ())


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("Session", SessionConfig),
        ("SessionResource", Session),
        ("TranscriptionSession", SessionConfig),
        ("TranscriptionSessionResource", Session),
        ("Response", Response),
    ],
)
def test_the_flat_shape_is_that_of_preview(name: str, cls: type) -> None:
    """
    The original's flat vocabulary is ours, whichever protocol is spoken.
    """
    assert set() == set(PREVIEW_TABLE["objects"][name]) - _names(cls)


def test_response_parameters_of_preview_are_known() -> None:
    """
    But for those of the first version, which go through ``extra``.
    """
    first = {"commit", "cancel_previous", "append_input_items", "input_items"}
    fields = set(PREVIEW_TABLE["objects"]["ResponseParams"])

    assert first == fields - _names(ResponseConfig)


def test_event_names_map_as_published() -> None:
    """
    The table of renamed events is the published one.
    """
    for old, new in MAPPING["server_events"].items():
        if isinstance(new, str) and new in SERVER_EVENTS:
            assert new == canonical(old)
    assert set(RENAMED) <= set(MAPPING["server_events"]) | set(MAPPING["client_events"])


def test_session_fields_map_as_published() -> None:
    """
    Every flat name leads to the place in the GA session that the table gives.
    """
    for row in MAPPING["session_fields"]:
        old, new = row["preview"], row["ga"]
        if old and new and "," not in old:
            assert new == ".".join(SESSION_PATHS.get(old, (old,)))


def test_response_fields_map_as_published() -> None:
    """
    Likewise for what is asked of a response.
    """
    for row in MAPPING["response_create_fields"]:
        old, new = row["preview"], row["ga"]
        if old and new:
            old = old.split(" ")[0]
            assert new == ".".join(RESPONSE_PATHS.get(old, (old,)))


def test_formats_map_as_published() -> None:
    """
    Both ways.
    """
    for row in MAPPING["formats"]:
        assert row["ga"] == nested_format(row["preview"])
        assert row["preview"] == flat_format(row["ga"])


def test_ga_only_fields_are_not_sent_on_preview() -> None:
    """
    A field that preview would refuse never makes it refuse the whole update.
    """
    allowed = set(PREVIEW_TABLE["objects"]["Session"])
    message: dict[str, Any] = {
        "type": "session.update",
        "session": {
            row["ga"]: None
            for row in MAPPING["session_fields"]
            if row["ga"] and "." not in row["ga"] and "," not in row["ga"]
        },
    }
    message["session"].update(type="realtime", audio={"input": {}, "output": {}})

    wire = PREVIEW.to_wire(message)

    assert set() == set(wire["session"]) - allowed - {"expires_at"}


@pytest.mark.parametrize(
    ("alias", "values"),
    [
        (enums.Voice, lambda: ENUMS["voices"]["ga"]),
        (enums.AudioFormat, lambda: list(ENUMS["audio_formats"]["preview"])),
        (enums.Eagerness, lambda: ENUMS["turn_detection"]["semantic_vad"]["eagerness"]["values"]),
        (enums.NoiseReductionType, lambda: [x for x in ENUMS["noise_reduction"] if x]),
        (enums.TranscriptionModel, lambda: ENUMS["transcription_models"]["names"]),
        (enums.TranscriptionDelay, lambda: ENUMS["transcription_models"]["delay"]["values"]),
        (enums.ToolChoiceMode, lambda: ENUMS["tool_choice"]["strings"]),
        (enums.TruncationMode, lambda: ENUMS["truncation"]["strings"]),
        (enums.ReasoningEffort, lambda: ENUMS["reasoning_effort"]["azure_live_2_1"]),
        (enums.Include, lambda: ENUMS["include"]),
        (enums.ConversationMode, lambda: ENUMS["conversation"]),
        (enums.ItemStatus, lambda: ENUMS["item_status"]),
        (enums.ResponseStatus, lambda: ENUMS["response_status"]),
        (enums.StatusReason, lambda: ENUMS["status_reason"]),
        (enums.Role, lambda: ENUMS["roles"]),
        (enums.Phase, lambda: ENUMS["phase"]),
        (enums.ImageDetail, lambda: ENUMS["image_detail"]),
    ],
)  # fmt: skip
def test_values_are_those_published(alias: Any, values: Any) -> None:
    """
    Editors complete every value the service is known to take.
    """
    assert set(values()) == set(get_args(alias))


def test_item_types_are_those_published() -> None:
    """
    Every type of item has its class.
    """
    assert {*ENUMS["item_types"], "item_reference"} == set(_ITEMS)
