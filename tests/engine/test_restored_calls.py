"""
The calls of a tool that runs while the connection is lost: one call, one output.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from helpers import inside
from helpers.clients import GA, USER_SAYS, drained
from helpers.cutting import stored
from helpers.reconnecting import QUICK, EventRecorder

from azure_realtime import AzureRealTimeAudio, SessionConfig
from azure_realtime.simulator import Connection, Reply, Simulator, ToolCall

TEXT = SessionConfig(modalities=["text"], turn_detection=None)
ALL = ["user: Good morning", "call call_1", "call_output call_1", "assistant: Booked."]


@contextmanager
def booking(
    on_connection: Callable[[Connection], None] | None = None,
) -> Iterator[tuple[AzureRealTimeAudio, Simulator, Callable[[], None]]]:
    """
    Give a client whose tool is running, its service, and what lets the tool return.
    """
    replies = [Reply(calls=[ToolCall("book", call_id="call_1")]), "Booked."]
    service = GA.service(
        replies=replies, pace=0, on_connection=on_connection, rate_limits=False
    )
    called, go = threading.Event(), threading.Event()

    def book() -> str:
        called.set()
        assert go.wait(10)
        return "table 7"

    with service, GA.client(service.url, **QUICK, session_config=TEXT) as client:
        client.tool(book)
        client.create_conversation_item(USER_SAYS).result(timeout=5)
        client.create_response().result(timeout=5)
        assert called.wait(5)
        drained(client)
        yield client, service, go.set


def _local(client: AzureRealTimeAudio) -> list[Any]:
    return [item.type for item in client.conversation]


@pytest.mark.parametrize("drops", [1, 2])
def test_a_call_stands_once_in_the_new_session_and_in_the_conversation(
    drops: int,
) -> None:
    """
    The tool returns after one reconnect, or two: one call, one output, one answer.
    """
    with booking() as (client, service, go_on):
        recorder = EventRecorder(client)
        for count in range(drops):
            service.connections[-1].drop()
            recorder.wait("reconnected", count + 1)
        go_on()
        recorder.wait("response.done", 1)
        client.clear_audio_buffer().result(timeout=5)
        assert stored(service.connections[-1]) == ALL
        assert _local(client) == [
            "message",
            "function_call",
            "function_call_output",
            "message",
        ]
        kinds = [event["type"] for event in service.connections[-1].received]
        assert kinds.count("response.create") == 1


def test_a_call_stands_once_if_a_restore_is_interrupted(
    eventually: Callable[..., None],
) -> None:
    """
    The tool returns while the next connection is not configured, and that is lost too.
    """
    stalled: list[Connection] = []

    def stall_the_second(connection: Connection) -> None:
        if not stalled and len(connections) == 1:
            stalled.append(connection)
            connection.stall()
        connections.append(connection)

    connections: list[Connection] = []
    with booking(stall_the_second) as (client, service, go_on):
        recorder = EventRecorder(client)
        service.connections[-1].drop()
        eventually(lambda: bool(stalled))
        go_on()
        eventually(lambda: client.stats.send_queue >= 2)  # the output, the request
        stalled[0].drop()
        recorder.wait("response.done", 1)
        client.clear_audio_buffer().result(timeout=5)
        assert stored(service.connections[-1]) == ALL
        assert len(client.conversation) == 4


def test_a_restored_call_that_the_program_deletes_does_not_come_back(
    eventually: Callable[..., None],
) -> None:
    """
    Its output was lost with the first connection; the second session got it.
    """
    with booking() as (client, service, go_on):
        recorder = EventRecorder(client)
        service.connections[-1].stall()
        go_on()
        eventually(lambda: inside.unanswered_responses(client))
        service.connections[-1].drop()
        recorder.wait("reconnected")
        client.clear_audio_buffer().result(timeout=5)
        assert _local(client) == ["message", "function_call", "function_call_output"]
        for item in client.conversation.items[1:]:
            client.delete_item(item.id or "").result(timeout=5)
        service.connections[-1].drop()
        recorder.wait("reconnected", 2)
        client.clear_audio_buffer().result(timeout=5)
        assert stored(service.connections[-1]) == ["user: Good morning"]
        assert _local(client) == ["message"]
