"""
TLS under load: see ``tls.py`` beside this file.

The short form runs by default, the full one where ``AZURE_REALTIME_SOAK`` is set.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import azure_realtime

_SOAK = Path(__file__).with_name("tls.py")
SHORT = ["--connections", "20", "--seconds", "5", "--megabytes", "20"]
FULL = ["--connections", "20", "--seconds", "20", "--megabytes", "50"]


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(240)
def test_busy_tls_connections_lose_nothing() -> None:
    """
    Twenty voice connections and a flood both ways: all arrives, nothing hangs or spins.
    """
    form = FULL if os.environ.get("AZURE_REALTIME_SOAK") else SHORT

    done = subprocess.run(
        [sys.executable, str(_SOAK), *form],
        env={**os.environ, "PYTHONPATH": str(Path(azure_realtime.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=220,
    )

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert " 0 lost, 0 died" in done.stdout
