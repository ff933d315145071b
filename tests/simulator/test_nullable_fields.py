"""
Every nullable field of a command is accepted as null, as the real service does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from azure_realtime.simulator import Simulator

Json = dict[str, Any]
Serve = Callable[..., Simulator]
Join = Callable[..., Any]

_TOOL = {"type": "mcp", "server_label": "a", "server_url": "https://example.com"}
_IMAGE = {"type": "input_image", "detail": "auto"}
_MCP_CALL = {"id": "mcp_1", "type": "mcp_call", "server_label": "a", "name": "b"}
_LISTED = {"name": "b", "input_schema": {}}


def _session(**fields: Any) -> Json:
    return {"type": "session.update", "session": {"type": "realtime", **fields}}


def _response(**fields: Any) -> Json:
    return {"type": "response.create", "response": fields}


def _item(**fields: Any) -> Json:
    return {"type": "conversation.item.create", "item": fields}


def _prompt(**fields: Any) -> Json:
    return _session(prompt={"id": "pmpt_1", **fields})


def _detection(**fields: Any) -> Json:
    return {"audio": {"input": {"turn_detection": {"type": "server_vad", **fields}}}}


_NO_DETECTION = {"audio": {"input": {"turn_detection": None}}}

COMMANDS: dict[str, Json] = {
    "RealtimeConversationItemMessageAssistant.phase": _item(
        type="message",
        role="assistant",
        content=[{"type": "output_text", "text": "Hi"}],
        phase=None,
    ),
    "RealtimeMCPApprovalResponse.reason": _item(
        id="mcpr_1",
        type="mcp_approval_response",
        approval_request_id="mcpr_2",
        approve=False,
        reason=None,
    ),
    "MCPListToolsTool.description": _item(
        type="mcp_list_tools",
        server_label="a",
        tools=[{**_LISTED, "description": None}],
    ),
    "MCPListToolsTool.annotations": _item(
        type="mcp_list_tools",
        server_label="a",
        tools=[{**_LISTED, "annotations": None}],
    ),
    **{
        f"RealtimeMCPToolCall.{name}": _item(
            **_MCP_CALL, arguments="{}", **{name: None}
        )
        for name in ("approval_request_id", "output", "error")
    },
    "RealtimeResponseCreateParams.instructions": _response(instructions=None),
    "RealtimeResponseCreateParams.metadata": _response(metadata=None),
    "RealtimeResponseCreateParams.prompt": _response(prompt=None),
    **{
        f"MCPTool.{name}": _session(tools=[{**_TOOL, name: None}])
        for name in ("headers", "allowed_tools", "allowed_callers", "require_approval")
    },
    "ToolChoiceMCP.name": _session(
        tools=[_TOOL], tool_choice={"type": "mcp", "server_label": "a", "name": None}
    ),
    "Prompt.version": _prompt(version=None),
    "Prompt.variables": _prompt(variables=None),
    "InputImageContent.image_url": _prompt(
        variables={"a": {**_IMAGE, "image_url": None, "file_id": "file_1"}}
    ),
    "InputImageContent.file_id": _prompt(
        variables={"a": {**_IMAGE, "image_url": "https://a.b/c.png", "file_id": None}}
    ),
    "InputFileContent.file_id": _prompt(
        variables={"a": {"type": "input_file", "file_data": "", "file_id": None}}
    ),
    "RealtimeSessionCreateRequestGA.tracing": _session(tracing=None),
    "RealtimeSessionCreateRequestGA.prompt": _session(prompt=None),
    "RealtimeSessionCreateRequestGA.audio.input.turn_detection": _session(
        **_NO_DETECTION
    ),
    "RealtimeTurnDetection.ServerVad.idle_timeout_ms": _session(
        **_detection(idle_timeout_ms=None)
    ),
    "RealtimeTranscriptionSessionCreateRequestGA.audio.input.turn_detection": {
        "type": "session.update",
        "session": {"type": "transcription", **_NO_DETECTION},
    },
    # Not nullable by the table; clients send these, and the service takes them.
    "conversation.item.create.previous_item_id": {
        **_item(
            type="message",
            role="user",
            content=[{"type": "input_text", "text": "Hi"}],
        ),
        "previous_item_id": None,
    },
    "RealtimeSessionCreateRequestGA.audio.input.noise_reduction": _session(
        audio={"input": {"noise_reduction": None}}
    ),
    "RealtimeSessionCreateRequestGA.audio.input.transcription": _session(
        audio={"input": {"transcription": None}}
    ),
}
"""Object and field of the table -> a command in which the field is null."""

_ANSWERS = ("session.updated", "conversation.item.added", "response.created", "error")


def nullable(part: Any, path: str = "") -> Iterator[str]:
    """
    Yield the paths of the nullable fields of the protocol's objects.
    """
    for name, value in part.items():
        if isinstance(value, dict):
            where = f"{path}.{name}".removeprefix(".")
            if value.get("nullable"):
                yield where
            yield from nullable(value, where)


@pytest.mark.parametrize("path", COMMANDS)
def test_null_is_accepted(path: str, serve: Serve, join: Join) -> None:
    """
    The command is acknowledged, and no error is sent.
    """
    transcription = "Transcription" in path
    client = join(
        serve(pace=0),
        path="/openai/v1/realtime?intent=transcription" if transcription else None,
    )
    command = dict(COMMANDS[path])
    client.send(command.pop("type"), **command)
    answer = client.receive()
    while answer["type"] not in _ANSWERS:
        answer = client.receive()
    assert answer["type"] != "error", answer


def test_the_table_is_complete(protocol_tables: Path) -> None:
    """
    Each nullable field that a client may send has a command above.
    """
    objects = json.loads((protocol_tables / "ga.json").read_text("utf-8"))["objects"]
    missing = {
        path
        for path in nullable(objects)
        if not path.startswith(("RealtimeServerEvent", "RealtimeResponse."))
        and "ResponseGA" not in path
    }
    assert missing <= set(COMMANDS)
    assert len(missing) > 20
