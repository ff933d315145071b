"""
Whatever a client sends, the service answers in its own words and lives on.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.sync.client import connect

from azure_realtime.simulator import Simulator

Json = dict[str, Any]

_PART = {"type": "input_text", "text": "Hi", "audio": "AAA=", "transcript": "x"}
_ITEM = {
    "id": "item_1",
    "type": "message",
    "role": "user",
    "status": "completed",
    "content": [_PART],
    "call_id": "c",
    "output": "o",
    "name": "n",
    "arguments": "{}",
    "approval_request_id": "a",
    "approve": True,
}
_VAD = {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 1}
_TOOLS = [
    {"type": "function", "name": "f", "parameters": {"type": "object"}},
    {"type": "mcp", "server_label": "s", "allowed_tools": {"tool_names": ["t"]}},
]
_GA = {
    "type": "realtime",
    "output_modalities": ["text"],
    "instructions": "x",
    "audio": {
        "input": {
            "format": {"type": "audio/pcmu"},
            "transcription": {"model": "whisper-1"},
            "turn_detection": _VAD,
        },
        "output": {"voice": "ash", "speed": 1, "format": {"type": "audio/pcm"}},
    },
    "tools": _TOOLS,
    "tool_choice": {"type": "function", "name": "f"},
    "max_output_tokens": 5,
}
_PREVIEW = {
    "modalities": ["text"],
    "voice": "ash",
    "input_audio_format": "g711_ulaw",
    "turn_detection": _VAD,
    "tools": _TOOLS[:1],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "max_response_output_tokens": "inf",
}
_RESPONSE = {
    "conversation": "none",
    "metadata": {"a": "b"},
    "input": [_ITEM, {"type": "item_reference", "id": "item_1"}],
    "output_modalities": ["text"],
    "modalities": ["text"],
    "audio": {"output": {"voice": "ash"}},
    "tool_choice": "none",
    "max_output_tokens": 3,
}
_COMMANDS: list[Json] = [
    {"type": "session.update", "session": _GA},
    {"type": "session.update", "session": _PREVIEW},
    {"type": "input_audio_buffer.append", "audio": "AAAAAAAA"},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {"type": "conversation.item.create", "item": _ITEM, "previous_item_id": "root"},
    {"type": "conversation.item.retrieve", "item_id": "item_1"},
    {"type": "conversation.item.delete", "item_id": "item_1"},
    {
        "type": "conversation.item.truncate",
        "item_id": "item_1",
        "content_index": 0,
        "audio_end_ms": 1,
    },
    {"type": "response.create", "response": _RESPONSE, "event_id": "e"},
    {"type": "response.cancel", "response_id": "r"},
]
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)


@st.composite
def _spoilt(draw: st.DrawFn) -> Json:
    """
    Draw a command in which one value, anywhere, is another one or missing.
    """
    command: Json = json.loads(json.dumps(draw(st.sampled_from(_COMMANDS))))
    if draw(st.integers(0, 5)) == 0:
        return command
    place: Any = command
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw(st.sampled_from(keys))
        deeper = place[key]
        if isinstance(deeper, (dict, list)) and deeper and draw(st.booleans()):
            place = deeper
            continue
        if draw(st.booleans()):
            del place[key]
        else:
            place[key] = draw(_values)
        return command


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(commands=st.lists(_spoilt(), min_size=3, max_size=8))
@pytest.mark.parametrize(
    "path",
    [
        "/openai/v1/realtime?model=x",
        "/openai/v1/realtime?intent=transcription",
        "/openai/realtime?api-version=2025-04-01-preview&deployment=x",
        "/openai/realtime?api-version=2025-04-01-preview&intent=transcription",
    ],
)
def test_damaged_commands_are_refused(path: str, commands: list[Json]) -> None:
    """A command with anything wrong in it never makes the service itself fail."""
    with (
        Simulator(pace=0) as service,
        connect(
            service.url + path,
            additional_headers={"api-key": "k"},
            max_size=None,
            proxy=None,
            ping_interval=None,
        ) as socket,
    ):
        for command in commands:
            socket.send(json.dumps(command))
        socket.send(json.dumps({"type": "no such command"}))
        while True:
            event = json.loads(socket.recv(10))
            if event["type"] == "error":
                assert "server_error" != event["error"]["type"]
                if event["error"]["param"] == "type" and "no such" in str(event):
                    break
