"""
Any value that a function may return, as JSON.

Strictly private.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import math
import pathlib
import uuid
from collections.abc import Mapping, Sequence, Set
from typing import Any

import attrs

from .hints import as_choice

_AS_TEXT = (decimal.Decimal, pathlib.PurePath, uuid.UUID)


def plain(value: Any) -> Any:
    """
    Return *value* made of dicts, lists and scalars only. Any thread.

    Dataclasses and attrs classes become objects, NumPy arrays and scalars (whatever
    has a ``tolist``) lists and numbers, dates ISO 8601 text.

    Raises:
        TypeError: It has no JSON form.
        ValueError: A number that is none.
        RecursionError: It contains itself.
    """
    if isinstance(value, enum.Enum):
        return as_choice(value)
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        msg = f"{value} has no JSON form"
        raise ValueError(msg)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, _AS_TEXT):
        return str(value)
    if (fields := _fields(value)) is not None:
        return {name: plain(item) for name, item in fields.items()}
    if isinstance(value, Mapping):
        return {_key(name): plain(item) for name, item in value.items()}
    if isinstance(value, (Sequence, Set)) and not isinstance(
        value, (bytes, bytearray, memoryview)
    ):
        return [plain(item) for item in value]
    if callable(to_list := getattr(value, "tolist", None)):
        return plain(to_list())
    msg = f"{type(value).__name__} has no JSON form"
    raise TypeError(msg)


def _fields(value: Any) -> dict[str, Any] | None:
    """
    Return the fields of a record by the names that its class takes them by.
    """
    cls = type(value)
    if attrs.has(cls):
        return {
            str(attribute.alias): getattr(value, attribute.name)
            for attribute in attrs.fields(cls)
        }
    if dataclasses.is_dataclass(cls):
        return {
            field.name: getattr(value, field.name) for field in dataclasses.fields(cls)
        }
    if isinstance(value, tuple) and hasattr(cls, "_fields"):
        return dict(zip(cls._fields, value, strict=True))
    return None


def _key(name: Any) -> str:
    name = plain(name)
    if isinstance(name, str):
        return name
    if isinstance(name, (list, dict)):
        msg = "a list or an object cannot be a name in a JSON object"
        raise TypeError(msg)
    return json.dumps(name)


def as_json(value: Any) -> str:
    """
    Return *value* as JSON text. Any thread; raises what `plain` raises.
    """
    return json.dumps(plain(value), ensure_ascii=False)


def brief_json(value: Any, limit: int = 60) -> str:
    """
    Return a value as short JSON text for a message. Never raises.
    """
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
