"""
What items, content parts, tools, sessions and responses have in common.

1. A model is a fact: frozen, and the same class in both directions.
2. What the service sent is kept whole in ``raw``, beside what we made of it.
3. What was not as expected is told in ``problems``, never raised.
"""

import functools
from collections.abc import Mapping
from typing import Any

import attrs


class Value:
    """
    Equality, hash and repr of attrs classes, written once.

    attrs would generate and compile them for each class, a third of the time of
    importing this package: so those classes are made with ``eq=False, repr=False``.
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
    Return the values that make two objects of a class equal.
    """
    return tuple([getattr(value, name) for name in _compared_names(value.__class__)])


@functools.cache
def _compared_names(cls: type) -> tuple[str, ...]:
    return tuple(a.name for a in attrs.fields(cls) if a.eq)


@attrs.frozen(eq=False, repr=False)
class Model(Value):
    """
    The base of all models.

    Attributes:
        raw: The object this was made from, unknown fields included.
            Empty for one that you made yourself.
        problems: What in `raw` was missing or of another type than expected,
            as ``"path: expected str, got int"``.
    """

    raw: Mapping[str, Any] = attrs.field(
        factory=dict, repr=False, eq=False, kw_only=True
    )
    problems: tuple[str, ...] = attrs.field(
        default=(), repr=False, eq=False, kw_only=True
    )


#: Metadata of a field that has a plain type although the service may leave it out:
#: its absence, or null, becomes the default and is no problem worth telling.
LENIENT = {"lenient": True}


def brief(model: Any) -> str:
    """
    Return a `repr` that shows only what is not at its default.
    """
    shown = [
        f"{attribute.name}={value!r}"
        for attribute in attrs.fields(type(model))
        if attribute.repr
        and (value := getattr(model, attribute.name)) is not attribute.default
        and value != {}
    ]
    return f"{type(model).__name__}({', '.join(shown)})"
