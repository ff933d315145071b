"""
Strict readers: create an event in one pass from a message that matches the protocol.

1. A reader accepts a message whose values all have exactly the promised types, at every
   depth. For any other message it returns None, and the whole event is read by the
   tolerant `fields`. For a message that a reader accepts, both create equal events.
2. A reader is a loop over a plan, not generated source: compiling a reader takes 50
   times as long as planning it (0.2 ms), and these events are rare. The frequent deltas
   have their own readers, see `decoder`.
3. An instance is created without its ``__init__``, through the descriptors of its
   slots. A field's converter is called, because it may refuse a value.
4. All readers are planned on the caller's thread, with the first codec.
"""

import functools
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args, get_origin

import attrs

from ..audio.formats import flat_format
from ..events import SERVER_EVENTS, ServerEvent
from ..models._shape import (
    ABSENT,
    RESPONSE_PATHS,
    SESSION_PATHS,
    Path,
    flat_tool_choice,
)
from ..models._unset import Unset
from ..models.responses import Response, without_marker
from ..models.session import Session
from .fields import SCALARS, by_tag, fields_read, members

Read = Callable[..., Any]
"""Reads a value; that of an event also takes ``generation`` and ``raw``."""

Step = tuple[str, Callable[[Any, Any], None], frozenset[type], Read | None, Any]
"""Field name, setter, types stored unchanged, reader of other types, default."""

_NULL = frozenset({types.NoneType})
_new = object.__new__


@functools.cache
def event_readers() -> Mapping[str, Read]:
    """
    Return the readers of all events by event name. Any thread.
    """
    classes: Mapping[str, Any] = SERVER_EVENTS
    return {name: _reader_of(cls) for name, cls in classes.items()}


def scalar_reader(cls: type) -> Read | None:
    """
    Return a reader of *cls* that accepts only scalars, or None if *cls* has a field
    that never holds one.

    The reader refuses unknown fields.
    """
    steps = [
        (name, store, exact - {dict}, read if read is _as_float else None, default)
        for name, store, exact, read, default in _steps(cls)
    ]
    if not all(exact for _, _, exact, _, _ in steps):
        return None
    return _reader(cls, steps, is_closed=True)


@functools.cache
def _reader_of(cls: Any) -> Read:
    return _reader(cls, _steps(cls))


def _reader(cls: type, steps: Sequence[Step], is_closed: bool = False) -> Read:
    max_fields = len(steps) + 1  # with "type"
    shape = _SHAPES.get(cls)
    descriptors: Any = cls
    set_raw, set_problems = descriptors.raw.__set__, descriptors.problems.__set__
    is_event = issubclass(cls, ServerEvent)
    set_generation = descriptors.generation.__set__ if is_event else None

    def read(value: Any, generation: int = 0, raw: Any = None) -> Any:
        if value.__class__ is not dict:
            return None
        fields = value if shape is None else shape(value)
        if fields is None:
            return None
        get = fields.get
        missing = 0
        instance: Any = _new(cls)
        for name, store, exact, read_other, default in steps:
            part = get(name, ABSENT)
            if part.__class__ not in exact:
                if part is ABSENT:
                    if default is ABSENT:
                        return None
                    missing += 1
                    part = default
                elif read_other is None or (part := read_other(part)) is None:
                    return None
            store(instance, part)
        if is_closed and len(value) != max_fields - missing:
            return None
        set_raw(instance, value if raw is None else raw)
        set_problems(instance, ())
        if set_generation is not None:
            set_generation(instance, generation)
        return instance

    return read


@functools.cache
def _steps(cls: Any) -> Sequence[Step]:
    return [_step(cls, field) for field in fields_read(cls)]


def _step(cls: type, field: "attrs.Attribute[Any]") -> Step:
    tp: Any = field.type
    exact, read = _accepted(tp)
    if field.converter is not None:
        read = _converted(exact - _NULL, read, field.converter)
        exact &= _NULL
    default = field.default
    may_miss = _NULL <= exact or field.metadata.get("lenient")
    if not may_miss or default is attrs.NOTHING or isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        default = ABSENT
    return field.name, getattr(cls, field.name).__set__, exact, read, default


@functools.cache
def _accepted(tp: Any) -> tuple[frozenset[type], Read | None]:
    """
    Return the types whose values are stored unchanged, and the reader of other types.
    """
    exact: set[type] = set()
    models: list[type] = []
    read: Read | None = None
    kinds = members(tp)
    for kind in kinds:
        if kind in SCALARS or kind is types.NoneType:
            exact.add(kind)
        elif get_origin(kind) is tuple:
            read = _sequence(get_args(kind)[0])
        elif get_origin(kind) in (Mapping, dict):
            exact.add(dict)
        elif kind is not Unset:
            models.append(kind)
    if float in exact:
        read = _as_float
    if models:
        is_union = len(models) + len(exact - _NULL) > 1
        read = _union(models) if is_union else _reader_of(models[0])
    return frozenset(exact), read


def _as_float(value: Any) -> float | None:
    try:
        return float(value) if value.__class__ is int else None
    except OverflowError:
        return None


def _sequence(element: Any) -> Read:
    exact, read = _accepted(element)

    def read_sequence(value: Any) -> tuple[Any, ...] | None:
        if value.__class__ is not list:
            return None
        elements = []
        for item in value:
            if item.__class__ not in exact and (
                read is None or (item := read(item)) is None
            ):
                return None
            elements.append(item)
        return tuple(elements)

    return read_sequence


def _union(models: Sequence[type]) -> Read:
    known, unknown = by_tag(models)
    readers = {tag: _reader_of(cls) for tag, cls in known.items()}
    other = unknown and _reader_of(unknown)

    def read_union(value: Any) -> Any:
        if value.__class__ is not dict:
            return None
        tag = value.get("type")
        read = readers.get(tag, other) if tag.__class__ is str else other
        return read and read(value)

    return read_union


def _converted(exact: frozenset[type], read: Read | None, convert: Any) -> Read:
    def read_converted(value: Any) -> Any:
        if value.__class__ not in exact and (
            read is None or (value := read(value)) is None
        ):
            return None
        try:
            return convert(value)
        except (TypeError, ValueError):
            return None

    return read_converted


# -- Models whose fields have other paths in the message -------------------------


def _flattened(paths: Mapping[str, Path]) -> Callable[[Any], dict[str, Any] | None]:
    """
    Return a strict variant of `flatten`.

    It returns None unless ``audio`` and its members are objects or null.
    """
    entries = [
        (name, path[:-1], path[-1], name.endswith("_format"))
        for name, path in paths.items()
    ]

    def flat(message: dict[str, Any]) -> dict[str, Any] | None:
        audio = message.get("audio")
        if audio is not None:
            if audio.__class__ is not dict:
                return None
            for side in ("input", "output"):
                if not (audio.get(side) is None or audio[side].__class__ is dict):
                    return None
        fields = message.copy()
        for name, parents, last, is_format in entries:
            inner = message
            for key in parents:
                inner = inner.get(key) or {}
            value = inner.get(last, ABSENT)
            if value is ABSENT:
                value = message.get(name, ABSENT)
            if value is not ABSENT:
                fields[name] = flat_format(value) if is_format else value
        return fields

    return flat


_flat_session = _flattened(SESSION_PATHS)


def _session(message: dict[str, Any]) -> dict[str, Any] | None:
    flat = _flat_session(message)
    if flat is not None:
        flat["tool_choice"] = flat_tool_choice(flat.get("tool_choice"))
    return flat


_flat_response = _flattened(RESPONSE_PATHS)


def _response(message: dict[str, Any]) -> dict[str, Any] | None:
    flat = _flat_response(message)
    # Before the reader of the field, for which None is a value that it cannot read.
    if flat is not None and flat.get("metadata").__class__ is dict:
        flat["metadata"] = without_marker(flat["metadata"])
    return flat


_SHAPES = {Session: _session, Response: _response}
