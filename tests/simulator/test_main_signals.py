"""
Ctrl-C ends the service on the command line.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.timing import SCALE

import azure_realtime

_ROOT = Path(azure_realtime.__file__).parents[1]


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_it_ends_where_the_parent_ignores_the_signal(name: str) -> None:
    """
    As in a shell script, whose background commands ignore SIGINT.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited by the child
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "azure_realtime.simulator", "--port", "0"],
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        assert process.stdout is not None
        assert "Serving" in process.stdout.readline()
        process.send_signal(signal.Signals[name])
        try:
            assert process.wait(10 * SCALE) == 0
        finally:
            process.kill()
