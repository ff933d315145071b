"""
Shapes of JSON values, and the errors of the service for values that do not match.

`check` raises the `ServiceError` that the real service would send, with the path of the
first invalid field. The order is the service's: missing fields are reported before
unknown fields, and unknown fields before invalid values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .errors import ServiceError

__all__ = [
    "Anything",
    "ArrayOf",
    "Boolean",
    "ByType",
    "Integer",
    "Metadata",
    "Nullable",
    "Number",
    "Record",
    "Shape",
    "String",
    "TaggedUnion",
]


def json_type(value: object) -> str:
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


_TYPE_NAMES = {
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
    Return the error for a value of the wrong JSON type.
    """
    expected_names = " or ".join(_TYPE_NAMES[name] for name in expected)
    actual = _TYPE_NAMES[json_type(value)]
    return ServiceError(
        "invalid_type",
        f"Invalid type for '{path}': expected {expected_names}, but got {actual} "
        "instead.",
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
    Return the error for a missing field.
    """
    return ServiceError(
        "missing_required_parameter", f"Missing required parameter: '{path}'.", path
    )


class Shape:
    """
    The base class of all shapes. It accepts every value.
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
class String(Shape):
    """
    A string, optionally one of *choices* or of at most *max_length* characters.
    """

    choices: tuple[str, ...] | None = None
    max_length: int | None = None

    def check(self, value: Any, path: str) -> None:
        if not isinstance(value, str):
            raise wrong_type(path, ["string"], value)
        if self.choices is not None and value not in self.choices:
            raise wrong_value(path, value, self.choices)
        if self.max_length is not None and len(value) > self.max_length:
            raise ServiceError(
                "string_above_max_length",
                f"Invalid '{path}': string too long. Expected a string with maximum "
                f"length {self.max_length}, but got a string with length {len(value)} "
                "instead.",
                path,
            )


@dataclass(frozen=True)
class Integer(Shape):
    """
    An integer, optionally with bounds.
    """

    minimum: int | None = None
    maximum: int | None = None

    def check(self, value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(path, ["integer"], value)
        _check_bounds("integer", value, path, self.minimum, self.maximum)


@dataclass(frozen=True)
class Number(Shape):
    """
    A number, optionally with bounds.
    """

    minimum: float | None = None
    maximum: float | None = None

    def check(self, value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise wrong_type(path, ["number"], value)
        _check_bounds("decimal", value, path, self.minimum, self.maximum)


def _check_bounds(
    type_name: str,
    value: float,
    path: str,
    minimum: float | None,
    maximum: float | None,
) -> None:
    # "not >=" instead of "<", since NaN is outside every bound.
    if minimum is not None and not value >= minimum:
        raise ServiceError(
            f"{type_name}_below_min_value",
            f"Invalid '{path}': {type_name} below minimum value. Expected a value >= "
            f"{minimum}, but got {value} instead.",
            path,
        )
    if maximum is not None and not value <= maximum:
        raise ServiceError(
            f"{type_name}_above_max_value",
            f"Invalid '{path}': {type_name} above maximum value. Expected a value <= "
            f"{maximum}, but got {value} instead.",
            path,
        )


class Boolean(Shape):
    """
    true or false.
    """

    def check(self, value: Any, path: str) -> None:
        if not isinstance(value, bool):
            raise wrong_type(path, ["boolean"], value)


@dataclass(frozen=True)
class ArrayOf(Shape):
    """
    An array whose members have the same shape.
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
    An object with known keys, of which some are required.
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
class TaggedUnion(Shape):
    """
    One of several records. The value of the key *tag* selects the record.
    """

    records: Mapping[str, Record]
    tag: str = "type"

    def check(self, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise wrong_type(path, ["object"], value)
        tag_path = f"{path}.{self.tag}"
        if self.tag not in value:
            raise missing(tag_path)
        String(tuple(self.records)).check(value[self.tag], tag_path)
        self.records[value[self.tag]].check(value, path)


@dataclass(frozen=True)
class Nullable(Shape):
    """
    null, or another shape.
    """

    shape: Shape

    def check(self, value: Any, path: str) -> None:
        if value is not None:
            self.shape.check(value, path)


@dataclass(frozen=True)
class ByType(Shape):
    """
    One shape per JSON type, e.g. ``{"string": ..., "object": ...}``.
    """

    by_type: Mapping[str, Shape] = field(default_factory=dict)

    def check(self, value: Any, path: str) -> None:
        shape = self.by_type.get(json_type(value))
        if shape is None:
            raise wrong_type(path, list(self.by_type), value)
        shape.check(value, path)


class Metadata(Shape):
    """
    An object of up to 16 strings; keys have up to 64, values up to 512 characters.
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
            String(max_length=64).check(key, f"{path}.{key[:64]}")
            String(max_length=512).check(text, f"{path}.{key}")
