"""
The documents say what is there.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import azure_realtime
from azure_realtime._concurrency.lifecycle import Phase
from azure_realtime._requests.response_requests import TRANSITIONS

ROOT = Path(azure_realtime.__file__).parent
TEXT = (ROOT.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
FILE = re.compile(r"`((?:\w+/)*\w+\.py)`")


def rows(heading: str) -> list[list[str]]:
    """
    Return the cells of the table that follows *heading*, without the table's own head.
    """
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_files_are_where_the_architecture_says() -> None:
    """
    A reader who looks for a file finds it.
    """
    named = set(FILE.findall(TEXT)) - {"assembly.py"}

    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_functions_are_where_the_architecture_says() -> None:
    """
    Back-off, base64 and listener calls among them.
    """
    named = re.findall(r"`([\w.]+)` in\s+`([\w/]+)\.py`", TEXT)

    assert {
        ("Backoff.pause", "_engine/reconnect"),
        ("encode_bytes", "audio/encoding"),
        ("Dispatcher._call_listeners", "_dispatch/dispatcher"),
    } <= set(named)
    for name, path in named:
        found: Any = importlib.import_module(f"azure_realtime.{path.replace('/', '.')}")
        for part in name.split("."):
            found = getattr(found, part)
        assert callable(found)
        assert found.__module__.startswith("azure_realtime")


def test_folders_are_all_named() -> None:
    """
    The table of folders misses none, and invents none.
    """
    named = {
        name.strip("/`")
        for first, *_ in rows("Folders")
        for name in first.split(", ")
        if name.endswith("/`")
    }

    assert named == {path.parent.name for path in ROOT.glob("*/__init__.py")}


def test_states_are_those_of_the_code() -> None:
    """
    The phases of a client and the states of a response request.
    """
    phases = [phase.strip("`") for phase, *_ in rows("The life of a client")]
    documented = {
        state.strip("`"): set(re.findall(r"`(\w+)`", following))
        for state, _, following in rows("The life of a response request")
    }

    assert phases == [phase.name for phase in Phase]
    assert documented == {
        state.name: {after.name for after in steps.values()} - {state.name}
        for state, steps in TRANSITIONS.items()
    }


def test_every_file_with_a_lock_is_named() -> None:
    """
    The table of locks is the list of the places that make one.
    """
    made = re.compile(r"\b(?:Own|_)?R?Lock\(\)|\bEvent\(\)|\b(?:Condition|Semaphore)\(")
    files = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if "simulator" not in path.parts
        and made.search(path.read_text(encoding="utf-8"))
    }

    assert {row[0].strip("`") for row in rows("Locks")} == files
