"""
What the documents name and link to is there.
"""

from __future__ import annotations

import configparser
import fnmatch
import importlib
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import azure_realtime
from azure_realtime._concurrency.lifecycle import Phase
from azure_realtime._requests.response_requests import TRANSITIONS
from azure_realtime.simulator import Connection, Simulator

ROOT = Path(azure_realtime.__file__).parent
TOP = Path(__file__).parents[1]
PACKAGE = TOP / "azure_realtime"
TEXT = (TOP / "docs" / "architecture.md").read_text(encoding="utf-8")
DOCUMENTS = [
    *sorted(TOP.glob("*.md")),
    *sorted(TOP.glob("docs/**/*.md")),
    TOP / "samples" / "README.md",
    TOP / "benchmarks" / "README.md",
    PACKAGE / "simulator" / "README.md",
]
CONFIGURATION = configparser.ConfigParser()
CONFIGURATION.read(TOP / "setup.cfg", encoding="utf-8")
FILE = re.compile(r"`((?:\w+/)*\w+\.py)`")


def rows(heading: str) -> list[list[str]]:
    """
    Return the cells of the table that follows *heading*, without the table's own head.
    """
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize(
    "name", ["architecture", "contributing", "security", "threads", "voice"]
)
def test_files_are_where_a_document_says(name: str) -> None:
    """
    A reader who looks for a file finds it, in the package or from the top.
    """
    named = set(FILE.findall((TOP / "docs" / f"{name}.md").read_text("utf-8")))
    folders = [ROOT, TOP, ROOT / "client"]  # the table of folders names assembly.py

    assert [
        file
        for file in sorted(named)
        if not any((folder / file).is_file() for folder in folders)
    ] == []


def test_functions_are_where_the_architecture_says() -> None:
    """
    Back-off, base64 and listener calls among them.
    """
    named = re.findall(r"`([\w.]+)` in\s+`([\w/]+)\.py`", TEXT)

    assert {
        ("Backoff.pause", "_engine/reconnect"),
        ("load", "audio/encoding"),
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
    made = re.compile(
        r"\b(?:Own|_)?R?Lock\(\)|\bthreading\.(?:Condition|Event|Semaphore)\("
    )
    files = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if "simulator" not in path.parts
        and made.search(path.read_text(encoding="utf-8"))
    }

    assert {row[0].strip("`") for row in rows("Locks")} == files


def prose(path: Path) -> str:
    """
    Return the text of a document without its blocks of code.
    """
    return re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.M | re.S)


@cache
def anchors(path: Path) -> set[str]:
    """
    Return the anchors of a document, made of its headings as GitHub makes them.
    """
    seen: Counter[str] = Counter()
    found = set()
    for heading in re.findall(r"^#+ +(.+?)#* *$", prose(path), re.M):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", text).strip().replace(" ", "-")
        found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return found


def is_in_the_sdist(path: Path) -> bool:
    """
    Return whether *path* is part of the package or named in MANIFEST.in.
    """
    name = path.relative_to(TOP).as_posix()
    package, _, rest = name.partition("/")
    data = CONFIGURATION["options.package_data"]["azure_realtime"].split()
    if package == PACKAGE.name:
        return name.endswith(".py") or rest in data
    if name in ("README.md", "LICENSE", "setup.cfg", "setup.py"):
        return True
    patterns: list[str] = []
    for line in (TOP / "MANIFEST.in").read_text("utf-8").splitlines():
        command, *words = line.split()
        if command == "recursive-include":
            words = [f"{words[0]}/{pattern}" for pattern in words[1:]]
        patterns += words
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def is_usable_offline(path: Path, link: str) -> bool:
    """
    Return whether a relative link of the document *path* leads to a file of the sdist,
    or to the sdist's folder with a README, and to an anchor that exists.
    """
    name, _, anchor = link.partition("#")
    target = (path.parent / name).resolve() if name else path
    if target.is_dir():
        target /= "README.md"
    if not target.is_file() or not is_in_the_sdist(target):
        return False
    return not anchor or anchor in anchors(target)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(TOP)))
def test_links_of_a_document_lead_to_files_of_the_sdist(path: Path) -> None:
    """
    A reader who follows a link or an anchor arrives, also without a network.
    """
    links = re.findall(r"\]\(([^)\s]+)\)", prose(path))
    relative = [link for link in links if not re.match(r"https?://", link)]

    assert is_in_the_sdist(path)
    assert [link for link in relative if not is_usable_offline(path, link)] == []


def test_install_hints_name_a_checkout() -> None:
    """
    The package is on no index yet, and the code has one text for that hint.
    """
    code = list(PACKAGE.rglob("*.py"))
    paths = [*code, *DOCUMENTS, *TOP.glob("samples/*.py")]
    texts = {path: path.read_text("utf-8") for path in paths}

    assert [path.name for path in code if "pip install" in texts[path]] == [
        "_version.py"
    ]
    assert [path for path in paths if "azure-realtime[" in texts[path]] == []


def test_extras_of_the_documents_exist() -> None:
    """
    A command of a document that installs an extra installs something.
    """
    extras = set(CONFIGURATION["options.extras_require"])
    named = {
        name
        for path in DOCUMENTS
        for group in re.findall(r"'\.\[([\w,]+)\]'", path.read_text("utf-8"))
        for name in group.split(",")
    }

    assert {"simulator", "test", "azure", "dev"} <= named <= extras


def test_faults_of_the_local_service_are_those_of_the_code() -> None:
    """
    Every method in the tables of faults can be called.
    """
    text = (PACKAGE / "simulator" / "README.md").read_text("utf-8")
    tables = re.findall(r"(?:^\|.*\n)+", text.partition("## Faults")[2], re.M)

    for table, cls in zip(tables, (Simulator, Connection), strict=True):
        named = re.findall(r"`(\w+)\(", table)
        assert len(named) > 3
        assert [name for name in named if not hasattr(cls, name)] == []


# without the hyphens, which keep this file from being a hit itself
WORDS = ["gon-g", "clap-per", "pa-tience", "fare-well", "an-ew", "to-ld"]
WORDS += ["some-body", "no-body"]
PHRASES = ["loose- ends", "is none- of", "who- asks"]
PRIVATE_WORDS = re.compile(
    rf"\b(?:{'|'.join(WORDS)})\b|{'|'.join(PHRASES)}".replace("-", ""), re.IGNORECASE
)
TEXTS = {".cfg", ".css", ".in", ".ipynb", ".js", ".md", ".py", ".pyi", ".svg", ".toml"}


@pytest.mark.parametrize(
    "folder", [".", ".ci", "azure_realtime", "benchmarks", "docs", "samples", "tests"]
)
def test_code_and_documents_use_plain_words(folder: str) -> None:
    """
    A reader meets the terms of the field, not words of one author.
    """
    paths = (TOP / folder).glob("*" if folder == "." else "**/*")
    found = [
        (path.relative_to(TOP).as_posix(), number)
        for path in paths
        if path.suffix in TEXTS or path.name in (".ruff.toml", "run")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if PRIVATE_WORDS.search(line)
    ]

    assert found == []
    assert PRIVATE_WORDS.search("He was To" + "ld.")
    assert PRIVATE_WORDS.search("Who " + "asks")
