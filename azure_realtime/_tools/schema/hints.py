"""
Type hints, sorted into the few kinds that JSON can carry.

A hint is looked at only after `peel`: `Annotated`, `NewType`, type aliases, `Required`
and type variables stand for what is inside. The schema that is told to the model and
the conversion of what it sends both ask here, so they agree on what a hint is.

Strictly private.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import inspect
import sys
import types
import typing
from collections.abc import Mapping
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

import attrs

from .bounds import Bound, bounds_of, description_of

if sys.version_info >= (3, 11):
    from typing import NotRequired, Required
else:  # comes with cattrs
    from typing_extensions import NotRequired, Required

__all__ = [
    "ARRAYS",
    "NotRequired",
    "Required",
    "as_choice",
    "choices_of",
    "is_array",
    "is_enum",
    "is_literal",
    "is_mapping",
    "is_named_tuple",
    "is_record",
    "is_struct",
    "is_typed_dict",
    "is_union",
    "items_of",
    "origin_of",
    "peel",
    "text_of",
]

#: What a JSON list becomes, by the type in the hint.
ARRAYS: Mapping[Any, type] = {
    list: list,
    collections.abc.Sequence: list,
    collections.abc.MutableSequence: list,
    collections.abc.Collection: list,
    collections.abc.Iterable: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    collections.abc.Set: frozenset,
    collections.abc.MutableSet: set,
}
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_READ_ONLY = getattr(typing, "ReadOnly", None)


class Peeled(NamedTuple):
    """
    A hint without what is around it.

    Attributes:
        hint: What it stands for.
        text: The description given in an `Annotated`.
        bounds: The bounds given there.
    """

    hint: Any
    text: str | None
    bounds: tuple[Bound, ...]


def peel(hint: Any) -> Peeled:
    """
    Return what *hint* stands for, and the notes of its `Annotated`.
    """
    text: str | None = None
    bounds: tuple[Bound, ...] = ()
    while True:
        origin = get_origin(hint)
        if origin is Annotated:
            hint, *notes = get_args(hint)
            text = text or description_of(notes)
            bounds += bounds_of(notes)
        elif origin in (NotRequired, Required) or (origin and origin is _READ_ONLY):
            (hint,) = get_args(hint)
        elif isinstance(hint, TypeVar):
            constraints = hint.__constraints__
            hint = Union[constraints] if constraints else hint.__bound__ or Any  # noqa: UP007
        elif hasattr(hint, "__supertype__"):  # NewType
            hint = hint.__supertype__
        elif hasattr(hint, "__value__") and not isinstance(hint, (type, enum.Enum)):
            hint = hint.__value__  # type X = ...
        elif hint is object or hint is inspect.Parameter.empty:
            hint = Any
        else:
            return Peeled(hint, text, bounds)


def text_of(hint: Any) -> str | None:
    """
    Return the description that an `Annotated` gives, also to a part of a union.
    """
    hint, text, _ = peel(hint)
    if text is None and is_union(hint):
        return next(filter(None, map(text_of, get_args(hint))), None)
    return text


def is_union(hint: Any) -> bool:
    """
    Whether *hint* is a union, `Optional` included.
    """
    return get_origin(hint) in (Union, types.UnionType)


def is_literal(hint: Any) -> bool:
    """
    Whether *hint* is a `Literal`.
    """
    return get_origin(hint) is Literal


def is_enum(hint: Any) -> bool:
    """
    Whether *hint* is an enumeration.
    """
    return isinstance(hint, type) and issubclass(hint, enum.Enum)


def is_array(hint: Any) -> bool:
    """
    Whether *hint* is a list, a set or a tuple.
    """
    return origin_of(hint) in ARRAYS


def is_mapping(hint: Any) -> bool:
    """
    Whether *hint* is a dict with names that are not known beforehand.
    """
    return origin_of(hint) in _MAPPINGS


def is_typed_dict(hint: Any) -> bool:
    """
    Whether *hint* is a `TypedDict`, that of typing_extensions included.
    """
    return (
        isinstance(hint, type)
        and issubclass(hint, dict)
        and hasattr(hint, "__required_keys__")
    )


def is_named_tuple(hint: Any) -> bool:
    """
    Whether *hint* is a `NamedTuple`.
    """
    return (
        isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields")
    )


def is_struct(hint: Any) -> bool:
    """
    Whether *hint* is a struct of msgspec.
    """
    return isinstance(hint, type) and hasattr(hint, "__struct_fields__")


def is_record(hint: Any) -> bool:
    """
    Whether *hint* is a class with named fields.
    """
    return isinstance(hint, type) and (
        attrs.has(hint)
        or dataclasses.is_dataclass(hint)
        or is_typed_dict(hint)
        or is_named_tuple(hint)
        or is_struct(hint)
    )


def origin_of(hint: Any) -> Any:
    """
    Return the type that *hint* gives arguments to, or *hint* if it gives none.
    """
    return get_origin(hint) or hint


def items_of(hint: Any) -> tuple[tuple[Any, ...], Any]:
    """
    Return the hints of a list's first elements and that of all others.

    The second is None where there are no others: in a tuple of fixed length.
    """
    args = get_args(hint)
    if origin_of(hint) is not tuple:
        return (), args[0] if args else Any
    if not args or args[-1] is Ellipsis:
        return (), args[0] if args else Any
    return args, None


def choices_of(hint: Any) -> tuple[tuple[Any, Any], ...]:
    """
    Return what a `Literal` or an enumeration allows: pairs of JSON value and value.

    Raises:
        TypeError: A value that JSON does not know.
    """
    values = get_args(hint) if is_literal(hint) else tuple(hint)
    return tuple((as_choice(value), value) for value in values)


def as_choice(value: Any) -> Any:
    """
    Return the JSON value that stands for one of the choices.

    The members of an enumeration go by their values, all of them by their names where
    one of the values is nothing that JSON knows.
    """
    plain = (str, int, float, type(None))  # bool is an int
    if isinstance(value, enum.Enum):
        members = list(type(value))
        known = all(isinstance(member.value, plain) for member in members)
        return value.value if known else value.name
    if isinstance(value, plain):
        return value
    msg = f"{value!r} is nothing that JSON knows"
    raise TypeError(msg)
