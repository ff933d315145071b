"""
What the model is told about a function, and what the function gets from the model.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import functools
import json
import sys
import uuid
from collections.abc import Mapping, Sequence
from typing import (
    Annotated,
    Any,
    Literal,
    NewType,
    Optional,
    TypedDict,
    TypeVar,
    Union,
)

import attrs
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azure_realtime._json_schema import SchemaMaker
from azure_realtime._plain import plain
from azure_realtime._tool_converter import ArgumentReader, Mismatch
from azure_realtime._tool_schema import describe

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
class Place:
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
    (Place, PLACE),
    (Place | None, {"anyOf": [{**PLACE}, NULL]}),
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
]


def _golden(hint: Any, schema: Any) -> Any:
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
    if hint == (Place | None):
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


@pytest.mark.parametrize(("hint", "schema"), GOLDEN, ids=[str(h) for h, _ in GOLDEN])
def test_golden_schemas(hint: Any, schema: Any) -> None:
    """
    Every supported hint has the JSON schema that one would write by hand.
    """
    made = schema_of(hint)

    assert made == _golden(hint, schema)
    jsonschema.Draft202012Validator.check_schema(made)
    jsonschema.Draft7Validator.check_schema(made)


def test_a_whole_function() -> None:
    """
    Name, text, hints, defaults and the docstring's words all reach the model.
    """

    def order_pizza(
        pizza: Literal["margherita", "funghi"],
        size: Size = Size.LARGE,
        count: Annotated[int, "Up to ten."] = 1,
        note: str = None,  # noqa: RUF013
        anything=(),
        *,
        where: Place,
    ):
        """
        Order pizza.

        :param pizza: From the menu.
        :param count: Is told otherwise.
        :param where: To bring it to.
        """

    told = describe(order_pizza)

    assert told.name == "order_pizza"
    assert told.description == "Order pizza."
    assert told.parameters == {
        "type": "object",
        "properties": {
            "pizza": {
                "type": "string",
                "enum": ["margherita", "funghi"],
                "description": "From the menu.",
            },
            "size": {
                "type": "string",
                "enum": ["small", "large"],
                "default": "large",
            },
            "count": {"type": "integer", "description": "Up to ten.", "default": 1},
            "note": {"anyOf": [TEXT, NULL], "default": None},
            "anything": {"default": []},
            "where": {**PLACE, "description": "To bring it to."},
        },
        "required": ["pizza", "where"],
        "additionalProperties": False,
    }


def test_given_name_and_description() -> None:
    """
    What you pass goes before what the function says about itself.
    """
    told = describe(lambda: None, name="nothing", description="Does nothing.")

    assert (told.name, told.description) == ("nothing", "Does nothing.")
    assert told.parameters == {
        "type": "object",
        "properties": {},
        "additionalProperties": False,
    }


def test_classes_local_to_a_function() -> None:
    """
    A class defined beside the tool, in a function or a method, is found.
    """

    @dataclasses.dataclass
    class Inner:
        x: int

    @dataclasses.dataclass
    class Outer:
        inner: Inner

    def outer():
        def function(value: Outer) -> None: ...

        return describe(function)

    told = outer()

    arguments = told.structure({"value": {"inner": {"x": 1}}})
    assert arguments == {"value": Outer(Inner(1))}


def test_methods_and_callable_objects() -> None:
    """
    A bound method, an object with __call__ and a class can be tools.
    """

    class Desk:
        """
        An order desk.

        Args:
            name: Of the desk.
        """

        def __init__(self, name: str) -> None:
            self.name = name

        def order(self, count: int) -> None:
            """
            Order.
            """

        def __call__(self, x: float) -> None: ...

    desk = Desk("one")

    for function, name, description, argument, schema in [
        (desk.order, "order", "Order.", "count", WHOLE),
        (desk, "Desk", "An order desk.", "x", {"type": "number"}),
        (
            Desk,
            "Desk",
            "An order desk.",
            "name",
            TEXT | {"description": "Of the desk."},
        ),
    ]:
        told = describe(function)
        assert (told.name, told.description) == (name, description)
        assert told.parameters["properties"] == {argument: schema}


def test_partials_hide_what_they_bind() -> None:
    """
    The model neither sees nor can set the database handle that a partial binds.
    """

    def find(db, cursor, name: str, limit: int = 5) -> None:
        """
        Find.
        """

    told = describe(functools.partial(find, object(), cursor=object()), name="find")

    assert list(told.parameters["properties"]) == ["name", "limit"]
    assert told.description == "Find."
    with pytest.raises(ValueError, match="'cursor': there is none of that name"):
        told.structure({"name": "x", "cursor": 1})


def test_wrapped_functions() -> None:
    """
    A well-behaved decorator changes nothing.
    """

    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)

        return wrapper

    @functools.lru_cache
    @decorate
    def find(name: str) -> None:
        """
        Find.
        """

    told = describe(find)

    assert (told.name, told.description) == ("find", "Find.")
    assert told.parameters["properties"] == {"name": TEXT}


def test_any_further_arguments() -> None:
    """
    **kwargs are told to the model, and checked if they have a hint.
    """

    def loose(a: int, **more) -> None: ...

    def typed(**more: int) -> None: ...

    assert describe(loose).parameters["additionalProperties"] is True
    assert describe(loose).structure({"a": 1, "b": [1]}) == {"a": 1, "b": [1]}
    assert describe(typed).parameters["additionalProperties"] == WHOLE
    with pytest.raises(ValueError, match="'b': expected a whole number, got \"x\""):
        describe(typed).structure({"b": "x"})


def test_positional_only_with_defaults_are_left_out() -> None:
    """
    An argument that cannot go by name keeps its default.
    """

    def function(a: int = 1, /, b: int = 2) -> None: ...

    assert list(describe(function).parameters["properties"]) == ["b"]


async def _async() -> None: ...


async def _async_generator():
    yield


def _star(*numbers: int) -> None: ...


def _positional(a: int, /) -> None: ...


def _recursive(node: Node) -> None: ...


def _unknown(x: Missing) -> None: ...  # type: ignore[name-defined]  # noqa: F821


def _odd(x: bytes) -> None: ...


def _keys(x: dict[int, str]) -> None: ...


def _literal(x: Literal[b"a"]) -> None: ...


class _Desk:
    def order(self, count: int) -> None: ...

    async def __call__(self) -> None: ...


@pytest.mark.parametrize(
    ("function", "error", "reason"),
    [
        (_async, TypeError, "_async cannot be a tool: it is async"),
        (_async_generator, TypeError, "it is async"),
        (functools.partial(_async), ValueError, "pass name="),
        (_Desk(), TypeError, "it is async"),
        (_star, TypeError, r"\*numbers has no names"),
        (_positional, TypeError, "a is positional-only"),
        (_recursive, TypeError, "node: child: Node contains itself"),
        (_unknown, TypeError, "_unknown names 'Missing', which is not known"),
        (_odd, TypeError, "x: bytes has no JSON form; use str"),
        (_keys, TypeError, r"x: dict\[int, str\] has no JSON form: names .* are text"),
        (_literal, TypeError, "x: b'a' is nothing that JSON knows"),
        (_Desk.order, TypeError, "a method without its object"),
        (max, TypeError, "cannot be a tool"),
        (lambda: None, ValueError, "pass name="),
        (functools.partial(_odd), ValueError, "pass name="),
        (5, TypeError, "a tool is a function, not int"),
    ],
)
def test_what_cannot_be_a_tool(function: Any, error: type, reason: str) -> None:
    """
    A function that no model can call is refused where it is registered, with why.
    """
    with pytest.raises(error, match=reason):
        describe(function)


def weather(
    city: str, days: int = 1, unit: Unit = Unit.CELSIUS, at: Place | None = None
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
        ({"city": "", "units": "C"}, "'units': there is none of that name, did you"),
        ({"city": "", "units": "C"}, "did you mean 'unit'?"),
        ({"city": "", "at": {"city": 1}}, "argument 'at.city': expected text, got 1."),
        ({"city": "", "at": {"city": "", "tags": [1]}}, "'at.tags[0]': expected text"),
        ({"city": "", "at": 5}, "argument 'at': expected an object or null, got 5."),
        ({"city": 1, "days": ""}, "got 1; argument 'days': expected"),
        ([], "the arguments must be a JSON object, got []."),
    ],
)  # fmt: skip
def test_bad_arguments_are_told_in_words(arguments: Any, problem: str) -> None:
    """
    The model reads which argument was wrong, why, and what there is; it can try again.
    """
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        describe(weather).structure(arguments)

    assert problem in str(caught.value)
    assert str(caught.value).endswith(REMINDER)


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
        (Bare | Place, {"city": "Rome"}, Place("Rome")),
        (Order, {"pizza": "funghi", "count": 2}, Order("funghi", 2)),
        (Filter, {"name": "x"}, {"name": "x"}),
        (
            datetime.datetime,
            "2030-12-31T23:59:00Z",
            datetime.datetime(2030, 12, 31, 23, 59, tzinfo=datetime.timezone.utc),
        ),
        (datetime.time, "23:59", datetime.time(23, 59)),
        (uuid.UUID, str(uuid.UUID(int=5)), uuid.UUID(int=5)),
    ],
    ids=repr,
)
def test_what_the_function_gets(hint: Any, given: Any, expected: Any) -> None:
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
        (Place, {}),
        (Place, {"city": "", "zap": 1}),
        (Order, {"pizza": "", "count": 0}),
        (Filter, {"limit": 1}),
        (int | None, "x"),
    ],
    ids=repr,
)
def test_nothing_is_guessed(hint: Any, given: Any) -> None:
    """
    A value of another type is refused, never bent until it fits.
    """
    with pytest.raises(Mismatch):
        reader_of(hint)(given)


def test_two_unions_that_differ_in_order_only() -> None:
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
    (Place, st.builds(Place, st.text(), st.none() | st.integers())),
    (Bare, st.builds(Bare, finite)),
    (Order, st.builds(Order, st.text(), st.integers(1))),
    (Filter, st.fixed_dictionaries({"name": st.text()}, optional={"limit": integers})),
    (datetime.date, st.dates()),
    (datetime.datetime, st.datetimes(timezones=st.sampled_from([UTC, None]))),
    (datetime.time, st.times()),
    (uuid.UUID, st.uuids()),
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


@given(typed_values)
def test_arguments_survive_the_way_through_json(pair: tuple[Any, Any]) -> None:
    """
    What fits the hint fits the schema, and comes back as it was.
    """
    hint, value = pair
    sent = json.loads(json.dumps(plain(value)))

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
    if "format" not in str(schema) and "uniqueItems" not in str(schema)
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
