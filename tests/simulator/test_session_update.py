"""
What session.update takes, and what it refuses, on both protocols.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from azure_realtime.simulator import Simulator

Client = Any
Join = Callable[..., Any]
Serve = Callable[..., Simulator]
Json = dict[str, Any]


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"type": "realtime", "bogus": 1}, "unknown_parameter", "session.bogus"),
        ({}, "missing_required_parameter", "session.type"),
        ({"type": "other"}, "invalid_value", "session.type"),
        ({"type": "transcription"}, "invalid_value", "session.type"),
        ({"type": "realtime", "voice": "ash"}, "unknown_parameter", "session.voice"),
        (
            {"type": "realtime", "temperature": 0.8},
            "unknown_parameter",
            "session.temperature",
        ),
        (
            {"type": "realtime", "modalities": ["text"]},
            "unknown_parameter",
            "session.modalities",
        ),
        (
            {"type": "realtime", "audio": {"output": {"voice": "fable"}}},
            "invalid_value",
            "session.audio.output.voice",
        ),
        (
            {"type": "realtime", "audio": {"input": {"format": {"type": "pcm16"}}}},
            "invalid_value",
            "session.audio.input.format.type",
        ),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"type": 1}}}},
            "invalid_type",
            "session.audio.input.turn_detection.type",
        ),
        (
            {"type": "realtime", "output_modalities": ["text", "audio"]},
            "invalid_value",
            "session.output_modalities",
        ),
        (
            {"type": "realtime", "max_output_tokens": 0},
            "integer_below_min_value",
            "session.max_output_tokens",
        ),
        (
            {"type": "realtime", "max_output_tokens": 5000},
            "integer_above_max_value",
            "session.max_output_tokens",
        ),
        (
            {"type": "realtime", "audio": {"output": {"speed": 9}}},
            "decimal_above_max_value",
            "session.audio.output.speed",
        ),
        (
            {"type": "realtime", "instructions": 5},
            "invalid_type",
            "session.instructions",
        ),
        (
            {"type": "realtime", "tools": [{"type": "function"}]},
            "missing_required_parameter",
            "session.tools[0].name",
        ),
        (
            {
                "type": "realtime",
                "tool_choice": {"type": "function", "function": {"name": "f"}},
            },
            "missing_required_parameter",
            "session.tool_choice.name",
        ),
        ({"type": "realtime", "reasoning": {"effort": "low"}}, "invalid_value", None),
        ({"type": "realtime", "parallel_tool_calls": True}, "invalid_value", None),
        ([], "invalid_type", "session"),
        (None, "invalid_type", "session"),
    ],
)
def test_a_ga_update_with_a_fault_is_refused_whole(
    serve: Serve, join: Join, session: Any, code: str, param: str | None
) -> None:
    """A GA session update with one fault is refused whole, and the fault is named."""
    client = join(serve())
    if isinstance(session, dict):
        session = {**session, "include": None}
    error = client.refusal("session.update", session=session)

    assert (code, param) == (error["code"], error["param"])
    assert (None if param is None else "mine") == error["event_id"]
    assert "invalid_request_error" == error["type"]


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"type": "realtime"}, "unknown_parameter", "session.type"),
        ({"audio": {}}, "unknown_parameter", "session.audio"),
        ({"output_modalities": []}, "unknown_parameter", "session.output_modalities"),
        ({"modalities": ["audio"]}, "invalid_value", "session.modalities"),
        ({"voice": "marin"}, "invalid_value", "session.voice"),
        ({"temperature": 2}, "decimal_above_max_value", "session.temperature"),
        ({"input_audio_format": "mp3"}, "invalid_value", "session.input_audio_format"),
        (
            {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}},
            "unknown_parameter",
            "session.turn_detection.idle_timeout_ms",
        ),
        (
            {"tools": [{"type": "mcp", "server_label": "x"}]},
            "invalid_value",
            "session.tools[0].type",
        ),
    ],
)
def test_a_preview_update_is_judged_by_its_own_vocabulary(
    serve: Serve, join: Join, session: Json, code: str, param: str
) -> None:
    """A preview session update is judged by preview's own vocabulary."""
    client = join(serve(), "preview")
    error = client.refusal("session.update", session=session)

    assert (code, param) == (error["code"], error["param"])


def test_update_is_all_or_nothing(client: Client) -> None:
    """Nothing of a refused update is applied."""
    client.update(
        {"instructions": "New.", "bogus": 1}, {"instructions": "New.", "bogus": 1}
    )
    answer = client.update({"tools": []}, {"tools": []})

    assert "New." != answer["session"]["instructions"]


def test_voice_is_locked_after_speech(client: Client) -> None:
    """After the first assistant audio another voice is refused, the same one is not."""
    client.ask("hello")
    same = client.update({"audio": {"output": {"voice": "alloy"}}}, {"voice": "alloy"})
    other = client.update({"audio": {"output": {"voice": "ash"}}}, {"voice": "ash"})

    assert "session.updated" == same["type"]
    assert "cannot_update_voice" == other["error"]["code"]
    path = "voice" if client.protocol == "preview" else "audio.output.voice"
    assert f"session.{path}" == other["error"]["param"]


def test_reasoning_model_may_reason(serve: Serve, join: Join) -> None:
    """A model that reasons takes the reasoning settings."""
    client = join(serve(), path="/openai/v1/realtime?model=gpt-realtime-2.1")
    answer = client.update(
        {"reasoning": {"effort": "low"}, "parallel_tool_calls": True}
    )

    assert "low" == answer["session"]["reasoning"]["effort"]


def test_whisper_needs_no_turn_detection(serve: Serve, join: Join) -> None:
    """The streaming Whisper transcribes only without turn detection and prompt."""
    client = join(serve(), path="/openai/v1/realtime?intent=transcription")

    def configured(transcription: Json, **listening: Any) -> Json:
        settings = {"transcription": transcription, **listening}
        session = {"type": "transcription", "audio": {"input": settings}}
        client.send("session.update", session=session)
        answer: Json = client.receive()
        return answer

    whisper = {"model": "gpt-realtime-whisper"}
    detecting = configured(whisper)
    prompted = configured({**whisper, "prompt": "names"}, turn_detection=None)
    right = configured(whisper, turn_detection=None)

    assert "session.audio.input.turn_detection" == detecting["error"]["param"]
    assert "session.audio.input.transcription.prompt" == prompted["error"]["param"]
    assert "session.updated" == right["type"]
