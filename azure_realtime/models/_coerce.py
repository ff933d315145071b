"""
Conversion of users' mappings to models, with checks of the spelling.

A misspelled field would have no effect, so it is refused, with a suggestion. Values are
left to the service to check.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeVar

import attrs

from .._spelling import closest, refuse_unknown
from ._base import Value
from ._unset import UNSET, Unset
from .enums import Modality

T = TypeVar("T")
Absent = TypeVar("Absent", bound=Unset | None)

Strings = list[str] | tuple[str, ...] | Collection[Modality]
"""
Several texts. A plain `str`, a collection of its characters, is none for type checkers.
"""

_HIDDEN = ("raw", "problems")

#: What to do with a field that the service knows and this library does not.
EXTRA_REMEDY = " If the service has gained it, pass it in extra={...}."


def build(cls: type[T], mapping: Mapping[str, Any], what: str) -> T:
    """
    Make an instance of attrs class *cls* from a user's mapping.

    Args:
        cls: The class; the caller has chosen it by the key ``type``.
        mapping: Field values by the protocol's names.
        what: The name of the object in error messages.

    Raises:
        ValueError: *cls* has no such field, or a required field is missing.
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
    Return the ``type`` of *mapping*: one of *known*, or one that resembles none.

    Raises:
        ValueError: There is no type, or it is a misspelled known one.
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
    Return *value* as a model of one of *kinds*, or as *unknown* for a new type.

    Raises:
        ValueError: A type or field is misspelled.
        TypeError: *value* is neither one of these models nor a mapping.
    """
    if isinstance(value, (*kinds.values(), unknown)):
        return value
    if not isinstance(value, Mapping):
        names = ", ".join(dict.fromkeys(model.__name__ for model in kinds.values()))
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
    Return the value of field *name* as a *cls*; None and UNSET unchanged.

    Raises:
        ValueError: A field of a mapping is misspelled.
        TypeError: *value* is neither a *cls* nor a mapping.
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
    Return *value*, the value of field *name*, if it is a list or another iterable.

    Raises:
        TypeError: It is text, bytes, a mapping, or not iterable.
    """
    if isinstance(value, (str, bytes, bytearray, Mapping)) or not isinstance(
        value, Iterable
    ):
        msg = f"{name}: expected a list, got {type(value).__name__}"
        raise TypeError(msg)
    return value


def as_strings(value: Strings | Absent, name: str) -> tuple[str, ...] | Absent:
    """
    Return the value of field *name*, an iterable of texts, as a tuple; None and UNSET
    unchanged.

    Raises:
        TypeError: It is something else.
    """
    if value is None or isinstance(value, Unset):
        return value
    texts = tuple(as_list(value, name))
    for text in texts:
        if not isinstance(text, str):
            msg = f"{name}: expected a list of texts, not of {type(text).__name__}"
            raise TypeError(msg)
    return texts


def as_modalities(value: Strings | None | Unset) -> tuple[str, ...] | None | Unset:
    """
    Return one modality, or several, as a tuple; None and UNSET unchanged.
    """
    return as_strings([value] if isinstance(value, str) else value, "modalities")


def as_mapping(value: Any, name: str) -> dict[str, Any]:
    """
    Return a copy of the value of field *name*, so that later changes of the user's
    mapping do not affect the configuration.

    Raises:
        TypeError: It is no mapping.
    """
    if not isinstance(value, Mapping):
        msg = f"{name}: expected a mapping, got {type(value).__name__}"
        raise TypeError(msg)
    return dict(value)


def as_metadata(
    value: Mapping[str, str] | None | Unset,
) -> Mapping[str, str] | None | Unset:
    """
    Return a copy of *value*, a mapping of texts to texts; None and UNSET unchanged.
    """
    if value is None or isinstance(value, Unset):
        return value
    return as_mapping(value, "metadata")


def snapshot(value: T) -> T:
    """
    Return a copy of *value* that shares no dict or list with it, at any depth.

    A program may change what it has passed, also to what cannot be encoded, and a
    reconnect sends it once more.

    Raises:
        ValueError: *value* contains itself, or is nested too deeply for JSON.
    """
    try:
        return _copied(value)  # type: ignore[no-any-return]
    except RecursionError:
        msg = "nested too deeply for JSON"
        raise ValueError(msg) from None


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_copied(inner) for inner in value]
    if isinstance(value, tuple):
        return tuple([_copied(inner) for inner in value])
    if isinstance(value, Value):
        names = [attribute.name for attribute in attrs.fields(type(value))]  # type: ignore[arg-type]
        return attrs.evolve(  # type: ignore[misc]
            value, **{name: _copied(getattr(value, name)) for name in names}
        )
    return value


def as_extra(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Return a copy of *value*, a mapping.
    """
    return as_mapping(value, "extra")
