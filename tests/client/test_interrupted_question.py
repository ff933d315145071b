"""
Ctrl-C while a question is sent: the session is as before, and the next turn begins.
"""

from __future__ import annotations

import contextlib
import gc
from typing import Any

import pytest
from helpers.clients import GA, SENTENCE
from helpers.timing import SCALE, at_most

from azure_realtime import QueueFull, ServerVad, SessionConfig
from azure_realtime._engine.sender import Sender
from azure_realtime.client import user_turn
from azure_realtime.client.commands import Commands
from azure_realtime.client.open_turn import OpenTurn
from azure_realtime.client.turn_order import TurnLock
from azure_realtime.client.turn_stream import TurnStream
from azure_realtime.simulator import Reply, Request

CHANGES = {
    "_detect": user_turn,
    "_clear": user_turn,
    "append_audio": Commands,
    "_commit": user_turn,
}


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", CHANGES)
def test_turn_detection_and_input_buffer_are_as_before(
    name: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whichever step it comes in, before or after its command was queued.
    """
    vad = ServerVad(silence_duration_ms=400)
    with GA.connected(session_config=SessionConfig(turn_detection=vad)) as (
        client,
        wire,
    ):
        real, left = getattr(CHANGES[name], name), [1]

        def interrupted(*args: Any, **named: Any) -> Any:
            if not left:
                return real(*args, **named)
            left.pop()
            if when == "after":
                real(*args, **named)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(CHANGES[name], name, interrupted)
            with pytest.raises(KeyboardInterrupt):
                client.ask(audio=SENTENCE, timeout=10)
        client.update_session(instructions="Be brief.").result(5)
        assert client.session is not None
        detection = client.session.turn_detection
        assert isinstance(detection, ServerVad)
        assert detection.silence_duration_ms == 400
        kinds = [e["type"] for e in wire.received if "input_audio_buffer" in e["type"]]
        if when == "after" and name == "append_audio":
            assert kinds[-1] == "input_audio_buffer.clear"
        assert client.ask(audio=SENTENCE, timeout=20).transcript


@pytest.mark.parametrize(
    ("owner", "name", "when"),
    [
        (TurnLock, "enter", "after"),
        (TurnStream, "__init__", "before"),
        (TurnStream, "__init__", "after"),
        (OpenTurn, "follow", "before"),
        (OpenTurn, "follow", "after"),
        (Sender, "request", "before"),
        (Sender, "request", "after"),
    ],
)
def test_the_next_turn_begins_after_an_interrupt(
    owner: Any, name: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whichever step of `ask` it comes in, also while the traceback is kept (a notebook
    does) and without a garbage collection. A response that was requested is cancelled.
    """

    def reply(request: Request) -> Reply:
        return Reply("Late.", delay=30) if request.text == "Hi" else Reply("One.")

    real, kept = getattr(owner, name), list[BaseException]()

    def interrupted(*args: Any, **named: Any) -> Any:
        done = real(*args, **named) if when == "after" else None
        kept.append(KeyboardInterrupt())
        del done
        raise kept[-1]

    with GA.connected(service={"replies": reply}) as (client, _):
        gc.disable()
        try:
            with monkeypatch.context() as patch:
                patch.setattr(owner, name, interrupted)
                with pytest.raises(KeyboardInterrupt):
                    client.ask("Hi", modalities=["text"], timeout=10)
            turn = client.ask("And?", modalities=["text"], timeout=10 * SCALE)
        finally:
            gc.enable()
        assert turn.text == "One."
        assert len(kept) == 1


@pytest.mark.parametrize("question", [{"text": "Hi"}, {"audio": SENTENCE}])
def test_a_full_send_queue_delays_no_timeout(question: dict[str, Any]) -> None:
    """
    Neither the question nor what reverses its changes waits for room. Turn detection is
    as before when the network carries data again.
    """
    vad = ServerVad(silence_duration_ms=400)
    options = {"session_config": SessionConfig(turn_detection=vad)}
    with GA.connected(**options, max_send_queue_bytes=1 << 20) as (client, wire):
        wire.stop_reading()
        for size in (190_000, 9_600, 96):
            with contextlib.suppress(QueueFull):
                while True:
                    client.append_audio(bytes(size), 0.1)
        with at_most(2), pytest.raises(TimeoutError):
            client.ask(**question, timeout=0.3)
        wire.resume()
        session = client.update_session(instructions="Be brief.").result(20)
        assert isinstance(session.turn_detection, ServerVad)
        assert session.turn_detection.silence_duration_ms == 400


@pytest.mark.parametrize("when", ["before", "after"])
def test_the_next_turn_begins_after_a_second_interrupt(
    when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The second Ctrl-C comes while the turn of the first one is ended.
    """
    kept, close = list[BaseException](), OpenTurn.close

    def interrupted(*_: Any) -> None:
        kept.append(KeyboardInterrupt())
        raise kept[-1]

    def interrupted_once(turn: OpenTurn) -> None:
        if when == "after" or len(kept) > 1:
            close(turn)
        if len(kept) == 1:
            interrupted()

    with GA.connected(service={"replies": ["One.", "Two.", "Three."]}) as (client, _):
        gc.disable()
        try:
            with monkeypatch.context() as patch:
                patch.setattr(OpenTurn, "follow", interrupted)
                patch.setattr(OpenTurn, "close", interrupted_once)
                with pytest.raises(KeyboardInterrupt):
                    client.ask("Hi", modalities=["text"], timeout=10)
            assert client.ask("And?", modalities=["text"], timeout=10 * SCALE).text
        finally:
            gc.enable()
        assert len(kept) == 2
