"""
Everything the service sends, against the types that the ``openai`` package declares.
"""

from __future__ import annotations

import base64
import json
import warnings
from typing import Any

import pytest
from websockets.sync.client import connect

from azure_realtime.simulator import Reply, Simulator, ToolCall
from azure_realtime.simulator._speech.voice import speak

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("openai")
    from openai.types import realtime
    from openai.types.beta import realtime as beta
    from pydantic import TypeAdapter

_PATHS = {
    "ga": "/openai/v1/realtime?model=gpt-realtime",
    "preview": "/openai/realtime?api-version=2025-04-01-preview"
    "&deployment=gpt-4o-realtime-preview",
}
_REPLIES = [
    Reply("Hello there.", heard="Hi"),
    Reply("One moment.", calls=[ToolCall("find", {"what": "it"})]),
    Reply(status="failed", error_code="rate_limit_exceeded"),
    Reply("Well,", status="incomplete", reason="content_filter"),
]


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["ga", "preview"])
def test_events_have_the_declared_shapes(protocol: str) -> None:
    """Each event of a rich conversation is valid for the other maker's types."""
    transcription = {"model": "gpt-4o-transcribe"}
    session: dict[str, Any] = {"input_audio_transcription": transcription}
    if protocol == "ga":
        listening = {"transcription": transcription}
        session = {"type": "realtime", "audio": {"input": listening}}
    pcm = bytes(9600) + speak("Good morning everybody") + bytes(57_600)
    audio = base64.b64encode(pcm).decode()
    with (
        Simulator(pace=0, replies=_REPLIES) as service,
        connect(
            service.url + _PATHS[protocol],
            additional_headers={"api-key": "k"},
            proxy=None,
        ) as socket,
    ):

        def send(**event: Any) -> None:
            socket.send(json.dumps(event))

        def until(kind: str) -> None:
            while json.loads(socket.recv(10))["type"] != kind:
                pass

        send(type="session.update", session=session)
        send(type="input_audio_buffer.append", audio=audio)
        until("response.done")
        for _ in range(3):
            send(type="response.create")
            until("response.done")
        items = (e["item"] for e in service.connections[0].sent if "item" in e)
        item_id = next(items)["id"]
        send(type="conversation.item.retrieve", item_id=item_id)
        send(type="conversation.item.delete", item_id=item_id)
        send(type="input_audio_buffer.clear")
        send(type="nonsense")
        until("error")
        sent = service.connections[0].sent
    union = realtime if protocol == "ga" else beta
    adapter: TypeAdapter[Any] = TypeAdapter(union.RealtimeServerEvent)

    for event in sent:
        assert event["type"] == adapter.validate_python(event).type
    assert len({event["type"] for event in sent}) >= 25
