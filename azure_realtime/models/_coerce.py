"""
What users write, made into models: strict about our own spelling.

A mistyped field would be ignored in silence, so it is refused, with a guess at what
was meant. Values are the service's business and never refused.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeVar

import attrs

from .._spelling import closest, refuse_unknown
from ._unset import UNSET, Unset

T = TypeVar("T")

_HIDDEN = ("raw", "problems")

#: What to do about a field that only the service knows.
EXTRA_REMEDY = " If the service has gained it, pass it in extra={...}."


def build(cls: type[T], mapping: Mapping[str, Any], what: str) -> T:
    """
    Make an instance of attrs class *cls* from a mapping that a user wrote.

    Args:
        cls: The class. A ``type`` key has been understood by the caller.
        mapping: Field names and values, spelled as on the wire.
        what: What to call it in an error message.

    Raises:
        ValueError: A key that *cls* does not have, or a required one missing.
    """
    fields = {key: value for key, value in mapping.items() if key != "type"}
    attributes = [a for a in attrs.fields(cls) if a.name not in _HIDDEN]  # type: ignore[arg-type]
    if any(a.name == "type" for a in attributes) and "type" in mapping:
        fields["type"] = mapping["type"]
    refuse_unknown(what, fields, [a.name for a in attributes])
    for attribute in attributes:
        if attribute.default is attrs.NOTHING and attribute.name not in fields:
            msg = f"{what} needs the field {attribute.name!r}."
            raise ValueError(msg)
    return cls(**fields)


def kind_of(mapping: Mapping[str, Any], known: Collection[str], what: str) -> str:
    """
    Return the ``type`` of *mapping*: one of *known*, or something quite different.

    Raises:
        ValueError: It has none, or one that is almost a known one.
    """
    kind = mapping.get("type")
    if not isinstance(kind, str):
        kind, guess = None, None
    elif kind in known:
        return kind
    else:
        guess = closest(kind, known, near=0.9)
    if kind is None:
        msg = f"{what} needs a 'type', such as {', '.join(map(repr, known))}"
        raise ValueError(msg)
    if guess:
        msg = f"{what} of type {kind!r} is not known. Did you mean {guess!r}?"
        raise ValueError(msg)
    return kind


def as_model(value: Any, kinds: Mapping[str, type], unknown: type, what: str) -> Any:
    """
    Return *value* as a model of one of *kinds*, or *unknown* for a new type.

    Raises:
        ValueError: A mapping with a misspelled type or field.
        TypeError: Neither a model of these nor a mapping.
    """
    if isinstance(value, (*kinds.values(), unknown)):
        return value
    if not isinstance(value, Mapping):
        names = ", ".join(model.__name__ for model in kinds.values())
        shown = repr(value[:40]) if isinstance(value, str) else type(value).__name__
        example = f"{{'type': {next(iter(kinds))!r}, ...}}"
        msg = f"{what}: expected {names} or a mapping such as {example}, not {shown}"
        raise TypeError(msg)
    kind = kind_of(value, kinds, what)
    if kind in kinds:
        return build(kinds[kind], value, f"{what} {kind!r}")
    return unknown(kind, raw=value)


def as_part_of(value: Any, cls: type[T], name: str) -> T | None | Unset:
    """
    Return the value of field *name* as a *cls*; a mapping of its shape will do.

    Raises:
        ValueError: A mapping with a misspelled field.
        TypeError: Neither a *cls* nor a mapping.
    """
    if value is UNSET or value is None or isinstance(value, cls):
        return value
    if not isinstance(value, Mapping):
        msg = (
            f"{name}: expected {cls.__name__} or a mapping, got {type(value).__name__}"
        )
        raise TypeError(msg)
    return build(cls, value, name)


def as_list(value: Any, name: str) -> Iterable[Any]:
    """
    Return *value* if it can be what field *name* lists.
    """
    if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable):
        msg = f"{name}: expected a list, got {type(value).__name__}"
        raise TypeError(msg)
    return value


def as_strings(value: Any) -> tuple[str, ...] | None | Unset:
    """
    Return *value*, one str or several, as a tuple.
    """
    if not is_given(value):
        return value  # type: ignore[no-any-return]
    return (value,) if isinstance(value, str) else tuple(as_list(value, "strings"))


def as_names(value: Any) -> tuple[str, ...] | None:
    """
    Return *value*, a list of names or None, as a tuple or None.
    """
    return None if value is None else tuple(as_list(value, "names"))


def as_extra(value: Any) -> Mapping[str, Any]:
    """
    Return a copy of *value*: what a configuration says cannot change behind it.
    """
    return dict(value)


def is_given(value: Any) -> bool:
    """
    Tell a value from UNSET and None, which are passed on untouched.
    """
    return value is not UNSET and value is not None
