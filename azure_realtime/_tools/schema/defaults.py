"""
Defaults of arguments, also those that an object describes.

``x: int = Field(3, ge=1)`` is written for pydantic's own classes and decorators. In a
plain function, the default is the `Field` object itself. The functions ``field`` of
dataclasses, attrs and msgspec make such objects too. They are recognized by the
attributes of their class; pydantic and msgspec are not imported.

Strictly private.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import attrs

from ...models._unset import UNSET

_ATTRS_FIELD = type(attrs.field())
_MISSING = frozenset(
    {
        "NoDefaultType",  # msgspec
        "PydanticUndefinedType",
        "UndefinedType",  # pydantic 1
        "_MISSING_TYPE",  # dataclasses
        "ellipsis",  # Field(...)
    }
)


class Default(NamedTuple):
    """
    The default of an argument.

    Attributes:
        required: Whether there is none.
        value: The value; UNSET if there is none, or a factory makes it.
        make: Makes the argument if it is left out; None leaves it to the function.
        note: The object that describes the default, which may have bounds and a
            description.
    """

    required: bool = False
    value: Any = UNSET
    make: Callable[[], Any] | None = None
    note: Any = None


def read_default(default: Any) -> Default:
    """
    Return what *default* means, which is ``Parameter.empty`` if there is none.

    Raises:
        TypeError: It depends on other fields.
    """
    if default is inspect.Parameter.empty:
        return Default(required=True)
    if isinstance(default, _ATTRS_FIELD):
        return _described(default._default, None, default)
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        return _described(default, None, None)
    if is_description(default):
        if getattr(default, "default_factory_takes_validated_data", False):
            raise TypeError(_DEPENDS)
        return _described(default.default, default.default_factory, default)
    return Default(value=default)


def noted_default(notes: Iterable[Any]) -> Default:
    """
    Return the default in the notes of an `Annotated`, as pydantic allows it.
    """
    found = (read_default(note) for note in notes if is_description(note))
    return next((one for one in found if not one.required), Default(required=True))


def is_description(value: Any) -> bool:
    """
    Whether *value* describes a field, as the ``Field`` of pydantic does.
    """
    return all(hasattr(type(value), name) for name in ("default", "default_factory"))


_DEPENDS = "its default is made of other fields, which a function has not"


def _described(value: Any, factory: Any, note: Any) -> Default:
    if isinstance(value, attrs.Factory):  # type: ignore[arg-type]
        if value.takes_self:
            raise TypeError(_DEPENDS)
        factory = value.factory
    if callable(factory):
        return Default(make=factory, note=note)
    if value is attrs.NOTHING or type(value).__name__ in _MISSING:
        return Default(required=True, note=note)
    # a copy, as pydantic makes one: the function may change it
    return Default(value=value, make=functools.partial(copy.deepcopy, value), note=note)
