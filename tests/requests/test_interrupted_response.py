"""
Ctrl-C while a response is requested or cancelled: later responses are made.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import pytest
from helpers.clients import GA, MANUAL

from azure_realtime._requests.response_queue import ResponseQueue
from azure_realtime._requests.response_requests import ResponseFuture, ResponseRequests
from azure_realtime._requests.send_queue import SendQueue

STEPS = [
    (ResponseQueue, "ask"),
    (ResponseQueue, "_queue"),
    (ResponseRequests, "add"),
    (SendQueue, "put"),
    (ResponseFuture, "cancel"),
    (ResponseFuture, "set_running_or_notify_cancel"),
]


def interrupt_once(
    patch: pytest.MonkeyPatch, part: Any, name: str, when: str
) -> list[int]:
    """
    Interrupt the next call on the main thread. Return a list that is empty afterwards.
    """
    real, left = getattr(part, name), [1]

    def interrupted(self: Any, *args: Any, **named: Any) -> Any:
        on_main = threading.get_ident() == threading.main_thread().ident
        if not on_main or not left:
            return real(self, *args, **named)
        left.pop()
        if when == "after":
            real(self, *args, **named)
        raise KeyboardInterrupt

    patch.setattr(part, name, interrupted)
    return left


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("part", "name"), STEPS)
def test_later_responses_are_made(
    part: Any, name: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whichever step it comes in, before or after the step.
    """
    with GA.connected(service={"pace": 0}, session_config=MANUAL) as (client, _):
        with monkeypatch.context() as patch:
            left = interrupt_once(patch, part, name, when)
            with contextlib.suppress(KeyboardInterrupt):
                client.create_response(modalities=["text"]).cancel()
        assert not left
        for _ in range(2):
            assert client.ask("Hi", modalities=["text"], timeout=5).text


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", ["cancel", "set_running_or_notify_cancel"])
def test_later_responses_are_made_after_a_second_ctrl_c(
    name: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The first one comes before the request is queued, and the second one while the
    request is cancelled because of that.
    """
    with GA.connected(service={"pace": 0}, session_config=MANUAL) as (client, _):
        with monkeypatch.context() as patch:
            first = interrupt_once(patch, SendQueue, "put", "before")
            second = interrupt_once(patch, ResponseFuture, name, when)
            with pytest.raises(KeyboardInterrupt):
                client.create_response(modalities=["text"])
        assert not first
        assert not second
        for _ in range(2):
            assert client.ask("Hi", modalities=["text"], timeout=5).text
