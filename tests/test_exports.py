"""
What a user can import, and what it says about itself.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import azure_realtime
from azure_realtime import (
    audio,
    cli,
    events,
    models,
    notebook,
    recording,
    simulator,
    voice,
)
from azure_realtime.events import CLIENT_EVENTS, SERVER_EVENTS

PACKAGES = [azure_realtime, audio, cli, events, models, notebook, recording, simulator]
PACKAGES += [voice]


def natural(name: str) -> tuple[int, str]:
    """
    Return the key of the usual order of exports: CONSTANTS, Classes, the rest.
    """
    kind = 0 if name.isupper() else 1 if name[:1].isupper() else 2
    return kind, name


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_all_is_sorted_and_true(package: ModuleType) -> None:
    """
    `__all__` lists each name once, in order, and every one of them is there.
    """
    names = list(package.__all__)
    assert names == sorted(set(names), key=natural)
    assert [name for name in names if not hasattr(package, name)] == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_all_is_complete(package: ModuleType) -> None:
    """
    Whatever can be reached without an underscore is meant to be.
    """
    public = {
        name
        for name, value in vars(package).items()
        if not name.startswith("_")
        and name != "TYPE_CHECKING"
        and not isinstance(value, ModuleType)
        and getattr(value, "__module__", "azure_realtime").startswith("azure_realtime")
    }
    assert public - set(package.__all__) == set()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_no_function_or_class_is_named_like_a_module(package: ModuleType) -> None:
    """
    An import of the module would replace it, for the interpreter and for type checkers.
    """
    inner = {module.name for module in pkgutil.iter_modules(package.__path__)}
    same = inner.intersection(package.__all__)
    assert [n for n in same if not isinstance(getattr(package, n), ModuleType)] == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_a_misspelled_name_gets_the_suggestion_of_python(package: ModuleType) -> None:
    """
    The error has what Python needs for its "Did you mean".
    """
    with pytest.raises(AttributeError, match="has no attribute 'misspelled'") as caught:
        package.misspelled  # noqa: B018

    assert (caught.value.name, caught.value.obj) == ("misspelled", package)


def test_an_event_takes_only_its_own_fields() -> None:
    """
    An instance of a class without fields of its own has no dictionary either.
    """
    for cls in [*SERVER_EVENTS.values(), *CLIENT_EVENTS.values()]:
        assert "__slots__" in vars(cls), cls
        assert cls.__dictoffset__ == 0, cls


def test_importing_loads_no_engine_and_no_tool_schemas() -> None:
    """
    They load with the first client and the first tool.
    """
    script = "import sys, azure_realtime; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    unwanted = ("_engine", "_protocol", "_requests", "_transport", "_tools.schema")
    prefixes = tuple(f"azure_realtime.{name}" for name in unwanted)
    assert [name for name in done.stdout.split() if name.startswith(prefixes)] == []


def test_every_error_is_exported() -> None:
    """
    No error has to be imported from within to be caught.
    """
    missing = [
        name
        for name, value in vars(azure_realtime.errors).items()
        if inspect.isclass(value)
        and issubclass(value, Warning | Exception)
        and name not in azure_realtime.__all__
    ]
    assert missing == []


def test_every_event_is_exported() -> None:
    """
    `on()` takes an event class, so each of them can be imported from one place.
    """
    tables = {**events.SERVER_EVENTS, **events.CLIENT_EVENTS}
    missing = [
        kind.__name__
        for kind in tables.values()
        if getattr(events, kind.__name__, None) is not kind
        or kind.__name__ not in events.__all__
    ]
    assert missing == []


def documented() -> list[tuple[str, Any]]:
    """
    Return the classes and functions a user can import, and their public members.
    """
    found: dict[str, Any] = {}
    for package in PACKAGES:
        for name in package.__all__:
            value = getattr(package, name)
            if not (inspect.isclass(value) or inspect.isfunction(value)):
                continue
            found[f"{package.__name__}.{name}"] = value
            for member, content in vars(value).items():
                content = getattr(content, "__func__", content)
                is_code = inspect.isfunction(content) or isinstance(content, property)
                if inspect.isclass(value) and is_code and not member.startswith("_"):
                    found[f"{package.__name__}.{name}.{member}"] = content
    return sorted(found.items())


def test_everything_public_is_documented() -> None:
    """
    `help()` has a sentence for every public class, function, method and property.
    """
    silent = [name for name, value in documented() if not (value.__doc__ or "").strip()]
    assert silent == []


def test_documentation_is_our_own() -> None:
    """
    No class inherits its sentence from its base, or shows the one attrs makes.
    """
    copied = [
        name
        for name, value in documented()
        if inspect.isclass(value)
        and any(value.__doc__ == base.__doc__ for base in value.__mro__[1:])
    ]
    assert copied == []
    generated = [n for n, v in documented() if "Method generated by" in v.__doc__]
    assert generated == []


def public_modules() -> list[ModuleType]:
    """
    Return the modules that exist for users: no part of their path has an underscore.
    """
    found = pkgutil.walk_packages(azure_realtime.__path__, "azure_realtime.")
    names = [info.name for info in found if "._" not in info.name]
    return [importlib.import_module(name) for name in names if "__main__" not in name]


def test_modules_list_what_their_package_exports() -> None:
    """
    Completion in ``from azure_realtime.models.turn import`` offers the public names.
    """
    exported = {id(getattr(p, name)): name for p in PACKAGES for name in p.__all__}
    wrong = []
    for module in public_modules():
        own = {
            name
            for name in vars(module)
            if exported.get(id(vars(module)[name])) == name
            and re.search(rf"^(class |def )?{name}\b", inspect.getsource(module), re.M)
        }
        if own - set(getattr(module, "__all__", ())):
            wrong.append((module.__name__, own))
    assert wrong == []


def test_signatures_show_no_private_names() -> None:
    """
    ``help()`` and the hover text of an editor name only what can be imported.
    """
    private = re.compile(r"azure_realtime\._|\b_[a-z]\w*|\b_[A-Z]+\b|<object| at 0x")
    shown = {
        name: str(inspect.signature(value))
        for name, value in documented()
        if callable(value) and value is not azure_realtime.ProtocolWarning
    }
    assert len(shown) > 200
    assert {name: text for name, text in shown.items() if private.search(text)} == {}


@functools.cache
def all_classes() -> dict[str, Any]:
    """
    Return what annotations name that is imported for type checkers only.
    """
    names: dict[str, Any] = {"Self": object, "np": pytest.importorskip("numpy")}
    for module in [*PACKAGES, *public_modules()]:
        names |= {n: v for n, v in vars(module).items() if isinstance(v, type)}
    return names


def hints_of(function: Any) -> dict[str, Any]:
    """
    Return the resolved annotations of a function.
    """
    names = all_classes() | inspect.unwrap(function).__globals__
    hints = typing.get_type_hints(function, names)
    return {name: hint for name, hint in hints.items() if name != "self"}


def classes_in(hint: Any) -> Iterator[type]:
    """
    Yield the classes in an annotation, however deep.
    """
    if isinstance(hint, type) and not typing.get_args(hint):
        yield hint
    for part in hint if isinstance(hint, list) else typing.get_args(hint):
        yield from classes_in(part)


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """
    The module that lists what is in the reference.
    """
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "docs")
    return importlib.import_module("reference_pages")


def annotated(reference: ModuleType) -> Iterator[tuple[str, Any]]:
    """
    Yield every public function, method, property and constructor, inherited ones too.

    Constructors that only the package calls are left out.
    """
    names = {package.__name__: package.__all__ for package in PACKAGES}
    for module, exported in [*names.items(), *reference.RETURNED.items()]:
        for name in exported:
            full = f"{module}.{name}"
            value = getattr(importlib.import_module(module), name)
            if inspect.isfunction(value):
                yield full, value
            for member in dir(value) if inspect.isclass(value) else ():
                found = inspect.getattr_static(value, member)
                found = getattr(found, "fget", None) or getattr(found, "func", found)
                found = getattr(found, "__func__", found)
                is_called = member == "__init__" and full not in (
                    reference.NOT_CONSTRUCTED
                )
                if inspect.isfunction(found) and (member[0] != "_" or is_called):
                    yield f"{full}.{member}", found


def test_annotations_name_public_classes_only(reference: ModuleType) -> None:
    """
    Whatever a public function takes or returns can be imported, and is documented.
    """
    public = {id(getattr(p, name)) for p in PACKAGES for name in p.__all__}
    for module, names in reference.RETURNED.items():
        loaded = importlib.import_module(module)
        public |= {id(getattr(loaded, name)) for name in names}
    seen, private = set(), {}
    for name, function in annotated(reference):
        seen.add(name)
        for where, hint in hints_of(function).items():
            for cls in classes_in(hint):
                is_ours = cls.__module__.startswith("azure_realtime")
                if is_ours and id(cls) not in public and not typing.is_typeddict(cls):
                    private[f"{name}, {where}"] = cls
    assert private == {}
    assert "azure_realtime.AzureRealTimeOptions.endpoint" in seen
    assert "azure_realtime.recording.Timeline.percentiles" in seen
    assert "azure_realtime.recording.Recording.conversation" in seen
    assert len(seen) > 400


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_annotations_of_fields_can_be_resolved(package: ModuleType) -> None:
    """
    Tools that read the fields of a class find their types, whatever module it reports.
    """
    for name in package.__all__:
        value = getattr(package, name)
        # the client's class declares attributes for type checkers only
        if inspect.isclass(value) and value is not azure_realtime.AzureRealTimeAudio:
            typing.get_type_hints(value)


def test_help_says_what_is_where() -> None:
    """
    The first screen of ``help(azure_realtime)`` names every public module.
    """
    text = azure_realtime.__doc__ or ""
    for package in PACKAGES:
        assert f"`{package.__name__}`" in text or package is azure_realtime
        assert len((package.__doc__ or "").strip()) > 40


def test_the_version_is_a_string_of_numbers() -> None:
    """
    The version is a plain string of numbers.
    """
    assert azure_realtime.__version__.replace(".", "").isdecimal()
