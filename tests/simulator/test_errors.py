"""
What the service says to what it does not accept: the real codes, and nothing applied.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from azure_realtime.simulator import Simulator

Client = Any
Join = Callable[..., Any]
Serve = Callable[..., Simulator]
Json = dict[str, Any]

_ERRORS = Path(__file__).parents[3] / "shared" / "protocol" / "errors.json"
_COVERED = {
    "beta_api_shape_disabled": "OpenAI alone: connection.close(4000, ...)",
    "content_filter": "Reply(status='incomplete', reason='content_filter')",
    "audio_unintelligible": "unscripted: connection.send(...)",
    "immutable_field_update": "GPT-Live",
    "invalid_audio": "GPT-Live",
    "rate_limit_exceeded": "Reply(status='failed', error_code=...)",
    "inference_rate_limit_exceeded": "Reply(status='failed', error_code=...)",
    "insufficient_quota": "Reply(status='failed', error_code=...)",
    "invalid_api_key": "connection.send(...)",
    "account_deactivated": "connection.send(...)",
    "billing_hard_limit_reached": "connection.send(...)",
    "model_not_found": "connection.send(...)",
    "DeploymentNotFound": "test_handshake.py, test_missing_transcription_deployment",
    "OperationNotSupported": "test_handshake.py",
    "session_expired": "test_sequences.py",
    None: "test_script_that_raises",
}


def refusal(client: Client, kind: str, **fields: Any) -> Json:
    """
    Send a command and return the error it is answered with.
    """
    client.send(kind, event_id="mine", **fields)
    error: Json = client.until("error")["error"]
    return error


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
def test_ga_session_refusals(
    serve: Serve, join: Join, session: Any, code: str, param: str | None
) -> None:
    """A GA session update with one fault is refused whole, and the fault is named."""
    client = join(serve())
    if isinstance(session, dict):
        session = {**session, "include": None}
    error = refusal(client, "session.update", session=session)

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
def test_preview_session_refusals(
    serve: Serve, join: Join, session: Json, code: str, param: str
) -> None:
    """A preview session update is judged by preview's own vocabulary."""
    client = join(serve(), "preview")
    error = refusal(client, "session.update", session=session)

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


@pytest.mark.parametrize(
    ("kind", "fields", "code", "param"),
    [
        ("nonsense", {}, "invalid_value", "type"),
        ("session.update", {}, "missing_required_parameter", "session"),
        ("response.cancel", {}, "response_cancel_not_active", None),
        ("response.cancel", {"response_id": 3}, "invalid_type", "response_id"),
        (
            "response.create",
            {"response": {"foo": 1}},
            "unknown_parameter",
            "response.foo",
        ),
        ("response.create", {"foo": 1}, "unknown_parameter", "foo"),
        ("input_audio_buffer.commit", {}, "input_audio_buffer_commit_empty", None),
        ("input_audio_buffer.append", {"audio": "###"}, "invalid_value", "audio"),
        ("input_audio_buffer.append", {"audio": "AAAA"}, "invalid_value", "audio"),
        ("input_audio_buffer.append", {"audio": 1}, "invalid_type", "audio"),
        ("input_audio_buffer.append", {}, "missing_required_parameter", "audio"),
        (
            "conversation.item.delete",
            {"item_id": "no"},
            "item_delete_invalid_item_id",
            "item_id",
        ),
        (
            "conversation.item.retrieve",
            {"item_id": "no"},
            "item_retrieve_invalid_item_id",
            "item_id",
        ),
        (
            "conversation.item.truncate",
            {"item_id": "no", "content_index": 0, "audio_end_ms": 0},
            "item_truncate_invalid_item_id",
            "item_id",
        ),
        (
            "conversation.item.truncate",
            {"item_id": "no", "content_index": 0, "audio_end_ms": -1},
            "integer_below_min_value",
            "audio_end_ms",
        ),
        (
            "conversation.item.create",
            {"item": {"type": "message", "role": "user"}},
            "missing_required_parameter",
            "item.content",
        ),
        (
            "conversation.item.create",
            {
                "item": {
                    "type": "message",
                    "role": "system",
                    "content": [{"type": "input_audio", "audio": ""}],
                }
            },
            "unsupported_content_type",
            "item.content[0].type",
        ),
        (
            "conversation.item.create",
            {"item": {"type": "message", "role": "robot", "content": []}},
            "invalid_value",
            "item.role",
        ),
        (
            "conversation.item.create",
            {
                "item": {"type": "message", "role": "user", "content": []},
                "previous_item_id": "no",
            },
            "item_create_invalid_previous_item_id",
            "previous_item_id",
        ),
        (
            "response.create",
            {"response": {"input": [{"type": "item_reference", "id": "no"}]}},
            "invalid_value",
            "response.input[0].id",
        ),
        (
            "response.create",
            {"response": {"metadata": {str(n): "" for n in range(17)}}},
            "object_above_max_properties",
            "response.metadata",
        ),
        (
            "response.create",
            {"response": {"metadata": {"key": "x" * 513}}},
            "string_above_max_length",
            "response.metadata.key",
        ),
    ],
)
def test_command_refusals(
    client: Client, kind: str, fields: Json, code: str, param: str | None
) -> None:
    """A command that cannot be carried out is refused with the service's code."""
    error = refusal(client, kind, **fields)

    assert (code, param, "mine") == (error["code"], error["param"], error["event_id"])


def test_long_event_id(client: Client) -> None:
    """An event id of more than 512 characters is refused."""
    client.send("input_audio_buffer.clear", event_id="x" * 513)

    assert "string_above_max_length" == client.until("error")["error"]["code"]


def test_duplicate_item(client: Client) -> None:
    """An item id can be used once; the refusal does not say whose command it was."""
    client.say("Hello", "item_a")
    item = {"type": "message", "role": "user", "content": [], "id": "item_a"}
    error = refusal(client, "conversation.item.create", item=item)

    assert "item_create_duplicate_item_id" == error["code"]
    assert (None, None) == (error["param"], error["event_id"])


def test_active_response(serve: Serve, join: Join, protocol: str) -> None:
    """A second response in the conversation is refused while one is active."""
    client = join(serve(), protocol)
    client.say("Tell me a long story")
    client.send("response.create")
    client.until("response.output_audio.delta")
    error = refusal(client, "response.create")

    assert "conversation_already_has_active_response" == error["code"]
    assert "mine" == error["event_id"]
    assert client.named("response.created")[0]["response"]["id"] in error["message"]


def test_too_long_truncation(client: Client) -> None:
    """Truncating beyond the end is an error, and happens at the real end."""
    item = client.ask("hello")["output"][0]
    error = refusal(
        client,
        "conversation.item.truncate",
        item_id=item["id"],
        content_index=0,
        audio_end_ms=10_000_000,
    )
    truncated = client.until("conversation.item.truncated")

    assert ("invalid_value", None) == (error["code"], error["event_id"])
    real = truncated["audio_end_ms"]
    assert f"Audio content of {real}ms is already shorter" in error["message"]


def test_truncating_a_user_message(client: Client) -> None:
    """Only what the assistant said can be truncated."""
    client.say("Hello", "item_a")
    error = refusal(
        client,
        "conversation.item.truncate",
        item_id="item_a",
        content_index=0,
        audio_end_ms=0,
    )

    assert "item_truncate_invalid_item_id" == error["code"]


def test_commit_of_too_little(client: Client) -> None:
    """Less than 100 ms cannot be committed, and the error says how much there is."""
    client.append(bytes(4798))
    error = refusal(client, "input_audio_buffer.commit")

    assert "buffer only has 99.96ms of audio" in error["message"]


def test_too_much_audio(serve: Serve, join: Join) -> None:
    """An append of 15 MiB is taken, one with more is refused."""
    client = join(serve())
    client.detect(None)
    limit = 15 * 1024 * 1024
    client.append(bytes(limit), limit)
    too_much = base64.b64encode(bytes(limit + 2)).decode()
    error = refusal(client, "input_audio_buffer.append", audio=too_much)

    assert ("invalid_value", "audio") == (error["code"], error["param"])


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", "invalid_json"),
        ("[" * 100_000, "invalid_json"),
        ("", "invalid_json"),
        ("[]", "invalid_event"),
        ("null", "invalid_event"),
        ("{}", "invalid_event"),
        ('{"type": null}', "invalid_event"),
        ('{"type": 5}', "invalid_value"),
        ('{"type": {"a": []}}', "invalid_value"),
        ('{"type": "response.create", "event_id": 5}', "invalid_type"),
        ('{"type": "response.create", "response": []}', "invalid_type"),
        ('{"type": "session.update", "session": {"type": []}}', None),
        (b"\x00\x01", "invalid_event"),
    ],
)
def test_malformed_messages(
    client: Client, message: str | bytes, code: str | None
) -> None:
    """No message whatever breaks the service; each is answered with an error."""
    client.socket.send(message)
    error = client.until("error")["error"]
    client.say("Still there?")
    client.until("conversation.item.added")

    assert code in (error["code"], None)
    assert "server_error" != error["type"]


def test_missing_transcription_deployment(client: Client, speech: bytes) -> None:
    """A missing transcription deployment fails the turn's text, not the turn."""
    client.detect({"type": "server_vad"}, transcription={"model": "missing-whisper"})
    client.append(speech)
    name = "conversation.item.input_audio_transcription.failed"
    kinds = {name: "", "response.done": ""}
    while kinds:
        event = client.receive()
        kinds.pop(event["type"], None)

    error = client.named(name)[0]["error"]
    assert ("server_error", "DeploymentNotFound") == (error["type"], error["code"])
    assert "completed" == client.named("response.done")[0]["response"]["status"]


def test_script_that_raises(serve: Serve, join: Join, protocol: str) -> None:
    """A script that raises is a model that fails, not a service that dies."""

    def script(request: Any) -> str:
        raise LookupError("no idea")

    client = join(serve(replies=script), protocol)
    first, second = client.ask("hello"), client.ask("hello again")

    assert ["failed", "failed"] == [first["status"], second["status"]]
    assert "server_error" == first["status_details"]["error"]["type"]


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


def test_no_responses_in_a_transcription_session(serve: Serve, join: Join) -> None:
    """A transcription session answers nothing."""
    client = join(serve(), path="/openai/v1/realtime?intent=transcription")

    assert "invalid_value" == refusal(client, "response.create")["code"]


def test_every_code_is_known_here() -> None:
    """Each error code of the protocol tables is either tested here or explained."""
    if not _ERRORS.exists():
        pytest.skip("the protocol tables are not part of the package")
    text = Path(__file__).read_text(encoding="utf-8")
    codes = [entry["code"] for entry in json.loads(_ERRORS.read_text())["errors"]]

    for code in codes:
        plain = code.split("|")[0].split(" ")[0] if code is not None else None
        assert plain in _COVERED or f'"{plain}"' in text
