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
    "DeploymentNotFound": "test_handshake.py, test_a_missing_transcription_deployment_fails_the_text_only",
    "OperationNotSupported": "test_handshake.py",
    "session_expired": "test_sequences.py",
    None: "test_a_script_that_raises_is_a_failed_response",
}


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
def test_a_command_that_cannot_be_carried_out_is_refused(
    client: Client, kind: str, fields: Json, code: str, param: str | None
) -> None:
    """A command that cannot be carried out is refused with the service's code."""
    error = client.refusal(kind, **fields)

    assert (code, param, "mine") == (error["code"], error["param"], error["event_id"])


def test_a_long_event_id_is_refused(client: Client) -> None:
    """An event id of more than 512 characters is refused."""
    client.send("input_audio_buffer.clear", event_id="x" * 513)

    assert "string_above_max_length" == client.until("error")["error"]["code"]


def test_an_item_id_can_be_used_once(client: Client) -> None:
    """An item id can be used once; the refusal does not say whose command it was."""
    client.say("Hello", "item_a")
    item = {"type": "message", "role": "user", "content": [], "id": "item_a"}
    error = client.refusal("conversation.item.create", item=item)

    assert "item_create_duplicate_item_id" == error["code"]
    assert (None, None) == (error["param"], error["event_id"])


def test_a_second_response_is_refused_while_one_is_active(
    serve: Serve, join: Join, protocol: str
) -> None:
    """A second response in the conversation is refused while one is active."""
    client = join(serve(pace=4), protocol)
    client.begin_story()
    error = client.refusal("response.create")

    assert "conversation_already_has_active_response" == error["code"]
    assert "mine" == error["event_id"]
    assert client.named("response.created")[0]["response"]["id"] in error["message"]


def test_truncation_beyond_the_end_is_an_error_at_the_real_end(client: Client) -> None:
    """Truncating beyond the end is an error, and happens at the real end."""
    item = client.ask("hello")["output"][0]
    error = client.refusal(
        "conversation.item.truncate",
        item_id=item["id"],
        content_index=0,
        audio_end_ms=10_000_000,
    )
    truncated = client.until("conversation.item.truncated")

    assert ("invalid_value", None) == (error["code"], error["event_id"])
    real = truncated["audio_end_ms"]
    assert f"Audio content of {real}ms is already shorter" in error["message"]


def test_a_user_message_cannot_be_truncated(client: Client) -> None:
    """Only messages of the assistant can be truncated."""
    client.say("Hello", "item_a")
    error = client.refusal(
        "conversation.item.truncate",
        item_id="item_a",
        content_index=0,
        audio_end_ms=0,
    )

    assert "item_truncate_invalid_item_id" == error["code"]


def test_a_commit_of_less_than_100_ms_is_refused(client: Client) -> None:
    """Less than 100 ms cannot be committed, and the error says how much there is."""
    client.append(bytes(4798))
    error = client.refusal("input_audio_buffer.commit")

    assert "buffer only has 99.96ms of audio" in error["message"]


@pytest.mark.slow
def test_an_append_of_more_than_15_mib_is_refused(serve: Serve, join: Join) -> None:
    """An append of 15 MiB is taken, one with more is refused."""
    client = join(serve())
    client.detect(None)
    limit = 15 * 1024 * 1024
    client.append(bytes(limit), limit)
    too_much = base64.b64encode(bytes(limit + 2)).decode()
    error = client.refusal("input_audio_buffer.append", audio=too_much)

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
def test_malformed_messages_are_answered_with_an_error(
    client: Client, message: str | bytes, code: str | None
) -> None:
    """No message whatever breaks the service; each is answered with an error."""
    client.socket.send(message)
    error = client.until("error")["error"]
    client.say("Still there?")
    client.until("conversation.item.added")

    assert code in (error["code"], None)
    assert "server_error" != error["type"]


@pytest.mark.slow
def test_a_missing_transcription_deployment_fails_the_text_only(
    client: Client, speech: bytes
) -> None:
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


def test_a_script_that_raises_is_a_failed_response(
    serve: Serve, join: Join, protocol: str
) -> None:
    """A script that raises is a model that fails, not a service that dies."""

    def script(request: Any) -> str:
        raise LookupError("no idea")

    client = join(serve(replies=script), protocol)
    first, second = client.ask("hello"), client.ask("hello again")

    assert ["failed", "failed"] == [first["status"], second["status"]]
    assert "server_error" == first["status_details"]["error"]["type"]


def test_a_transcription_session_makes_no_responses(serve: Serve, join: Join) -> None:
    """A transcription session answers nothing."""
    client = join(serve(), path="/openai/v1/realtime?intent=transcription")

    assert "invalid_value" == client.refusal("response.create")["code"]


def test_every_code_is_known_here() -> None:
    """Each error code of the protocol tables is either tested here or explained."""
    if not _ERRORS.exists():
        pytest.skip("the protocol tables are not part of the package")
    here = Path(__file__).parent.glob("test_*.py")
    text = "".join(path.read_text(encoding="utf-8") for path in here)
    codes = [entry["code"] for entry in json.loads(_ERRORS.read_text())["errors"]]

    for code in codes:
        plain = code.split("|")[0].split(" ")[0] if code is not None else None
        assert plain in _COVERED or f'"{plain}"' in text
