"""
Ctrl-C in every public call, at a few random moments: see ``interrupts.py``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.timing import SCALE

import azure_realtime

_ROOT = Path(azure_realtime.__file__).parents[1]
_SOAK = Path(__file__).with_name("interrupts.py")


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.processes
@pytest.mark.timeout(300)
@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="no interval timer")
@pytest.mark.parametrize("mode", [[], ["--closing"]], ids=["ctrl-c", "closing"])
def test_after_a_signal_at_any_moment_everything_works(mode: list[str]) -> None:
    """
    25 moments of each call, in a process of its own.
    """
    limits = ["--scale", str(SCALE)]
    done = subprocess.run(
        [sys.executable, str(_SOAK), "--moments", "25", *mode, *limits],
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n0 of" in done.stdout
