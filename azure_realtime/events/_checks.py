"""
Type checks of the fields of commands; the service checks the values.
"""

from __future__ import annotations

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


maybe_text = attrs.validators.optional(text)


def whole(value: Any) -> int:
    """
    Convert a whole number to `int`; ``1500.0`` and NumPy integers are accepted.

    Raises:
        TypeError: *value* is no number, or a bool.
        ValueError: *value* has a fraction.
    """
    if isinstance(value, float):
        if value.is_integer():
            return int(value)
        msg = f"expected a whole number, got {value!r}"
        raise ValueError(msg)
    if isinstance(value, bool):
        msg = "expected a whole number, got bool"
        raise TypeError(msg)
    return operator.index(value)
