"""
A voice call on a virtual sound device: see ``voice.py`` beside this file, in a form
that fits a test run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.virtual_audio import missing

import azure_realtime

_ROOT = Path(azure_realtime.__file__).parents[1]
_SOAK = Path(__file__).with_name("voice.py")


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.sound
@pytest.mark.processes
@pytest.mark.timeout(240)
@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_a_call_survives_interruptions_and_losses() -> None:
    """
    Half a minute of turns: sent audio does not drift, the call goes on after each loss,
    and nothing is left. Gaps are counted only: other tests run at the same time.
    """
    done = subprocess.run(
        [sys.executable, str(_SOAK), "--minutes", "0.5", "--busy"],
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
        timeout=220,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 violations" in done.stdout
