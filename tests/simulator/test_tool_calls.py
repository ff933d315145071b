"""
Function calls: scripted, improvised, and forced.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from azure_realtime.simulator import Reply, Simulator, ToolCall

Client = Any
Join = Callable[..., Any]
Serve = Callable[..., Simulator]

_WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Tell the weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            "days": {"type": "integer", "minimum": 3},
            "exact": {"type": "boolean"},
            "tags": {"type": "array", "items": {"type": "string", "format": "date"}},
            "place": {
                "type": "object",
                "properties": {"name": {"type": ["string", "null"]}},
            },
        },
    },
}
_TIME = {"type": "function", "name": "get_time", "parameters": {"type": "object"}}


def test_a_text_about_a_tool_calls_it(client: Client) -> None:
    """A text about a tool calls it, with arguments that fit its schema."""
    client.update({"tools": [_WEATHER, _TIME]}, {"tools": [_WEATHER, _TIME]})
    done = client.ask("What is the weather in Oslo?")
    call = done["output"][0]
    arguments = client.named("response.function_call_arguments.done")[0]

    assert ["get_weather"] == [item["name"] for item in done["output"]]
    assert call["call_id"].startswith("call_")
    assert call["arguments"] == arguments["arguments"]
    expected = {
        "city": "Oslo",
        "unit": "celsius",
        "days": 3,
        "exact": True,
        "tags": ["2026-01-31"],
        "place": {"name": "Oslo"},
    }
    assert expected == json.loads(call["arguments"])


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("none", []),
        ("auto", []),
        ("required", ["get_weather"]),
        ({"type": "function", "name": "get_time"}, ["get_time"]),
    ],
)
def test_tool_choice_forces_or_prevents_a_call(
    client: Client, choice: Any, names: list[str]
) -> None:
    """The tool choice forces a call, or prevents it."""
    settings = {"tools": [_WEATHER, _TIME], "tool_choice": choice}
    client.update(settings, settings)
    done = client.ask("Hello")

    assert names == [item["name"] for item in done["output"] if "name" in item]


def test_a_text_about_two_tools_calls_both(client: Client) -> None:
    """A text about two tools calls both."""
    client.update({"tools": [_WEATHER, _TIME]}, {"tools": [_WEATHER, _TIME]})
    done = client.ask("Weather and time, please")

    assert ["get_weather", "get_time"] == [item["name"] for item in done["output"]]


def test_forced_choice_does_not_loop(client: Client) -> None:
    """A tool's output is answered in words even if the choice forces a call."""
    settings = {"tools": [_TIME], "tool_choice": "required"}
    client.update(settings, settings)
    call = client.ask("Hello")["output"][0]
    output = {
        "type": "function_call_output",
        "call_id": call["call_id"],
        "output": "12",
    }
    client.send("conversation.item.create", item=output)
    client.send("response.create")
    done = client.until("response.done")["response"]

    assert "12" in done["output"][0]["content"][0]["transcript"]


def test_a_script_may_send_invalid_arguments(serve: Serve, join: Join) -> None:
    """A script may call with arguments that are no JSON, as models do."""
    calls = [ToolCall("get_time", '{"zone": ', "call_x")]
    done = join(serve(pace=0, replies=[Reply(calls=calls)])).ask("Hello")

    call = done["output"][0]
    assert ('{"zone": ', "call_x") == (call["arguments"], call["call_id"])
