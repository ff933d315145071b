"""
The orders of events that the service keeps, on both protocols.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.orders import (
    CALL,
    CLOSE,
    SPOKEN,
    TURN,
    USER,
    WRITTEN,
    modality,
    outline,
    spelled,
    start_over,
)

from azure_realtime.simulator import Reply, Simulator, ToolCall

Client = Any
Join = Callable[..., Any]
Serve = Callable[..., Simulator]

_SEQUENCES = Path(__file__).parents[3] / "shared" / "protocol" / "sequences.json"
_TIME = {
    "type": "function",
    "name": "tell_time",
    "description": "Tell the time.",
    "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}},
}


def test_a_session_sends_its_defaults_and_confirms_an_update(client: Client) -> None:
    """A session says hello with its defaults, and confirms an update in full."""
    client.text_only()

    assert ["session.created", "session.updated"] == client.types()


def test_a_text_question_is_answered_in_text(client: Client) -> None:
    """A text question is acknowledged and answered in text."""
    client.text_only()
    start_over(client)
    client.ask("Hello there")

    expected = [*USER, "response.created", *WRITTEN, "response.done"]
    assert spelled(client, expected) == outline(client)


def test_a_spoken_question_is_committed_and_answered(
    client: Client, speech: bytes
) -> None:
    """The end of speech is found, the turn committed, and an answer spoken."""
    start_over(client)
    client.append(speech)
    client.until("response.done")

    assert spelled(client, [*TURN, *SPOKEN]) == outline(client)


def test_a_manual_commit_and_a_request_make_a_turn(
    client: Client, speech: bytes
) -> None:
    """Without turn detection, commit and response.create make the turn."""
    client.detect(None)
    start_over(client)
    client.append(speech)
    client.send("input_audio_buffer.commit")
    client.send("response.create")
    client.until("response.done")

    expected = ["input_audio_buffer.committed", *USER, *SPOKEN]
    assert spelled(client, expected) == outline(client)


def test_a_turn_without_create_response_waits_for_a_request(
    client: Client, speech: bytes
) -> None:
    """With create_response off, a turn is committed and no response is started."""
    client.detect({"type": "server_vad", "create_response": False})
    start_over(client)
    client.append(speech)
    client.until("conversation.item.added")
    client.send("response.create")
    client.until("response.done")

    assert spelled(client, [*TURN, *SPOKEN]) == outline(client)


def test_a_function_call_streams_its_arguments(
    serve: Serve, join: Join, protocol: str
) -> None:
    """A function call streams its arguments, and its output is answered."""
    replies = [Reply(calls=[ToolCall("tell_time", {"zone": "UTC"})]), "It is noon."]
    client = join(serve(pace=0, replies=replies), protocol)
    client.text_only()
    start_over(client)
    done = client.ask("What time is it?")

    expected = [*USER, "response.created", *CALL, "response.done"]
    assert spelled(client, expected) == outline(client)

    start_over(client)
    call = done["output"][0]
    output = {
        "type": "function_call_output",
        "call_id": call["call_id"],
        "output": "12",
    }
    client.send("conversation.item.create", item=output)
    client.send("response.create")
    client.until("response.done")

    expected = [*USER, "response.created", *WRITTEN, "response.done"]
    assert spelled(client, expected) == outline(client)


def test_parallel_calls_have_an_index_each(
    serve: Serve, join: Join, protocol: str
) -> None:
    """One response may hold a message and several calls, each with its own index."""
    calls = [ToolCall("tell_time", {"zone": "UTC"}), ToolCall("tell_time", {})]
    reply = Reply("One moment.", calls=calls, phase="commentary")
    client = join(serve(pace=0, replies=[reply]), protocol)
    client.text_only()
    start_over(client)
    done = client.ask("What time is it?")

    expected = [
        *USER,
        "response.created",
        *WRITTEN,
        *CALL,
        *CALL,
        "response.done",
    ]
    assert spelled(client, expected) == outline(client)
    added = client.named("response.output_item.added")
    assert [0, 1, 2] == [event["output_index"] for event in added]
    assert [item["id"] for item in done["output"]] == [e["item"]["id"] for e in added]


@pytest.mark.slow
def test_speech_cancels_the_answer(
    serve: Serve, join: Join, protocol: str, speech: bytes
) -> None:
    """Speech cancels the answer: its parts are closed, and the new turn answered."""
    client = join(serve(pace=4), protocol)
    client.ask("hello", **modality(protocol, "text"))
    client.say("Tell me a long story")
    client.send("response.create")
    client.until("response.output_audio.delta", 3)
    start_over(client)
    client.append(speech)
    done = client.until("response.done")["response"]

    assert "cancelled" == done["status"]
    details = {"type": "cancelled", "reason": "turn_detected"}
    assert details == done["status_details"]
    assert "incomplete" == done["output"][0]["status"]
    kinds = [kind for kind in outline(client) if kind != "(speech)"]
    expected = [
        "input_audio_buffer.speech_started",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        *CLOSE,
        "response.done",
    ]
    assert spelled(client, expected) == kinds
    client.until("input_audio_buffer.committed")
    assert "completed" == client.until("response.done")["response"]["status"]


def test_a_cancelled_answer_can_be_truncated(
    serve: Serve, join: Join, protocol: str
) -> None:
    """A client that cancels gets the open parts closed, and may then truncate."""
    client = join(serve(pace=4), protocol)
    client.say("Tell me a long story")
    client.send("response.create")
    item_id = client.until("response.output_audio.delta", 3)["item_id"]
    start_over(client)
    client.send("response.cancel")
    client.send(
        "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=150
    )
    truncated = client.until("conversation.item.truncated")

    assert 150 == truncated["audio_end_ms"]
    kinds = [kind for kind in outline(client) if kind != "(speech)"]
    expected = [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        *CLOSE,
        "response.done",
        "conversation.item.truncated",
    ]
    assert spelled(client, expected) == kinds
    done = client.named("response.done")[0]["response"]
    details = {"type": "cancelled", "reason": "client_cancelled"}
    assert details == done["status_details"]


@pytest.mark.parametrize(
    ("model", "pieces"), [("whisper-1", 1), ("gpt-4o-transcribe", 2)]
)
def test_an_input_transcript_comes_in_deltas_and_whole(
    serve: Serve, join: Join, protocol: str, speech: bytes, model: str, pieces: int
) -> None:
    """The input transcript comes in deltas (Whisper: in one) and then as a whole."""
    client = join(serve(replies=[Reply("Yes.", heard="Hello there")]), protocol)
    detection = {"type": "server_vad", "create_response": False}
    client.detect(detection, transcription={"model": model})
    client.append(speech)
    done = client.until("conversation.item.input_audio_transcription.completed")

    assert "Hello there" == done["transcript"]
    deltas = client.named("conversation.item.input_audio_transcription.delta")
    assert pieces == len(deltas)
    assert "Hello there" == "".join(event["delta"] for event in deltas)
    assert ("duration" if pieces == 1 else "tokens") == done["usage"]["type"]


def test_the_protocol_tables_are_covered() -> None:
    """Every sequence the protocol tables describe for a session has a test here."""
    if not _SEQUENCES.exists():
        pytest.skip("the protocol tables are not part of the package")
    tests = {
        "connect_and_configure": "test_a_session_sends_its_defaults_and_confirms_an_update",
        "server_vad_audio_turn": "test_a_spoken_question_is_committed_and_answered",
        "manual_commit": "test_a_manual_commit_and_a_request_make_a_turn",
        "vad_without_auto_response": "test_a_turn_without_create_response_waits_for_a_request",
        "text_turn": "test_a_text_question_is_answered_in_text",
        "function_call": "test_a_function_call_streams_its_arguments",
        "parallel_function_calls": "test_parallel_calls_have_an_index_each",
        "message_plus_function_call": "test_parallel_calls_have_an_index_each",
        "barge_in_server_vad": "test_speech_cancels_the_answer",
        "barge_in_client": "test_a_cancelled_answer_can_be_truncated",
        "input_transcription": "test_an_input_transcript_comes_in_deltas_and_whole",
        "session_expiry": "test_an_expired_session_ends_with_1001",
        "out_of_band": "test_a_response_out_of_band_leaves_no_item",
        "idle_timeout": "test_the_model_speaks_after_the_idle_timeout",
        "mcp": "test_an_mcp_call_without_approval_is_made",
        "mcp_approval": "test_an_mcp_call_is_made_once_it_is_approved",
        "image_input": "test_an_image_costs_image_tokens",
        "retrieve_and_delete": "test_an_item_is_retrieved_until_it_is_deleted",
        "rate_limited_turn": "test_a_failed_turn_says_why_in_response_done",
        "incomplete": "test_an_answer_out_of_tokens_is_incomplete",
        "transcription_session_ga": "test_a_transcription_session_starts_no_response",
    }
    elsewhere = {
        # test_errors.py
        "bad_client_event",
        "cancel_nothing_active",
        "commit_empty",
        "create_while_active",
        "duplicate_item_id",
        "truncate_too_long",
        # Other protocols than this one.
        "gpt_live",
        "translation_session",
    }
    named = set(json.loads(_SEQUENCES.read_text())["sequences"])

    here = Path(__file__).parent.glob("test_sequences*.py")
    text = "".join(path.read_text(encoding="utf-8") for path in here)

    assert named == set(tests) | elsewhere
    for name in tests.values():
        assert f"def {name}(" in text
