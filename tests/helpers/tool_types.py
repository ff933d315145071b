"""
Types that people write in the hints of their tools, and the schemas they have.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import pathlib
import sys
import uuid
from collections.abc import Mapping, Sequence
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    NewType,
    Optional,
    TypedDict,
    TypeVar,
    Union,
)

import attrs

from azure_realtime._tools.schema.arguments import ArgumentReader
from azure_realtime._tools.schema.json_schema import SchemaMaker

if sys.version_info >= (3, 11):
    from typing import NotRequired, Required
else:
    from typing_extensions import NotRequired, Required


class Unit(enum.Enum):
    CELSIUS = "C"
    FAHRENHEIT = "F"


class Size(str, enum.Enum):
    SMALL = "small"
    LARGE = "large"


class Priority(enum.IntEnum):
    LOW = 1
    HIGH = 3


class Corner(enum.Enum):
    TOP_LEFT = (0, 0)
    TOP_RIGHT = (1, 0)


@dataclasses.dataclass
class Variant:
    """
    Somewhere on Earth.

    Attributes:
        city: As people call it.
    """

    city: str
    zip: int | None = None
    tags: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Bare:
    x: float


@dataclasses.dataclass
class Counted(Bare):
    count: int = dataclasses.field(default=0, init=False)


@attrs.frozen
class Order:
    _pizza: str
    count: Annotated[int, "How many."] = attrs.field(
        default=1, validator=attrs.validators.ge(1)
    )
    extras: tuple[str, ...] = attrs.field(factory=tuple)


class Point(NamedTuple):
    x: float
    name: str = "origin"


class Filter(TypedDict):
    name: str
    limit: NotRequired[int]


class Loose(TypedDict, total=False):
    name: Required[str]
    limit: int


@dataclasses.dataclass
class Node:
    child: Node | None


UserId = NewType("UserId", str)
Number = TypeVar("Number", int, float)
Named = TypeVar("Named", bound=str)
Thing = TypeVar("Thing")

TEXT = {"type": "string"}
WHOLE = {"type": "integer"}
NULL = {"type": "null"}
PLACE = {
    "type": "object",
    "description": "Somewhere on Earth.",
    "properties": {
        "city": {"type": "string", "description": "As people call it."},
        "zip": {"anyOf": [WHOLE, NULL], "default": None},
        "tags": {"type": "array", "items": TEXT},
    },
    "required": ["city"],
    "additionalProperties": False,
}
ORDER = {
    "type": "object",
    "properties": {
        "pizza": TEXT,
        "count": {"type": "integer", "description": "How many.", "default": 1},
        "extras": {"type": "array", "items": TEXT},
    },
    "required": ["pizza"],
    "additionalProperties": False,
}
FILTER = {
    "type": "object",
    "properties": {"name": TEXT, "limit": WHOLE},
    "required": ["name"],
    "additionalProperties": False,
}

GOLDEN = [
    (int, WHOLE),
    (float, {"type": "number"}),
    (bool, {"type": "boolean"}),
    (str, TEXT),
    (None, NULL),
    (Any, {}),
    (object, {}),
    (list, {"type": "array", "items": {}}),
    (list[int], {"type": "array", "items": WHOLE}),
    (Sequence[str], {"type": "array", "items": TEXT}),
    (set[str], {"type": "array", "items": TEXT, "uniqueItems": True}),
    (frozenset[int], {"type": "array", "items": WHOLE, "uniqueItems": True}),
    (tuple, {"type": "array", "items": {}}),
    (tuple[int, ...], {"type": "array", "items": WHOLE}),
    (
        tuple[int, int],
        {"type": "array", "items": WHOLE, "minItems": 2, "maxItems": 2},
    ),
    (
        tuple[int, str],
        {
            "type": "array",
            "prefixItems": [WHOLE, TEXT],
            "items": {"anyOf": [WHOLE, TEXT]},
            "minItems": 2,
            "maxItems": 2,
        },
    ),
    (dict, {"type": "object", "additionalProperties": True}),
    (dict[str, Any], {"type": "object", "additionalProperties": True}),
    (dict[str, int], {"type": "object", "additionalProperties": WHOLE}),
    (Mapping[str, int], {"type": "object", "additionalProperties": WHOLE}),
    (
        dict[Unit, int],
        {
            "type": "object",
            "propertyNames": {"type": "string", "enum": ["C", "F"]},
            "additionalProperties": WHOLE,
        },
    ),
    (Optional[int], {"anyOf": [WHOLE, NULL]}),  # noqa: UP045
    (int | None, {"anyOf": [WHOLE, NULL]}),
    (Union[int, str, None], {"anyOf": [WHOLE, TEXT, NULL]}),  # noqa: UP007
    (Union[Any, None], {}),  # noqa: UP007
    (Union[list[UserId], list[str]], {"type": "array", "items": TEXT}),  # noqa: UP007
    (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
    (Literal[1, 2], {"type": "integer", "enum": [1, 2]}),
    (Literal["a", 1, None], {"enum": ["a", 1, None]}),
    (Literal[Unit.CELSIUS], {"type": "string", "enum": ["C"]}),
    (Unit, {"type": "string", "enum": ["C", "F"]}),
    (Size, {"type": "string", "enum": ["small", "large"]}),
    (
        Priority,
        {"type": "integer", "enum": [1, 3], "description": "1 is LOW, 3 is HIGH"},
    ),
    (Corner, {"type": "string", "enum": ["TOP_LEFT", "TOP_RIGHT"]}),
    (Variant, PLACE),
    (Variant | None, {"anyOf": [{**PLACE}, NULL]}),
    (list[Counted], None),
    (Order, ORDER),
    (Filter, FILTER),
    (Loose, FILTER),
    (UserId, TEXT),
    (Number, {"anyOf": [WHOLE, {"type": "number"}]}),
    (Named, TEXT),
    (Thing, {}),
    (Annotated[int, "How many."], {"type": "integer", "description": "How many."}),
    (
        Annotated[int, 5, "First.", "Second."],
        {"type": "integer", "description": "First."},
    ),
    (
        Annotated[int, "How many."] | None,
        {"anyOf": [WHOLE, NULL], "description": "How many."},
    ),
    (datetime.datetime, {"type": "string", "format": "date-time"}),
    (datetime.date, {"type": "string", "format": "date"}),
    (datetime.time, {"type": "string", "format": "time"}),
    (uuid.UUID, {"type": "string", "format": "uuid"}),
    (datetime.timedelta, {"type": "string", "format": "duration"}),
    (decimal.Decimal | None, {"anyOf": [{"type": "number"}, NULL]}),
    (pathlib.Path, TEXT),
    (bytes, {"type": "string", "contentEncoding": "base64"}),
    (
        Point,
        {
            "type": "object",
            "properties": {
                "x": {"type": "number"},
                "name": {"type": "string", "default": "origin"},
            },
            "required": ["x"],
            "additionalProperties": False,
        },
    ),
    (
        Annotated[int | None, "How many."] | None,
        {"anyOf": [WHOLE, NULL], "description": "How many."},
    ),
]


def golden(hint: Any, schema: Any) -> Any:
    """
    Return the golden schema of a hint; two are too long for the table.
    """
    if hint == list[Counted]:
        number = {"x": {"type": "number"}}
        return {
            "type": "array",
            "items": {
                "type": "object",
                "properties": number,
                "required": ["x"],
                "additionalProperties": False,
            },
        }
    if hint == (Variant | None):
        inner = {key: value for key, value in PLACE.items() if key != "description"}
        return {"anyOf": [inner, NULL], "description": PLACE["description"]}
    return schema


def schema_of(hint: Any) -> dict[str, Any]:
    """
    Return the schema of a hint that needs no names.
    """
    return SchemaMaker({}).schema(hint)


def reader_of(hint: Any) -> Any:
    """
    Return the function that makes a value of a hint.
    """
    return ArgumentReader(SchemaMaker({})).reader(hint)
