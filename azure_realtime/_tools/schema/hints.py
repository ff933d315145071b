"""
Classification of type hints into the kinds that JSON can represent.

A hint is classified only after `unwrap`, which replaces `Annotated`, `NewType`, type
aliases, `Required` and type variables by the hint inside. The schema and the conversion
of arguments both use this module, so they agree on the kind of a hint.

Strictly private.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import inspect
import math
import sys
import types
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
    "filled",
    "is_array",
    "is_enum",
    "is_literal",
    "is_mapping",
    "is_named_tuple",
    "is_record",
    "is_struct",
    "is_typed_dict",
    "is_union",
    "is_unpacked",
    "is_unset",
    "items_of",
    "members_of",
    "notes_of",
    "origin_of",
    "text_of",
    "unwrap",
]

#: The type in the hint -> the type that a JSON list is converted to.
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
_FLAGS = 5  # with 32 combinations
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
# by name: those of typing_extensions are other objects in some versions of Python
_QUALIFIERS = frozenset({"Final", "NotRequired", "ReadOnly", "Required"})


class Unwrapped(NamedTuple):
    """
    A hint without its wrappers.

    Attributes:
        hint: The hint inside.
        text: The description in an `Annotated`, if any.
        bounds: The bounds in an `Annotated`.
    """

    hint: Any
    text: str | None
    bounds: tuple[Bound, ...]


def unwrap(hint: Any) -> Unwrapped:
    """
    Remove the wrappers of *hint*; return the hint inside and their metadata.
    """
    text: str | None = None
    bounds: tuple[Bound, ...] = ()
    while True:
        origin = get_origin(hint)
        if origin is Annotated:
            hint, *notes = get_args(hint)
            text = text or description_of(notes)
            bounds += bounds_of(notes)
        elif getattr(origin, "_name", None) in _QUALIFIERS:
            (hint,) = get_args(hint)
        elif isinstance(hint, TypeVar):
            constraints = hint.__constraints__
            hint = Union[constraints] if constraints else hint.__bound__ or Any  # noqa: UP007
        elif hasattr(hint, "__supertype__"):  # NewType
            hint = hint.__supertype__
        elif hasattr(hint, "__value__") and not isinstance(hint, (type, enum.Enum)):
            # type X = ..., or X[int] of type X[T] = ...
            arguments = dict(zip(hint.__type_params__, get_args(hint), strict=False))
            hint = filled(hint.__value__, arguments)
        elif hint is object or hint is inspect.Parameter.empty:
            hint = Any
        else:
            return Unwrapped(hint, text, bounds)


def filled(hint: Any, variables: Mapping[Any, Any]) -> Any:
    """
    Return *hint* with types in place of its type variables.
    """
    if isinstance(hint, TypeVar):
        return variables.get(hint, hint)
    parameters = getattr(hint, "__parameters__", ()) if get_args(hint) else ()
    if not parameters or not variables:
        return hint
    return hint[tuple(variables.get(each, each) for each in parameters)]


def notes_of(hint: Any) -> tuple[Any, ...]:
    """
    Return the metadata of an `Annotated`; empty for another hint.
    """
    return get_args(hint)[1:] if get_origin(hint) is Annotated else ()


def text_of(hint: Any) -> str | None:
    """
    Return the description in an `Annotated`, also of a member of a union.
    """
    hint, text, _ = unwrap(hint)
    if text is None and is_union(hint):
        return next(filter(None, map(text_of, get_args(hint))), None)
    return text


def is_unpacked(hint: Any) -> bool:
    """
    Whether *hint* is an `Unpack`, of typing or typing_extensions.
    """
    return getattr(get_origin(hint), "_name", None) == "Unpack"


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
    Whether *hint* is a mapping with any keys.
    """
    return origin_of(hint) in _MAPPINGS


def is_typed_dict(hint: Any) -> bool:
    """
    Whether *hint* is a `TypedDict`, of typing or typing_extensions.
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
    Whether *hint* is a class with named fields, also a generic one with arguments.
    """
    cls = origin_of(hint)
    return isinstance(cls, type) and (
        attrs.has(cls)
        or dataclasses.is_dataclass(cls)
        or is_typed_dict(cls)
        or is_named_tuple(cls)
        or is_struct(cls)
    )


def origin_of(hint: Any) -> Any:
    """
    Return the type without its arguments: ``list`` of ``list[int]``.
    """
    return get_origin(hint) or hint


def items_of(hint: Any) -> tuple[tuple[Any, ...], Any]:
    """
    Return the hints of a list's first elements, and the hint of all other elements.

    The latter is None in a tuple of fixed length.
    """
    args = get_args(hint)
    if origin_of(hint) is not tuple:
        return (), args[0] if args else Any
    if not args or args[-1] is Ellipsis:
        return (), args[0] if args else Any
    return args, None


def members_of(hint: Any) -> tuple[Any, ...]:
    """
    Return the members of a union, without msgspec's mark of an absent field.
    """
    return tuple(member for member in get_args(hint) if not _is_unset_type(member))


def is_unset(value: Any) -> bool:
    """
    Whether *value* is msgspec's mark of an absent field.
    """
    return _is_unset_type(type(value))


def _is_unset_type(hint: Any) -> bool:
    return getattr(hint, "__name__", None) == "UnsetType"


def choices_of(hint: Any) -> tuple[tuple[Any, Any], ...]:
    """
    Return the choices of a `Literal` or an enumeration: pairs of JSON value and value.

    Raises:
        TypeError: JSON cannot represent a value, or there is none.
    """
    values = get_args(hint) if is_literal(hint) else _members(hint)
    if not values:
        msg = f"{hint.__qualname__} has no members"
        raise TypeError(msg)
    return tuple((as_choice(value), value) for value in values)


def _members(cls: Any) -> tuple[Any, ...]:
    """
    Return the members of an enumeration; of flags, the combinations unless too many.
    """
    members = tuple(cls)
    if not issubclass(cls, enum.Flag) or len(members) > _FLAGS:
        return members
    combined = [cls(0)]
    for member in members:
        combined += [one | member for one in combined]
    return tuple(dict.fromkeys(sorted(combined, key=lambda one: one.value)))


def as_choice(value: Any) -> Any:
    """
    Return the JSON value of one of the choices.

    Members of an enumeration are represented by their values; all of them by their
    names if JSON cannot represent one of the values.
    """
    if isinstance(value, enum.Enum):
        members = list(type(value))
        known = all(_is_plain(member.value) for member in members)
        return value.value if known else value.name
    if _is_plain(value):
        return value
    msg = f"{value!r} has no JSON form"
    raise TypeError(msg)


def _is_plain(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, (str, int))  # bool is an int
