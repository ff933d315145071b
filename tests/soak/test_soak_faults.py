"""
Faults of every kind: see ``faults.py`` beside this file, in a form that fits a test run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import azure_realtime

_ROOT = Path(azure_realtime.__file__).parents[1]
_SOAK = Path(__file__).with_name("faults.py")


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", [(), ("--preview", "--tls")], ids=["ga", "preview"])
def test_a_bad_network_loses_and_doubles_nothing(kind: tuple[str, ...]) -> None:
    """
    Random faults at many sessions: each command is acknowledged once or has failed, in
    order, and nothing is left behind. With AZURE_REALTIME_SOAK=1 a minute of it.
    """
    long = os.environ.get("AZURE_REALTIME_SOAK") and not kind
    size = ["--minutes", "1" if long else "0.15", "--clients", "50" if long else "12"]
    done = subprocess.run(
        [sys.executable, str(_SOAK), *size, *kind],
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
        timeout=220,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "0 violations" in done.stdout
