"""
The engine's message hook: what a recording is made of.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from helpers import inside
from helpers.clients import GA, MANUAL, Variant

Message = tuple[str, int, float, dict[str, Any]]


def test_every_message_passes_the_hook_in_order(variant: Variant) -> None:
    """
    In both directions, as it is on the wire, with the number of the connection; on the
    reader thread, and the session's own messages after a reconnect as well.
    """
    seen: list[Message] = []
    threads: set[str] = set()

    def hook(direction: str, generation: int, at: float, text: bytes) -> None:
        threads.add(threading.current_thread().name)
        seen.append((direction, generation, at, json.loads(text)))

    with variant.connected(
        service={"replies": ["Yes."]},
        session_config=MANUAL,
        max_reconnect_attempts=1,
        reconnect_interval=0.01,
    ) as (client, connection):
        began = time.monotonic()
        inside.set_hook(client, hook)
        client.create_response(modalities=["text"]).result(5)
        client.clear_audio_buffer().result(5)
        sent = [m["type"] for d, g, _, m in seen if (d, g) == ("out", 1)]
        assert ["response.create", "input_audio_buffer.clear"] == sent
        received = [m["type"] for d, g, _, m in seen if (d, g) == ("in", 1)]
        assert [e["type"] for e in connection.sent][-len(received) :] == received
        with client.expect("reconnected", timeout=5):
            connection.drop()
        client.clear_audio_buffer().result(5)

    again = [(d, m["type"]) for d, g, _, m in seen if g == 2]
    assert ("out", "session.update") == again[0]
    assert ("in", "session.updated") in again
    assert ("out", "input_audio_buffer.clear") in again
    times = [at for _, _, at, _ in seen]
    assert sorted(times) == times
    assert began <= times[0]
    assert 1 == len(threads)
    assert "reader" in threads.pop()


def test_a_hook_that_raises_is_removed(
    caplog: pytest.LogCaptureFixture, eventually: Callable[..., None]
) -> None:
    """
    Foreign code ends no thread: the failure is logged once, and the client goes on.
    """

    def hook(*_: object) -> None:
        raise ValueError("no space left")

    with GA.connected(session_config=MANUAL) as (client, _):
        inside.set_hook(client, hook)
        with caplog.at_level(logging.ERROR):
            client.clear_audio_buffer().result(5)
        client.clear_audio_buffer().result(5)
        eventually(lambda: not inside.has_hook(client))

    assert 1 == caplog.text.count("The message hook failed")
