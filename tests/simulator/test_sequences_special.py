"""
The orders of events that belong to no ordinary turn, on both protocols.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from helpers.orders import SPOKEN, TURN, USER, modality, outline, spelled, start_over

from azure_realtime.simulator import Reply, Simulator

Client = Any
Join = Callable[..., Any]
Serve = Callable[..., Simulator]


def test_a_response_out_of_band_leaves_no_item(
    serve: Serve, join: Join, protocol: str
) -> None:
    """A response beside the conversation leaves no item, and runs beside another."""
    client = join(serve(pace=4), protocol)
    client.begin_story()
    start_over(client)
    part = {"type": "input_text", "text": "Classify this"}
    item = {"type": "message", "role": "user", "content": [part]}
    client.send(
        "response.create",
        response={
            "conversation": "none",
            "metadata": {"topic": "side"},
            "input": [item],
            **modality(protocol, "text"),
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


def test_an_item_created_during_a_response_is_acknowledged_after_it(
    serve: Serve, join: Join, protocol: str
) -> None:
    """An item given while a response runs is acknowledged after response.done."""
    client = join(serve(pace=4), protocol)
    client.begin_story()
    client.say("By the way", "item_late")
    client.until("response.output_audio.delta", 3)
    start_over(client)
    client.send("response.cancel")
    added = client.until("conversation.item.added")

    assert "item_late" == added["item"]["id"]
    kinds = client.types()
    assert kinds.index("response.done") < kinds.index(added["type"])


@pytest.mark.slow
def test_the_model_speaks_after_the_idle_timeout(serve: Serve, join: Join) -> None:
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
        *USER,
        *SPOKEN,
    ]
    assert expected == outline(client)


def test_idle_timeout_does_not_pass_while_the_user_speaks(
    serve: Serve, join: Join, speech: bytes
) -> None:
    """A user who has begun to speak over an answer is not silent after it."""
    begun = threading.Event()
    script = lambda _: "Yes?" if begun.wait(10) else None  # noqa: E731
    service = serve(pace=0, idle_scale=0, replies=script)
    client = join(service)
    connection = service.wait_for_connection()
    detection = {"type": "server_vad", "idle_timeout_ms": 5000}
    client.detect({**detection, "interrupt_response": False})
    client.send("response.create")
    client.append(speech[: 14_400 + 48 * 600])  # cut in the middle of a word
    client.until("input_audio_buffer.speech_started")
    begun.set()
    client.until("response.done")
    with connection.lock:  # The idle timer, if any, is set with response.done.
        passed = threading.Event()
        connection.timers.after(0, passed.set)
    assert passed.wait(5)
    client.send("input_audio_buffer.clear")
    client.until("input_audio_buffer.cleared")

    assert "input_audio_buffer.timeout_triggered" not in client.types()


def test_an_item_is_retrieved_until_it_is_deleted(client: Client) -> None:
    """An item can be retrieved, deleted, and then no more."""
    client.say("Hello", "item_mine")
    client.send("conversation.item.retrieve", item_id="item_mine")
    item = client.until("conversation.item.retrieved")["item"]
    client.send("conversation.item.delete", item_id="item_mine")
    deleted = client.until("conversation.item.deleted")

    assert "Hello" == item["content"][0]["text"]
    assert ("object" in item) == (client.protocol == "preview")
    assert "item_mine" == deleted["item_id"]


def test_a_failed_turn_says_why_in_response_done(
    serve: Serve, join: Join, protocol: str
) -> None:
    """A turn that fails says why in response.done, and not as an error event."""
    reply = Reply(status="failed", error_code="rate_limit_exceeded", error_message="?")
    client = join(serve(replies=[reply]), protocol)
    start_over(client)
    done = client.ask("hello")

    expected = [*USER, "response.created", "response.done"]
    assert spelled(client, expected) == outline(client)
    assert "failed" == done["status"]
    assert "rate_limit_exceeded" == done["status_details"]["error"]["code"]
    assert [] == done["output"]


@pytest.mark.parametrize("kind", ["text", "audio"])
def test_an_answer_out_of_tokens_is_incomplete(client: Client, kind: str) -> None:
    """An answer that runs out of tokens is incomplete, and keeps what it has."""
    chosen = modality(client.protocol, kind)
    if chosen.get("modalities") == ["audio"]:
        chosen = {"modalities": ["audio", "text"]}
    done = client.ask("Tell me a long story", max_output_tokens=30, **chosen)

    assert "incomplete" == done["status"]
    details = {"type": "incomplete", "reason": "max_output_tokens"}
    assert details == done["status_details"]
    assert "incomplete" == done["output"][0]["status"]
    assert 25 < done["usage"]["output_tokens"] <= 30


def test_an_image_costs_image_tokens(serve: Serve, join: Join) -> None:
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
def test_a_transcription_session_starts_no_response(
    serve: Serve, join: Join, protocol: str, speech: bytes
) -> None:
    """A transcription session transcribes its audio, and starts no response."""
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
        *TURN,
        f"{name}.delta",
        f"{name}.completed",
    ]
    found = [kind.removeprefix("transcription_") for kind in outline(client)]
    assert spelled(client, expected) == found
    assert [f"{prefix}session.created", f"{prefix}session.updated"] == client.types()[
        :2
    ]


def test_an_mcp_call_without_approval_is_made(serve: Serve, join: Join) -> None:
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
        *USER,
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


def test_an_mcp_call_is_made_once_it_is_approved(serve: Serve, join: Join) -> None:
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


def test_an_expired_session_ends_with_1001(
    serve: Serve, join: Join, protocol: str
) -> None:
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
