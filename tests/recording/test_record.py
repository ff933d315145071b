"""
Recording a client: what is in the file, and what is never in it.
"""

from __future__ import annotations

import base64
import gc
import json
import os
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import inside
from helpers.clients import GA, KEY, MANUAL, Variant
from helpers.processes import run_script
from helpers.scripted_service import Service, scripted

from azure_realtime import McpTool
from azure_realtime.audio import read_wav
from azure_realtime.recording import Recorder, Recording
from azure_realtime.recording import writer as writer_module

QUESTION = Path(__file__).parents[2] / "samples" / "question.wav"
TEXT = {"modalities": ["text"]}


def lines_of(path: Path) -> list[dict[str, Any]]:
    """
    Return the lines of a recording as objects.
    """
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def messages_of(path: Path, direction: str) -> list[dict[str, Any]]:
    """
    Return the recorded messages of one direction.
    """
    lines = [line for line in lines_of(path) if line["kind"] == "message"]
    return [line["message"] for line in lines if line["direction"] == direction]


def test_messages_are_recorded_as_on_the_wire(variant: Variant, tmp_path: Path) -> None:
    """
    Each message in either direction is one line, with the text of the wire in it.
    """
    path = tmp_path / "session.jsonl"
    with variant.connected(
        service={"replies": ['A line\nand a quote " and a snowman \u2603.']},
        session_config=MANUAL,
    ) as (client, connection):
        before = len(connection.sent)
        with client.record(path):
            client.ask("Good morning", **TEXT, timeout=20)
        sent = connection.sent[before:]
        received = connection.received

    text = path.read_text("utf-8")
    # what follows the end of the answer may come after the end of the recording
    sent = sent[: [event["type"] for event in sent].index("response.done") + 1]
    # as the service encodes them
    texts = [json.dumps(e, ensure_ascii=False, separators=(",", ":")) for e in sent]
    assert [text.count(f'"message":{each}}}\n') for each in texts] == [1] * len(sent)
    assert messages_of(path, "out") == received[-len(messages_of(path, "out")) :]
    kinds = [line["kind"] for line in lines_of(path)]
    assert kinds == ["header", *["message"] * (len(kinds) - 2), "end"]


def test_lines_have_both_times_and_the_connection(
    variant: Variant, tmp_path: Path
) -> None:
    """
    Times are those of the client's clocks; a reconnect counts the connection up.
    """
    path = tmp_path / "session.jsonl"
    with (
        variant.connected(
            session_config=MANUAL, max_reconnect_attempts=1, reconnect_interval=0.01
        ) as (client, connection),
        client.record(path),
    ):
        client.clear_audio_buffer().result(5)
        with client.expect("reconnected", timeout=10):
            connection.drop()
        client.clear_audio_buffer().result(5)

    header, *lines, _ = lines_of(path)
    assert {line["generation"] for line in lines} == {1, 2}
    for one, next_one in zip([header, *lines], lines, strict=False):
        assert one["monotonic"] <= next_one["monotonic"]
        assert (
            abs(
                (next_one["wall"] - one["wall"])
                - (next_one["monotonic"] - one["monotonic"])
            )
            < 1.0
        )
    assert header["api_version"] == variant.api_version
    assert header["session"]["id"].startswith("sess")
    assert header["version"] == 1


def test_a_recording_may_start_before_the_session(
    variant: Variant, tmp_path: Path
) -> None:
    """
    Then it has the first messages of the session as well.
    """
    path = tmp_path / "session.jsonl"
    with variant.service() as service:
        service.mute_handshakes()
        client = variant.client(service.url, session_config=MANUAL)
        with client.record(path):
            service.accept()
            client.connect()
        client.close()

    assert messages_of(path, "in")[0]["type"] == "session.created"
    assert messages_of(path, "out")[0]["type"] == "session.update"
    assert lines_of(path)[0]["session"] is None


def spoken(client: Any) -> Any:
    """
    Hold a spoken turn.
    """
    return client.ask(audio=QUESTION, timeout=30)


def test_audio_is_replaced_by_its_length(variant: Variant, tmp_path: Path) -> None:
    """
    The default: no voice is in the file, and the events can still be counted.
    """
    path = tmp_path / "session.jsonl"
    service = {"pace": 0}
    with (
        variant.connected(service=service, session_config=MANUAL) as (client, _),
        client.record(path),
    ):
        turn = spoken(client)

    audio = [
        line for line in lines_of(path) if "audio" in line and line["kind"] != "header"
    ]
    sizes = {"in": 0, "out": 0}
    for line in audio:
        (place,) = line["audio"]
        assert line["message"][place["path"][0]] == ""
        sizes[line["direction"]] += place["bytes"]
    question = read_wav(QUESTION)
    assert question.rate == 24_000
    assert sizes == {"in": len(turn.audio), "out": len(question.pcm)}
    assert path.stat().st_size < len(turn.audio)


@pytest.mark.parametrize(
    ("mode", "audio_format"),
    [("inline", "pcm16"), ("wav", "pcm16"), ("wav", "g711_ulaw"), ("wav", "g711_alaw")],
)
def test_audio_can_be_recorded(
    variant: Variant, tmp_path: Path, mode: Any, audio_format: str
) -> None:
    """
    Inline, or in two files beside the recording, in the format of the session.
    """
    path = tmp_path / "session.jsonl"
    config = {
        "turn_detection": None,
        "input_audio_format": audio_format,
        "output_audio_format": audio_format,
    }
    service = {"pace": 0}
    with (
        variant.connected(service=service, session_config=config) as (client, _),
        client.record(path, audio=mode),
    ):
        turn = spoken(client)

    recording = Recording.load(path)
    assert recording.turns[0].audio == turn.audio
    sent = [m for m in recording if m.event.type == "input_audio_buffer.append"]
    assert sum(m.audio_bytes for m in sent) > 20_000
    if mode == "wav":
        names = ["session.jsonl", "session.model.wav", "session.user.wav"]
        assert sorted(each.name for each in tmp_path.iterdir()) == names
        seconds = read_wav(tmp_path / "session.user.wav").seconds
        assert read_wav(QUESTION).seconds < seconds < recording.seconds + 4
        answer = read_wav(tmp_path / "session.model.wav").pcm
        assert answer.endswith(read_wav_of(turn))
        # it begins when it came: after the recording, and after silence
        assert len(answer) > len(read_wav_of(turn))


def read_wav_of(turn: Any) -> bytes:
    """
    Return the audio of a turn as PCM16.
    """
    from azure_realtime.audio.formats import as_pcm

    return as_pcm(turn.audio, turn.audio_format)[0]


def test_an_interruption_keeps_both_files_on_one_clock(
    variant: Variant, tmp_path: Path
) -> None:
    """
    What was not played any more is not in the model's file, but in its events.
    """
    path = tmp_path / "session.jsonl"
    with (
        variant.connected(
            service={"pace": 0, "replies": ["and so it went on, " * 20, "Yes."]},
            session_config=MANUAL,
        ) as (client, _),
        client.record(path, audio="wav"),
    ):
        first = client.ask("Go on", timeout=30)
        item_id = first.items[0].id
        client.truncate_item(item_id, 0, audio_end_ms=200).result(10)
        second = client.ask("Stop", timeout=30)

    assert first.seconds > 15  # it is generated much faster than it could be played
    recording = Recording.load(path)
    assert [turn.audio for turn in recording.turns] == [first.audio, second.audio]
    file = read_wav(tmp_path / "session.model.wav")
    assert file.pcm.endswith(second.audio)
    rest = [line for line in lines_of(path) if line["kind"] == "unplayed"]
    unplayed = sum(len(base64.b64decode(line["base64"])) for line in rest)
    assert 0 < unplayed < len(first.audio)
    began = len(file.pcm) - len(second.audio)
    assert began / 48_000 < recording.seconds


# Secrets.

SECRETS = [
    "tok-4711-authorization",
    "header-value-0815",
    "sig=abcdef0123",
    "pass-word1",
]


def mcp_tool() -> McpTool:
    """
    Return a tool with a secret at each place.
    """
    return McpTool(
        server_label="shop",
        server_url=f"https://user:{SECRETS[3]}@example.com/mcp?{SECRETS[2]}",
        authorization=SECRETS[0],
        headers={"X-Key": SECRETS[1]},
    )


def test_no_secret_reaches_the_file(tmp_path: Path) -> None:
    """
    Not in what is sent, not in what the service repeats, and not in its errors.
    """
    path = tmp_path / "session.jsonl"

    def script(service: Service) -> None:
        update = service.read("session.update")
        service.say({"type": "session.updated", "session": update["session"]})
        service.read("input_audio_buffer.clear")
        service.say({"type": "input_audio_buffer.cleared"})
        service.refuse(message=f"Bad authorization {SECRETS[0]} or {SECRETS[1]}, {KEY}")

    with scripted(script) as (client, service):
        with client.record(path):
            client.update_session(tools=[mcp_tool()]).result(10)
            with client.expect("error", timeout=10):
                client.clear_audio_buffer()
        updated = client.session

    text = path.read_text("utf-8")
    assert SECRETS[0] in json.dumps(service.received)
    assert updated is not None
    assert "Bad authorization ***" in text
    assert [secret for secret in [*SECRETS, KEY] if secret in text] == []
    tool = messages_of(path, "out")[0]["session"]["tools"][0]
    assert tool["server_url"] == "https://***@example.com/mcp?***"
    assert (tool["authorization"], tool["headers"]) == ("***", {"X-Key": "***"})
    assert tool["server_label"] == "shop"


def test_secrets_before_the_recording_are_not_in_its_header(tmp_path: Path) -> None:
    """
    The header has the session as the service reported it.
    """
    path = tmp_path / "session.jsonl"

    def script(service: Service) -> None:
        update = service.read("session.update")
        service.say({"type": "session.updated", "session": update["session"]})

    with scripted(script) as (client, _):
        client.update_session(tools=[mcp_tool()]).result(10)
        client.record(path).close()

    assert len(lines_of(path)[0]["session"]["tools"]) == 1
    text = path.read_text("utf-8")
    assert [secret for secret in SECRETS if secret in text] == []


# Files.


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_only_the_owner_can_read_the_files(tmp_path: Path) -> None:
    """
    Whatever the umask is, and also if a readable file is replaced.
    """
    path = tmp_path / "session.jsonl"
    path.write_text("old")
    path.chmod(0o666)
    before = os.umask(0)
    try:
        with GA.connected(session_config=MANUAL) as (client, _):
            client.record(path, audio="wav", overwrite=True).close()
    finally:
        os.umask(before)

    modes = {
        each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()
    }
    assert modes == dict.fromkeys(modes, 0o600)
    assert len(modes) == 3


@pytest.mark.parametrize("taken", ["session.jsonl", "session.model.wav"])
def test_no_file_is_overwritten(tmp_path: Path, taken: str) -> None:
    """
    A recording that cannot begin leaves nothing behind, and the client free for another.
    """
    (tmp_path / taken).write_text("precious")
    path = tmp_path / "session.jsonl"
    with GA.connected(session_config=MANUAL) as (client, _):
        with pytest.raises(FileExistsError, match="overwrite=True"):
            client.record(path, audio="wav")
        assert [each.name for each in tmp_path.iterdir()] == [taken]
        assert (tmp_path / taken).read_text() == "precious"
        with client.record(path, audio="wav", overwrite=True):
            client.clear_audio_buffer().result(5)

    assert messages_of(path, "in")[-1]["type"] == "input_audio_buffer.cleared"


def test_overwriting_removes_a_link_and_not_its_target(tmp_path: Path) -> None:
    """
    A link at the place of the recording does not lead it elsewhere.
    """
    target = tmp_path / "precious"
    target.write_text("precious")
    (tmp_path / "session.jsonl").symlink_to(target)
    with GA.connected(session_config=MANUAL) as (client, _):
        client.record(tmp_path / "session.jsonl", overwrite=True).close()

    assert target.read_text() == "precious"


def test_wrong_calls_say_what_to_do(tmp_path: Path) -> None:
    """
    An unknown mode, a second recording, a note that is no JSON.
    """
    with GA.connected(session_config=MANUAL) as (client, _):
        with pytest.raises(ValueError, match="'none', 'inline', 'wav'"):
            client.record(tmp_path / "a", audio="mp3")  # type: ignore[arg-type]
        with client.record(tmp_path / "b") as recorder:
            with pytest.raises(RuntimeError, match="close that recording first"):
                client.record(tmp_path / "c")
            with pytest.raises(TypeError):
                recorder.mark("note", value=object())
            with pytest.raises(ValueError, match="16,384"):
                recorder.mark("note", value="x" * 20_000)
            recorder.mark("note", value=[1, "two"])
        recorder.mark("after the end")

    assert sorted(each.name for each in tmp_path.iterdir()) == ["b"]
    (mark,) = Recording.load(tmp_path / "b").marks
    assert (mark.name, mark.data) == ("note", {"value": [1, "two"]})


# Ends.


def test_closing_the_client_ends_the_recording(tmp_path: Path) -> None:
    """
    Without a `with` block; the fixture of all tests looks for threads and descriptors.
    """
    path = tmp_path / "session.jsonl"
    with GA.connected(session_config=MANUAL) as (client, _):
        recorder = client.record(path)
        client.clear_audio_buffer().result(5)

    assert lines_of(path)[-1]["kind"] == "end"
    assert repr(recorder) == "<Recorder session.jsonl closed>"


def test_a_dropped_client_ends_the_recording(
    tmp_path: Path, eventually: Callable[..., None]
) -> None:
    """
    The recording does not keep the client alive.
    """
    path = tmp_path / "session.jsonl"
    with GA.service() as service:
        client = GA.client(service.url, session_config=MANUAL)
        client.connect()
        recorder = client.record(path)
        del client

        def ended() -> bool:
            gc.collect()
            return lines_of(path)[-1]["kind"] == "end"

        eventually(ended)
        assert isinstance(recorder, Recorder)


@pytest.mark.processes
@pytest.mark.slow
def test_the_end_of_the_program_ends_the_recording(tmp_path: Path) -> None:
    """
    A script that neither closes the recording nor the client has a whole file.
    """
    path = tmp_path / "session.jsonl"
    script = f"""
    from azure_realtime import AzureRealTimeAudio
    with __import__("azure_realtime.simulator").simulator.Simulator() as service:
        client = AzureRealTimeAudio(
            dict(host_name=service.url, deployment="d", api_key="a-key")
        )
        client.connect()
        client.record({str(path)!r})
        client.clear_audio_buffer().result(5)
        raise SystemExit(0)
    """
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=60
    )

    recording = Recording.load(path)
    assert recording.is_complete
    assert "input_audio_buffer.cleared" in [event.type for event in recording.events]


@pytest.mark.processes
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")
def test_a_forked_child_leaves_the_recording_alone(tmp_path: Path) -> None:
    """
    It can neither end it nor write into it.
    """
    path = tmp_path / "session.jsonl"
    with (
        GA.connected(session_config=MANUAL) as (client, _),
        client.record(path) as recorder,
    ):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                began = time.monotonic()
                recorder.close()
                client.close()
                code = 0 if time.monotonic() - began < 4.0 else 2  # it waits for none
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        client.clear_audio_buffer().result(5)

    assert [line["kind"] for line in lines_of(path)].count("end") == 1
    assert Recording.load(path).events[-1].type == "input_audio_buffer.cleared"


def test_a_full_disk_ends_the_recording_and_not_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The loss is logged and kept in `error`; another recording can begin.
    """

    def full(_file: int, _data: Any) -> int:
        raise OSError(28, "No space left on device")

    path = tmp_path / "session.jsonl"
    with GA.connected(session_config=MANUAL) as (client, _):
        recorder = client.record(path)
        monkeypatch.setattr(writer_module.os, "write", full)
        client.clear_audio_buffer().result(5)
        recorder._thread.join(5)
        monkeypatch.undo()
        assert isinstance(recorder.error, OSError)
        with client.record(tmp_path / "second.jsonl"):
            client.clear_audio_buffer().result(5)

    assert caplog.text.count("The recording ended early") == 1
    assert Recording.load(tmp_path / "second.jsonl").events
    assert not Recording.load(path).is_complete


@pytest.mark.slow
def test_a_client_that_does_not_record_has_no_hook_and_loads_nothing() -> None:
    """
    The cost of the feature for everybody else: nothing.
    """
    script = """
    import sys
    import azure_realtime
    from azure_realtime.simulator import Simulator
    from helpers import inside
    with Simulator() as service, azure_realtime.AzureRealTimeAudio(
        dict(host_name=service.url, deployment="d", api_key="a-key")
    ) as client:
        assert not inside.has_hook(client)
        print([name for name in sys.modules if "azure_realtime.recording" in name])
    """
    done = run_script(script, head="")
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(300)
def test_a_burst_of_text_is_recorded_without_loss(tmp_path: Path) -> None:
    """
    50,000 deltas, as fast as the service can send them.
    """
    path = tmp_path / "session.jsonl"
    count = 50_000

    def script(service: Service) -> None:
        service.read("input_audio_buffer.clear")
        for start in range(0, count, 1000):
            service.say(*[delta(number) for number in range(start, start + 1000)])
        service.say({"type": "input_audio_buffer.cleared"})

    with scripted(script) as (client, _), client.record(path):
        client.clear_audio_buffer().result(240)

    recording = Recording.load(path)
    deltas = [e for e in recording.events if e.type == "response.output_text.delta"]
    assert [int(event.delta) for event in deltas] == list(range(count))  # type: ignore[attr-defined]
    assert (recording.dropped_audio, recording.dropped_messages) == (0, 0)


def delta(number: int) -> dict[str, Any]:
    """
    Return a delta with a number for its text.
    """
    return {
        "type": "response.output_text.delta",
        "response_id": "resp_1",
        "item_id": "item_1",
        "output_index": 0,
        "content_index": 0,
        "delta": str(number),
    }


def test_only_the_recording_has_a_thread(tmp_path: Path) -> None:
    """
    One thread while it is open.
    """
    with GA.connected(session_config=MANUAL) as (client, _):
        before = {thread.name for thread in threading.enumerate()}
        with client.record(tmp_path / "session.jsonl"):
            new = {thread.name for thread in threading.enumerate()} - before
            assert len(new) == 1
            assert "azure-realtime-recorder" in new.pop()


def test_a_second_recording_leaves_the_file_of_the_first(tmp_path: Path) -> None:
    """
    It is refused before it replaces the file, which is the same one.
    """
    path = tmp_path / "session.jsonl"
    with GA.connected(session_config=MANUAL) as (client, _):
        with client.record(path, audio="wav"):
            with pytest.raises(RuntimeError, match="recorded already"):
                client.record(path, audio="wav", overwrite=True)
            client.clear_audio_buffer().result(5)
        assert Recording.load(path).is_complete
        assert Recording.load(path).events


def test_a_recording_that_cannot_begin_leaves_nothing(tmp_path: Path) -> None:
    """
    The file whose name is taken stays, the others are removed, and the next one works.
    """
    taken = tmp_path / "session.model.wav"
    taken.write_bytes(b"precious")
    with GA.connected(session_config=MANUAL) as (client, _):
        with pytest.raises(FileExistsError, match=r"session\.model"):
            client.record(tmp_path / "session.jsonl", audio="wav")
        assert [each.name for each in tmp_path.iterdir()] == [taken.name]
        assert taken.read_bytes() == b"precious"
        with pytest.raises(FileNotFoundError):
            client.record(tmp_path / "missing" / "session.jsonl")
        with client.record(tmp_path / "session.jsonl"):
            client.clear_audio_buffer().result(5)


@pytest.mark.parametrize("where", ["start", "close"])
def test_ctrl_c_leaves_no_half_recording(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    No thread and no incomplete file is left, and the client can be recorded again.
    """

    def interrupted(self: Any, *_: Any) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    path = tmp_path / "session.jsonl"
    with GA.connected(session_config=MANUAL) as (client, _):
        kind, name = (
            (threading.Thread, "start")
            if where == "start"
            else (writer_module.Writer, "stop_waiting")
        )
        monkeypatch.setattr(kind, name, interrupted)
        with pytest.raises(KeyboardInterrupt), client.record(path, audio="wav"):
            client.clear_audio_buffer().result(5)
        if where == "start":
            assert list(tmp_path.iterdir()) == []
        else:
            assert Recording.load(path).is_complete
        with client.record(path, overwrite=True):
            client.clear_audio_buffer().result(5)


def test_ctrl_c_in_the_end_of_the_client_ends_the_recording(tmp_path: Path) -> None:
    """
    Its file is complete although `close` was interrupted.
    """
    path = tmp_path / "session.jsonl"
    with GA.connected(session_config=MANUAL) as (client, _):
        client.record(path)
        with inside.interrupted_shutdown(client), pytest.raises(KeyboardInterrupt):
            client.close()
        assert Recording.load(path).is_complete
