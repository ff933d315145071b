"""
Classes of pydantic and msgspec, and flags: the schema, the argument and the result agree.
"""

import dataclasses
import enum
import json
from typing import Annotated, Any, Literal

import jsonschema
import msgspec
import pydantic
import pydantic.dataclasses
import pytest

from azure_realtime._tools.call import call_tool
from azure_realtime._tools.tool import make_tool


class Cat(msgspec.Struct, tag=True):
    age: int


class Dog(msgspec.Struct, tag=True):
    age: int


class Bird(msgspec.Struct, tag=7, tag_field="kind", rename="camel"):
    wing_span: float
    color: str | msgspec.UnsetType = msgspec.UNSET
    names: list[str] = []  # msgspec copies it
    rings: int = msgspec.field(default=2, name="RINGS")


@pydantic.dataclasses.dataclass
class Shelf:
    width: int = pydantic.Field(ge=1, alias="w")
    books: list[str] = pydantic.Field(default_factory=list)


class Plain(pydantic.BaseModel):
    size: int = 1


class Aliased(pydantic.BaseModel):
    count: int = pydantic.Field(2, alias="c")


class Circle(pydantic.BaseModel):
    kind: Literal["circle"]
    size: int


class Square(pydantic.BaseModel):
    kind: Literal["square"]
    size: int


EITHER = Annotated[Circle | Square, pydantic.Field(discriminator="kind")]


class Mode(enum.Flag):
    READ = 1
    WRITE = 2


class Odd(enum.Enum):
    NAN = float("nan")
    ONE = 1


@dataclasses.dataclass
class Mixed:
    pet: Cat | Dog
    shape: EITHER


CASES: list[tuple[Any, Any, Any]] = [
    (Cat, {"type": "Cat", "age": 1}, Cat(1)),
    (Cat | Dog, {"type": "Dog", "age": 1}, Dog(1)),
    (Dog | Cat | None, {"type": "Cat", "age": 1}, Cat(1)),
    (Bird, {"kind": 7, "wingSpan": 1.5, "names": [], "RINGS": 2}, Bird(1.5)),
    (Shelf, {"w": 2, "books": ["a"]}, Shelf(w=2, books=["a"])),  # type: ignore[call-arg]
    (Aliased, {"c": 3}, Aliased(c=3)),
    (Plain | Aliased, {"c": 3}, Aliased(c=3)),
    (Aliased | Plain, {"size": 3}, Plain(size=3)),
    (str | Circle | Square, {"kind": "square", "size": 3}, None),
    (EITHER, {"kind": "square", "size": 3}, Square(kind="square", size=3)),
    (pydantic.ByteSize, 1000, pydantic.ByteSize(1000)),
    (pydantic.HttpUrl, "http://a.b/", pydantic.HttpUrl("http://a.b/")),
    (Mode, 3, Mode.READ | Mode.WRITE),
    (Mode, 0, Mode(0)),
    (Odd, "NAN", Odd.NAN),
    (
        Mixed,
        {"pet": {"type": "Dog", "age": 1}, "shape": {"kind": "circle", "size": 1}},
        Mixed(Dog(1), Circle(kind="circle", size=1)),
    ),
]


@pytest.mark.parametrize(
    ("hint", "value", "expected"), CASES, ids=[str(case[0]) for case in CASES]
)
def test_schema_argument_and_result_agree(hint: Any, value: Any, expected: Any) -> None:
    """
    What the schema describes reaches the function, and its result looks the same.
    """
    given: list[Any] = []

    def function(x: Any) -> Any:
        given.append(x)
        return x

    function.__annotations__ = {"x": hint}
    tool = make_tool(function)
    schema = tool.parameters["properties"]["x"]

    outcome = call_tool(tool, json.dumps({"x": value}))

    assert outcome.error is None
    jsonschema.Draft202012Validator(schema).validate(value)
    assert json.loads(outcome.output) == value
    if expected is not None:
        assert given == [expected]
        assert type(given[0]) is type(expected)


@pytest.mark.parametrize(
    ("hint", "value", "problem"),
    [
        (Cat, {"age": 1}, "'x.type': it is missing"),
        (Cat, {"type": "Dog", "age": 1}, '\'x.type\': expected "Cat", got "Dog"'),
        (Shelf, {"w": 0}, "'x.w': Input should be greater than or equal to 1"),
        (Shelf, {"width": 1}, "'x.w': Field required"),
        (
            EITHER,
            {"kind": "square", "size": "a"},
            "('kind': Input should be 'circle'; or 'size': Input should be a valid int",
        ),
        (pydantic.HttpUrl, "no", "'x': Input should be a valid URL"),
        (Mode, 4, "'x': expected one of 0, 1, 2, 3, got 4"),
    ],
)
def test_what_the_schema_refuses_is_refused(
    hint: Any, value: Any, problem: str
) -> None:
    """
    The model reads the path and the reason.
    """

    def function(x: Any) -> None: ...

    function.__annotations__ = {"x": hint}
    tool = make_tool(function)
    schema = tool.parameters["properties"]["x"]

    outcome = call_tool(tool, json.dumps({"x": value}))

    assert problem in json.loads(outcome.output)["error"]
    if hint is not pydantic.HttpUrl:  # JSON Schema does not check the format
        assert not jsonschema.Draft202012Validator(schema).is_valid(value)


class Endless(pydantic.BaseModel):
    upper: float = pydantic.Field(float("inf"), le=float("inf"))


def test_infinite_defaults_and_bounds_of_a_model_are_left_out() -> None:
    """
    They are left out, because JSON cannot represent them.
    """

    def function(x: Endless) -> None: ...

    json.dumps(make_tool(function).parameters, allow_nan=False)


def test_an_enumeration_without_members_is_refused() -> None:
    """
    No call could succeed, so the tool is refused.
    """

    class Empty(enum.Enum):
        pass

    def function(x: Empty) -> None: ...

    with pytest.raises(TypeError, match=r"x: .*Empty has no members"):
        make_tool(function)
