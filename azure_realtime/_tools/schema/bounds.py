"""
Bounds in the metadata of an `Annotated`: for the schema and for the check.

Metadata objects are recognized by their attributes, so no package is imported: those of
annotated_types (`Gt`, `Interval`, `MinLen` and so on), pydantic (`Field`,
`StringConstraints`) and msgspec (`Meta`) are supported.

Strictly private.
"""

from __future__ import annotations

import datetime
import decimal
import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

_LIMITS = (
    int,
    float,
    decimal.Decimal,
    datetime.date,
    datetime.time,
    datetime.timedelta,
)


def _is_multiple(value: Any, step: Any) -> bool:
    if isinstance(value, float) or isinstance(step, float):
        # in binary, 0.3 is no multiple of 0.1
        value, step = decimal.Decimal(str(value)), decimal.Decimal(str(step))
    return not value % step


def _matches(value: Any, pattern: str) -> bool:
    return not isinstance(value, str) or re.search(pattern, value) is not None


class _Kind(NamedTuple):
    """
    One kind of bound.

    Attributes:
        holds: Returns whether a value satisfies a limit.
        words: The expected value, for a message.
        keywords: The JSON Schema keyword by the schema's type.
        tighter: Returns the stricter of two limits.
    """

    holds: Callable[[Any, Any], bool]
    words: str
    keywords: dict[str, str]
    tighter: Callable[[Any, Any], Any] = lambda _, limit: limit


def _numeric(keyword: str) -> dict[str, str]:
    return {"number": keyword, "integer": keyword}


def _sized(prefix: str) -> dict[str, str]:
    return {
        "string": f"{prefix}Length",
        "array": f"{prefix}Items",
        "object": f"{prefix}Properties",
    }


_KINDS = {
    "gt": _Kind(operator.gt, "more than {}", _numeric("exclusiveMinimum"), max),
    "ge": _Kind(operator.ge, "at least {}", _numeric("minimum"), max),
    "lt": _Kind(operator.lt, "less than {}", _numeric("exclusiveMaximum"), min),
    "le": _Kind(operator.le, "at most {}", _numeric("maximum"), min),
    "multiple_of": _Kind(_is_multiple, "a multiple of {}", _numeric("multipleOf")),
    "min_length": _Kind(
        lambda value, limit: len(value) >= limit,
        "a length of at least {}",
        _sized("min"),
        max,
    ),
    "max_length": _Kind(
        lambda value, limit: len(value) <= limit,
        "a length of at most {}",
        _sized("max"),
        min,
    ),
    "pattern": _Kind(_matches, "text that matches {}", {"string": "pattern"}),
}


class Bound(NamedTuple):
    """
    A bound of a value.

    Attributes:
        name: The kind, by its name in annotated_types.
        limit: A number, a time, a length or a regular expression.
    """

    name: str
    limit: Any

    @property
    def words(self) -> str:
        """
        The expected value, for a message to the model.
        """
        return _KINDS[self.name].words.format(self.limit)

    def holds(self, value: Any) -> bool:
        """
        Whether *value* satisfies the bound, or the bound does not apply to its type.
        """
        try:
            return bool(_KINDS[self.name].holds(value, self.limit))
        except (TypeError, ArithmeticError):
            return True

    def add_to(self, schema: dict[str, Any]) -> None:
        """
        Add the bound to *schema*, if JSON Schema has a keyword for it.
        """
        for member in schema.get("anyOf", ()):
            self.add_to(member)
        kind = _KINDS[self.name]
        keyword = kind.keywords.get(schema.get("type", ""))
        # the length of base64 text is not the length of the bytes
        if keyword is None or "contentEncoding" in schema:
            return
        limit = self.limit
        if isinstance(limit, decimal.Decimal):
            limit = int(limit) if limit == limit.to_integral_value() else float(limit)
        if isinstance(limit, (int, float, str)):
            schema[keyword] = kind.tighter(schema.get(keyword, limit), limit)


def bounds_of(notes: Iterable[Any]) -> tuple[Bound, ...]:
    """
    Return the bounds in the metadata *notes*.
    """
    return tuple(
        Bound(name, limit)
        for note in _each(notes)
        for name in _KINDS
        for limit in [_limit(name, getattr(note, name, None))]
        if limit is not None
    )


def description_of(notes: Iterable[Any]) -> str | None:
    """
    Return the first description in the metadata *notes*.
    """
    for note in notes:
        # documentation: PEP 727's Doc("...")
        for text in (
            note,
            getattr(note, "documentation", None),
            getattr(note, "description", None),
        ):
            if isinstance(text, str) and text:
                return text
    return None


def _each(notes: Iterable[Any]) -> Iterator[Any]:
    for note in notes:
        if isinstance(note, (str, type)):
            continue
        yield note
        inner = getattr(note, "metadata", None)  # pydantic's Field
        if isinstance(inner, (list, tuple)):
            yield from inner


def _limit(name: str, limit: Any) -> Any:
    """
    Return *limit* if it is valid for that kind of bound, else None.
    """
    if name == "pattern":
        limit = getattr(limit, "pattern", limit)
        return limit if isinstance(limit, str) and _compiles(limit) else None
    if isinstance(limit, bool) or not isinstance(limit, _LIMITS):
        return None
    if isinstance(limit, float) and not math.isfinite(limit):
        return None
    if isinstance(limit, decimal.Decimal) and not limit.is_finite():
        return None
    if name.endswith("_length"):
        return limit if isinstance(limit, int) else None
    return limit


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:  # another dialect of regular expressions
        return False
    return True
