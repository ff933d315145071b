"""
The description of a function for the model.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from typing import Annotated, Any, Literal, NamedTuple

import attrs
import jsonschema
import pytest
from helpers.tool_types import (
    GOLDEN,
    NULL,
    PLACE,
    TEXT,
    WHOLE,
    Node,
    Size,
    Variant,
    golden,
    schema_of,
)

from azure_realtime._tools.schema.describe import describe


@pytest.mark.parametrize(("hint", "schema"), GOLDEN, ids=[str(h) for h, _ in GOLDEN])
def test_every_supported_hint_has_its_schema(hint: Any, schema: Any) -> None:
    """
    Every supported hint has the JSON schema that one would write by hand.
    """
    made = schema_of(hint)

    assert made == golden(hint, schema)
    jsonschema.Draft202012Validator.check_schema(made)
    jsonschema.Draft7Validator.check_schema(made)


def test_name_hints_defaults_and_docstring_reach_the_model() -> None:
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
        where: Variant,
    ):
        """
        Order pizza.

        :param pizza: From the menu.
        :param count: Is described below.
        :param where: To bring it to.
        """

    tool = describe(order_pizza)

    assert tool.name == "order_pizza"
    assert tool.description == "Order pizza."
    assert tool.parameters == {
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


def test_a_given_name_and_description_come_first() -> None:
    """
    What you pass goes before what the function says about itself.
    """
    tool = describe(lambda: None, name="nothing", description="Does nothing.")

    assert (tool.name, tool.description) == ("nothing", "Does nothing.")
    assert tool.parameters == {
        "type": "object",
        "properties": {},
        "additionalProperties": False,
    }


def test_classes_local_to_a_function_are_found() -> None:
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

    tool = outer()

    arguments = tool.structure({"value": {"inner": {"x": 1}}})
    assert arguments == {"value": Outer(Inner(1))}


def test_methods_and_callable_objects_can_be_tools() -> None:
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
        tool = describe(function)
        assert (tool.name, tool.description) == (name, description)
        assert tool.parameters["properties"] == {argument: schema}


class Corner(NamedTuple):
    x: int
    size: Size = Size.SMALL


@attrs.define
class Edge:
    x: int
    size: Size = Size.SMALL


@dataclasses.dataclass
class Face:
    x: int
    size: Size = Size.SMALL


@pytest.mark.parametrize("cls", [Corner, Edge, Face])
def test_a_class_of_records_can_be_a_tool(cls: Any) -> None:
    """
    The annotations, which are text here, are evaluated in the module of the class.
    """
    made = describe(cls)

    assert made.parameters["properties"]["x"] == WHOLE
    assert made.structure({"x": 1, "size": "large"}) == {"x": 1, "size": Size.LARGE}


def test_partials_hide_what_they_bind() -> None:
    """
    The model neither sees nor can set the database handle that a partial binds.
    """

    def find(db, cursor, name: str, limit: int = 5) -> None:
        """
        Find.
        """

    tool = describe(functools.partial(find, object(), cursor=object()), name="find")

    assert list(tool.parameters["properties"]) == ["name", "limit"]
    assert tool.description == "Find."
    with pytest.raises(ValueError, match="'cursor': there is no argument of that name"):
        tool.structure({"name": "x", "cursor": 1})


def test_a_decorator_changes_nothing() -> None:
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

    tool = describe(find)

    assert (tool.name, tool.description) == ("find", "Find.")
    assert tool.parameters["properties"] == {"name": TEXT}


class _Static:
    """
    Finds a shop.
    """

    @staticmethod
    def __call__(name: str) -> str:
        return name


class _OfClass:
    """
    Finds a shop.
    """

    @classmethod
    def __call__(cls, name: str) -> str:
        return name


class _Plain:
    """
    Finds a shop.
    """

    def __call__(self, name: str) -> str:
        return name


class _Bound:
    def find(self, city: str, name: str) -> str:
        """
        Finds a shop.
        """
        return name

    __call__ = functools.partialmethod(find, "Rome")


@pytest.mark.parametrize("cls", [_Static, _OfClass, _Plain, _Bound])
def test_every_kind_of_call_method_can_be_a_tool(cls: Any) -> None:
    """
    The model sees the arguments that a call takes, and what the class is for.
    """
    tool = describe(cls())

    assert tool.description == "Finds a shop."
    assert tool.parameters["properties"] == {"name": TEXT}
    assert cls()(**tool.structure({"name": "Bar"})) == "Bar"


class _Pair(NamedTuple):
    first: int


@dataclasses.dataclass
class _Undocumented:
    first: int

    def __call__(self, name: str) -> None: ...


@pytest.mark.parametrize("function", [_Pair, _Undocumented, _Undocumented(1)])
def test_a_generated_docstring_is_no_description(function: Any) -> None:
    """
    The model does not see what Python writes about a class itself.
    """
    assert describe(function).description is None


def test_an_argument_that_a_wrapper_supplies_is_hidden() -> None:
    """
    The model does not see an argument that the wrapper passes itself.
    """

    def find(db: object, name: str) -> None: ...

    @functools.wraps(find)
    def wrapper(name: str) -> None: ...

    assert describe(wrapper).parameters["properties"] == {"name": TEXT}


def test_further_arguments_are_described_and_checked() -> None:
    """
    **kwargs are described to the model, and checked if they have a hint.
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


@functools.wraps(_async)
def _passes_on():
    return _async()


@functools.wraps(_async_generator)
async def _around_a_plain_one(x): ...


def _generator():
    yield


@contextlib.contextmanager
def _context():
    yield


def _star(*numbers: int) -> None: ...


def _positional(a: int, /) -> None: ...


def _recursive(node: Node) -> None: ...


def _unknown(x: Missing) -> None: ...  # type: ignore[name-defined]  # noqa: F821


def _odd(x: complex) -> None: ...


def _keys(x: dict[int, str]) -> None: ...


def _literal(x: Literal[b"a"]) -> None: ...


class _Desk:
    def order(self, count: int) -> None: ...

    async def wait(self) -> None: ...

    async def __call__(self) -> None: ...


class _Proxy:
    """
    Has an attribute of any name, as the methods of `xmlrpc.client.ServerProxy`.
    """

    def __getattr__(self, name: str) -> _Proxy:
        return _Proxy()

    def __call__(self, *args: Any) -> Any:
        raise ConnectionError


def _cycle(*args: Any) -> None: ...


_cycle.__wrapped__ = _cycle  # type: ignore[attr-defined]


@functools.singledispatch
def _chooses(x: int | str) -> None: ...


class _Window:
    @functools.singledispatchmethod
    def chooses(self, x: int | str) -> None: ...

    @classmethod
    def opens(cls) -> None: ...

    async def _waits(self, x: int, y: int) -> None: ...

    __call__ = functools.partialmethod(_waits, 1)


def _passes_anything_on(*args: Any, **more: Any) -> None: ...


@pytest.mark.parametrize(
    ("function", "error", "reason"),
    [
        (_chooses, TypeError, "singledispatch takes its first argument by position"),
        (_Window().chooses, TypeError, "takes its first argument by position"),
        (_Window(), TypeError, "_Window cannot be a tool: it is async"),
        (vars(_Window)["opens"], TypeError, "not classmethod: .* after the class"),
        (_passes_anything_on, TypeError, "if it is a decorator's, use functools.wraps"),
        (_async, TypeError, "_async cannot be a tool: it is async"),
        (_async_generator, TypeError, "it is async"),
        (functools.partial(_async), ValueError, "pass name="),
        (_Desk(), TypeError, "it is async"),
        (_Desk().wait, TypeError, "it is async"),
        (_passes_on, TypeError, "_async cannot be a tool: it is async, or wraps an"),
        (_around_a_plain_one, TypeError, "it is async"),
        (functools.partial(_passes_on), ValueError, "pass name="),
        (functools.lru_cache(_async), TypeError, "it is async"),
        (_generator, TypeError, "_generator cannot be a tool: it is a generator"),
        (_context, TypeError, "it is a generator function, or wraps one"),
        (_star, TypeError, r"\*numbers has no names"),
        (_positional, TypeError, "a is positional-only"),
        (_recursive, TypeError, "node: child: Node contains itself"),
        (_unknown, TypeError, "_unknown names 'Missing', which is not known"),
        (_odd, TypeError, "x: complex has no JSON form; use str"),
        (_keys, TypeError, r"x: dict\[int, str\] has no JSON form: names .* are text"),
        (_literal, TypeError, "x: b'a' has no JSON form"),
        (_Desk.order, TypeError, "a method without its object"),
        (max, TypeError, "cannot be a tool"),
        (type, TypeError, "cannot be a tool"),
        (_cycle, TypeError, "its signature is unknown"),
        (_Proxy(), TypeError, "_Proxy cannot be a tool: its signature is unknown"),
        (lambda: None, ValueError, "pass name="),
        (functools.partial(_odd), ValueError, "pass name="),
        (5, TypeError, "a tool is a function, not int"),
    ],
)
def test_a_function_that_cannot_be_a_tool_is_refused(
    function: Any, error: type, reason: str
) -> None:
    """
    A function that no model can call is refused where it is registered, with why.
    """
    with pytest.raises(error, match=reason):
        describe(function)
