"""
The toolbox, and one call from the model's JSON to the text that it gets back.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import decimal
import enum
import functools
import gc
import inspect
import json
import logging
import os
import pathlib
import sqlite3
import subprocess
import sys
import uuid
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import attrs
import pydantic
import pytest

from azure_realtime import InputText, Turn
from azure_realtime._redaction import redacted
from azure_realtime._tools import call as _tool_call
from azure_realtime._tools.tool import Tool, Toolbox, make_tool
from azure_realtime.models.items import UnknownItem
from azure_realtime.models.responses import ResponseConfig
from azure_realtime.models.session import SessionConfig
from azure_realtime.models.tools import FunctionTool


def add(a: int, b: int = 1) -> int:
    """
    Add two numbers.
    """
    return a + b


def call(function: Any, arguments: str = "{}") -> _tool_call.Outcome:
    """
    Call *function* as the model would.
    """
    return _tool_call.call_tool(make_tool(function, name="it"), arguments)


def call_on_thread(function: Any, arguments: str = "{}") -> _tool_call.Outcome:
    """
    Do so on another thread than the main one, which raises for signal handlers as well.
    """
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(call, function, arguments).result()


def error_of(outcome: _tool_call.Outcome) -> str:
    """
    Return what the model gets about an error.
    """
    assert outcome.error is not None

    text = json.loads(outcome.output)
    assert list(text) == ["error"]
    return text["error"]


def test_a_tool_is_still_the_function() -> None:
    """
    A decorated function can be called, tested and inspected as before.
    """
    tool = make_tool(add)

    assert tool(1, b=2) == 3
    assert (tool.name, tool.description, tool.timeout) == (
        "add",
        "Add two numbers.",
        30,
    )
    assert tool.__doc__ == add.__doc__
    assert inspect.signature(tool) == inspect.signature(add)
    assert "add" in repr(tool)


def test_the_spec_is_the_function_tool_of_the_session() -> None:
    """
    The spec is the function tool of the session.
    """
    assert make_tool(add).spec == FunctionTool(
        "add",
        "Add two numbers.",
        {
            "type": "object",
            "properties": {
                "a": {"type": "integer"},
                "b": {"type": "integer", "default": 1},
            },
            "required": ["a"],
            "additionalProperties": False,
        },
    )


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_timeout_must_be_a_positive_number(timeout: float) -> None:
    """
    No tool is registered that can never give a result.
    """
    with pytest.raises(ValueError, match="timeout must be a positive number"):
        make_tool(add, timeout=timeout)


def test_tools_keep_their_order() -> None:
    """
    Tools keep their order; a cell that is run again replaces its tool in place.
    """
    toolbox = Toolbox()
    assert len(toolbox) == 0
    toolbox.add(add)
    toolbox.add(lambda: None, name="nothing", description="Nothing.", timeout=1)
    again = toolbox.add(add, description="Sum.")

    assert toolbox.names() == ("add", "nothing")
    assert toolbox.get("add") is again
    assert [spec.description for spec in toolbox.specs()] == ["Sum.", "Nothing."]
    assert len(toolbox) == 2

    assert toolbox.remove("add") is again
    assert toolbox.get("add") is None
    with pytest.raises(KeyError):
        toolbox.remove("add")


def test_a_tool_of_another_toolbox_is_taken() -> None:
    """
    One client's tool can be given to another, as it is or under another name.
    """
    tool = make_tool(functools.partial(add, b=5), name="add_five")

    assert Toolbox().add(tool).name == "add_five"
    other = Toolbox().add(tool, name="plus_five")
    assert (other.name, other(1)) == ("plus_five", 6)
    assert not isinstance(other.function, Tool)


# -- One call --------------------------------------------------------------------


class Color(enum.Enum):
    RED = "red"


@attrs.frozen
class Item:
    _name: str
    color: Color = Color.RED


@dataclasses.dataclass
class Order:
    items: list[Item]
    on: datetime.date


class Point(NamedTuple):
    x: int
    y: int


DAY = datetime.date(2030, 1, 2)
HALVES = '["caf\ufffd.txt", {"\ufffd": "\U0001f600"}]'


class Dish(pydantic.BaseModel):
    name: str
    since: datetime.date | None = None


class Holder(pydantic.BaseModel):
    """
    Holds what pydantic has no JSON for.
    """

    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)

    thing: Any


class Number(float):
    def __repr__(self) -> str:
        raise SystemExit


class SayingNothing(str):
    """
    Text and a number that have no text of their own.
    """

    number = Number(1.5)

    def __str__(self) -> str:
        raise SystemExit

    __repr__ = __str__


class Array:
    """
    Stands for a NumPy array, or one of its numbers.
    """

    def tolist(self) -> Any:
        return [1, 2]


@pytest.mark.parametrize(
    ("result", "output"),
    [
        ("sunny, 24 \u00b0C", "sunny, 24 \u00b0C"),
        ("", ""),
        (None, "done"),
        (True, "true"),
        (5, "5"),
        (2.5, "2.5"),
        ([1, "a", None], '[1, "a", null]'),
        ({"a": (1, 2), 3: {"x"}}, '{"a": [1, 2], "3": ["x"]}'),
        ({Color.RED: 1, None: 2}, '{"red": 1, "null": 2}'),
        (deque([1]), "[1]"),
        (Color.RED, '"red"'),
        (Point(1, 2), '{"x": 1, "y": 2}'),
        (Array(), "[1, 2]"),
        (datetime.datetime(2030, 1, 2, 3, 4), '"2030-01-02T03:04:00"'),
        (decimal.Decimal("1.50"), '"1.50"'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (pathlib.PurePosixPath("a/b"), '"a/b"'),
        (datetime.timedelta(days=1, seconds=5400.5), '"P1DT1H30M0.5S"'),
        (datetime.timedelta(hours=-1), '"-PT1H"'),
        (datetime.timedelta(), '"PT0S"'),
        (datetime.timedelta(days=2), '"P2D"'),
        (b"text", '"text"'),
        (bytearray(b"\xff\x00"), '"/wA="'),
        (memoryview(b"\xff\x00"), '"/wA="'),
        ({"a": 1}.keys(), '["a"]'),
        ({"a": 1}.values(), "[1]"),
        (
            Dish(name="Cr\u00e8me", since=DAY),
            '{"name": "Cr\u00e8me", "since": "2030-01-02"}',
        ),
        ([Dish(name="a")], '[{"name": "a", "since": null}]'),
        (Holder(thing=Item("x")), '{"thing": {"name": "x", "color": "red"}}'),
        (SayingNothing("a"), "a"),
        (SayingNothing("a").number, "1.5"),
        ("caf\udce9.txt", "caf\ufffd.txt"),
        (["caf\udce9.txt", {"\ud83d": "\ud83d\ude00"}], HALVES),
        (pathlib.PurePosixPath("caf\udce9"), '"caf\ufffd"'),
        (
            Order([Item("x")], datetime.date(2030, 1, 2)),
            '{"items": [{"name": "x", "color": "red"}], "on": "2030-01-02"}',
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_text_is_returned_as_it_is_and_other_results_as_json(
    result: Any, output: str
) -> None:
    """
    Text goes back as it is, anything else as JSON, nothing as "done".
    """
    outcome = call(lambda: result)

    assert outcome.error is None
    assert outcome.output == output
    assert type(outcome.output) is str


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (
            Turn(text="Hi", audio=bytes(9600)),
            Turn(text="Hi").to_dict() | {"seconds": 0.2},
        ),
        (InputText("Hi", raw={"text": "Hi", "new": 1}), {"text": "Hi"}),
        (SessionConfig(voice="ash"), {"voice": "ash", "extra": {}}),
        (
            UnknownItem(type="new", raw={"type": "new", "text": "Hi"}),
            {"type": "new", "id": None, "raw": {"type": "new", "text": "Hi"}},
        ),
    ],
)
def test_an_object_of_the_library_is_a_short_result(
    result: Any, expected: dict[str, Any]
) -> None:
    """
    The model reads neither audio, nor what the service sent, nor fields that are unset;
    what the service sent is all that an unknown item has.
    """
    outcome = call(lambda: result)

    assert json.loads(outcome.output) == expected


def test_rows_of_a_database_are_mappings() -> None:
    """
    By the names of their columns.
    """
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.row_factory = sqlite3.Row
        query = "select 1 as number, 'x' as name union select 2, 'y'"

        outcome = call(lambda: database.execute(query).fetchall())

    assert outcome.error is None
    assert json.loads(outcome.output) == [
        {"number": 1, "name": "x"},
        {"number": 2, "name": "y"},
    ]


LOOP: list[Any] = []
LOOP.append(LOOP)


class Exits:
    """
    A result whose every method ends the thread.
    """

    def tolist(self) -> Any:
        raise SystemExit

    def __str__(self) -> str:
        raise KeyboardInterrupt

    __repr__ = __str__


class Unsaid(dict[str, Any]):
    def items(self) -> Any:
        raise Mute


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


@pytest.mark.parametrize(
    "result",
    [
        object(),
        1j,
        float("nan"),
        Number("nan"),
        {"a": [float("inf")]},
        {(1,): 1},
        LOOP,
        Exits(),
        {Exits(): 1},
        Unsaid(),
        (number for number in [1]),
        decimal.Decimal("NaN"),
        decimal.Decimal("sNaN"),
        [decimal.Decimal("-Infinity")],
        10**5000,
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_result_without_a_json_form_is_an_error(
    result: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The model gets an error about the unusable result, and so does the user.
    """
    text = error_of(call(lambda: result))

    assert text.startswith(f"The function 'it' returned {type(result).__name__} that")
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def _later() -> None: ...


async def _items() -> Any:
    yield


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (_later, "coroutine has no JSON form, because the function is async"),
        (lambda: [_later()], "coroutine has no JSON form, because"),
        (_items, "async_generator has no JSON form, because the function is async"),
        (lambda: iter([1]), "list_iterator has no JSON form: return a list"),
        (lambda: LOOP, "it contains itself, or too many values inside each other"),
    ],
)
def test_a_result_that_the_function_should_have_read_is_an_error(
    result: Any, reason: str
) -> None:
    """
    The error says what to return, and Python does not warn of an unused coroutine.
    """
    text = error_of(call(lambda: result()))
    gc.collect()

    assert reason in text


@pytest.mark.parametrize("character", ["x", '"', "\u20ac"])
def test_a_result_that_is_too_large_for_a_message_is_an_error(character: str) -> None:
    """
    The model gets an error instead, because the service would end the session.
    """
    text = error_of(call(lambda: character * (10 << 20)))

    assert text.endswith(" bytes; a result may have 10,485,760")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ('{"a": 1', "the arguments are not valid JSON: Expecting"),
        ('{"a": NaN}', "the arguments are not valid JSON: NaN is no number"),
        ('{"a": [1e999]}', "the arguments are not valid JSON: 1e999 is too large"),
        ('{"b": -1e400}', "the arguments are not valid JSON: -1e400 is too large"),
        ("[" * 100_000, "the arguments are not valid JSON: "),
        ("[1]", "the arguments must be a JSON object, got [1]. Expected arguments: a"),
        ("null", "the arguments must be a JSON object, got null. "),
        (
            "",
            "argument 'a': it is missing. Expected arguments: a (a whole number), b (",
        ),
        ('{"a": "1"}', "argument 'a': expected a whole number, got \"1\". Expected"),
    ],
    ids=["cut", "nan", "inf", "-inf", "deep", "list", "null", "empty", "type"],
)
def test_bad_arguments_never_reach_the_function(
    arguments: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The model reads what was wrong with its call; nothing is logged.
    """
    outcome = call(add, arguments)

    assert error_of(outcome).startswith(reason)
    assert isinstance(outcome.error, ValueError)
    assert caplog.records == []


def test_empty_arguments_call_the_function() -> None:
    """
    Some models write nothing where there is nothing to say.
    """
    assert call(lambda: "fine", "") == _tool_call.Outcome("fine")


class Loud(SystemExit):
    def __str__(self) -> str:
        raise SystemExit


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (LookupError("no such city"), "LookupError: no such city"),
        (ZeroDivisionError(), "ZeroDivisionError"),
        (SystemExit(3), "SystemExit: 3"),
        (Mute(), "Mute"),
        (Loud(), "Loud"),
        (ValueError("caf\udce9"), "ValueError: caf\ufffd"),
        (OSError("GET https://me:hunter2@x.y"), "OSError: GET https://***x.y"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_function_that_raises_is_a_short_error_without_secrets(
    error: BaseException, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The model reads a short error without secrets; the log has the traceback.
    """

    def fail() -> None:
        raise error

    outcome = call_on_thread(fail)

    assert error_of(outcome) == redacted(text)
    assert outcome.error is error
    assert caplog.records[0].exc_info is not None


@dataclasses.dataclass
class Checked:
    """
    Raises whatever it is made with.
    """

    how: int

    def __post_init__(self) -> None:
        raise [Mute, Loud, ValueError("caf\udce9")][self.how]


@pytest.mark.parametrize(
    ("how", "message"),
    [(0, "argument 'x': Mute. "), (1, "Loud"), (2, "argument 'x': caf\ufffd. ")],
)
def test_any_exception_of_a_class_is_a_bad_argument(how: int, message: str) -> None:
    """
    The model reads what there is to read, and no thread ends.
    """

    def function(x: Checked) -> None: ...

    outcome = call_on_thread(function, json.dumps({"x": {"how": how}}))

    assert error_of(outcome).startswith(message)


class Raising(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise OSError("the disk is full")


@pytest.mark.parametrize("function", [lambda: 1 / 0, object])
def test_a_log_handler_that_raises_does_not_stop_the_answer(function: Any) -> None:
    """
    The model is answered all the same.
    """
    logger, handler = logging.getLogger("azure_realtime"), Raising()
    logger.addHandler(handler)
    try:
        outcome = call(function)
    finally:
        logger.removeHandler(handler)

    assert error_of(outcome)


@pytest.mark.parametrize("name", ["a", "get_weather-2", "X" * 64, "_", "-", "007"])
def test_valid_names_are_accepted(name: str) -> None:
    """
    Letters, digits, underscore and hyphen, at most 64.
    """
    assert make_tool(add, name=name).name == name
    assert SessionConfig(tools=[FunctionTool(name)]).tools  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    ["", "get weather", "shop.order", "größe", "X" * 65, "a\n", "\uff41", "a\udce9"],
)
def test_invalid_names_are_refused_where_the_tool_is_made(name: str) -> None:
    """
    The error is raised where the tool is made, in whichever way.
    """
    mapping = {"type": "function", "name": name}
    for register in (
        lambda: make_tool(add, name=name),
        lambda: SessionConfig(tools=[FunctionTool(name)]),  # type: ignore[arg-type]
        lambda: SessionConfig.from_mapping({"tools": [mapping]}),
        lambda: ResponseConfig(tools=[mapping]),  # type: ignore[list-item]
    ):
        with pytest.raises(ValueError, match="cannot be the name of a tool"):
            register()


def test_an_invalid_function_name_is_refused_with_advice() -> None:
    """
    The error says what to do.
    """

    def größe() -> None: ...

    with pytest.raises(ValueError, match=r"'größe' cannot .* pass another"):
        make_tool(größe)


def test_too_long_descriptions_are_refused() -> None:
    """
    1,024 characters, from the docstring or given.
    """

    def function() -> None: ...

    function.__doc__ = "x" * 1024
    assert make_tool(function).description == function.__doc__
    function.__doc__ += "x"
    with pytest.raises(ValueError, match="has 1025 characters; the service takes 1024"):
        make_tool(function)
    with pytest.raises(ValueError, match="'it' has 1025 characters"):
        SessionConfig(tools=[FunctionTool("it", function.__doc__)])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="description of a tool must be text, not int"):
        make_tool(add, description=5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="name of a tool must be text, not int"):
        make_tool(add, name=5)  # type: ignore[arg-type]


def test_an_unknown_function_is_named_in_valid_utf8() -> None:
    """
    The model reads what can be sent of it.
    """
    outcome = _tool_call.unknown_tool("caf\udce9", ["add"])

    assert (
        error_of(outcome) == "there is no function 'caf\ufffd'; the functions are: add"
    )


def test_an_unknown_function_is_answered_with_the_known_ones() -> None:
    """
    The model reads which functions there are.
    """
    outcome = _tool_call.unknown_tool("plus", ["add", "sub"])

    assert error_of(outcome) == (
        "there is no function 'plus'; the functions are: add, sub"
    )
    assert isinstance(outcome.error, LookupError)


_WITHOUT_DOCSTRINGS = """
from azure_realtime._tools.tool import make_tool

def documented():
    "Return the time."

def described():
    "Return the day."

make_tool(described, description="The day.")
print("before")
make_tool(documented)
make_tool(documented)
"""


@pytest.mark.slow
def test_tools_without_docstrings_draw_one_warning() -> None:
    """
    ``python -OO`` removes what the model is to read.
    """
    ended = subprocess.run(
        [sys.executable, "-OO", "-c", _WITHOUT_DOCSTRINGS],
        env={**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert ended.stdout == "before\n"
    assert ended.stderr.count("Python runs with -OO") == 1
