"""
Times that tests insist on, scaled for slow machines.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

SCALE = float(os.environ.get("TEST_TIME_SCALE", "2"))
"""Multiplies every time that a test insists on: raise it on a slow machine."""


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """
    Insist that the block takes no longer.
    """
    start = time.monotonic()
    yield
    took = time.monotonic() - start
    assert took <= seconds * SCALE, f"took {took:.2f} s"
