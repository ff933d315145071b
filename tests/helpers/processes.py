"""
Programs of a few lines, run in processes of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

import azure_realtime
from helpers.clients import KEY
from helpers.timing import SCALE

# the package that is tested, and the helpers
_PATHS = (Path(azure_realtime.__file__).parents[1], Path(__file__).parents[1])
_HEAD = f"""
import sys, threading
from azure_realtime import *
from azure_realtime.simulator import Simulator
KEY = {KEY!r}
def client_of(url, **websocket_options):
    return AzureRealTimeAudio(AzureRealTimeOptions(url, "d", KEY), websocket_options)
"""


def start_script(
    source: str, *arguments: str, head: str = _HEAD
) -> subprocess.Popen[str]:
    """
    Start a program of a few lines, as a user would, without any set-up of logging.
    """
    return subprocess.Popen(
        [sys.executable, "-c", head + textwrap.dedent(source), *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, _PATHS))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until_it_waits(process: subprocess.Popen[str], timeout: float = 10.0) -> None:
    """
    Wait until the main thread of *process* sleeps in ten consecutive checks.

    No event shows that a program waits; Linux shows the state of its threads.
    """
    stat = Path(f"/proc/{process.pid}/task/{process.pid}/stat")
    if not stat.exists():
        pytest.skip("only Linux shows whether a thread sleeps")
    deadline = time.monotonic() + timeout * SCALE
    checks = 0
    while checks < 10:
        assert time.monotonic() < deadline, "it does not wait"
        state = stat.read_text().rpartition(")")[2].split()[0]
        checks = checks + 1 if state == "S" else 0
        threading.Event().wait(0.01)


def run_script(
    source: str, *arguments: str, timeout: float = 20.0, head: str = _HEAD
) -> subprocess.CompletedProcess[str]:
    """
    Run such a program to its end.
    """
    with start_script(source, *arguments, head=head) as process:
        try:
            out, err = process.communicate(timeout=timeout * SCALE)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
