"""
Checks of what users put into commands: our spelling, never the service's rules.
"""

import operator
from typing import Any

import attrs

text = attrs.validators.instance_of(str)
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
