"""
Annotations of tools that are text, prose, or known elsewhere only.

This module keeps its annotations as they are: no ``from __future__ import annotations``.
"""

import dataclasses
import enum
import functools
import inspect
import sys
from collections.abc import Callable
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    Generic,
    Literal,
    Optional,
    TypedDict,
    TypeVar,
)

import pytest
from helpers.tool_types import NULL, TEXT, WHOLE
from typing_extensions import ReadOnly, TypeAliasType, Unpack
from typing_extensions import TypedDict as ExtendedTypedDict

from azure_realtime._tools.schema.describe import describe

T = TypeVar("T")


def _with(annotation: Any) -> Callable[..., Any]:
    def find(x: Any) -> None: ...

    find.__annotations__ = {"x": annotation}
    return find


@pytest.mark.parametrize(
    "annotation",
    [
        "the city",
        "city",
        "a city, e.g. Paris",
        "str, the city",
        "it's here",
        "",
        "\0",
        "\ud800",
        "(" * 300,
        "1/0",
        "int.city",
        "int[3]",
        "list[Missing]",
        Optional["Missing"],  # type: ignore[name-defined]  # noqa: F821
        5,
        [int],
        {"a": int},
        (int, str),
        any,
        print,
    ],
    ids=lambda value: repr(value)[:20].encode("ascii", "replace").decode(),
)
def test_an_annotation_that_is_no_type_is_refused(annotation: Any) -> None:
    """
    One sentence names the function, the argument and the annotation.
    """
    with pytest.raises(TypeError) as caught:
        describe(_with(annotation))

    text = str(caught.value)
    assert text.startswith("find cannot be a tool: x: ")
    shown = annotation if isinstance(annotation, str) else str(annotation)
    assert repr(shown[:80])[:-1] in text or shown in text


def test_a_field_annotated_with_prose_is_refused() -> None:
    """
    The sentence names the class and the field.
    """

    @dataclasses.dataclass
    class Order:
        pizza: "the pizza"  # type: ignore[valid-type]  # noqa: F722

    def order(what: Order) -> None: ...

    with pytest.raises(TypeError, match=r"what: pizza: the annotation .* of .*Order"):
        describe(order)


def test_only_what_the_model_passes_is_evaluated() -> None:
    """
    The result, bound arguments and class variables may have types of type checkers.
    """

    @dataclasses.dataclass
    class Order:
        count: int
        known: ClassVar["Unknown"] = None  # type: ignore[name-defined]  # noqa: F821

    def find(
        db: "Database",  # type: ignore[name-defined]  # noqa: F821
        order: Order,
    ) -> "the rows":  # type: ignore[valid-type]  # noqa: F722
        ...

    made = describe(functools.partial(find, None), name="find")

    assert made.structure({"order": {"count": 1}}) == {"order": Order(1)}


class Desk:
    class Size(enum.Enum):
        SMALL = "s"

    def order(self, size: "Size") -> Any:
        """
        Order.
        """


def test_text_annotations_may_name_a_class_of_the_class_body() -> None:
    """
    A method may use a class inside its class, as in an annotation that is no text.
    """
    assert describe(Desk().order).structure({"size": "s"}) == {"size": Desk.Size.SMALL}


class Signed:
    __signature__ = inspect.Signature(
        [inspect.Parameter("x", inspect.Parameter.KEYWORD_ONLY, annotation=int)]
    )

    def __call__(self, **kwargs: Any) -> Any:
        """
        Do.
        """


def test_annotations_of_a_given_signature_are_used() -> None:
    """
    The types in ``__signature__`` are checked too.
    """
    made = describe(Signed())

    assert made.parameters["properties"] == {"x": WHOLE}
    with pytest.raises(ValueError, match="'x': expected a whole number"):
        made.structure({"x": "1"})


class Options(TypedDict, total=False):
    limit: int


def test_unpacked_keyword_arguments_are_parameters() -> None:
    """
    ``**kwargs: Unpack[...]`` has the fields of the TypedDict.
    """

    def find(name: str, **options: Unpack[Options]) -> None: ...

    made = describe(find)

    assert made.parameters["properties"] == {"name": TEXT, "limit": WHOLE}
    assert made.parameters["required"] == ["name"]
    assert made.parameters["additionalProperties"] is False


@dataclasses.dataclass
class Box(Generic[T]):
    content: T
    others: list[T]


@dataclasses.dataclass
class Labelled(Box[int]):
    label: str


@pytest.mark.parametrize(
    ("hint", "content"), [(Box[int], WHOLE), (Box[str], TEXT), (Labelled, WHOLE)]
)
def test_type_variables_of_generic_classes_are_replaced(
    hint: Any, content: Any
) -> None:
    """
    Type variables are replaced by the types of the alias or the base class.
    """
    fields = describe(_with(hint)).parameters["properties"]["x"]["properties"]

    assert fields["content"] == content
    assert fields["others"] == {"type": "array", "items": content}


class Fixed(ExtendedTypedDict):
    name: ReadOnly[str]


@dataclasses.dataclass
class Constant:
    name: Final[str] = "x"


@pytest.mark.parametrize("hint", [Fixed, Constant])
def test_qualifiers_of_a_field_are_ignored(hint: Any) -> None:
    """
    The schema is that of the type in `ReadOnly` or `Final`.
    """
    schema = describe(_with(hint)).parameters["properties"]["x"]

    assert TEXT.items() <= schema["properties"]["name"].items()


@dataclasses.dataclass
class Scaled:
    size: int
    factor: dataclasses.InitVar[int]

    def __post_init__(self, factor: int) -> None:
        self.size *= factor


Pair = TypeAliasType("Pair", dict[str, tuple[T, T]], type_params=(T,))


def test_generic_aliases_are_resolved() -> None:
    """
    The arguments of ``type Pair[T] = ...`` are checked.
    """
    made = describe(_with(Pair[int]))

    assert made.structure({"x": {"a": [1, 2]}}) == {"x": {"a": (1, 2)}}
    with pytest.raises(ValueError, match="expected a whole number"):
        made.structure({"x": {"a": [1, "2"]}})


@pytest.mark.skipif(sys.version_info < (3, 12), reason="needs type aliases")
def test_an_alias_that_contains_itself_is_refused() -> None:
    """
    It is refused with a sentence.
    """
    names: dict[str, Any] = {}
    exec("type Nested = int | list[Nested]", names)

    with pytest.raises(TypeError, match="find cannot be a tool: a type contains itse"):
        describe(_with(names["Nested"]))


class Single(type):
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, **kwargs)


@dataclasses.dataclass
class Registered(metaclass=Single):
    size: int


def test_a_dataclass_of_another_metaclass_is_taken() -> None:
    """
    Its fields are those of its own constructor.
    """
    made = describe(_with(Registered))

    assert made.structure({"x": {"size": 1}}) == {"x": Registered(1)}


def test_an_init_variable_of_a_dataclass_is_a_parameter() -> None:
    """
    The model passes what the constructor takes.
    """
    made = describe(_with(Scaled))

    assert made.structure({"x": {"size": 2, "factor": 3}}) == {"x": Scaled(2, 3)}


def test_a_note_that_cannot_be_hashed_is_ignored() -> None:
    """
    Other libraries' notes may be dictionaries.
    """
    made = describe(_with(list[Annotated[int, {"unit": "m"}]]))

    assert made.structure({"x": [1]}) == {"x": [1]}


@pytest.mark.parametrize("hint", [set[list[int]], frozenset[dict], set[Scaled]])
def test_a_set_of_what_cannot_be_hashed_is_refused(hint: Any) -> None:
    """
    No call could succeed, so the tool is refused.
    """
    with pytest.raises(TypeError, match=r"x: .* is not hashable: take a list instead"):
        describe(_with(hint))


@pytest.mark.parametrize("default", [None, 1])
def test_a_field_with_the_default_none_allows_null(default: int | None) -> None:
    """
    The schema allows null where the default is null.
    """
    cls = dataclasses.make_dataclass("Made", [("x", int, default)])

    schema = describe(_with(cls)).parameters["properties"]["x"]["properties"]["x"]
    assert schema.get("anyOf", [WHOLE]) == ([WHOLE] if default else [WHOLE, NULL])


def test_a_union_names_the_problem_of_each_member() -> None:
    """
    The model reads what to correct, whichever member it meant.
    """
    one = TypedDict("one", {"kind": Literal["a"], "x": int})  # noqa: UP013
    two = TypedDict("two", {"kind": Literal["b"], "x": str})  # noqa: UP013

    with pytest.raises(ValueError, match="expected an object, got") as caught:
        describe(_with(one | two)).structure({"x": {"kind": "b", "x": 1}})

    assert "'kind': expected \"a\", got \"b\"; or 'x': expected text" in str(
        caught.value
    )
