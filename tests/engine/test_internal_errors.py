"""
MemoryError and the like on the reader thread: no future waits for ever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from helpers import inside
from helpers.clients import GA, USER_SAYS
from helpers.reconnecting import QUICK, EventRecorder
from helpers.voice import until

from azure_realtime import ConnectError, ConnectionClosed
from azure_realtime._dispatch.emitter import Emitter
from azure_realtime._dispatch.mailbox import Mailbox
from azure_realtime._engine.engine import Engine
from azure_realtime._engine.event_pipeline import EventPipeline
from azure_realtime._engine.session_setup import SessionSetup
from azure_realtime._requests.acknowledgements import PendingCommands
from azure_realtime._requests.response_queue import ResponseQueue
from azure_realtime.client.session_restorer import SessionRestorer

FailOnce = Callable[[type, str], threading.Event]


@pytest.fixture
def fail_once(monkeypatch: pytest.MonkeyPatch) -> FailOnce:
    """
    Have a method raise MemoryError at its first call after the event was set.
    """

    def arrange(owner: type, name: str) -> threading.Event:
        method, armed = getattr(owner, name), threading.Event()

        def fail(*args: Any, **how: Any) -> Any:
            if armed.is_set():
                armed.clear()
                raise MemoryError
            return method(*args, **how)

        monkeypatch.setattr(owner, name, fail)
        return armed

    return arrange


def test_a_session_that_could_not_be_restored_is_tried_again(
    fail_once: FailOnce,
) -> None:
    """
    It is an attempt that failed: another one follows.
    """
    armed = fail_once(SessionRestorer, "opening")
    with GA.connected(**QUICK) as (client, connection):
        recorder = EventRecorder(client)
        armed.set()
        connection.drop()
        recorder.wait("reconnected")
        causes = [type(event.cause) for event in recorder.of("reconnecting")]
        assert causes == [ConnectionClosed, ConnectError]


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (EventPipeline, "receive"),
        (EventPipeline, "settle"),
        (PendingCommands, "mark_sent"),
        (SessionSetup, "admit"),
    ],
)
def test_an_error_while_a_connection_is_served_is_its_loss(
    owner: type, name: str, fail_once: FailOnce
) -> None:
    """
    The pending requests fail, and the client connects again.
    """
    armed = fail_once(owner, name)
    with GA.connected(**QUICK) as (client, connection):
        recorder = EventRecorder(client)
        armed.set()
        if owner is SessionSetup:
            connection.drop()
            recorder.wait("disconnected", 2)
        else:
            future = client.create_conversation_item(USER_SAYS)
            assert isinstance(future.exception(5), ConnectionClosed)
        recorder.wait("reconnected")
        assert "MemoryError" in str(recorder.of("disconnected")[-1].error)
        assert client.connect(5).id


@pytest.mark.parametrize(
    ("owner", "name"),
    [(PendingCommands, "end"), (ResponseQueue, "end"), (Engine, "end")],
)
def test_an_error_at_the_end_of_a_client_leaves_no_future_pending(
    owner: type, name: str, fail_once: FailOnce
) -> None:
    """
    The other requests fail all the same, the waits end, and `closed` is emitted.
    """
    armed = fail_once(owner, name)
    with GA.service() as service:
        service.mute_handshakes()
        client = GA.client(service.url)
        recorder = EventRecorder(client)
        futures = [client.create_response(), client.clear_audio_buffer()]
        armed.set()
        client.close(0)
        for future in futures:
            assert isinstance(future.exception(5), ConnectionClosed)
        recorder.wait("closed")


@pytest.mark.parametrize(
    ("owner", "name"),
    [(ResponseQueue, "lose"), (Emitter, "emit"), (Mailbox, "end")],
)
def test_an_error_at_a_lost_connection_does_not_keep_its_requests_pending(
    owner: type,
    name: str,
    fail_once: FailOnce,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    The step is run once more, without a log record: `disconnected` is emitted once.
    """
    armed = fail_once(owner, name)
    with GA.service() as service, ThreadPoolExecutor(1) as pool:
        service.mute_handshakes()
        client = GA.client(service.url)
        recorder = EventRecorder(client)
        future = client.create_response()
        wait = pool.submit(client.wait_for, "response.done", timeout=10)
        until(lambda: inside.is_awaited(client, "response.done"))
        armed.set()
        client.close(0)
        assert isinstance(future.exception(5), ConnectionClosed)
        assert isinstance(wait.exception(5), ConnectionClosed)
        recorder.wait("closed")
    assert len(recorder.of("disconnected")) == 1
    assert not armed.is_set()
    assert "this is a bug" not in caplog.text
