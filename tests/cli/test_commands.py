"""
The commands ``ask``, ``inspect``, ``timeline`` and ``serve --recording``.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.clients import GA, KEY, SENTENCE, SILENCE
from helpers.command_line import QUESTION, azure_variables
from helpers.timing import SCALE

from azure_realtime.audio import read_wav
from azure_realtime.cli import main
from azure_realtime.recording import Recording
from azure_realtime.simulator import Reply, Simulator, ToolCall

HOSTILE = "\x1b]0;title\x07Paris\x1b[2J"
Out = pytest.CaptureFixture[str]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """
    A local service that the environment names.
    """
    with Simulator(credentials=KEY, pace=0) as running:
        use(running.url, monkeypatch)
        yield running


def use(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Name the service in the environment.
    """
    for name, value in azure_variables(url).items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A written turn with a tool, and a spoken one whose answer is hostile.
    """
    path = tmp_path_factory.mktemp("recording") / "session.jsonl"
    replies = [
        Reply(calls=[ToolCall("look", {"where": "there"})]),
        Reply("It is there."),
        Reply(HOSTILE),
    ]
    with GA.connected(service={"replies": replies}) as (client, _):

        @client.tool
        def look(where: str) -> str:
            """Look."""
            return where

        with client.record(path):
            client.ask("Where is it?", timeout=20)
            client.append_audio(SENTENCE + SILENCE)
            client.wait_for("response.done", timeout=20)
    return path


# ask


def test_a_question_is_answered_with_text(service: Simulator, capsys: Out) -> None:
    """
    On standard output, and nothing else is there; speech is not paid for.
    """
    service.add_reply("Two.\nOr three.")
    assert main(["ask", "How many?"]) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("Two.\nOr three.\n", "")
    connection = service.connections[0]
    created = connection.wait_received("response.create")
    assert created["response"]["output_modalities"] == ["text"]


def test_a_spoken_question_gets_a_spoken_answer(
    service: Simulator, capsys: Out, tmp_path: Path
) -> None:
    """
    From file to file; the transcript is printed.
    """
    service.add_reply("Paris is the capital.")
    out = tmp_path / "reply.wav"
    assert main(["ask", "--audio", str(QUESTION), "--out", str(out)]) == 0
    captured = capsys.readouterr()
    assert captured.out == "Paris is the capital.\n"
    assert re.search(rf"[\d.]+ s of speech in {re.escape(str(out))}", captured.err)
    assert read_wav(out).seconds > 0.5


def test_an_answer_cannot_control_the_terminal(service: Simulator, capsys: Out) -> None:
    """
    It loses its control characters, however they are divided into deltas.
    """
    service.add_reply(HOSTILE)
    assert main(["ask", "What?"]) == 0
    assert capsys.readouterr().out == "]0;titleParis[2J\n"


def test_the_error_after_half_an_answer_has_a_line_of_its_own(
    service: Simulator, capsys: Out
) -> None:
    """
    On a terminal, it does not continue the last line of the answer.
    """
    service.add_reply(Reply("It is", status="failed", error_message="Overloaded."))
    assert main(["ask", "What?"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "It is\n"
    assert "Overloaded." in captured.err


@pytest.mark.parametrize("out", ["", "missing/reply.wav"])
def test_a_file_that_cannot_be_written_is_refused_before_the_question(
    service: Simulator, capsys: Out, tmp_path: Path, out: str
) -> None:
    """
    An answer costs tokens; it would be lost.
    """
    assert main(["ask", "hi", "--out", str(tmp_path / out)]) == 1
    assert str(tmp_path) in capsys.readouterr().err
    assert not service.connections


def test_a_failed_question_leaves_the_file_as_it_was(
    service: Simulator, tmp_path: Path
) -> None:
    """
    Neither an empty file, nor an earlier answer that is lost.
    """
    earlier, new = tmp_path / "earlier.wav", tmp_path / "new.wav"
    earlier.write_bytes(b"an answer")
    for out in (earlier, new):
        service.add_reply(Reply("It is", status="failed"))
        assert main(["ask", "hi", "--out", str(out)]) == 1
    assert earlier.read_bytes() == b"an answer"
    assert not new.exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_an_answer_can_be_written_to_a_named_pipe(
    service: Simulator, tmp_path: Path
) -> None:
    """
    Its reader gets the whole answer, not the end of the file before it.
    """
    pipe = tmp_path / "reply.wav"
    os.mkfifo(pipe)
    read: list[bytes] = []

    def reader() -> None:
        while not any(read):
            read.append(pipe.read_bytes())

    thread = threading.Thread(target=reader, daemon=True)
    thread.start()
    assert main(["ask", "hi", "--out", str(pipe)]) == 0
    thread.join(10 * SCALE)
    (answer,) = read
    assert answer.startswith(b"RIFF")


@pytest.mark.parametrize("arguments", [[], [""], ["--out", "reply.wav"]])
def test_a_question_is_needed(
    arguments: list[str], service: Simulator, capsys: Out
) -> None:
    """
    Nothing is connected without one: the arguments are wrong.
    """
    with pytest.raises(SystemExit) as ended:
        main(["ask", *arguments])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("usage: azure-realtime ask")
    assert "error: " in error
    assert not service.connections


def test_a_question_without_quotes_is_refused(service: Simulator, capsys: Out) -> None:
    """
    The usage does not say which argument is too many.
    """
    with pytest.raises(SystemExit):
        main(["ask", "hi", "there"])
    assert 'in quotes: azure-realtime ask "hi there"' in capsys.readouterr().err
    assert not service.connections


def test_without_a_service_the_ways_to_name_one_are_listed(capsys: Out) -> None:
    """
    The advice is about the command, not about Python.
    """
    assert main(["ask", "hi"]) == 1
    error = capsys.readouterr().err
    assert "AZURE_OPENAI_API_KEY" in error
    assert "--env-file" in error
    assert "--local" in error
    assert "AzureRealTimeOptions" not in error


def test_a_file_of_another_format_is_refused(
    service: Simulator, recording: Path, tmp_path: Path, capsys: Out
) -> None:
    """
    It would have the name of one format and the content of another.
    """
    assert main(["ask", "hi", "--out", str(tmp_path / "x.mp3")]) == 1
    assert "x.mp3: only WAV files are written" in capsys.readouterr().err
    assert not service.connections
    assert main(["timeline", str(recording), "-o", str(tmp_path / "out.pdf")]) == 1
    assert "written as .html or as .svg" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_refusal_is_a_sentence_without_the_key(
    service: Simulator, capsys: Out
) -> None:
    """
    Even if the service repeats it.
    """
    service.refuse(401, body=f"wrong key {KEY}".encode())
    assert main(["ask", "Hello?"]) == 1
    error = capsys.readouterr().err
    assert "401" in error
    assert "key belongs to this resource" in error
    assert KEY not in error


# inspect


def test_a_recording_is_summed_up(recording: Path, capsys: Out) -> None:
    """
    Turns, tools, latencies, tokens and cost.
    """
    assert main(["inspect", str(recording), "--model", "gpt-realtime"]) == 0
    lines = capsys.readouterr().out
    assert re.match(r"session\.jsonl: [\d.]+ s, 2 turns\n", lines)
    assert "You:   Where is it?" in lines
    assert 'Tool:  look({"where": "there"})' in lines
    assert "Model: It is there." in lines
    assert "turn 1, at" in lines
    assert "Model: ]0;titleParis[2J" in lines
    assert "\x1b" not in lines
    assert re.search(r"first audio +[\d.]+ s +[\d.]+ s", lines)
    total = Recording.load(recording).usage.total_tokens
    assert f"Tokens: {total:,} in 3 responses" in lines
    assert re.search(r"Cost:   0\.\d+ USD", lines)


def test_the_cost_needs_the_name_of_the_model(recording: Path, capsys: Out) -> None:
    """
    The name of a deployment says nothing, and an unknown model has no price.
    """
    assert main(["inspect", str(recording)]) == 0
    assert "--model gpt-realtime" in capsys.readouterr().out
    assert main(["inspect", str(recording), "--model", "gpt-raeltime"]) == 1
    assert "no published prices of 'gpt-raeltime'" in capsys.readouterr().err


def test_strip_writes_a_copy(recording: Path, capsys: Out, tmp_path: Path) -> None:
    """
    Without the words.
    """
    out = tmp_path / "stripped.jsonl"
    assert main(["inspect", str(recording), "--strip", str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    assert "It is there." in recording.read_text()
    assert "It is there." not in out.read_text()
    assert len(Recording.load(out).turns) == 2
    assert main(["inspect", str(recording), "--strip", str(out)]) == 1


@pytest.mark.parametrize("command", ["inspect", "timeline"])
def test_another_file_is_refused(command: str, capsys: Out, tmp_path: Path) -> None:
    """
    With a sentence.
    """
    path = tmp_path / "notes.txt"
    path.write_text("hello\n")
    assert main([command, str(path)]) == 1
    assert "notes.txt" in capsys.readouterr().err
    assert main([command, str(tmp_path / "missing.jsonl")]) == 1
    assert "missing.jsonl" in capsys.readouterr().err


# timeline


def test_a_timeline_is_a_page(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    """
    Named after the recording, in the current folder, unless another name is given.
    """
    monkeypatch.chdir(tmp_path)
    assert main(["timeline", str(recording)]) == 0
    assert capsys.readouterr().out == "Wrote session.html\n"
    page = (tmp_path / "session.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "It is there." in page

    assert main(["timeline", str(recording), "-o", "one.html", "--turn", "1"]) == 0
    assert "It is there." not in (tmp_path / "one.html").read_text("utf-8")
    assert main(["timeline", str(recording), "-o", "picture.svg"]) == 0
    assert (tmp_path / "picture.svg").read_text("utf-8").startswith("<svg")


def test_a_turn_that_does_not_exist_is_named(recording: Path, capsys: Out) -> None:
    """
    With the number of turns that there are.
    """
    assert main(["timeline", str(recording), "--turn", "7"]) == 1
    assert "no turn 7: there are 2" in capsys.readouterr().err


# serve


@contextlib.contextmanager
def serving(*arguments: str) -> Iterator[str]:
    """
    Run ``serve`` in a process of its own, and give its address.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "azure_realtime", "serve", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        found = re.search(r"ws://[\d.:]+", process.stdout.readline())
        assert found
        yield found[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10 * SCALE) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.slow
@pytest.mark.processes
def test_a_recording_is_served(
    monkeypatch: pytest.MonkeyPatch, capsys: Out, tmp_path: Path
) -> None:
    """
    What the service answered once, it answers again.
    """
    path = tmp_path / "session.jsonl"
    with Simulator(replies=["It was Tuesday."], credentials=KEY) as service:
        client = GA.client(service.url)
        client.record(path)  # before the session is configured, so as to have it all
        with client:
            client.ask("Which day was it?", modalities=["text"], timeout=20)

    with serving("--recording", str(path), "--pace", "0") as url:
        use(url, monkeypatch)
        assert main(["ask", "Which day was it?"]) == 0
    assert capsys.readouterr().out == "It was Tuesday.\n"


def test_the_status_of_each_command_is_documented(capsys: Out) -> None:
    """
    Its help says what 0, 1, 2, 130 and 141 mean.
    """
    for command in ("doctor", "ask", "talk", "inspect", "timeline"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        words = " ".join(capsys.readouterr().out.split())
        assert re.search(r"exit status: 0 .*; 1 .*; 2 .*; 130 .*SIGHUP; 141", words), (
            command
        )
