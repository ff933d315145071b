"""
Type checks of the fields of commands; the service checks the values.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import attrs


def text(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """
    Check that a field is text (attrs validator).

    Raises:
        TypeError: It is not.
    """
    if not isinstance(value, str):
        owner = {"item_id": "item", "response_id": "response"}.get(attribute.name)
        remedy = f": give the id, {owner}.id" if owner else ""
        kind = type(value).__name__
        raise TypeError(f"{attribute.name} must be a str, not {kind}{remedy}")


optional_text = attrs.validators.optional(text)


def as_whole(value: float) -> int:
    """
    Convert a whole number to `int`, also ``1500.0`` and NumPy integers; return anything
    else unchanged, for `whole` to refuse (attrs converter, which knows no field name).
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        is_int = isinstance(value, float) and value.is_integer()
        return int(value) if is_int else value  # type: ignore[return-value]
    return operator.index(value)


def floored(value: Any) -> Any:
    """
    Return a number without its fraction; anything else unchanged.
    """
    try:
        return value if isinstance(value, (bool, str)) else math.floor(value)
    except (TypeError, ValueError, OverflowError):  # no number; NaN, infinity
        return value


def whole(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """
    Check that a field is a whole number (attrs validator).

    Raises:
        TypeError: It is no number, or a bool.
        ValueError: It has a fraction, is infinite or NaN.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return
    msg = f"{attribute.name} must be a whole number, not {value!r:.40}"
    raise (ValueError if isinstance(value, float) else TypeError)(msg)
