"""
Defaults that an object describes: ``x: int = Field(3, ge=1)`` and the like.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable
from typing import Annotated, Any

import attrs
import msgspec
import pydantic
import pytest

from azure_realtime._tools.schema.describe import describe


def _with(default: Any, hint: Any = int) -> Callable[..., Any]:
    def find(x: Any = default) -> None: ...

    find.__annotations__ = {"x": hint}
    return find


@pytest.mark.parametrize(
    "default",
    [
        pydantic.Field(3),
        pydantic.Field(default=3),
        dataclasses.field(default=3),
        attrs.field(default=3),
        msgspec.field(default=3),
        pydantic.PrivateAttr(3),
    ],
    ids=lambda value: f"{type(value).__module__}.{type(value).__name__}",
)
def test_a_described_default_is_passed_as_its_value(default: Any) -> None:
    """
    The function gets the default, not the object that describes it.
    """
    made = describe(_with(default))

    assert made.parameters["properties"]["x"] == {"type": "integer", "default": 3}
    assert "required" not in made.parameters
    assert made.structure({}) == {"x": 3}
    assert made.structure({"x": 4}) == {"x": 4}


@pytest.mark.parametrize(
    "default",
    [
        pydantic.Field(default_factory=list),
        dataclasses.field(default_factory=list),
        attrs.field(factory=list),
        attrs.Factory(list),
        msgspec.field(default_factory=list),
        pydantic.Field([]),
    ],
    ids=lambda value: f"{type(value).__module__}.{type(value).__name__}",
)
def test_each_call_has_its_own_default(default: Any) -> None:
    """
    A function may change its argument; the next call gets a new list.
    """
    made = describe(_with(default, list[int]))

    first, second = made.structure({}), made.structure({})
    assert first == second == {"x": []}
    assert first["x"] is not second["x"]


@pytest.mark.parametrize(
    "default",
    [
        pydantic.Field(ge=1),
        pydantic.Field(..., ge=1),
        dataclasses.field(),
        attrs.field(),
        msgspec.field(name="y"),
    ],
    ids=lambda value: f"{type(value).__module__}.{type(value).__name__}",
)
def test_a_described_argument_without_a_default_is_required(default: Any) -> None:
    """
    The argument is required.
    """
    made = describe(_with(default))

    assert made.parameters["required"] == ["x"]
    with pytest.raises(ValueError, match="'x': it is missing"):
        made.structure({})


FIELD = pydantic.Field(3, ge=1, le=5, description="How many.")
BOUNDED = {
    "type": "integer",
    "minimum": 1,
    "maximum": 5,
    "description": "How many.",
    "default": 3,
}


@dataclasses.dataclass
class Order:
    count: int = FIELD


@pytest.mark.parametrize("hint", [int, "int", Annotated[int, "How many."]])
def test_bounds_and_description_of_a_default_are_in_the_schema(hint: Any) -> None:
    """
    They are in the schema, and the bounds are checked.
    """
    made = describe(_with(FIELD, hint))

    assert made.parameters["properties"]["x"] == BOUNDED
    assert made.structure({}) == {"x": 3}
    with pytest.raises(ValueError, match="expected at least 1, got 0"):
        made.structure({"x": 0})


def test_a_described_default_of_a_field_is_used() -> None:
    """
    A dataclass with pydantic's `Field` gets the default too.
    """
    made = describe(_with(dataclasses.MISSING, Order))

    schema = made.parameters["properties"]["x"]["properties"]["count"]
    assert schema == BOUNDED
    assert made.structure({"x": {}})["x"].count == 3


def test_a_default_in_an_annotation_is_used() -> None:
    """
    Pydantic's own decorators do the same.
    """

    def find(x: Annotated[int, pydantic.Field(default=3)]) -> None: ...

    assert describe(find).structure({}) == {"x": 3}


@pytest.mark.parametrize("hint", [int, int | None])
def test_a_described_default_of_none_allows_null(hint: Any) -> None:
    """
    The schema allows null.
    """
    made = describe(_with(pydantic.Field(None, ge=1), hint))

    schema = made.parameters["properties"]["x"]
    assert schema["default"] is None
    assert {"type": "null"} in schema["anyOf"]
    assert made.structure({}) == made.structure({"x": None}) == {"x": None}


def test_a_default_made_of_other_fields_is_refused() -> None:
    """
    It is refused, because a function has no such fields.
    """
    default = pydantic.Field(default_factory=lambda data: data["y"])

    with pytest.raises(TypeError, match="its default is made of other fields"):
        describe(_with(default))


@pytest.mark.parametrize(
    "default",
    [float("nan"), 10**5000, object(), len, ..., b"\xff", "\ud800", {1, 2}],
    ids=lambda value: type(value).__name__,
)
def test_any_default_leaves_the_schema_valid(default: Any) -> None:
    """
    What JSON or UTF-8 cannot represent is not shown to the model as it is.
    """
    schema = describe(_with(default, Any)).parameters

    json.dumps(schema, ensure_ascii=False, allow_nan=False).encode()
    assert "required" not in schema


def test_bound_arguments_stay_hidden_after_update_wrapper() -> None:
    """
    The model can neither see nor replace the arguments that the partial binds.
    """

    def find(db: Any, name: str, **more: Any) -> None: ...

    bound = functools.partial(find, object(), token="secret")
    made = describe(functools.update_wrapper(bound, find))

    assert made.name == "find"
    assert list(made.parameters["properties"]) == ["name"]
    with pytest.raises(ValueError, match="'token': there is no argument of that name"):
        made.structure({"name": "x", "token": "mine"})
