"""
The commands with standard streams that are closed, full, or not UTF-8.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.clients import GA, KEY
from helpers.command_line import azure_variables
from helpers.timing import SCALE

from azure_realtime.simulator import Request, Simulator

pytestmark = [pytest.mark.slow, pytest.mark.processes]

ANSWER = "Grüße, 東京 🎉"
WAV = Path(__file__).parents[2] / "samples" / "question.wav"


@pytest.fixture(scope="module")
def service() -> Iterator[Simulator]:
    """
    A service whose answer is not ASCII.
    """
    with Simulator(credentials=KEY, pace=0, replies=lambda _: ANSWER) as running:
        with GA.client(running.url):
            pass  # the first connection opens a descriptor, which no test has to close
        yield running


@pytest.fixture(scope="module")
def recording(service: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A recording of one turn.
    """
    path = tmp_path_factory.mktemp("recording") / "session.jsonl"
    with GA.client(service.url) as client, client.record(path):
        client.ask("Wie heißt das?", modalities=["text"], timeout=20)
    return path


def run(
    service: Simulator,
    arguments: str,
    after: str = "",
    before: str = "",
    **variables: str,
) -> subprocess.CompletedProcess[bytes]:
    """
    Run a command in a shell, with text of that shell before and after it.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHONU", "LC_"))}
    return subprocess.run(
        f"{before}{sys.executable} -m azure_realtime {arguments} {after}",
        shell=True,
        env={**kept, **azure_variables(service.url), **variables},
        capture_output=True,
        timeout=30 * SCALE,
        check=False,
    )


ASCII = {"PYTHONIOENCODING": "ascii"}
POSIX = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LATIN = {"PYTHONIOENCODING": "latin-1"}


@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        (ASCII, b"Gr??e, ?? ?"),
        (POSIX, b"Gr??e, ?? ?"),
        (LATIN, "Grüße, ?? ?".encode("latin-1")),
    ],
    ids=["ascii", "posix", "latin"],
)
def test_characters_that_the_output_lacks_are_replaced(
    variables: dict[str, str], shown: bytes, service: Simulator, recording: Path
) -> None:
    """
    Questions, answers and summaries are printed in an ASCII terminal.
    """
    asked = run(service, "ask 'Wie heißt das?'", **variables)
    assert (asked.returncode, asked.stdout, asked.stderr) == (0, shown + b"\n", b"")
    question = service.connections[-1].wait_received("conversation.item.create")
    assert question["item"]["content"][0]["text"] == "Wie heißt das?"
    found = run(service, f"inspect {recording}", **variables)
    assert (found.returncode, found.stderr) == (0, b"")
    assert shown in found.stdout


ALL = "<&- >&- 2>&-"


@pytest.mark.parametrize(
    ("arguments", "closed"),
    [
        ("ask Hello?", "<&-"),
        ("ask Hello?", ">&-"),
        ("ask Hello?", "2>&-"),
        ("ask Hello?", ALL),
        ("talk --wav {wav}", ALL),
    ],
)
def test_a_closed_stream_does_not_matter(
    arguments: str, closed: str, service: Simulator
) -> None:
    """
    The command does its work without it.
    """
    done = run(service, arguments.format(wav=WAV), closed)
    assert (done.returncode, done.stderr) == (0, b"")
    if ">&-" not in closed.split():
        assert done.stdout


@pytest.mark.parametrize("arguments", ["ask Hello?", "inspect {recording}", "--help"])
def test_a_reader_that_has_ended_is_no_error(
    arguments: str, service: Simulator, recording: Path
) -> None:
    """
    `| head` ends the command without a traceback, with the status of SIGPIPE.
    """
    done = run(
        service,
        arguments.format(recording=recording),
        "; echo status=$? >&2; } | true",
        before="{ ",
    )
    assert done.stderr == b"status=141\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux")
def test_a_full_disk_is_a_sentence(service: Simulator) -> None:
    """
    It is written to standard error, if possible.
    """
    done = run(service, "ask Hello?", ">/dev/full")
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == ["[Errno 28] No space left on device"]
    assert run(service, "ask Hello?", ">/dev/full 2>/dev/full").returncode == 1


LOSS = "The connection is closed: 1008 (the deployment was removed)."


@pytest.mark.parametrize("command", ["ask Hello?", "talk --wav {wav}"])
def test_the_error_that_ends_a_command_is_printed_once(command: str) -> None:
    """
    The library logs a lost connection; the command has the same error.
    """

    def lost(request: Request) -> str:
        request.connection.close(1008, "the deployment was removed")
        return ANSWER

    with Simulator(credentials=KEY, replies=lost) as service:
        done = run(service, command.format(wav=WAV))
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [LOSS]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux")
def test_a_file_that_cannot_be_written_is_no_traceback(service: Simulator) -> None:
    """
    The disk is full: nothing is wrong with the program.
    """
    done = run(service, f"talk --wav {WAV} --out /dev/full")
    assert done.returncode == 1
    lines = done.stderr.decode().splitlines()
    assert lines[-1] == "[Errno 28] No space left on device"
    assert "Traceback (most recent call last):" not in lines
