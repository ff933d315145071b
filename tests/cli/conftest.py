"""
What the tests of the command line share.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def terminal() -> Iterator[Any]:
    """
    Give a function that starts a command in a terminal.
    """
    from helpers.terminal import Terminal  # it needs a system with terminals

    made: list[Terminal] = []

    def start(*arguments: str, **options: Any) -> Terminal:
        made.append(Terminal(*arguments, **options))
        return made[-1]

    yield start
    for one in made:
        one.process.kill()
        one.process.wait()
