"""
The samples run, each as its reader would start it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import wave
from array import array
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[1] / "samples"
PREVIEW = "2024-10-01-preview"
EXPECTED = {
    "basic.py": ["Session: sess_", "Status: speaking", "Said: You said: Good morning!"],
    "own_websocket.py": ["Connecting to ws://", "frames"],
    "custom_configuration.py": ["Voice: shimmer", "Calls: get_weather {'city':"],
    "ask.py": ["France", "reply.wav"],
    "tools.py": ["current_time(", "17"],
    "order_desk.py": ["A-18", "2 calls of 1 s each, all in all "],
    "pull_loop.py": ["28, 29, 30.", "Received input_audio_buffer.cleared"],
    "voice_turn.py": ["seconds of speech", "(completed)", "End of speech to done:"],
}


def run(
    sample: str,
    *arguments: str,
    folder: Path,
    version: str = "",
    screen: str = "",
    by: tuple[str, ...] = (),
) -> subprocess.CompletedProcess[str]:
    """
    Start a sample in *folder*, without any Azure in its environment; *by* is what
    starts it, if that is not Python alone.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AZURE_OPENAI_") and not name.lower().endswith("_proxy")
    }
    environment["PYTHONIOENCODING"] = "utf-8"
    if version:
        environment["AZURE_OPENAI_API_VERSION"] = version
    else:
        environment["PYTHONWARNINGS"] = "error"
    python = [*screen.split(), sys.executable, *by]
    command = [*python, str(SAMPLES / sample), *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=50
    )


@pytest.mark.slow
@pytest.mark.parametrize("version", ["", PREVIEW], ids=["ga", "preview"])
@pytest.mark.parametrize("sample", EXPECTED)
def test_a_sample_does_what_it_says(sample: str, version: str, tmp_path: Path) -> None:
    """
    A sample ends well, prints what its header promises, and a reply can be heard.
    """
    ended = run(sample, folder=tmp_path, version=version)
    assert (0, []) == (
        ended.returncode,
        [words for words in EXPECTED[sample] if words not in ended.stdout],
    ), ended.stdout + ended.stderr
    for reply in tmp_path.glob("reply.wav"):
        assert_audible(reply)


def assert_audible(path: Path) -> None:
    """
    Check that a reply is speech of more than a second, not silence.
    """
    with wave.open(str(path), "rb") as file:
        assert (1, 2, 24_000) == file.getparams()[:3]
        samples = array("h", file.readframes(file.getnframes()))
    assert len(samples) > 24_000
    assert max(samples) > 3000


TOGETHER = """
# Where it would take a second it waits for the other one, which must have begun, too.
import runpy, sys, threading, time
both, sleep = threading.Barrier(2, timeout=20), time.sleep
time.sleep = lambda seconds: both.wait() if seconds == 1.0 else sleep(seconds)
sys.path.insert(0, sys.argv[1].rpartition("order_desk")[0])
runpy.run_path(sys.argv[1], run_name="__main__")
"""


@pytest.mark.slow
def test_the_order_desk_looks_up_both_at_the_same_time(tmp_path: Path) -> None:
    """
    However long all of it takes on a busy machine: neither waits for the other's end.
    """
    ended = run("order_desk.py", folder=tmp_path, by=("-c", TOGETHER))
    assert 0 == ended.returncode, ended.stderr
    for words in ("-> on its way", '-> {"lamp": 4}', "2 calls of 1 s each"):
        assert words in ended.stdout


@pytest.mark.slow
def test_a_window_answers_and_closes(tmp_path: Path) -> None:
    """
    The window of tk_window.py shows the answer, and its demo ends by itself.
    """
    pytest.importorskip("tkinter", reason="this Python has no Tk", exc_type=ImportError)
    screen = "" if os.environ.get("DISPLAY") else "xvfb-run -a"
    if screen and not shutil.which("xvfb-run"):
        pytest.skip("there is no display, and no xvfb to make one")
    ended = run("tk_window.py", "--demo", folder=tmp_path, screen=screen)
    assert 0 == ended.returncode, ended.stderr
    assert "> What is a window?\nYou said: What is a window?" in ended.stdout
    assert "(completed)" in ended.stdout


def test_every_sample_is_in_the_table() -> None:
    """
    Whoever looks for a sample finds it in the README of the folder.
    """
    table = (SAMPLES / "README.md").read_text("utf-8")
    names = sorted(path.name for path in SAMPLES.glob("[a-z]*.py"))
    assert [] == [name for name in names if f"[{name}]({name})" not in table]
