"""
Conversion of JSON values to values without parts: numbers, dates, bytes and so on.

Strictly private.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import pathlib
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

Read = Callable[[Any], Any]


def _exactly(*types: type) -> Read:
    def read(value: Any) -> Any:
        if type(value) not in types:
            raise TypeError
        return value

    return read


def _whole(value: Any) -> int:
    number = _exactly(int, float)(value)
    if number != int(number):
        raise ValueError
    return int(number)


def _parsed(parse: Callable[[str], Any]) -> Read:
    def read(value: Any) -> Any:
        text = _exactly(str)(value)
        # models write the suffix Z, which Python 3.10 does not parse
        return parse(text[:-1] + "+00:00" if text[-1:] in ("Z", "z") else text)

    return read


def _decimal(value: Any) -> decimal.Decimal:
    # from the text, because a binary float differs from the decimal in the JSON
    number = decimal.Decimal(str(_exactly(int, float, str)(value)))
    if not number.is_finite():
        raise ValueError
    return number


_DURATION = re.compile(
    r"([+-]?)P(?=[\dT])(?:(\d+)W)?(?:(\d+)D)?"
    r"(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:[.,]\d+)?)S)?)?",
    re.ASCII | re.IGNORECASE,
)


def _duration(value: Any) -> datetime.timedelta:
    if type(value) in (int, float):  # some models write seconds
        return datetime.timedelta(seconds=value)
    match = _DURATION.fullmatch(_exactly(str)(value))
    if match is None:
        raise ValueError
    sign, *parts = match.groups("0")
    weeks, days, hours, minutes, seconds = (
        float(part.replace(",", ".")) for part in parts
    )
    duration = datetime.timedelta(
        weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds
    )
    return -duration if sign == "-" else duration


def _bytes(value: Any) -> bytes:
    return base64.b64decode(_exactly(str)(value), validate=True)


#: Hint -> function that converts, or raises TypeError, ValueError or ArithmeticError.
READERS: Mapping[Any, Read] = {
    Any: lambda value: value,
    str: _exactly(str),
    bool: _exactly(bool),
    int: _whole,
    float: lambda value: float(_exactly(int, float)(value)),
    None: _exactly(type(None)),
    type(None): _exactly(type(None)),
    datetime.datetime: _parsed(datetime.datetime.fromisoformat),
    datetime.date: _parsed(datetime.date.fromisoformat),
    datetime.time: _parsed(datetime.time.fromisoformat),
    datetime.timedelta: _duration,
    uuid.UUID: lambda value: uuid.UUID(_exactly(str)(value)),
    decimal.Decimal: _decimal,
    bytes: _bytes,
    bytearray: lambda value: bytearray(_bytes(value)),
    pathlib.Path: lambda value: pathlib.Path(_exactly(str)(value)),
    pathlib.PurePath: lambda value: pathlib.PurePath(_exactly(str)(value)),
}
