"""
Bounds in the notes of an `Annotated`: they are in the schema, and they are checked.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple, Optional

import annotated_types
import jsonschema
import pydantic
import pytest
from annotated_types import Ge, Gt, Interval, Le, Len, Lt, MaxLen, MinLen, MultipleOf
from helpers.tool_types import reader_of, schema_of

from azure_realtime._tools.schema.arguments import Mismatch
from azure_realtime._tools.schema.describe import describe

YEAR = datetime.date(2030, 1, 1)
HALF = decimal.Decimal("0.5")
ALL_A = pydantic.StringConstraints(pattern="^a+$", max_length=3)
FIELD = pydantic.Field(description="How many.", ge=1, lt=5)


class Level(NamedTuple):
    """
    Stands for a note of some other library.
    """

    ge: int
    description: str


CASES: list[tuple[Any, dict[str, Any], list[Any], list[Any]]] = [
    (Annotated[int, Gt(0)], {"exclusiveMinimum": 0}, [1], [0, -1]),
    (Annotated[int, Ge(1), Le(3)], {"minimum": 1, "maximum": 3}, [1, 3], [0, 4]),
    (Annotated[float, Lt(1.5)], {"exclusiveMaximum": 1.5}, [1.4], [1.5, 2]),
    (
        Annotated[float, Interval(gt=0, le=1)],
        {"exclusiveMinimum": 0, "maximum": 1},
        [0.1, 1],
        [0, 1.1],
    ),
    (Annotated[int, MultipleOf(5)], {"multipleOf": 5}, [0, 10], [7]),
    (Annotated[str, MinLen(2)], {"minLength": 2}, ["ab"], ["a", ""]),
    (Annotated[str, MaxLen(2)], {"maxLength": 2}, ["", "ab"], ["abc"]),
    (Annotated[list[int], Len(1, 2)], {"minItems": 1, "maxItems": 2}, [[1]], [[]]),
    (Annotated[set[int], MaxLen(1)], {"maxItems": 1}, [[1]], [[1, 2]]),
    (Annotated[dict[str, int], MinLen(1)], {"minProperties": 1}, [{"a": 1}], [{}]),
    (Annotated[tuple[int, int], MinLen(1)], {"minItems": 2}, [[1, 2]], [[1]]),
    (Annotated[str, ALL_A], {"pattern": "^a+$", "maxLength": 3}, ["aa"], ["b", "aaaa"]),
    (
        Annotated[int, FIELD],
        {"minimum": 1, "exclusiveMaximum": 5, "description": "How many."},
        [1, 4],
        [0, 5],
    ),
    (Annotated[Literal[1, 2, 3], Ge(2)], {"minimum": 2}, [2, 3], [1]),
    (pydantic.PositiveInt, {"exclusiveMinimum": 0}, [1], [0]),
    (Annotated[pydantic.PositiveInt, Ge(5)], {"minimum": 5}, [5], [4, 0]),
    (Annotated[Annotated[int, Ge(5)], Ge(2)], {"minimum": 5}, [5], [2]),
    (
        Annotated[int, Level(3, "As a level.")],
        {"minimum": 3, "description": "As a level."},
        [3],
        [2],
    ),
    (
        Annotated[decimal.Decimal, Gt(HALF), Le(decimal.Decimal(3))],
        {"exclusiveMinimum": 0.5, "maximum": 3},
        [0.51, 3],
        [0.5, 3.1],
    ),
]


@pytest.mark.parametrize(("hint", "keywords", "good", "bad"), CASES, ids=lambda _: "")
def test_bounds_are_in_the_schema_and_checked(
    hint: Any, keywords: dict[str, Any], good: list[Any], bad: list[Any]
) -> None:
    """
    The schema allows what the check takes, and nothing else.
    """
    schema, read = schema_of(hint), reader_of(hint)
    allows = jsonschema.Draft202012Validator(schema).is_valid

    assert keywords.items() <= schema.items()
    for value in good:
        assert allows(value)
        read(value)
    for value in bad:
        assert not allows(value)
        with pytest.raises(Mismatch):
            read(value)


@pytest.mark.parametrize(
    ("hint", "value", "words"),
    [
        (Annotated[int, Ge(1)], 0, "expected at least 1, got 0"),
        (Annotated[int, Gt(1)], 1, "expected more than 1, got 1"),
        (Annotated[int, Le(1)], 2, "expected at most 1, got 2"),
        (Annotated[int, Lt(1)], 1, "expected less than 1, got 1"),
        (Annotated[int, MultipleOf(2)], 1, "expected a multiple of 2, got 1"),
        (Annotated[str, MinLen(2)], "a", 'a length of at least 2, got "a"'),
        (Annotated[str, MaxLen(0)], "a", 'a length of at most 0, got "a"'),
        (Annotated[str, ALL_A], "b", 'text that matches ^a+$, got "b"'),
        (Annotated[int, Ge(1)], "x", 'expected a whole number, got "x"'),
        (Optional[Annotated[int, Ge(1)]], 0, "expected at least 1, got 0"),  # noqa: UP045
        (Annotated[int | None, Ge(1)], 0, "expected at least 1, got 0"),
    ],
)
def test_the_model_reads_the_bound_that_a_value_breaks(
    hint: Any, value: Any, words: str
) -> None:
    """
    It says the bound, also where the argument may be left out.
    """

    def function(x: Any) -> None: ...

    function.__annotations__["x"] = hint
    with pytest.raises(ValueError, match="argument 'x'") as caught:
        describe(function).structure({"x": value})

    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("hint", "good", "bad"),
    [
        (Annotated[datetime.date, Ge(YEAR)], ["2030-01-01"], ["2029-12-31"]),
        (
            Annotated[datetime.timedelta, Gt(datetime.timedelta(0))],
            ["PT1S"],
            ["PT0S", "-PT1S"],
        ),
        (Annotated[bytes, MaxLen(2)], ["gIE="], ["gICA"]),
        (Annotated[int | None, Ge(1)], [None, 1], [0]),
    ],
)
def test_bounds_that_a_schema_cannot_express_are_checked(
    hint: Any, good: list[Any], bad: list[Any]
) -> None:
    """
    They are checked all the same, and only where they apply.
    """
    allows = jsonschema.Draft202012Validator(schema_of(hint)).is_valid
    read = reader_of(hint)
    for value in good:
        assert allows(value)
        read(value)
    for value in bad:
        with pytest.raises(Mismatch):
            read(value)


def test_a_multiple_of_a_fraction_is_decimal() -> None:
    """
    0.3 is a multiple of 0.1, as people write it, whatever floats make of it.
    """
    read = reader_of(Annotated[float, MultipleOf(0.1)])

    assert 0.3 == read(0.3)
    with pytest.raises(Mismatch):
        read(0.35)


class Odd:
    """
    A note whose attributes are no bounds.
    """

    ge = True
    le = float("nan")
    min_length = 1.5
    pattern = "("
    metadata = 5

    def gt(self) -> int:
        return 3


@pytest.mark.parametrize(
    "note", [Odd(), Odd, object(), 5, annotated_types.Unit("m"), float.is_integer]
)
def test_notes_that_say_nothing_about_bounds_are_ignored(note: Any) -> None:
    """
    An annotation of another library is passed over.
    """
    assert {"type": "integer"} == schema_of(Annotated[int, note])
    assert -1 == reader_of(Annotated[int, note])(-1)


def test_bounds_are_found_in_fields_and_elements() -> None:
    """
    They are found wherever a hint can stand.
    """

    @dataclasses.dataclass
    class Order:
        counts: list[Annotated[int, Ge(1)]]

    def function(order: Order, **more: Annotated[int, Le(9)]) -> None: ...

    made = describe(function)

    order = made.parameters["properties"]["order"]["properties"]
    assert {"type": "integer", "minimum": 1} == order["counts"]["items"]
    assert {"type": "integer", "maximum": 9} == made.parameters["additionalProperties"]
    with pytest.raises(ValueError, match=r"'order.counts\[1\]': expected at least 1"):
        made.structure({"order": {"counts": [1, 0]}})
    with pytest.raises(ValueError, match="'other': expected at most 9"):
        made.structure({"order": {"counts": [1]}, "other": 10})


def test_notes_of_msgspec_give_bounds_and_description() -> None:
    """
    Its `Meta` has bounds and description; its structs are records.
    """
    msgspec = pytest.importorskip("msgspec")
    meta = msgspec.Meta(ge=1, description="How many.", pattern=None)
    bounded = Annotated[int, meta]
    text = Annotated[str, msgspec.Meta(min_length=1, pattern="^x")]
    struct = msgspec.defstruct("Order", [("count", bounded), ("name", text, "x")])

    schema = schema_of(struct)

    assert ["count"] == schema["required"]
    count = {"type": "integer", "minimum": 1, "description": "How many."}
    assert count == schema["properties"]["count"]
    assert "^x" == schema["properties"]["name"]["pattern"]
    assert struct(2, "x") == reader_of(struct)({"count": 2})
    with pytest.raises(Mismatch):
        reader_of(struct)({"count": 0})
    with pytest.raises(Mismatch):
        reader_of(struct)({"count": 1, "name": "y"})


# -- Models of pydantic ----------------------------------------------------------


class Street(pydantic.BaseModel):
    name: str
    number: Annotated[int, pydantic.Field(ge=1, description="Of the house.")]


class Address(pydantic.BaseModel):
    """
    Where a person lives.
    """

    streets: list[Street] = []
    since: datetime.date | None = None


class Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)

    on: datetime.date


class Tree(pydantic.BaseModel):
    children: list[Tree] = []


class Cat(pydantic.BaseModel):
    kind: Literal["cat"] = "cat"


class Dog(pydantic.BaseModel):
    """
    Has fields that are called like words of JSON Schema.
    """

    kind: Literal["dog"]
    discriminator: int = 1
    ref: str = pydantic.Field("x", alias="$ref")
    more: dict[str, Any] = {"discriminator": 5}


class Owner(pydantic.BaseModel):
    pet: Annotated[Cat | Dog, pydantic.Field(discriminator="kind")]


def _registered(hint: Any) -> Callable[[Any], Any]:
    def function(x: Any) -> None: ...

    function.__annotations__["x"] = hint
    structure = describe(function).structure
    return lambda value: structure({"x": value})["x"]


def test_the_schema_of_a_model_stands_alone() -> None:
    """
    Nothing is referred to: not every service follows references.
    """
    schema = schema_of(Address)

    assert "$" not in str(schema)
    assert "Where a person lives." == schema["description"]
    street = schema["properties"]["streets"]["items"]
    assert ["name", "number"] == street["required"]
    assert 1 == street["properties"]["number"]["minimum"]


def test_a_union_of_models_makes_the_right_one() -> None:
    """
    Both stand in the schema, and the right one is made.
    """
    schema = schema_of(Owner)

    assert "#/$defs" not in str(schema)
    _, dog = schema["properties"]["pet"]["oneOf"]
    assert {"kind", "discriminator", "$ref", "more"} == set(dog["properties"])
    given = {"pet": {"kind": "dog", "$ref": "y"}}
    assert "y" == _registered(Owner)(given).pet.ref


def test_a_function_gets_a_model() -> None:
    """
    Made and checked by the model itself, as JSON: also a strict one.
    """
    given = {"streets": [{"name": "High", "number": 3}], "since": "2030-01-01"}

    made = _registered(Address)(given)
    several = _registered(list[Cat] | None)([{}])
    strict = _registered(Strict)({"on": "2030-01-01"})

    assert Address(streets=[Street(name="High", number=3)], since=YEAR) == made
    assert [Cat()] == several
    assert Strict(on=YEAR) == strict


@pytest.mark.parametrize(
    ("hint", "value", "where"),
    [
        (Address, {"streets": [{"name": "x", "number": 0}]}, "x.streets[0].number"),
        (Optional[Address], {"streets": [{"number": 1}]}, "x.streets[0].name"),  # noqa: UP045
        (list[Address], [{"since": "soon"}], "x[0].since"),
        (Address, 5, "x"),
    ],
)
def test_the_model_reads_the_path_of_a_bad_field(
    hint: Any, value: Any, where: str
) -> None:
    """
    The field by its path, and what the class says about it.
    """
    with pytest.raises(ValueError, match="Expected arguments") as caught:
        _registered(hint)(value)

    assert str(caught.value).startswith(f"argument '{where}': ")


def test_a_model_that_contains_itself_is_refused() -> None:
    """
    It is refused when it is registered, like other classes.
    """
    with pytest.raises(TypeError, match="Tree contains itself"):
        _registered(Tree)
