"""
The layers of the package: which folder may import which.

A folder imports only from rows below its own. Inside a folder there is no cycle.
"""

from __future__ import annotations

import ast
import contextlib
import itertools
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import azure_realtime
from azure_realtime.events import SERVER_EVENTS
from azure_realtime.events._names import RENAMED

ROOT = Path(azure_realtime.__file__).parent

LAYERS = """
    __main__
    cli
    __init__
    client
    notebook
    _tools
    _engine  recording
    _state
    _transport  _requests  _dispatch  _protocol  voice
    options  _websocket_options  _concurrency  events
    models  _warnings
    audio  errors  _endpoint  _logging  _memory  _public  _redaction  _spelling  _version
    _foreign  _command
    _html  _three_lines
"""
"""Top to bottom: folders and single modules. Those of one row do not know each other,
but for `TOGETHER`, whose modules build on one another. Those of the last row are
imported when a notebook shows something."""

TOGETHER = (
    {"options", "_websocket_options", "_concurrency", "events"},
    {"audio", "errors", "_redaction", "_version"},
)
"""Parts of one row that may import each other, as long as there is no cycle."""

MAX_LINES = 350


def rows() -> list[list[str]]:
    """
    Return the table, a list of names a row.
    """
    return [line.split() for line in LAYERS.strip().splitlines()]


@cache
def modules() -> dict[str, Path]:
    """
    Return every module but the local service's, as ``events.session`` and so on.
    """
    return {
        name: path
        for name, path in all_modules().items()
        if part_of(name) != "simulator"
    }


@cache
def all_modules() -> dict[str, Path]:
    """
    Return every module, those of the local service included.
    """
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for path in ROOT.rglob("*.py")
    }


@cache
def tree_of(path: Path) -> ast.Module:
    """
    Return the syntax tree of a file.
    """
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path: Path) -> list[str]:
    """
    Return what a file imports, in full: ``azure_realtime.events.session``.

    Imports inside functions and those for type checking count as well.
    """
    found: list[str] = []
    package = ["azure_realtime", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found += [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return found


@cache
def own_imports(path: Path) -> set[str]:
    """
    Return which modules of the package a file imports, as `modules` names them.
    """
    known = all_modules()
    found = set()
    for name in imports(path):
        if name == "azure_realtime" or name.startswith("azure_realtime."):
            name = name.removeprefix("azure_realtime").lstrip(".")
            package = f"{name}.__init__" if name else "__init__"
            found |= {module for module in (name, package) if module in known}
    # `from . import x` inside a package is about x
    own = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return found - {own, f"{own.rpartition('.')[0]}.__init__"}


def part_of(module: str) -> str:
    """
    Return the folder or the single module that *module* belongs to.
    """
    return module.split(".")[0]


def test_every_part_is_in_the_table() -> None:
    """
    A new folder has to be placed in the table of layers.
    """
    placed = [name for row in rows() for name in row]

    assert sorted(set(placed)) == sorted(placed)
    assert sorted({part_of(name) for name in modules()}) == sorted(placed)


@pytest.mark.slow
def test_imports_point_down_only() -> None:
    """
    A module imports from its own folder and from the rows below.
    """
    rank = {part: index for index, row in enumerate(rows()) for part in row}
    for name in modules():
        own = part_of(name)
        wrong = [
            other
            for other in own_imports(modules()[name])
            if (part := part_of(other)) != own
            and (own, part) != ("cli", "simulator")  # it can start the local service
            and (
                rank[part] < rank[own]
                or (
                    rank[part] == rank[own]
                    and not any({part, own} <= group for group in TOGETHER)
                )
            )
        ]

        assert [] == wrong, name


def cycle_in(graph: dict[str, set[str]]) -> list[str]:
    """
    Return the modules of one import cycle; empty if there is none.
    """
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return path[path.index(name) :]
        if name in done:
            return []
        for other in sorted(graph.get(name, ())):
            if found := walk(other, [*path, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(graph) if (found := walk(name, []))), [])


def test_there_is_no_cycle() -> None:
    """
    Each module can be read after those that it imports.
    """
    assert ["a", "b"] == cycle_in({"a": {"b"}, "b": {"a"}, "c": {"a"}})
    assert [] == cycle_in({name: own_imports(p) for name, p in all_modules().items()})


def test_no_file_is_long() -> None:
    """
    A file with one job fits into 350 lines; generated files are stubs.
    """
    lines = {
        name: path.read_text(encoding="utf-8").count("\n")
        for name, path in all_modules().items()
    }
    assert {} == {name: count for name, count in lines.items() if count > MAX_LINES}


def test_leaves_stand_alone() -> None:
    """
    Errors and the single private modules import nothing of ours but the redaction.
    """
    leaves = ("_logging", "_redaction", "_version", "_spelling", "_public")
    for name in (*leaves, "_html", "_three_lines"):
        assert set() == own_imports(modules()[name]) - {"errors", "_foreign"}
    assert {"_redaction", "_three_lines"} == own_imports(modules()["errors"])


def test_the_local_service_is_another_implementation() -> None:
    """
    The service shares no code with the client, so that it can catch its mistakes.
    """
    for path in (ROOT / "simulator").rglob("*.py"):
        ours = {name for name in own_imports(path) if not name.startswith("simulator")}
        # arithmetic, hints, spelling, streams of commands, recordings: no protocol
        others = {"audio.__init__", "audio.resampler", "audio.samples"}
        others |= {"_command", "_spelling", "_version", "recording.reader"}
        assert ours <= others, path.name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "users_allowed"),
    [
        ("websocket", {"_transport.frames", "_transport.handshake"}),
        ("cattrs", {"_protocol.converter"}),
    ],
)
def test_a_dependency_has_few_users(package: str, users_allowed: set[str]) -> None:
    """
    A dependency that changes is a change of one or two files.
    """
    users = {
        name
        for name, path in modules().items()
        if any(i.split(".")[0] == package for i in imports(path))
    }

    assert users_allowed == users


@pytest.mark.slow
def test_the_client_imports_no_event_loop() -> None:
    """
    A synchronous client imports no event loop, not even lazily.
    """
    for path in modules().values():
        assert "asyncio" not in {name.split(".")[0] for name in imports(path)}


def test_extras_are_imported_lazily() -> None:
    """
    No module imports an extra at its top: the core is three packages.
    """
    extras = {"azure", "matplotlib", "numpy", "openai", "orjson", "pybase64"}
    extras |= {
        "anywidget",
        "IPython",
        "traitlets",
        "pywebrtc_audio",
        "rich",
        "sounddevice",
        "websockets",
    }
    for name, path in modules().items():
        top = ast.Module(
            [n for n in tree_of(path).body if not isinstance(n, ast.FunctionDef)], []
        )
        found = {
            alias.name.split(".")[0]
            for node in top.body
            if isinstance(node, ast.Import)
            for alias in node.names
        } | {
            (node.module or "").split(".")[0]
            for node in top.body
            if isinstance(node, ast.ImportFrom) and not node.level
        }
        assert found & extras == set(), name


def _docstrings(tree: ast.Module) -> set[int]:
    """
    Return the ids of the string constants that are documentation.
    """
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


@pytest.mark.slow
def test_preview_names_live_in_two_files() -> None:
    """
    The retired protocol can be deleted by deleting its dialect and its names.
    """
    for name, path in modules().items():
        if name in ("_protocol.dialects", "events._names"):
            continue
        tree = tree_of(path)
        documentation = _docstrings(tree)
        found = {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and id(node) not in documentation
            and isinstance(node.value, str)
            and node.value in RENAMED
            and node.value not in SERVER_EVENTS  # one is a name of both
        }
        assert found == set(), name


@pytest.mark.slow
def test_importing_is_light() -> None:
    """
    `import azure_realtime` loads no extra, no event loop and no service, and starts
    nothing.
    """
    code = """
import sys, threading, warnings
warnings.simplefilter("error")
import azure_realtime
heavy = {"asyncio", "azure", "numpy", "openai", "orjson", "pybase64", "websockets"}
heavy |= {"sounddevice", "rich", "argparse", "azure_realtime.cli"}
heavy.add("azure_realtime.voice.call")
print(sorted(heavy & set(sys.modules)), "azure_realtime.simulator" in sys.modules,
      threading.active_count())
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[] False 1\n", "")


TESTS = Path(__file__).parent

NOT_OURS = {
    ("test_documents.py", "_call_listeners"),  # as docs/architecture.md names it
    ("test_page_devices.py", "_send"),  # of a widget of anywidget
}
"""Files and private attributes that only have the name of one of the package."""

OWNERS = dict.fromkeys(("connection", "service", "simulator", "wire"), "simulator")
OWNERS["client"] = "client"
"""Names of variables, and the part that what they hold is of in every test."""


def is_private(name: str) -> bool:
    """
    Return whether a name is private; `_repr_html_` is a name of IPython's protocol.
    """
    return name.startswith("_") and not name.startswith("__") and name[-1] != "_"


@cache
def private_names(path: Path) -> set[str]:
    """
    Return the private names that a file defines or assigns.
    """
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
    return {name for name in found if is_private(name)}


def private_uses(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """
    Give the line, the owner and the name of each private attribute of another object.

    In code, in a string that is a path or a script, and as a string behind its owner:
    ``setattr(owner, "_name", ...)`` or ``(Owner, "_name")``.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            owner = ast.unparse(node.value)
            module = f"{owner}.{node.attr}".removeprefix("azure_realtime.")
            is_module = {module, f"{module}.__init__"} & all_modules().keys()
            if owner not in ("self", "cls") and not is_module:
                yield node.lineno, owner, node.attr
        elif isinstance(node, ast.Constant) and "._" in str(node.value):
            with contextlib.suppress(SyntaxError):  # prose
                script = ast.parse(textwrap.dedent(str(node.value)))
                yield from ((node.lineno, *use[1:]) for use in private_uses(script))
        elif isinstance(node, (ast.Call, ast.Tuple)):
            values = node.args if isinstance(node, ast.Call) else node.elts
            for previous, value in itertools.pairwise(values):
                name = value.value if isinstance(value, ast.Constant) else None
                if (
                    isinstance(previous, (ast.Name, ast.Attribute))
                    and isinstance(name, str)
                    and is_private(name)
                ):
                    yield value.lineno, ast.unparse(previous), name


@pytest.mark.parametrize(
    ("source", "used"),
    [
        ("client._control", {"_control"}),
        ("client._engine.queue", {"_engine"}),
        ("connections[0]._sent[1:]", {"_sent"}),
        ("patch.setattr('azure_realtime._engine.shutdown._LIMIT', 1)", {"_LIMIT"}),
        ("patch.setattr(Thread, '_run_next', run)", {"_run_next"}),
        ("STEPS = [(ResponseQueue, '_queue')]", {"_queue"}),
        ("script = '''\n    with made() as client:\n        client._a()'''", {"_a"}),
        ("self._sent, cls._made", set()),
        ("import azure_realtime\nazure_realtime._engine.engine.Engine", set()),
        ("turn._repr_html_(), made.__dict__, 'Prose of client._sent.'", set()),
    ],
)
def test_private_attributes_are_found(source: str, used: set[str]) -> None:
    """
    In code, where one is replaced, and in the text of a script.
    """
    assert used == {name for *_, name in private_uses(ast.parse(source))}


@pytest.mark.slow
def test_private_attributes_of_another_part_are_used_in_one_helper() -> None:
    """
    A change inside a part changes its own tests and `helpers/inside.py`, no others.
    """
    ours = set().union(*map(private_names, all_modules().values()))
    found = []
    for path in sorted(TESTS.rglob("*.py")):
        folder = path.relative_to(TESTS).parts[0]
        if path in (TESTS / "helpers" / "inside.py", Path(__file__)):
            continue
        own = [
            module
            for name, module in all_modules().items()
            if part_of(name).removeprefix("_") == folder
        ]
        allowed = set().union(*map(private_names, [path, *own]))
        found += [
            f"{path.name}:{line}: {name}"
            for line, owner, name in private_uses(tree_of(path))
            if (name in ours - allowed or OWNERS.get(owner, folder) != folder)
            and (path.name, name) not in NOT_OURS
        ]
    assert [] == found
