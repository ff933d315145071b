"""
Tolerant reading of a model, field by field; it never fails.

1. A field that is missing, null or ill-typed gets its empty value.
2. An ill-typed field is reported in ``problems``; a missing or null field is reported
   if the protocol promises a value.
3. The problems of a nested model are added, with their path, to the outer model.
"""

import contextlib
import functools
import json
import operator
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Union, cast, get_args, get_origin

import attrs

from ..models._base import Model
from ..models._unset import Unset
from ..models.content import UnknownPart
from ..models.items import UnknownItem
from ..models.tools import UnknownTool, UnknownToolChoice
from ..models.turn_detection import UnknownTurnDetection

Hook = Callable[[Any, Any], Any]
HookFor = Callable[[Any], Hook]
Values = dict[str, Any]

#: The models of values whose ``type`` this library does not know.
OPEN: tuple[type, ...] = (
    UnknownItem,
    UnknownPart,
    UnknownTool,
    UnknownToolChoice,
    UnknownTurnDetection,
)

_MISSING: Any = object()


def expected(what: str, value: Any) -> TypeError:
    """
    Return the error for a *value* whose JSON type is not *what*.
    """
    return TypeError(f"expected {what}, got {type(value).__name__}")


def read_mapping(value: Any, _: Any = None) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise expected("object", value)


def read_str(value: Any, _: Any) -> str:
    if isinstance(value, str):
        return value
    raise expected("str", value)


def read_bool(value: Any, _: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise expected("bool", value)


def read_int(value: Any, _: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise expected("int", value)


def read_float(value: Any, _: Any) -> float:
    if isinstance(value, float):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):
            return float(value)
    raise expected("float", value)


def read_json_text(value: Any, _: Any) -> str:
    if not isinstance(value, dict):
        return read_str(value, _)
    try:  # some compatible services send the arguments of a call as an object
        return json.dumps(value)
    except RecursionError:
        raise expected("str", value) from None


SCALARS: Mapping[type, Hook] = {
    str: read_str,
    bool: read_bool,
    int: read_int,
    float: read_float,
}


class Partial(Exception):  # carries a result, hence no "Error" in the name
    """
    Raised for a sequence with invalid elements.

    Attributes:
        value: The sequence of valid elements and placeholders.
        problems: The problems of the invalid elements.
    """

    def __init__(self, value: Any, problems: list[str]) -> None:
        super().__init__(problems)
        self.value = value
        self.problems = problems


def members(tp: Any) -> tuple[Any, ...]:
    """
    Return the members of a union; any other type is its only member.

    Literals are skipped: they help editors, and `str` is always another member.
    """
    if get_origin(tp) in (Union, types.UnionType):
        return tuple(arg for arg in get_args(tp) if get_origin(arg) is not Literal)
    return (tp,)


def by_tag(models: Sequence[type]) -> tuple[Mapping[str, type], type | None]:
    """
    Return a mapping from values of ``type`` to the models of a union, and the model for
    any other value.
    """
    known = {tag: cls for cls in models for tag in _tags(cls)}
    single = models[0] if len(models) == 1 and not known else None
    return known, next((cls for cls in models if cls in OPEN), single)


def _tags(cls: type) -> tuple[str, ...]:
    """
    Return the values of ``type`` that select model class *cls*.
    """
    tag = getattr(cls, "type", None)
    if not isinstance(tag, str):
        return ()
    return (tag, *getattr(cls, "aliases", ()))


class Field(NamedTuple):
    """
    The plan for reading one field.

    Attributes:
        name: The name of the field.
        type: Its type, without None and UNSET.
        read: The hook for that type.
        nullable: Whether null is a valid value.
        promised: Whether a missing or null value is a problem (rule 2).
        empty: Returns the empty value.
    """

    name: str
    type: Any
    read: Hook
    nullable: bool
    promised: bool
    empty: Callable[[], Any]


def plan(hook_for: HookFor, cls: type) -> list[Field]:
    """
    Return the plan for reading each field of *cls*, in order.
    """
    return [field_of(hook_for, attribute) for attribute in fields_read(cls)]


def fields_read(cls: type) -> "list[attrs.Attribute[Any]]":
    """
    Return the fields of *cls* that are read from a message, in order.
    """
    local = ("raw", "problems", "generation")  # not in the message
    return [field for field in attrs.fields(cls) if field.name not in local]


def field_of(hook_for: HookFor, attribute: "attrs.Attribute[Any]") -> Field:
    kinds = members(attribute.type)
    required = [tp for tp in kinds if tp is not type(None) and tp is not Unset]
    tp = functools.reduce(operator.or_, required)
    read = read_json_text if attribute.metadata.get("json") else hook_for(tp)
    return Field(
        name=attribute.name,
        type=tp,
        read=read,
        nullable=type(None) in kinds,
        promised=len(required) == len(kinds) and not attribute.metadata.get("lenient"),
        empty=_empty(attribute, tp, read),
    )


def _empty(attribute: "attrs.Attribute[Any]", tp: Any, read: Hook) -> Any:
    """
    Return a function that returns a field's empty value.
    """
    default = attribute.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        return cast(Any, default).factory
    if default is not attrs.NOTHING:
        return lambda: default
    if tp in (str, int, float, bool):
        return tp
    if get_origin(tp) is tuple:
        return tuple
    return lambda: read({}, tp)


def read_fields(
    fields: list[Field], message: Mapping[str, Any]
) -> tuple[Values, list[str]]:
    """
    Read *message* field by field; return the values and the problems. Never raises.
    """
    values: Values = {}
    problems: list[str] = []
    for field in fields:
        name = field.name
        value = message.get(name, _MISSING)
        if value is None and field.nullable:
            values[name] = None
            continue
        if value is None or value is _MISSING:
            values[name] = field.empty()
            if field.promised:
                problems.append(f"{name}: {'missing' if value is _MISSING else 'null'}")
            continue
        try:
            value = field.read(value, field.type)
        except Partial as exc:
            value = exc.value
            problems += [f"{name}{problem}" for problem in exc.problems]
        except (TypeError, ValueError) as exc:
            problems.append(f"{name}: {exc}")
            value = field.empty()
        values[name] = value
        _add_nested_problems(name, value, problems)
    return values, problems


def _add_nested_problems(name: str, value: Any, problems: list[str]) -> None:
    """
    Add the problems of the models in *value* to those of the outer model (rule 3).
    """
    if isinstance(value, Model):
        problems += [f"{name}.{problem}" for problem in value.problems]
    elif isinstance(value, tuple):
        for index, element in enumerate(value):
            _add_nested_problems(f"{name}[{index}]", element, problems)
