"""
Replaying a recording: the service's half of a session, for tests and bug reports.
"""

from __future__ import annotations

import inspect
import json
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from helpers.clients import GA, MANUAL, Variant
from simulator import test_sequences as sequences

from azure_realtime import Latency, ServerError, SessionConfig, Transcription, Turn
from azure_realtime.recording import Recorder, Recording
from azure_realtime.simulator import Reply, Simulator, ToolCall
from azure_realtime.simulator.__main__ import main

QUESTION = Path(__file__).parents[2] / "samples" / "question.wav"
TEXT = {"modalities": ["text"]}
TRANSCRIBED = SessionConfig(
    turn_detection=None, input_audio_transcription=Transcription("whisper-1")
)
SCENARIOS = [
    value
    for name, value in vars(sequences).items()
    if name.startswith("test_") and name != "test_the_protocol_tables_are_covered"
]


class Wire:
    """
    Stands for a client: passes what a bare socket sends and receives to a recording.
    """

    session = None

    def __init__(self, protocol: str) -> None:
        self._api_version = None if protocol == "ga" else "2025-04-01-preview"
        self.hook: Any = None

    def _message_hook(self, hook: Any) -> tuple[Callable[[], None], Callable[[], None]]:
        self.hook = hook
        return lambda: None, lambda: None


class Tapped:
    """
    A socket whose messages are noted, and recorded if there is a recording.
    """

    def __init__(self, socket: Any, hook: Any, events: list[Any]) -> None:
        self._socket = socket
        self._hook = hook
        self._events = events

    def send(self, text: str) -> None:
        """
        Send a message.
        """
        if self._hook is not None:
            self._hook("out", 1, time.monotonic(), text.encode())
        self._socket.send(text)

    def recv(self, timeout: float | None = None) -> str:
        """
        Receive a message.
        """
        text: str = self._socket.recv(timeout)
        self._events.append(json.loads(text))
        if self._hook is not None:
            self._hook("in", 1, time.monotonic(), text.encode())
        return text


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_each_sequence_can_be_replayed(
    scenario: Any,
    protocol: str,
    serve: Callable[..., Simulator],
    join: Callable[..., Any],
    speech: bytes,
    tmp_path: Path,
) -> None:
    """
    The client of a replay sees the events that it saw when it was recorded.
    """
    path = tmp_path / "session.jsonl"
    wire = Wire(protocol)
    seen: list[list[Any]] = []

    def run(hook: Any, serve: Callable[..., Simulator]) -> None:
        seen.append([])

        def tapped(service: Simulator, protocol: str) -> Any:
            client = join(service, protocol, greeted=False)
            client.socket = Tapped(client.socket, hook, seen[-1])
            client.receive()
            return client

        given = {
            "serve": serve,
            "join": tapped,
            "protocol": protocol,
            "speech": speech,
            "model": "gpt-4o-transcribe",
            "pieces": 2,
        }
        names = inspect.signature(scenario).parameters
        if "client" in names:
            given["client"] = tapped(serve(pace=0), protocol)
        scenario(**{name: given[name] for name in names})

    with Recorder(wire, path, audio="inline") as recorder:
        recorder.start(wire)
        run(wire.hook, serve)
    run(None, lambda **_: serve(recording=path, pace=0))

    recorded, replayed = seen
    assert len(recorded) > 1
    assert replayed == recorded


def comparable(turn: Turn) -> Turn:
    """
    Return a turn without latency, and without the id that the client chose for it.
    """
    response = attrs.evolve(turn.response, metadata=None)
    return attrs.evolve(turn, latency=Latency(), response=response)


@pytest.mark.parametrize("mode", ["inline", "wav"])
def test_a_spoken_turn_is_replayed(variant: Variant, tmp_path: Path, mode: Any) -> None:
    """
    The same turn, audio included, from a recording that began in a session.
    """
    path = tmp_path / "session.jsonl"
    service = {"replies": [Reply("Yes, at noon.", heard="Can we meet?")], "pace": 0}
    with (
        variant.connected(service=service, session_config=TRANSCRIBED) as (client, _),
        client.record(path, audio=mode),
    ):
        recorded = client.ask(audio=QUESTION, timeout=30)
    replay = {"recording": path, "pace": 0}
    with variant.connected(service=replay, session_config=TRANSCRIBED) as (client, _):
        replayed = client.ask(audio=QUESTION, timeout=30)

    assert recorded.heard == "Can we meet?"
    assert recorded.seconds > 0.5
    assert comparable(replayed) == comparable(recorded)
    assert comparable(Recording.load(path).turns[0]) == comparable(recorded)


def test_audio_that_was_not_recorded_is_silence(tmp_path: Path) -> None:
    """
    Of the same length.
    """
    path = tmp_path / "session.jsonl"
    service = {"replies": ["Yes, at noon."], "pace": 0}
    with (
        GA.connected(service=service, session_config=MANUAL) as (client, _),
        client.record(path),
    ):
        recorded = client.ask(audio=QUESTION, timeout=30)
    replay = {"recording": path, "pace": 0}
    with GA.connected(service=replay, session_config=MANUAL) as (client, _):
        replayed = client.ask(audio=QUESTION, timeout=30)

    assert replayed.audio == bytes(len(recorded.audio))
    assert replayed.transcript == recorded.transcript


def test_ids_of_the_client_are_those_of_this_run(
    variant: Variant, tmp_path: Path
) -> None:
    """
    Futures complete, tools run and items are found, although the ids are others.
    """
    path = tmp_path / "session.jsonl"
    replies = [Reply(calls=[ToolCall("clock", {"zone": "UTC"})]), "It is noon."]

    def session(service: dict[str, Any], item_id: str) -> tuple[Turn, list[Any], Any]:
        calls: list[str] = []
        with (
            variant.connected(service=service, session_config=MANUAL) as (client, _),
            client.record(path, overwrite=True),
        ):
            client.tool(lambda zone: calls.append(zone) or "12:00", name="clock")
            item = {**MESSAGE, "id": item_id}
            created = client.create_conversation_item(item).result(10)
            assert created.id == item_id
            refused = client.delete_item("item_that_is_not_there")
            error = refused.exception(10)
            client.delete_item(item_id).result(10)
            turn = client.ask("What time is it?", timeout=30, **TEXT)
            return turn, calls, error

    first, calls, error = session({"replies": replies}, "item_first")
    path = path.rename(tmp_path / "first.jsonl")
    kept, path = path, tmp_path / "second.jsonl"
    second, again, same_error = session({"recording": kept, "pace": 0}, "item_second")
    assert calls == again == ["UTC"]
    assert second.text == first.text == "It is noon."
    assert str(error) == str(same_error)
    assert "item_first" not in path.read_text("utf-8")


MESSAGE = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "Hello"}],
}


def recorded(path: Path, act: Callable[[Any], object], **service: Any) -> None:
    """
    Record what *act* does with a client.
    """
    with (
        GA.connected(service=service, session_config=MANUAL) as (client, _),
        client.record(path, audio="inline"),
    ):
        act(client)


def test_another_command_ends_the_replay(tmp_path: Path) -> None:
    """
    The error names what was expected and what came.
    """
    path = tmp_path / "session.jsonl"
    recorded(path, lambda client: client.clear_audio_buffer().result(5))
    with GA.connected(service={"recording": path}, session_config=MANUAL) as (
        client,
        _,
    ):
        with client.expect("error", timeout=10) as expected:
            response = client.create_response()
        with pytest.raises(ServerError, match="recording continues"):
            response.result(10)
        error = expected.event.error
    assert error.code == "replay_mismatch"
    assert "'input_audio_buffer.clear'" in error.message
    assert "'response.create'" in error.message


def test_a_command_after_the_end_is_refused(tmp_path: Path) -> None:
    """
    The recording does not have the answer.
    """
    path = tmp_path / "session.jsonl"
    recorded(path, lambda client: client.clear_audio_buffer().result(5))
    with GA.connected(service={"recording": path}, session_config=MANUAL) as (
        client,
        _,
    ):
        client.clear_audio_buffer().result(10)
        client.append_audio(bytes(4800))  # a microphone may go on
        with client.expect("error", timeout=10) as expected:
            client.commit_audio()
    message = expected.event.error.message
    assert "has ended" in message
    assert "'input_audio_buffer.commit'" in message


def test_the_other_protocol_is_refused(tmp_path: Path) -> None:
    """
    The events of one protocol are of no use to a client of the other.
    """
    path = tmp_path / "session.jsonl"
    recorded(path, lambda client: client.clear_audio_buffer().result(5))
    preview = Variant("preview")
    errors = []
    with preview.service(recording=path) as service:
        client = preview.client(service.url)
        client.on("error", lambda event: errors.append(event.error.message))
        client.wait_closed(10)
        client.close()
    assert len(errors) == 1
    assert "ga protocol" in errors[0]


def test_a_reconnect_is_replayed(variant: Variant, tmp_path: Path) -> None:
    """
    The second connection of the recording serves the second connection of the client.
    """
    path = tmp_path / "session.jsonl"

    def run(client: Any, drop: Callable[[], None]) -> None:
        client.clear_audio_buffer().result(10)
        with client.expect("reconnected", timeout=15):
            drop()
        assert client.ask("Still there?", timeout=20, **TEXT).text == "Yes."

    how: dict[str, Any] = {"max_reconnect_attempts": 2, "reconnect_interval": 0.01}
    how["session_config"] = MANUAL
    service: dict[str, Any] = {"replies": ["Yes."], "pace": 0}
    with (
        variant.connected(service=service, **how) as (client, connection),
        client.record(path),
    ):
        run(client, connection.drop)
    assert {message.generation for message in Recording.load(path)} == {1, 2}
    with variant.connected(service={"recording": path, "pace": 0}, **how) as (
        client,
        _,
    ):
        run(client, lambda: None)


@pytest.mark.parametrize("size", [960, 7_000])
def test_appended_audio_matches_in_any_pieces(tmp_path: Path, size: int) -> None:
    """
    A microphone does not deliver the same pieces twice.
    """
    path = tmp_path / "session.jsonl"

    def run(client: Any, size: int) -> None:
        for start in range(0, 48_000, size):
            client.append_audio(bytes(min(size, 48_000 - start)))
        client.commit_audio().result(10)

    recorded(path, lambda client: run(client, 4_800))
    with GA.connected(service={"recording": path}, session_config=MANUAL) as (
        client,
        _,
    ):
        run(client, size)
        client.close()


def test_an_event_waits_for_the_audio_before_it(tmp_path: Path) -> None:
    """
    Speech is not detected before it was spoken.
    """
    path = tmp_path / "session.jsonl"
    kind = "input_audio_buffer.cleared"

    def run(client: Any, size: int) -> None:
        client.append_audio(bytes(size))

    def act(client: Any) -> None:
        run(client, 9_600)
        client.clear_audio_buffer().result(10)

    recorded(path, act)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    types = [line.get("message", {}).get("type") for line in lines]
    del lines[types.index("input_audio_buffer.clear")]  # as if it came by itself
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    with GA.connected(
        service={"recording": path, "pace": 0}, session_config=MANUAL
    ) as (client, connection):
        run(client, 4_800)
        connection.wait_received("input_audio_buffer.append", timeout=10)
        assert kind not in [event["type"] for event in connection.sent]
        with client.expect(kind, timeout=10):
            run(client, 4_800)


@pytest.mark.slow
def test_the_timing_is_that_of_the_recording(tmp_path: Path) -> None:
    """
    Times the factor `pace`.
    """
    path = tmp_path / "session.jsonl"
    recorded(
        path,
        lambda client: client.ask("Go", timeout=30),
        replies=["This takes a while to say, as it is long."],
    )
    times = {}
    for pace in (0, 1):
        replay = {"recording": path, "pace": pace}
        with GA.connected(service=replay, session_config=MANUAL) as (client, _):
            times[pace] = client.ask("Go", timeout=30).latency.done
    first = Recording.load(path).turns[0].latency.done
    assert first is not None
    assert times[1] is not None
    assert times[1] >= first * 0.9
    assert times[0] is not None
    assert times[0] < times[1]


def test_a_file_that_is_no_recording_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    When the service is made, not when a client connects.
    """
    path = tmp_path / "notes.txt"
    path.write_text("Hello\n")
    with pytest.raises(ValueError, match=r"notes\.txt"):
        Simulator(recording=path)
    assert main(["--port", "0", "--recording", str(path)]) == 1
    assert "Cannot replay" in capsys.readouterr().err
    assert main(["--port", "0", "--recording", str(tmp_path / "missing")]) == 1
    assert "Cannot replay" in capsys.readouterr().err
    with pytest.raises(FileNotFoundError):
        Simulator(recording=tmp_path / "missing")


def test_scenarios_are_those_of_the_sequences() -> None:
    """
    A new sequence is replayed without further ado.
    """
    assert len(SCENARIOS) == 10
    assert all(isinstance(each, types.FunctionType) for each in SCENARIOS)
