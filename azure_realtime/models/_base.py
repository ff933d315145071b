"""
The base classes of the models.

1. A model is immutable, and the same class is used in both directions.
2. The object that the service sent is kept unchanged in ``raw``.
3. Missing fields and wrong types are listed in ``problems``; they raise nothing.
"""

import functools
from collections.abc import Mapping
from typing import Any

import attrs


class Value:
    """
    Base class with equality, hash and repr for attrs classes.

    attrs would generate and compile these methods for each class, which takes a third
    of the import time of this package; subclasses use ``eq=False, repr=False``.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return _compared(self) == _compared(other)

    def __hash__(self) -> int:
        return hash((self.__class__, _compared(self)))

    def __repr__(self) -> str:
        fields = [
            f"{attribute.name}={show(getattr(self, attribute.name))}"
            for attribute in attrs.fields(self.__class__)  # type: ignore[arg-type]
            if (show := repr if attribute.repr is True else attribute.repr)
        ]
        return f"{self.__class__.__name__}({', '.join(fields)})"


def _compared(value: Any) -> tuple[Any, ...]:
    """
    Return the values of the fields that are compared.
    """
    return tuple([getattr(value, name) for name in _compared_names(value.__class__)])


@functools.cache
def _compared_names(cls: type) -> tuple[str, ...]:
    return tuple(a.name for a in attrs.fields(cls) if a.eq)


@attrs.frozen(eq=False, repr=False)
class Model(Value):
    """
    Base class of the models.

    Attributes:
        raw: The object that the service sent, unknown fields included; empty for a
            model that the user made.
        problems: The missing fields and wrong types in `raw`, as
            ``"path: expected str, got int"``.
    """

    raw: Mapping[str, Any] = attrs.field(
        factory=dict, repr=False, eq=False, kw_only=True
    )
    problems: tuple[str, ...] = attrs.field(
        default=(), repr=False, eq=False, kw_only=True
    )


#: Metadata of a field that the service may omit although None is not among its types:
#: its absence, or null, becomes the default and is not listed in ``problems``.
LENIENT = {"lenient": True}


#: Metadata of a field of JSON text, which may be received as an object.
JSON_TEXT = {"json": True}


def brief(model: Any) -> str:
    """
    Return a `repr` that shows only fields that differ from their defaults.
    """
    shown = [
        f"{attribute.name}={value!r}"
        for attribute in attrs.fields(type(model))
        if attribute.repr
        and (value := getattr(model, attribute.name)) is not attribute.default
        and value != {}
    ]
    return f"{type(model).__name__}({', '.join(shown)})"
