"""
Checks of what users put into commands: our spelling, never the service's rules.
"""

from __future__ import annotations

import operator
from typing import Any

import attrs


def text(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """
    Refuse what is no text.

    Raises:
        TypeError: It is none.
    """
    if not isinstance(value, str):
        remedy = ": give the id, item.id" if attribute.name == "item_id" else ""
        kind = type(value).__name__
        raise TypeError(f"{attribute.name} must be a str, not {kind}{remedy}")


maybe_text = attrs.validators.optional(text)


def whole(value: Any) -> int:
    """
    Return a whole number as `int`; ``1500.0`` and NumPy integers are whole.

    Raises:
        TypeError: Not a number, or a bool.
        ValueError: A number with a fraction.
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
