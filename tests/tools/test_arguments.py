"""
What a function gets when the model calls it, and the error the model gets otherwise.
"""

from __future__ import annotations

import datetime
import decimal
import json
import pathlib
import uuid
from typing import Any, Literal, Optional

import jsonschema
import pytest
from helpers.tool_types import (
    GOLDEN,
    Bare,
    Corner,
    Filter,
    Order,
    Point,
    Priority,
    Size,
    Unit,
    Variant,
    reader_of,
    schema_of,
)
from hypothesis import given
from hypothesis import strategies as st

from azure_realtime._tools.schema.arguments import Mismatch
from azure_realtime._tools.schema.describe import describe
from azure_realtime._tools.schema.to_json import to_json_value


def weather(
    city: str, days: int = 1, unit: Unit = Unit.CELSIUS, at: Variant | None = None
) -> None:
    """
    Tell the weather.
    """


REMINDER = (
    "Expected arguments: city (text), days (a whole number, optional), "
    'unit (one of "C", "F", optional), at (an object or null, optional).'
)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"city": 5}, "argument 'city': expected text, got 5."),
        ({"city": None}, "argument 'city': expected text, got null."),
        ({"city": ["x" * 99]}, f'expected text, got ["{"x" * 55}....'),
        ({}, "argument 'city': it is missing."),
        ({"city": "", "days": "5"}, "'days': expected a whole number, got \"5\"."),
        ({"city": "", "days": 2.5}, "expected a whole number, got 2.5."),
        ({"city": "", "days": True}, "expected a whole number, got true."),
        ({"city": "", "unit": "K"}, "'unit': expected one of \"C\", \"F\", got \"K\"."),
        ({"city": "", "units": "C"}, "'units': there is no argument of that name, did"),
        ({"city": "", "units": "C"}, "did you mean 'unit'?"),
        ({"city": "", "at": {"city": 1}}, "argument 'at.city': expected text, got 1."),
        ({"city": "", "at": {"city": "", "tags": [1]}}, "'at.tags[0]': expected text"),
        ({"city": "", "at": 5}, "argument 'at': expected an object or null, got 5."),
        ({"city": 1, "days": ""}, "got 1; argument 'days': expected"),
        ([], "the arguments must be a JSON object, got []."),
    ],
)  # fmt: skip
def test_bad_arguments_are_described_in_words(arguments: Any, problem: str) -> None:
    """
    The model reads which argument was wrong, why, and what there is; it can try again.
    """
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        describe(weather).structure(arguments)

    assert problem in str(caught.value)
    assert str(caught.value).endswith(REMINDER)


WEEK = datetime.timedelta(9, 5.5, hours=3, minutes=4)


@pytest.mark.parametrize(
    ("hint", "given", "expected"),
    [
        (int, 5.0, 5),
        (float, 5, 5.0),
        (str | datetime.date, "2030-12-31", "2030-12-31"),
        (datetime.date | str, "2030-12-31", datetime.date(2030, 12, 31)),
        (datetime.date | str, "soon", "soon"),
        (int | float, 2.5, 2.5),
        (Literal[1, "1"], 1.0, 1),
        (Literal[True], True, True),
        (Priority, 3, Priority.HIGH),
        (Corner, "TOP_RIGHT", Corner.TOP_RIGHT),
        (Literal[Unit.CELSIUS], "C", Unit.CELSIUS),
        (dict[Unit, int], {"C": 1}, {Unit.CELSIUS: 1}),
        (set[int], [1, 2, 2], {1, 2}),
        (tuple[int, str], [1, "a"], (1, "a")),
        (Bare | Variant, {"city": "Rome"}, Variant("Rome")),
        (Order, {"pizza": "funghi", "count": 2}, Order("funghi", 2)),
        (Filter, {"name": "x"}, {"name": "x"}),
        (
            datetime.datetime,
            "2030-12-31T23:59:00Z",
            datetime.datetime(2030, 12, 31, 23, 59, tzinfo=datetime.timezone.utc),
        ),
        (datetime.time, "23:59", datetime.time(23, 59)),
        (uuid.UUID, str(uuid.UUID(int=5)), uuid.UUID(int=5)),
        (datetime.timedelta, "P1W2DT3H4M5.5S", WEEK),
        (datetime.timedelta, "-PT90M", -datetime.timedelta(minutes=90)),
        (datetime.timedelta, 90, datetime.timedelta(seconds=90)),
        (decimal.Decimal, 4.1, decimal.Decimal("4.1")),
        (decimal.Decimal, "4.10", decimal.Decimal("4.10")),
        (pathlib.Path, "a/b", pathlib.Path("a/b")),
        (bytes, "gIE=", b"\x80\x81"),
        (bytearray, "gIE=", bytearray(b"\x80\x81")),
        (Point, {"x": 1}, Point(1.0)),
        (list[Point], [{"x": 1, "name": "a"}], [Point(1.0, "a")]),
    ],
    ids=repr,
)
def test_the_function_gets_the_types_of_its_hints(
    hint: Any, given: Any, expected: Any
) -> None:
    """
    The function gets the types of its hints, not the JSON that the model wrote.
    """
    made = reader_of(hint)(given)

    assert made == expected
    assert type(made) is type(expected)


@pytest.mark.parametrize(
    ("hint", "given"),
    [
        (bool, "false"),
        (bool, 1),
        (bool, None),
        (int, "5"),
        (int, True),
        (int, 5.5),
        (int, float("inf")),
        (float, 10**400),
        (float, "5"),
        (float, False),
        (str, 5),
        (str, None),
        (list[str], "abc"),
        (list[int], {"a": 1}),
        (tuple[int, str], [1]),
        (set[Any], [[]]),
        (Literal[1], True),
        (Literal[True], 1),
        (Unit, "CELSIUS"),
        (datetime.date, "tomorrow"),
        (datetime.date, 5),
        (uuid.UUID, "5"),
        (Variant, {}),
        (Variant, {"city": "", "zap": 1}),
        (Order, {"pizza": "", "count": 0}),
        (Filter, {"limit": 1}),
        (int | None, "x"),
        (datetime.timedelta, "P"),
        (datetime.timedelta, "PT"),
        (datetime.timedelta, "P1Y"),
        (datetime.timedelta, 1e300),
        (datetime.timedelta, True),
        (decimal.Decimal, "NaN"),
        (decimal.Decimal, "four"),
        (decimal.Decimal, True),
        (bytes, "no base64"),
        (pathlib.Path, 5),
        (Point, [1, "a"]),
        (Point, {"name": "a"}),
    ],
    ids=repr,
)
def test_nothing_is_guessed(hint: Any, given: Any) -> None:
    """
    A value of another type is refused, never bent until it fits.
    """
    with pytest.raises(Mismatch):
        reader_of(hint)(given)


def test_the_first_member_of_a_union_that_fits_is_taken() -> None:
    """
    The first member that fits is taken, for each argument by its own hint.
    """

    def function(a: str | datetime.date, b: datetime.date | str) -> None: ...

    made = describe(function).structure({"a": "2030-12-31", "b": "2030-12-31"})

    assert made == {"a": "2030-12-31", "b": datetime.date(2030, 12, 31)}


# -- Properties ------------------------------------------------------------------

UTC = datetime.timezone.utc
integers = st.integers(-(2**53), 2**53)
finite = st.floats(allow_nan=False, allow_infinity=False)
SIMPLE: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, integers),
    (float, finite),
    (bool, st.booleans()),
    (str, st.text()),
    (Unit, st.sampled_from(Unit)),
    (Size, st.sampled_from(Size)),
    (Priority, st.sampled_from(Priority)),
    (Corner, st.sampled_from(Corner)),
    (Literal["a", 1, None], st.sampled_from(["a", 1, None])),
    (Variant, st.builds(Variant, st.text(), st.none() | st.integers())),
    (Bare, st.builds(Bare, finite)),
    (Order, st.builds(Order, st.text(), st.integers(1))),
    (Filter, st.fixed_dictionaries({"name": st.text()}, optional={"limit": integers})),
    (datetime.date, st.dates()),
    (datetime.datetime, st.datetimes(timezones=st.sampled_from([UTC, None]))),
    (datetime.time, st.times()),
    (uuid.UUID, st.uuids()),
    (datetime.timedelta, st.timedeltas(*[datetime.timedelta(n) for n in (-99, 99)])),
    (pathlib.Path, st.sampled_from([pathlib.Path("a/b"), pathlib.Path("/")])),
    (Point, st.builds(Point, finite, st.text())),
]  # fmt: skip


def _nested(
    inner: st.SearchStrategy[tuple[Any, st.SearchStrategy[Any]]],
) -> st.SearchStrategy[tuple[Any, st.SearchStrategy[Any]]]:
    def deeper(pair: tuple[Any, st.SearchStrategy[Any]]) -> Any:
        hint, values = pair
        return st.sampled_from(
            [
                (list[hint], st.lists(values, max_size=3)),
                (tuple[hint, ...], st.lists(values, max_size=3).map(tuple)),
                (tuple[hint, int], st.tuples(values, st.integers())),
                (dict[str, hint], st.dictionaries(st.text(), values, max_size=3)),
                (Optional[hint], st.none() | values),  # noqa: UP045
            ]
        )

    return inner.flatmap(deeper)


typed = st.recursive(st.sampled_from(SIMPLE), _nested, max_leaves=3)
typed_values = typed.flatmap(lambda pair: st.tuples(st.just(pair[0]), pair[1]))


@pytest.mark.slow
@given(typed_values)
def test_arguments_survive_the_way_through_json(pair: tuple[Any, Any]) -> None:
    """
    What fits the hint fits the schema, and comes back as it was.
    """
    hint, value = pair
    sent = json.loads(json.dumps(to_json_value(value)))

    jsonschema.Draft202012Validator(schema_of(hint)).validate(sent)
    assert reader_of(hint)(sent) == value


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from([1.0, 2.5, "a", "C", "small", "TOP_LEFT", "x"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["city", "x", "name", "pizza"]), inner, max_size=2
        )
    ),
    max_leaves=4,
)
CHECKED = [
    hint
    for hint, schema in GOLDEN
    if not any(word in str(schema) for word in ("format", "unique", "Encoding"))
]


@given(st.sampled_from(CHECKED), json_values)
def test_the_schema_and_the_check_agree(hint: Any, value: Any) -> None:
    """
    The function is called with exactly those arguments that its schema allows.
    """
    allowed = jsonschema.Draft202012Validator(schema_of(hint)).is_valid(value)
    try:
        reader_of(hint)(value)
        taken = True
    except Mismatch:
        # what only a validator of the class knows is not in the schema
        taken = hint is Order and allowed and value.get("count", 1) < 1

    assert taken == allowed
