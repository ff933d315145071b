"""
JSON schema and validation of the classes that have their own: those of pydantic.

Strictly private.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .pydantic_types import adapter_of
from .to_json import to_json

Schema = dict[str, Any]


def model_schema(hint: Any) -> Schema:
    """
    Return the schema of a model with all ``$ref`` replaced by their definitions.

    Raises:
        TypeError: The model has no JSON schema, or contains itself.
    """
    try:
        schema = dict(adapter_of(hint).json_schema())
    except Exception as exc:
        reason = str(exc).partition("\n")[0]  # an address for details follows
        msg = f"{getattr(hint, '__qualname__', hint)} has no JSON schema: {reason}"
        raise TypeError(msg) from exc
    made: Schema = _inlined(schema, schema.pop("$defs", {}), ())
    return made


def _inlined(node: Any, definitions: Schema, inside: tuple[str, ...]) -> Any:
    if isinstance(node, list):
        return [_inlined(item, definitions, inside) for item in node]
    if not isinstance(node, dict):
        return node
    made: Schema = {}
    reference = node.get("$ref")
    # a field may be called "$ref": then the value is its schema
    name = reference.rpartition("/")[2] if isinstance(reference, str) else ""
    if name in definitions:
        if name in inside:
            msg = f"{name} contains itself; a tool's schema must have an end"
            raise TypeError(msg)
        made = _inlined(definitions[name], definitions, (*inside, name))
    for key, value in node.items():
        # the mapping of a discriminator refers to the removed definitions
        is_mapping = (
            key == "discriminator" and isinstance(value, dict) and "mapping" in value
        )
        # a default or bound that is infinite or not a number
        is_finite = not isinstance(value, float) or math.isfinite(value)
        if is_finite and not is_mapping and not (key == "$ref" and name in definitions):
            made[key] = _inlined(value, definitions, inside)
    return made


def model_maker(hint: Any) -> Callable[[Any], Any]:
    """
    Return the function that makes a model from a JSON value; it raises the errors of
    its class.
    """
    adapter = adapter_of(hint)
    from_json = adapter.validate_json
    if not callable(from_json):
        make: Callable[[Any], Any] = adapter.validate_python
        return make
    # from JSON, a strict model accepts dates as text
    return lambda value: from_json(to_json(value))


def problem_of(error: Exception) -> tuple[str, tuple[str | int, ...]] | None:
    """
    Return the first message and path in a model's validation error; None for another
    error.
    """
    try:
        first = error.errors()[0]  # type: ignore[attr-defined]
        return str(first["msg"]), tuple(first["loc"])
    except Exception:  # not an error of pydantic's kind
        return None
