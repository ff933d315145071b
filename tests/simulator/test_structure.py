"""
How the service is built: who imports whom, and what its public classes are called.
"""

from __future__ import annotations

import ast
import pickle
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import azure_realtime.simulator
from azure_realtime.simulator import Connection, Reply, Request, ToolCall

ROOT = Path(azure_realtime.simulator.__file__).parent
PACKAGE = azure_realtime.simulator.__name__
# Top to bottom. Folders in one row do not import each other.
LAYERS = [["__main__", "__init__"], ["_server"], ["_service"], ["_network", "_speech"]]
LAYERS += [["_wire", "_with_block"]]


@cache
def files() -> dict[str, Path]:
    """
    Return every file of the simulator, as ``_service.connection`` and so on.
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


def imported(node: ast.AST, name: str) -> Iterator[str]:
    """
    Yield the files of the simulator that an import statement of a file names.
    """
    package = [*PACKAGE.split("."), *name.split(".")[:-1]]
    modules: list[str] = []
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        base = package[: len(package) - node.level + 1] if node.level else []
        module = ".".join([*base, *([node.module] if node.module else [])])
        modules = [module, *(f"{module}.{alias.name}" for alias in node.names)]
    for module in modules:
        found = module.removeprefix(PACKAGE).lstrip(".")
        if module.startswith(PACKAGE) and found in files():
            yield found


def imports_of(name: str) -> set[str]:
    """
    Return all files that a file imports: at the top, for type checking, in functions.
    """
    nodes = ast.walk(tree_of(files()[name]))
    return {other for node in nodes for other in imported(node, name)}


def test_imports_have_no_cycle() -> None:
    """The files can be read in an order in which each needs only those before it."""
    graph = {name: imports_of(name) for name in files()}
    while free := [name for name, needs in graph.items() if not needs & graph.keys()]:
        for name in free:
            del graph[name]

    assert {} == graph


def test_imports_point_down_only() -> None:
    """A folder imports only from folders below it."""
    for name in files():
        rank = {folder: row for row, layer in enumerate(LAYERS) for folder in layer}
        own = name.split(".")[0]
        others = {other.split(".")[0] for other in imports_of(name)} - {own}

        assert [] == [other for other in others if rank[other] <= rank[own]], name


def test_no_import_is_hidden_in_a_function() -> None:
    """Imports of the simulator's own files are at the top, where they are seen."""
    for name in files():
        functions = [
            node
            for node in ast.walk(tree_of(files()[name]))
            if isinstance(node, ast.FunctionDef)
        ]
        hidden = {
            other
            for function in functions
            for node in ast.walk(function)
            for other in imported(node, name)
        }

        assert set() == hidden, name


def test_the_connection_knows_no_part_of_the_session() -> None:
    """A connection is socket, recording and faults, whatever is served on it."""
    own = {
        name.removeprefix("_service.")
        for name in imports_of("_service.connection")
        if name.startswith("_service.")
    }

    assert {"session", "settings", "timers"} == own


@pytest.mark.parametrize("name", ["client_session", "connection", "session_kind"])
def test_the_engine_knows_no_conversation(name: str) -> None:
    """What serves every kind of session does not import what serves conversations."""
    reached: set[str] = set()
    ahead = {f"_service.{name}"}
    while ahead:
        reached |= ahead
        ahead = {other for one in ahead for other in imports_of(one)} - reached

    assert [] == sorted(one for one in reached if "conversation" in one)


def test_public_classes_report_their_documented_module() -> None:
    """A class is shown under the name by which users import it."""
    for name in azure_realtime.simulator.__all__:
        cls = getattr(azure_realtime.simulator, name)
        assert (PACKAGE, name) == (cls.__module__, cls.__qualname__)


def test_annotations_of_public_classes_can_be_resolved() -> None:
    """Tools that read annotations find the types, wherever the class is defined."""
    hints = {
        name: typing.get_type_hints(getattr(azure_realtime.simulator, name))
        for name in azure_realtime.simulator.__all__
    }

    assert Connection is hints["Request"]["connection"]
    assert str is hints["Reply"]["text"]
    assert bool is not hints["ToolCall"]["call_id"]
    assert set(Request.__dataclass_fields__) == set(hints["Request"])
    assert set(Reply.__dataclass_fields__) == set(hints["Reply"])
    assert set(ToolCall.__dataclass_fields__) == set(hints["ToolCall"])
    for cls in (Reply, Request, ToolCall):
        assert "return" in typing.get_type_hints(cls.__init__)


def test_replies_can_be_pickled() -> None:
    """A script can be sent to a process that runs the service."""
    reply = Reply("Hello", calls=[ToolCall("look", {"for": "it"})])
    assert reply == pickle.loads(pickle.dumps(reply))
