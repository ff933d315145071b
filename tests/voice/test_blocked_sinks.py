"""
Sinks that block or fail: what becomes of the answer, and of the next call.
"""

from __future__ import annotations

import threading
from typing import Any

import pytest
from helpers.clients import GA, LONG
from helpers.voice import FakeMicrophone, MemorySink, received, sent, until

from azure_realtime.voice import call as call_module


class Blocking(MemorySink):
    """
    A sink whose `write` blocks until it is released.
    """

    def __init__(self) -> None:
        super().__init__()
        self.blocks, self.release = threading.Event(), threading.Event()

    def write(self, pcm: bytes, item_id: str, content_index: int = 0) -> None:
        """
        Block.
        """
        self.blocks.set()
        self.release.wait(20)


def test_a_call_that_was_given_up_does_not_cancel_the_next_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    The old sink returns in the middle of the answer of the next call.
    """
    monkeypatch.setattr(call_module, "_BLOCKED", 0.2)
    old_sink, sink, microphone = Blocking(), MemorySink(), FakeMicrophone()
    with GA.connected(service={"replies": [LONG, LONG], "pace": 1}) as (
        client,
        connection,
    ):
        try:
            old = client.talk(microphone, old_sink)
            client.create_response()
            assert old.wait(10)
            client.cancel_response()
            until(lambda: sent(connection, "response.done"))
            with client.talk(FakeMicrophone(), sink):
                client.create_response()
                until(lambda: sink.written)
                cancels = len(received(connection, "response.cancel"))
                old_sink.release.set()
                until(lambda: old_sink.closed)
                client.update_session().result(5)
                assert client.status.value == "speaking"
                assert len(received(connection, "response.cancel")) == cancels
        finally:
            old_sink.release.set()


def test_stopping_gives_up_a_sink_that_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    The client can talk again after `stop`, however short its timeout.
    """
    monkeypatch.setattr(call_module, "_CHECK", 0.1)
    sink = Blocking()
    with GA.connected(service={"replies": [LONG]}) as (client, _):
        try:
            call = client.talk(FakeMicrophone(), sink)
            client.create_response()
            assert sink.blocks.wait(10)
            call.stop(0.3)
            assert call.has_ended
            assert isinstance(call.error, TimeoutError)
            assert "Blocking.write()" in str(call.error)
            client.talk(FakeMicrophone(), MemorySink()).stop()
        finally:
            sink.release.set()


class NoFlush(MemorySink):
    """
    A sink whose `flush` raises.
    """

    def flush(self) -> Any:
        """
        Raise.
        """
        raise OSError("the device is gone")


@pytest.mark.parametrize("end", ["interrupt", "stop"])
def test_a_sink_that_cannot_be_flushed_leaves_no_answer_running(end: str) -> None:
    """
    The service does not go on with an answer that is not played, and the end of its
    playback is reported.
    """
    statuses: list[str] = []
    with GA.connected(service={"replies": [LONG], "pace": 1}) as (client, connection):
        client.on("status_changed", lambda event: statuses.append(event.status.value))
        call = client.talk(FakeMicrophone(), sink := NoFlush())
        response = client.create_response()
        until(lambda: sink.written)
        getattr(call, end)()
        assert call.wait(10)
        assert response.exception(10) is not None
        (done,) = sent(connection, "response.done")
        assert done["response"]["status"] == "cancelled"
        until(lambda: "idle" in statuses)
        if end == "interrupt":
            assert isinstance(call.error, OSError)
