"""
The house's walls: who imports whom. They move on purpose only, and then here, too.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import azure_realtime
from azure_realtime.events import SERVER_EVENTS
from azure_realtime.events._names import RENAMED

ROOT = Path(azure_realtime.__file__).parent

# Top to bottom. A module imports only from lower rows: not up, not from its own row.
# A new module goes into the lowest row that allows what it has to import.
LAYERS = """
    __init__
    client
    _asking  _pumping
    _pulling  _question  _tooling  _ending
    _commands  _listening  _tool_loop  _reader
    _connection
    _renewal  _redial
    _successor
    _opening
    _core  _dispatchers  _connect
    _callbacks  _waiters  _codec  _turn_recorder  conversation
    _subscriptions  _response_gate  _dialects  _drafts  _input_audio  _loose_ends  turn  _backlog
    _response_line  _farewell
    _response_request
    _state  _acks  _names  _converter  _part_drafts  _session_follower  _tool_runner
    usage  _restoring
    _tool_call  events.__init__
    tools  _outcomes  _pulse  events.response
    options  responses  _tool_schema  _transcript  events.session  events.local
    events.conversation
    session  items  _tool_converter
    session_parts  tool_specs  turn_detection  content  _json_schema
    _handshake
    _wire
    _annotations  _fields  _item_order  _strict  _dial
    _proxy
    _upgrade
    _unset  _plain  _formats  _patience  _frames  _reconnect  events.service  events.mcp
    events.unknown  events.input_audio_buffer  events.output_audio_buffer
    events._base  events._checks  _model  _session_shape  _spelling  _hints  _docstrings
    _futures  _outbox  _turn_order  _patient_thread
    _gong  _bell
    _control  _expiry  _pcm  _base64  _bounded  _worker_pool  _endpoint  enums  g711  wav  _stats  _resampler
    errors  _deadline  _version  _home  _held
    _secrets
"""
# These lines belong to the row above them.
JOINED = ("usage", "events.conversation", "events.unknown")

MECHANISMS = {"_wire", "_outbox", "_waiters", "_state"}


def rows() -> list[list[str]]:
    """
    Return the table, a list of names a row.
    """
    table: list[list[str]] = []
    for line in LAYERS.strip().splitlines():
        names = line.split()
        if names[0] in JOINED:
            table[-1] += names
        else:
            table.append(names)
    return table


def modules() -> dict[str, Path]:
    """
    Return every module but the local service's, as ``events.session`` and so on.
    """
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[0] != "simulator":
            found[".".join(parts)] = path
    return found


@cache
def tree_of(path: Path) -> ast.Module:
    """
    Return the syntax tree of a file.
    """
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[str]:
    """
    Yield what a file imports, in full: ``azure_realtime.events.session``.
    """
    package = ["azure_realtime", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            if node.module is None:
                yield from (f"{module}.{alias.name}" for alias in node.names)
            else:
                yield module


def own_imports(path: Path) -> set[str]:
    """
    Return which of our own modules a file imports.
    """
    names = set()
    for name in imports(path):
        if name.split(".")[0] == "azure_realtime":
            name = name.removeprefix("azure_realtime").lstrip(".")
            names.add({"events": "events.__init__", "": "__init__"}.get(name, name))
    return names


def test_every_module_has_its_place() -> None:
    """
    Who adds a module says where it belongs, once.
    """
    placed = [name for row in rows() for name in row]
    assert sorted(placed) == sorted(set(placed))
    assert sorted(modules()) == sorted(placed), "change LAYERS, on purpose"


@pytest.mark.parametrize("name", sorted(modules()))
def test_imports_point_down_only(name: str) -> None:
    """
    A module knows only what lies below it.
    """
    rank = {name: index for index, row in enumerate(rows()) for name in row}
    above = [
        other
        for other in own_imports(modules()[name])
        if other in rank and rank[other] <= rank.get(name, -1)
    ]
    assert above == [], f"{name} imports from its own row or from above"


def test_the_mechanisms_do_not_know_each_other() -> None:
    """
    Wire, outbox, waiters and state can be understood and replaced one by one.
    """
    for name in MECHANISMS:
        assert own_imports(modules()[name]) & MECHANISMS == set()


def test_the_ground_floor_stands_alone() -> None:
    """
    Errors and deadlines import nothing of ours: everybody may use them. What errors say
    goes past the one who knows the secrets.
    """
    for name in ("_secrets", "_deadline", "_version", "enums"):
        assert own_imports(modules()[name]) == set()
    assert own_imports(modules()["errors"]) == {"_secrets"}


def test_the_local_service_is_another_implementation() -> None:
    """
    The service shares no code with the client, so that it can catch its mistakes.
    """
    for path in (ROOT / "simulator").rglob("*.py"):
        ours = {name for name in own_imports(path) if not name.startswith("simulator")}
        assert ours <= {"_resampler"}, path.name  # arithmetic, and no protocol


@pytest.mark.parametrize(
    ("package", "homes"),
    [
        ("websocket", {"_wire", "_frames", "_handshake"}),
        ("cattrs", {"_converter", "_tool_converter"}),
    ],
)
def test_a_dependency_has_one_home(package: str, homes: set[str]) -> None:
    """
    A dependency that changes is a change of one file.
    """
    users = {
        name
        for name, path in modules().items()
        if any(i.split(".")[0] == package for i in imports(path))
    }
    assert users == homes


def test_no_asyncio() -> None:
    """
    A synchronous client imports no event loop, not even lazily.
    """
    for path in modules().values():
        assert "asyncio" not in {name.split(".")[0] for name in imports(path)}


def test_extras_are_imported_lazily() -> None:
    """
    No module imports an extra at its top: the core is three packages.
    """
    extras = {"azure", "numpy", "orjson", "pybase64", "websockets", "openai"}
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


def test_preview_names_live_in_two_files() -> None:
    """
    The retired protocol can be deleted by deleting its dialect and its names.
    """
    for name, path in modules().items():
        if name in ("_dialects", "_names"):
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
