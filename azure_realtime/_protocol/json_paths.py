"""
The path to a value that has no JSON form, for the error text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any


def path_to_invalid(value: Any) -> str:
    """
    Return the path to the first value within *value* that has no JSON form, such as
    ``session.tools[0].name``; "" if there is none.
    """
    try:
        return (_path(value) or "").removeprefix(".")
    except RecursionError:  # it contains itself
        return ""


def _path(value: Any) -> str | None:
    """
    Return the path; "" for *value* itself, None if all of it has a JSON form.
    """
    if value is None or isinstance(value, (str, int)):
        return None
    if isinstance(value, float):
        return None if math.isfinite(value) else ""
    inner: Iterable[tuple[str, Any]]
    if isinstance(value, Mapping):
        inner = ((f".{key}", member) for key, member in value.items())
    elif isinstance(value, (list, tuple)):
        inner = ((f"[{index}]", member) for index, member in enumerate(value))
    else:
        return ""
    for name, member in inner:
        path = _path(member)
        if path is not None:
            return name + path
    return None
