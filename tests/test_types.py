"""
What type checkers say about programs that use the library.
"""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import typing
from pathlib import Path

import attrs
import pytest
from helpers import event_overloads

import azure_realtime
from azure_realtime import (
    AzureRealTimeAudio,
    AzureRealTimeOptions,
    ResponseConfig,
    SessionConfig,
)
from azure_realtime.events import CLIENT_EVENTS, SERVER_EVENTS
from azure_realtime.models.fields import ResponseFields, SessionFields
from azure_realtime.options import OptionFields

pytestmark = pytest.mark.documents

ROOT = Path(__file__).parents[1]
PROGRAMS = Path(__file__).parent / "typed"
CHECKERS = {
    "mypy": "-m mypy --config-file= --strict --python-version=3.10 "
    "--follow-imports=silent --no-incremental",
    "pyright": "-m pyright --project .",
}
STUBTEST = "-m mypy.stubtest --mypy-config-file setup.cfg azure_realtime.errors"


@pytest.mark.slow
@pytest.mark.timeout(240)  # a checker reads the whole package
@pytest.mark.parametrize("checker", CHECKERS)
def test_checkers_report_each_mistake_and_nothing_else(
    checker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    An editor marks a wrong attribute of an event, and leaves correct programs alone.
    """
    pytest.importorskip(checker, reason=f"{checker} is in the extra 'dev'")
    (tmp_path / "pyrightconfig.json").write_text(
        f'{{"typeCheckingMode": "strict", "pythonVersion": "3.10", '
        f'"extraPaths": ["{ROOT}"], "reportUnusedExpression": false}}'
    )
    expected = set()
    for path in PROGRAMS.glob("*.py"):
        text = path.read_text("utf-8")
        (tmp_path / path.name).write_text(text, "utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            if line.endswith("# E"):
                expected.add((path.name, number))
    monkeypatch.setenv("MYPYPATH", str(ROOT))
    ended = subprocess.run(
        [sys.executable, *CHECKERS[checker].split(), "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    found = {
        (Path(path).name, int(line))
        for path, line in re.findall(
            r"^ *(\S+\.pyi?):(\d+):.*\berror\b", ended.stdout, re.M
        )
    }
    assert expected == found, ended.stdout + ended.stderr


@pytest.mark.slow
@pytest.mark.timeout(240)  # it reads the whole package
def test_the_stub_of_the_errors_agrees_with_the_module() -> None:
    """
    `errors.pyi` has each class, attribute and argument of `errors.py`.
    """
    pytest.importorskip("mypy.stubtest", reason="mypy is in the extra 'dev'")
    ended = subprocess.run(
        [sys.executable, *STUBTEST.split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == ended.returncode, ended.stdout + ended.stderr


def test_overloads_are_current() -> None:
    """
    Type checkers know the events that the library knows.
    """
    text = event_overloads.TARGET.read_text("utf-8")
    assert event_overloads.overloads() == text, (
        "run: python tests/helpers/event_overloads.py"
    )


def test_the_type_of_an_event_is_a_literal_of_its_name() -> None:
    """
    `event.type == "response.done"` tells a type checker the class of the event.
    """
    for name, kind in {**SERVER_EVENTS, **CLIENT_EVENTS}.items():
        assert name == kind.type
        hint = typing.get_type_hints(kind)["type"]
        assert typing.ClassVar[typing.Literal[name]] == hint


@pytest.mark.parametrize(
    ("fields", "config"),
    [
        (SessionFields, SessionConfig),
        (ResponseFields, ResponseConfig),
        (OptionFields, AzureRealTimeOptions),
    ],
)
def test_keyword_arguments_are_the_fields_of_the_configuration(
    fields: type, config: type
) -> None:
    """
    A checker accepts each field of a configuration as a keyword argument.
    """
    assert [field.name for field in attrs.fields(config)] == [*fields.__annotations__]


@pytest.mark.parametrize(
    "name",
    # these name classes that are imported when they are called
    sorted(
        {n for n in dir(AzureRealTimeAudio) if n[0] != "_"}
        - {"talk", "record", "show_transcript"}
    ),
)
def test_the_hints_of_a_method_can_be_resolved(name: str) -> None:
    """
    Tools that read annotations at run time work before the first client is made.
    """
    member = inspect.getattr_static(AzureRealTimeAudio, name)
    function = getattr(member, "fget", None) or getattr(member, "__func__", member)
    assert typing.get_type_hints(function)


def test_resolving_hints_needs_no_client(tmp_path: Path) -> None:
    """
    The hints of every method are there right after the import, which stays small.
    """
    script = (
        "import typing, azure_realtime as a, sys\n"
        "for name in ('on', 'events', 'ask', 'stream', 'tool', 'create_response'):\n"
        "    typing.get_type_hints(getattr(a.AzureRealTimeAudio, name))\n"
        "typing.get_type_hints(a.AzureRealTimeAudio.__init__)\n"
        "print('azure_realtime._engine' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert ("False\n", "") == (done.stdout, done.stderr)


def test_typing_extensions_is_no_dependency() -> None:
    """
    Only type checkers import it.
    """
    script = (
        "import sys; sys.modules['typing_extensions'] = None\nimport azure_realtime\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert "" == done.stderr


def test_the_package_has_its_stubs() -> None:
    """
    An installed package has the stubs, and says that it has types.
    """
    setup = (ROOT / "setup.cfg").read_text("utf-8")
    package = Path(azure_realtime.__file__).parent
    stubs = sorted(str(path.relative_to(package)) for path in package.rglob("*.pyi"))
    assert ["client/overloads.pyi", "errors.pyi"] == stubs
    for name in ("py.typed", *stubs):
        assert f"    {name}\n" in setup


def test_the_conversation_has_no_method_of_the_reader_thread() -> None:
    """
    Completion in an editor offers only what users may call.
    """
    public = {
        name for name in dir(azure_realtime.Conversation) if not name.startswith("_")
    }
    assert public == {
        "audio",
        "audio_ms",
        "get",
        "items",
        "to_html",
        "to_list",
        "truncated",
    }
