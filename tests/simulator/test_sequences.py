"""
The orders of events that the service keeps, on both protocols.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
_USER = ["conversation.item.added", "conversation.item.done"]
_TURN = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    *_USER,
]
_OPEN = [
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
]
_CLOSE = [
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
]
_SPOKEN = [
    "response.created",
    *_OPEN,
    "(speech)",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    *_CLOSE,
    "response.done",
]
_WRITTEN = [
    *_OPEN,
    "response.output_text.delta",
    "response.output_text.done",
    *_CLOSE,
]
_CALL = [
    "response.output_item.added",
    "conversation.item.added",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "conversation.item.done",
    "response.output_item.done",
]


def outline(client: Client) -> list[str]:
    """
    Return the types of the events so far, runs of deltas drawn together.
    """
    speech = {
        client.spell("response.output_audio.delta"),
        client.spell("response.output_audio_transcript.delta"),
    }
    result: list[str] = []
    for kind in client.types():
        if kind == "rate_limits.updated":
            continue
        if kind in speech:
            kind = "(speech)"
        if not (result and result[-1] == kind and kind.endswith(("delta", ")"))):
            result.append(kind)
    return result


def spelled(client: Client, kinds: list[str]) -> list[str]:
    """
    Return GA types as the client's protocol has them.
    """
    if client.protocol == "preview":
        kinds = [kind for kind in kinds if kind != "conversation.item.done"]
    return [client.spell(kind) for kind in kinds]


def start_over(client: Client) -> None:
    """
    Forget the events so far.
    """
    client.events.clear()


def test_session(client: Client) -> None:
    """A session says hello with its defaults, and confirms an update in full."""
    client.text_only()

    assert ["session.created", "session.updated"] == client.types()


def test_text_turn(client: Client) -> None:
    """A text question is acknowledged and answered in text."""
    client.text_only()
    start_over(client)
    client.ask("Hello there")

    expected = [*_USER, "response.created", *_WRITTEN, "response.done"]
    assert spelled(client, expected) == outline(client)


def test_spoken_turn(client: Client, speech: bytes) -> None:
    """The end of speech is found, the turn committed, and an answer spoken."""
    start_over(client)
    client.append(speech)
    client.until("response.done")

    assert spelled(client, [*_TURN, *_SPOKEN]) == outline(client)


def test_manual_commit(client: Client, speech: bytes) -> None:
    """Without turn detection, commit and response.create make the turn."""
    client.detect(None)
    start_over(client)
    client.append(speech)
    client.send("input_audio_buffer.commit")
    client.send("response.create")
    client.until("response.done")

    expected = ["input_audio_buffer.committed", *_USER, *_SPOKEN]
    assert spelled(client, expected) == outline(client)


def test_turn_without_automatic_response(client: Client, speech: bytes) -> None:
    """With create_response off, a turn is committed and nothing is said unasked."""
    client.detect({"type": "server_vad", "create_response": False})
    start_over(client)
    client.append(speech)
    client.until("conversation.item.added")
    client.send("response.create")
    client.until("response.done")

    assert spelled(client, [*_TURN, *_SPOKEN]) == outline(client)


def test_function_call(serve: Serve, join: Join, protocol: str) -> None:
    """A function call streams its arguments, and its output is answered."""
    replies = [Reply(calls=[ToolCall("tell_time", {"zone": "UTC"})]), "It is noon."]
    client = join(serve(pace=0, replies=replies), protocol)
    client.text_only()
    start_over(client)
    done = client.ask("What time is it?")

    expected = [*_USER, "response.created", *_CALL, "response.done"]
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

    expected = [*_USER, "response.created", *_WRITTEN, "response.done"]
    assert spelled(client, expected) == outline(client)


def test_parallel_calls_after_a_message(
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
        *_USER,
        "response.created",
        *_WRITTEN,
        *_CALL,
        *_CALL,
        "response.done",
    ]
    assert spelled(client, expected) == outline(client)
    added = client.named("response.output_item.added")
    assert [0, 1, 2] == [event["output_index"] for event in added]
    assert [item["id"] for item in done["output"]] == [e["item"]["id"] for e in added]


def test_interruption_by_speech(
    serve: Serve, join: Join, protocol: str, speech: bytes
) -> None:
    """Speech cancels the answer: its parts are closed, and the new turn answered."""
    client = join(serve(), protocol)
    client.ask("hello", **_modality(protocol, "text"))
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
        *_CLOSE,
        "response.done",
    ]
    assert spelled(client, expected) == kinds
    client.until("input_audio_buffer.committed")
    assert "completed" == client.until("response.done")["response"]["status"]


def _modality(protocol: str, kind: str) -> dict[str, list[str]]:
    return {"modalities" if protocol == "preview" else "output_modalities": [kind]}


def test_cancel_and_truncate(serve: Serve, join: Join, protocol: str) -> None:
    """A client that cancels gets the open parts closed, and may then truncate."""
    client = join(serve(), protocol)
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
        *_CLOSE,
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
def test_input_transcription(
    serve: Serve, join: Join, protocol: str, speech: bytes, model: str, pieces: int
) -> None:
    """What was heard comes in deltas (Whisper: in one) and then as a whole."""
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


def test_out_of_band(serve: Serve, join: Join, protocol: str) -> None:
    """A response beside the conversation leaves no item, and runs beside another."""
    client = join(serve(), protocol)
    client.say("Tell me a long story")
    client.send("response.create")
    client.until("response.output_audio.delta")
    start_over(client)
    part = {"type": "input_text", "text": "Classify this"}
    item = {"type": "message", "role": "user", "content": [part]}
    client.send(
        "response.create",
        response={
            "conversation": "none",
            "metadata": {"topic": "side"},
            "input": [item],
            **_modality(protocol, "text"),
        },
    )
    while True:
        response = client.until("response.done")["response"]
        if response["metadata"] == {"topic": "side"}:
            break

    assert "completed" == response["status"]
    assert response["conversation_id"] is None
    assert "Classify this" in response["output"][0]["content"][0]["text"]
    assert not client.named("conversation.item.added")
    client.send("response.cancel")


def test_item_created_during_a_response(
    serve: Serve, join: Join, protocol: str
) -> None:
    """An item given while a response runs is acknowledged after response.done."""
    client = join(serve(), protocol)
    client.say("Tell me a long story")
    client.send("response.create")
    client.until("response.output_audio.delta")
    client.say("By the way", "item_late")
    client.until("response.output_audio.delta", 3)
    start_over(client)
    client.send("response.cancel")
    added = client.until("conversation.item.added")

    assert "item_late" == added["item"]["id"]
    kinds = client.types()
    assert kinds.index("response.done") < kinds.index(added["type"])


def test_idle_timeout(serve: Serve, join: Join) -> None:
    """When the user stays silent for the idle timeout, the model speaks up."""
    service = serve(pace=0, idle_scale=0.01)
    client = join(service)
    detection = {"type": "server_vad", "idle_timeout_ms": 5000}
    client.update({"audio": {"input": {"turn_detection": detection}}})
    client.ask("hello")
    start_over(client)
    client.until("response.done")

    expected = [
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.committed",
        *_USER,
        *_SPOKEN,
    ]
    assert expected == outline(client)


def test_retrieve_and_delete(client: Client) -> None:
    """An item can be retrieved, deleted, and then no more."""
    client.say("Hello", "item_mine")
    client.send("conversation.item.retrieve", item_id="item_mine")
    item = client.until("conversation.item.retrieved")["item"]
    client.send("conversation.item.delete", item_id="item_mine")
    deleted = client.until("conversation.item.deleted")

    assert "Hello" == item["content"][0]["text"]
    assert ("object" in item) == (client.protocol == "preview")
    assert "item_mine" == deleted["item_id"]


def test_failed_turn(serve: Serve, join: Join, protocol: str) -> None:
    """A turn that fails says why in response.done, and not as an error event."""
    reply = Reply(status="failed", error_code="rate_limit_exceeded", error_message="?")
    client = join(serve(replies=[reply]), protocol)
    start_over(client)
    done = client.ask("hello")

    expected = [*_USER, "response.created", "response.done"]
    assert spelled(client, expected) == outline(client)
    assert "failed" == done["status"]
    assert "rate_limit_exceeded" == done["status_details"]["error"]["code"]
    assert [] == done["output"]


@pytest.mark.parametrize("kind", ["text", "audio"])
def test_out_of_tokens(client: Client, kind: str) -> None:
    """An answer that runs out of tokens is incomplete, and keeps what it has."""
    chosen = _modality(client.protocol, kind)
    if chosen.get("modalities") == ["audio"]:
        chosen = {"modalities": ["audio", "text"]}
    done = client.ask("Tell me a long story", max_output_tokens=30, **chosen)

    assert "incomplete" == done["status"]
    details = {"type": "incomplete", "reason": "max_output_tokens"}
    assert details == done["status_details"]
    assert "incomplete" == done["output"][0]["status"]
    assert 25 < done["usage"]["output_tokens"] <= 30


def test_image(serve: Serve, join: Join) -> None:
    """An image costs image tokens."""
    client = join(serve(pace=0))
    client.text_only()
    parts = [
        {
            "type": "input_image",
            "image_url": "data:image/png;base64,AA==",
            "detail": "low",
        },
        {"type": "input_text", "text": "What is this?"},
    ]
    item = {"type": "message", "role": "user", "content": parts}
    client.send("conversation.item.create", item=item)
    client.send("response.create")
    done = client.until("response.done")["response"]

    assert done["usage"]["input_token_details"]["image_tokens"] > 0


@pytest.mark.parametrize("protocol", ["ga", "preview"])
def test_transcription_session(
    serve: Serve, join: Join, protocol: str, speech: bytes
) -> None:
    """A transcription session writes down what it hears, and answers nothing."""
    path = {
        "ga": "/openai/v1/realtime?intent=transcription",
        "preview": "/openai/realtime?intent=transcription"
        "&api-version=2025-04-01-preview",
    }[protocol]
    client = join(serve(pace=0), protocol, path)
    if protocol == "ga":
        settings = {"transcription": {"model": "gpt-4o-transcribe"}}
        session = {"type": "transcription", "audio": {"input": settings}}
        client.send("session.update", session=session)
        prefix = ""
    else:
        session = {"input_audio_transcription": {"model": "gpt-4o-transcribe"}}
        client.send("transcription_session.update", session=session)
        prefix = "transcription_"
    client.append(speech)
    client.until("conversation.item.input_audio_transcription.completed")

    name = "conversation.item.input_audio_transcription"
    expected = [
        "session.created",
        "session.updated",
        *_TURN,
        f"{name}.delta",
        f"{name}.completed",
    ]
    found = [kind.removeprefix("transcription_") for kind in outline(client)]
    assert spelled(client, expected) == found
    assert [f"{prefix}session.created", f"{prefix}session.updated"] == client.types()[
        :2
    ]


def test_mcp_call(serve: Serve, join: Join) -> None:
    """A server's tools are listed, and a call that needs no approval is made."""
    tool = {
        "type": "mcp",
        "server_label": "library",
        "server_url": "https://example.com/mcp",
        "require_approval": "never",
    }
    client = join(serve(pace=0))
    client.update({"tools": [tool], "output_modalities": ["text"]})
    client.until("conversation.item.done")

    listed = [
        "conversation.item.added",
        "mcp_list_tools.in_progress",
        "mcp_list_tools.completed",
        "conversation.item.done",
    ]
    assert listed == client.types()[2:]
    start_over(client)
    done = client.ask("Look it up in the library")
    expected = [
        *_USER,
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
        "response.mcp_call.in_progress",
        "response.mcp_call.completed",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    assert expected == outline(client)
    assert done["output"][0]["output"]


def test_mcp_approval(serve: Serve, join: Join) -> None:
    """A call that needs approval is asked for, and made once it is approved."""
    tool = {
        "type": "mcp",
        "server_label": "library",
        "server_url": "https://example.com/mcp",
    }
    client = join(serve(pace=0))
    client.update({"tools": [tool], "output_modalities": ["text"]})
    client.until("conversation.item.done")
    asked = client.ask("Look it up in the library")["output"][0]
    assert "mcp_approval_request" == asked["type"]

    answer = {
        "type": "mcp_approval_response",
        "approval_request_id": asked["id"],
        "approve": True,
    }
    client.send("conversation.item.create", item=answer)
    done = client.until("response.done")["response"]["output"][0]

    assert ("mcp_call", asked["id"]) == (done["type"], done["approval_request_id"])


def test_expiry(serve: Serve, join: Join, protocol: str) -> None:
    """A session that has lasted too long ends with an error and close code 1001."""
    service = serve(session_seconds=0.2)
    client = join(service, protocol)
    error = client.until("error")["error"]

    assert "session_expired" == error["code"]
    with pytest.raises(Exception, match="1001"):
        client.receive()
    assert error["message"] == client.socket.close_reason
    assert service.connections[0].wait_closed()
    assert 1001 == service.connections[0].close_code


def test_the_protocol_tables_are_covered() -> None:
    """Every sequence the protocol tables describe for a session has a test here."""
    if not _SEQUENCES.exists():
        pytest.skip("the protocol tables are not part of the package")
    tests = {
        "connect_and_configure": test_session,
        "server_vad_audio_turn": test_spoken_turn,
        "manual_commit": test_manual_commit,
        "vad_without_auto_response": test_turn_without_automatic_response,
        "text_turn": test_text_turn,
        "function_call": test_function_call,
        "parallel_function_calls": test_parallel_calls_after_a_message,
        "message_plus_function_call": test_parallel_calls_after_a_message,
        "barge_in_server_vad": test_interruption_by_speech,
        "barge_in_client": test_cancel_and_truncate,
        "input_transcription": test_input_transcription,
        "session_expiry": test_expiry,
        "out_of_band": test_out_of_band,
        "idle_timeout": test_idle_timeout,
        "mcp": test_mcp_call,
        "mcp_approval": test_mcp_approval,
        "image_input": test_image,
        "retrieve_and_delete": test_retrieve_and_delete,
        "rate_limited_turn": test_failed_turn,
        "incomplete": test_out_of_tokens,
        "transcription_session_ga": test_transcription_session,
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

    assert named == set(tests) | elsewhere
