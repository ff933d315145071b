"""
``talk`` as a job of a shell: in the background, stopped, continued, hung up.
"""

from __future__ import annotations

import shlex
import signal
from pathlib import Path
from typing import Any

import pytest
from helpers.clients import SENTENCE, SILENCE
from helpers.timing import SCALE

from azure_realtime.audio import read_wav, write_wav

terminals = pytest.importorskip("helpers.terminal")
pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.timeout(180)]


@pytest.fixture
def talk(tmp_path: Path) -> tuple[str, ...]:
    """
    Return the command, with a short question.
    """
    question = tmp_path / "question.wav"
    write_wav(question, SENTENCE + SILENCE, 24_000)
    return ("talk", "--local", "--wav", str(question))


def command(talk: tuple[str, ...], *more: str) -> str:
    """
    Return the line for a shell.
    """
    return shlex.join([*terminals.COMMAND, *talk, *more])


def test_a_background_job_is_not_stopped(
    terminal: Any, talk: tuple[str, ...], tmp_path: Path
) -> None:
    """
    The job prints lines and ends; the shell receives the keys.
    """
    line = command(talk, "--out", str(tmp_path / "reply.wav"))
    shell = terminal(script=f"{line} & wait $!; echo status=$?")
    shell.press("m\n")
    shell.until("status=")
    assert shell.end(10.0) == 0
    assert "status=0" in shell.text
    assert "Model: " in shell.text
    assert "\x1b" not in shell.text


@pytest.mark.parametrize("options", [(), ("--plain",)], ids=["live", "plain"])
def test_ctrl_z_restores_the_terminal_until_it_goes_on(
    terminal: Any, talk: tuple[str, ...], options: tuple[str, ...]
) -> None:
    """
    The shell is usable meanwhile, and the keys work afterwards.
    """
    if not options:
        pytest.importorskip("rich")
    shell = terminal(
        script=f"{command(talk, *options)}; stty -a; echo stopped; read line; fg; "
        "echo status=$?"
    )
    shell.until("q quits")
    shell.until_raw()
    shell.press("\x1a")
    shell.until("stopped")
    assert not shell.is_raw
    assert " -icanon" not in shell.text
    assert shell.text.rfind("\x1b[?25h") >= shell.text.rfind("\x1b[?25l")
    shell.press("\n")
    shell.until_raw()
    shell.press("q")
    shell.until("status=")
    assert shell.end(10.0) == 0
    assert "status=0" in shell.text


def test_the_end_of_the_terminal_completes_the_file(
    terminal: Any, talk: tuple[str, ...], tmp_path: Path
) -> None:
    """
    SIGHUP ends it as Ctrl-C does.
    """
    out = tmp_path / "reply.wav"
    shell = terminal(*talk, "--plain", "--out", str(out))
    shell.until("q quits")
    shell.until_raw()
    shell.process.send_signal(signal.SIGHUP)
    shell.process.send_signal(signal.SIGHUP)  # of the kernel and of the shell
    assert shell.end(2.0 * SCALE) == 130
    assert "Traceback" not in shell.text
    assert read_wav(out).rate == 24_000
