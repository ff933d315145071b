"""
What the tests of the command line share.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _no_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Remove what the machine's environment says about a service.
    """
    for name in [name for name in os.environ if name.startswith("AZURE_OPENAI_")]:
        monkeypatch.delenv(name)


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
