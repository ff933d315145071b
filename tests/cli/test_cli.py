"""
The command line.
"""

from __future__ import annotations

import itertools
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers import inside
from helpers.clients import KEY
from helpers.command_line import QUESTION, azure_variables
from helpers.timing import SCALE

from azure_realtime import __version__
from azure_realtime.audio import read_wav
from azure_realtime.cli import main
from azure_realtime.cli.display import Lines, LiveDisplay, counters, meter
from azure_realtime.cli.text import plain
from azure_realtime.events import SERVER_EVENTS
from azure_realtime.simulator import Simulator
from azure_realtime.voice import CallStats


def event(kind: str, **fields: Any) -> Any:
    return SERVER_EVENTS[kind](**fields)


@pytest.mark.timeout(180)
@pytest.mark.slow
@pytest.mark.processes
def test_talk_needs_neither_sound_nor_rich(tmp_path: Path) -> None:
    """
    From file to file, with a transcript of both sides and the latency of the turn.
    """
    blocked = "import sys; sys.modules['rich'] = sys.modules['sounddevice'] = None; "
    run = f"{blocked}from azure_realtime.cli import main; sys.exit(main())"
    options = ["--wav", str(QUESTION), "--out", "reply.wav"]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", run, "talk", "--local", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50 * SCALE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^You: .*\d.* seconds of speech", done.stdout, re.M)
    assert re.search(r"^Model: .+ \(\d\.\d\d s\)$", done.stdout, re.M)
    assert read_wav(tmp_path / "reply.wav").seconds > 1


TALK = ("talk", "--local", "--wav", str(QUESTION))


@pytest.mark.timeout(180)
@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize("options", [(), ("--plain",)], ids=["live", "plain"])
@pytest.mark.parametrize("way", ["q", "ctrl-c", "sigterm"])
def test_the_terminal_is_restored(
    terminal: Any, way: str, options: tuple[str, ...]
) -> None:
    """
    After q, Ctrl-C and SIGTERM, and the command ends soon.
    """
    if not options:
        pytest.importorskip("rich")
    shell = terminal(*TALK, *options)
    shell.until("q quits")
    shell.until_raw()
    if way == "sigterm":
        shell.process.send_signal(signal.SIGTERM)
    elif way == "ctrl-c":
        shell.process.send_signal(signal.SIGINT)
    else:
        shell.press("q")
    assert shell.end(10.0) == (0 if way == "q" else 130)
    assert "Traceback" not in shell.text


def test_an_interrupt_while_the_display_begins_shows_the_cursor_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    At each step of its beginning.
    """
    pytest.importorskip("rich")
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    begun = hidden = False
    for step in itertools.count(1):
        display, left = LiveDisplay(), step

        def interrupt(frame: Any, *_: object) -> None:
            nonlocal left
            left -= frame.f_code.co_filename != __file__
            if left == 0:
                raise KeyboardInterrupt

        try:
            sys.setprofile(interrupt)
            display.__enter__()
            begun = True
        except KeyboardInterrupt:
            pass
        finally:
            sys.setprofile(None)
            display.__exit__(None, None, None)
        shown = capsys.readouterr().out
        hidden = hidden or "\x1b[?25l" in shown
        assert shown.rfind("\x1b[?25h") >= shown.rfind("\x1b[?25l"), step
        if begun:
            break
    assert hidden


def test_an_interrupt_while_the_display_begins_restores_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    The display is left, though it was not entered.
    """

    class Interrupted(Lines):
        left = False

        def __enter__(self) -> Lines:
            raise KeyboardInterrupt

        def __exit__(self, *_: Any) -> None:
            self.left = True

    display = Interrupted()
    monkeypatch.setattr("azure_realtime.cli.talk.display_for", lambda plain: display)
    assert main(TALK) == 130
    assert display.left


@pytest.mark.timeout(180)
@pytest.mark.slow
@pytest.mark.processes
def test_keys_mute_and_interrupt(terminal: Any) -> None:
    """
    The live display shows it.
    """
    pytest.importorskip("rich")
    shell = terminal(*TALK)
    shell.until("q quits")
    shell.press("m")
    shell.until("muted")
    shell.press("m")
    shell.until("listening")
    shell.until("Model: ", 40)
    shell.press(" q")
    assert shell.end(10.0) == 0


def test_devices_are_explained_where_there_are_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A sentence and a status, no traceback.
    """
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    inside.forget_sound_devices()
    assert main(["devices"]) == 1
    assert "pip install '.[audio]'" in capsys.readouterr().err


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """
    As other programs do.
    """
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"{__version__}\n")


def test_serve_passes_its_arguments_on(capsys: pytest.CaptureFixture[str]) -> None:
    """
    It is the local service with all of its options.
    """
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    shown = capsys.readouterr().out
    assert "usage: azure-realtime serve" in shown
    assert "--certfile" in shown


@pytest.mark.parametrize(
    "arguments",
    [["--wav", "q.wav", "--input", "1"], ["--out", "a.wav", "--output", "1"]],
)
def test_a_file_and_a_device_for_the_same_direction_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """
    One of them would be ignored.
    """
    with pytest.raises(SystemExit) as ended:
        main(["talk", "--local", *arguments])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert f"{arguments[2]}: not allowed with argument {arguments[0]}" in error


def test_no_option_takes_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    """
    A key in the command line is in the history and in the list of processes.
    """
    with pytest.raises(SystemExit):
        main(["talk", "--help"])
    assert not re.search(r"--\w*(key|token|secret)", capsys.readouterr().out)


def test_missing_variables_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Of the environment.
    """
    assert main(["talk", "--wav", str(QUESTION)]) == 1
    assert "AZURE_OPENAI_ENDPOINT" in capsys.readouterr().err


def test_an_unreadable_question_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Before anything is connected.
    """
    assert main(["talk", "--local", "--wav", "missing.wav"]) == 1
    assert "missing.wav" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07hello", "]0;titlehello"),
        ("\x1b[2Jgone\x9b31m", "[2Jgone31m"),
        ("two\r\nlines\tand\u2028more", "two  lines and more"),
        ("right\u202eleft\u200b", "rightleft"),
        ("Grüße, 東京 🎉", "Grüße, 東京 🎉"),
    ],
)
def test_text_of_the_service_loses_what_controls_a_terminal(
    text: str, shown: str
) -> None:
    """
    Escape sequences and reversed text are removed; words stay.
    """
    assert plain(text) == shown


def test_the_meter_shows_the_level_and_the_counters_name_faults() -> None:
    """
    Full scale fills the bar, silence empties it, faults are named.
    """
    assert meter(1.0) == "#" * 20
    assert meter(0.0) == "-" * 20
    assert meter(0.1) == "#" * 12 + "-" * 8
    stats = CallStats(0, 0, underflows=0, overflows=2, drops=1, interruptions=3)
    assert counters(stats) == "lost 2 not sent 1"


def test_a_service_that_refuses_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    With the remedy of the error, on standard error.
    """
    with Simulator(credentials="another-key") as service:
        for name, value in azure_variables(service.url).items():
            monkeypatch.setenv(name, value)
        assert main(["talk", "--wav", str(QUESTION)]) == 1
    error = capsys.readouterr().err
    assert "401" in error
    assert KEY not in error
