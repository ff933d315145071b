"""
Conversion of a function's result to JSON.

Strictly private.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import decimal
import enum
import inspect
import json
import math
import os
import uuid
from collections.abc import (
    AsyncIterable,
    Awaitable,
    Iterator,
    Mapping,
    Sequence,
    Set,
    ValuesView,
)
from typing import Any

import attrs

from ..._logging import utf8_text
from ...models._base import Model
from ...models._unset import UNSET
from ...models.turn import Turn
from .hints import as_choice, is_named_tuple, is_struct, is_unset
from .pydantic_types import dumper_of

_AS_TEXT = (decimal.Decimal, uuid.UUID)


def to_json_value(value: Any) -> Any:
    """
    Convert *value* to dicts, lists and scalars. Any thread.

    Dataclasses, attrs classes, named tuples, pydantic models, msgspec structs and
    database rows become objects; NumPy arrays and scalars (objects with ``tolist``)
    lists and numbers; dates and durations ISO 8601 text; bytes UTF-8 text, or base64 if
    they are not valid UTF-8. A `Turn` becomes its ``to_dict()``; other models of this
    library lack ``problems``, unset fields, and ``raw`` unless their type is unknown.

    Raises:
        TypeError: *value* has no JSON form.
        ValueError: A number is infinite or not a number.
        RecursionError: *value* contains itself.
        BaseException: From the methods of *value*.
    """
    if isinstance(value, enum.Enum):
        return as_choice(value)
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, (float, decimal.Decimal)) and not _is_finite(value):
        msg = f"{decimal.Decimal(value)} has no JSON form"
        raise ValueError(msg)
    if isinstance(value, float):
        return value
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return iso_duration(value)
    if isinstance(value, _AS_TEXT):
        return str(value)
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _text_of_bytes(bytes(value))
    if (dump := dumper_of(value)) is not None:
        return to_json_value(dump(value))
    if (fields := _fields(value)) is not None:
        return {name: to_json_value(item) for name, item in fields.items()}
    if isinstance(value, (Sequence, Set, ValuesView)):
        return [to_json_value(item) for item in value]
    if callable(getattr(type(value), "tolist", None)):
        return to_json_value(value.tolist())
    msg = f"{type(value).__name__} has no JSON form"
    if inspect.iscoroutine(value):
        value.close()  # otherwise Python warns that it was never awaited
    if isinstance(value, (Awaitable, AsyncIterable)):
        msg += ", because the function is async: call it with asyncio.run()"
    elif isinstance(value, Iterator):
        msg += ": return a list"
    raise TypeError(msg)


def _is_finite(value: float | decimal.Decimal) -> bool:
    if isinstance(value, decimal.Decimal):  # float() fails for a signalling NaN
        return value.is_finite()
    return math.isfinite(value)


def _fields(value: Any) -> dict[str, Any] | None:
    """
    Return the fields of a record by the names of its constructor's arguments.
    """
    cls = type(value)
    if isinstance(value, Turn):
        return value.to_dict()  # without the audio, which is no text for the model
    if attrs.has(cls):
        # what a model only remembers is not compared; an unknown one consists of `raw`
        compared = isinstance(value, Model)
        return {
            str(attribute.alias): item
            for attribute in attrs.fields(cls)
            if (item := getattr(value, attribute.name)) is not UNSET
            and (attribute.eq or not compared)
        }
    if dataclasses.is_dataclass(cls):
        return {
            field.name: getattr(value, field.name) for field in dataclasses.fields(cls)
        }
    if is_named_tuple(cls):
        return dict(zip(cls._fields, value, strict=True))
    if is_struct(cls):
        return _fields_of_struct(value)
    if isinstance(value, Mapping):
        return {_key(name): item for name, item in value.items()}
    # sqlite3.Row is a Sequence, but its columns have names
    if callable(getattr(cls, "keys", None)) and hasattr(cls, "__getitem__"):
        return {_key(name): value[name] for name in value.keys()}  # noqa: SIM118
    return None


def _fields_of_struct(value: Any) -> dict[str, Any]:
    """
    Return the tag and the fields with the names that msgspec encodes.
    """
    config = value.__struct_config__
    fields = {} if config.tag is None else {config.tag_field: config.tag}
    names = zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)
    fields |= {encoded: getattr(value, name) for encoded, name in names}
    return {name: item for name, item in fields.items() if not is_unset(item)}


def _text_of_bytes(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(value).decode("ascii")


def iso_duration(value: datetime.timedelta) -> str:
    """
    Return a duration as ISO 8601 text, such as ``P1DT2H30M``.
    """
    if value < datetime.timedelta(0):
        return f"-{iso_duration(-value)}"
    minutes, seconds = divmod(value.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    exact = f"{seconds}.{value.microseconds:06}".rstrip("0").rstrip(".")
    parts = ((str(hours), "H"), (str(minutes), "M"), (exact, "S"))
    time = "".join(number + unit for number, unit in parts if number != "0")
    day = f"{value.days}D" if value.days else ""
    return f"P{day}T{time}" if time else f"P{day or 'T0S'}"


def _key(name: Any) -> str:
    name = to_json_value(name)
    if isinstance(name, str):
        return name
    if isinstance(name, (list, dict)):
        msg = "a list or an object cannot be a name in a JSON object"
        raise TypeError(msg)
    return json.dumps(name)


def to_json(value: Any) -> str:
    """
    Return *value* as JSON text that UTF-8 can encode.

    Raises:
        ValueError: *value* contains itself, or as for `to_json_value`.
    """
    try:
        return utf8_text(json.dumps(to_json_value(value), ensure_ascii=False))
    except RecursionError:
        msg = "it contains itself, or too many values inside each other"
        raise ValueError(msg) from None


def brief_json(value: Any, limit: int = 60) -> str:
    """
    Return a value as short JSON text for a message. Never raises.
    """
    text = utf8_text(json.dumps(value, ensure_ascii=False, default=repr))
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
