"""
Shapes of JSON values, and the service's words for what does not fit them.

A shape is a small frozen object; `check` walks a value and raises the `ServiceError`
that the real service would send, with the path of the first offending field. The
order is the service's: what is missing is reported before what is unknown, and what
is unknown before what is ill-valued.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .errors import ServiceError

__all__ = [
    "Anything",
    "Each",
    "Either",
    "Flag",
    "Maybe",
    "Number",
    "Record",
    "Shape",
    "StringMap",
    "Tagged",
    "Text",
    "Whole",
]


def kind_of(value: object) -> str:
    """
    Return the JSON name of a value's type.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


_PHRASES = {
    "null": "null",
    "boolean": "a boolean",
    "integer": "an integer",
    "number": "a decimal number",
    "string": "a string",
    "array": "an array",
    "object": "an object",
}


def wrong_type(path: str, expected: Sequence[str], value: object) -> ServiceError:
    """
    Return the error for a value of another JSON type.
    """
    wanted = " or ".join(_PHRASES[name] for name in expected)
    got = _PHRASES[kind_of(value)]
    return ServiceError(
        "invalid_type",
        f"Invalid type for '{path}': expected {wanted}, but got {got} instead.",
        path,
    )


def wrong_value(path: str, value: object, choices: Sequence[str]) -> ServiceError:
    """
    Return the error for a value outside an enumeration.
    """
    quoted = [f"'{choice}'" for choice in choices]
    listed = quoted[0]
    if len(quoted) == 2:
        listed = " and ".join(quoted)
    elif len(quoted) > 2:
        listed = ", ".join(quoted[:-1]) + f", and {quoted[-1]}"
    return ServiceError(
        "invalid_value",
        f"Invalid value: '{value}'. Supported values are: {listed}.",
        path,
    )


def missing(path: str) -> ServiceError:
    """
    Return the error for a field that is not there.
    """
    return ServiceError(
        "missing_required_parameter", f"Missing required parameter: '{path}'.", path
    )


class Shape:
    """
    Anything goes; the base of the others.
    """

    def check(self, value: Any, path: str) -> None:
        """
        Raise `ServiceError` unless *value*, found at *path*, has this shape.
        """


class Anything(Shape):
    """
    Any JSON value.
    """


@dataclass(frozen=True)
class Text(Shape):
    """
    A string, perhaps one of a few, perhaps not too long.
    """

    choices: tuple[str, ...] | None = None
    longest: int | None = None

    def check(self, value: Any, path: str) -> None:
        if not isinstance(value, str):
            raise wrong_type(path, ["string"], value)
        if self.choices is not None and value not in self.choices:
            raise wrong_value(path, value, self.choices)
        if self.longest is not None and len(value) > self.longest:
            raise ServiceError(
                "string_above_max_length",
                f"Invalid '{path}': string too long. Expected a string with maximum "
                f"length {self.longest}, but got a string with length {len(value)} "
                "instead.",
                path,
            )


@dataclass(frozen=True)
class Whole(Shape):
    """
    An integer, perhaps within bounds.
    """

    low: int | None = None
    high: int | None = None

    def check(self, value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(path, ["integer"], value)
        _check_bounds("integer", value, path, self.low, self.high)


@dataclass(frozen=True)
class Number(Shape):
    """
    A number, perhaps within bounds.
    """

    low: float | None = None
    high: float | None = None

    def check(self, value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise wrong_type(path, ["number"], value)
        _check_bounds("decimal", value, path, self.low, self.high)


def _check_bounds(
    noun: str, value: float, path: str, low: float | None, high: float | None
) -> None:
    # "not >=" rather than "<": NaN is outside every bound.
    if low is not None and not value >= low:
        raise ServiceError(
            f"{noun}_below_min_value",
            f"Invalid '{path}': {noun} below minimum value. Expected a value >= {low},"
            f" but got {value} instead.",
            path,
        )
    if high is not None and not value <= high:
        raise ServiceError(
            f"{noun}_above_max_value",
            f"Invalid '{path}': {noun} above maximum value. Expected a value <= {high},"
            f" but got {value} instead.",
            path,
        )


class Flag(Shape):
    """
    true or false.
    """

    def check(self, value: Any, path: str) -> None:
        if not isinstance(value, bool):
            raise wrong_type(path, ["boolean"], value)


@dataclass(frozen=True)
class Each(Shape):
    """
    An array whose members all have one shape.
    """

    member: Shape

    def check(self, value: Any, path: str) -> None:
        if not isinstance(value, list):
            raise wrong_type(path, ["array"], value)
        for index, member in enumerate(value):
            self.member.check(member, f"{path}[{index}]")


@dataclass(frozen=True)
class Record(Shape):
    """
    An object with known keys, some of them required.
    """

    fields: Mapping[str, Shape]
    required: tuple[str, ...] = ()

    def check(self, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise wrong_type(path, ["object"], value)
        prefix = f"{path}." if path else ""
        for name in self.required:
            if name not in value:
                raise missing(prefix + name)
        for name in value:
            if name not in self.fields:
                raise ServiceError(
                    "unknown_parameter",
                    f"Unknown parameter: '{prefix}{name}'.",
                    prefix + name,
                )
        for name, member in value.items():
            self.fields[name].check(member, prefix + name)


@dataclass(frozen=True)
class Tagged(Shape):
    """
    An object whose *tag* key says which of several records it is.
    """

    records: Mapping[str, Record]
    tag: str = "type"

    def check(self, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise wrong_type(path, ["object"], value)
        where = f"{path}.{self.tag}"
        if self.tag not in value:
            raise missing(where)
        Text(tuple(self.records)).check(value[self.tag], where)
        self.records[value[self.tag]].check(value, path)


@dataclass(frozen=True)
class Maybe(Shape):
    """
    null, or another shape.
    """

    shape: Shape

    def check(self, value: Any, path: str) -> None:
        if value is not None:
            self.shape.check(value, path)


@dataclass(frozen=True)
class Either(Shape):
    """
    One shape per JSON type, e.g. ``{"string": ..., "object": ...}``.
    """

    by_kind: Mapping[str, Shape] = field(default_factory=dict)

    def check(self, value: Any, path: str) -> None:
        shape = self.by_kind.get(kind_of(value))
        if shape is None:
            raise wrong_type(path, list(self.by_kind), value)
        shape.check(value, path)


class StringMap(Shape):
    """
    Metadata: at most 16 pairs, keys of up to 64 and values of up to 512 characters.
    """

    def check(self, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise wrong_type(path, ["object"], value)
        if len(value) > 16:
            raise ServiceError(
                "object_above_max_properties",
                f"Invalid '{path}': too many properties. Expected an object with at "
                f"most 16 properties, but got an object with {len(value)} properties "
                "instead.",
                path,
            )
        for key, text in value.items():
            Text(longest=64).check(key, f"{path}.{key[:64]}")
            Text(longest=512).check(text, f"{path}.{key}")
