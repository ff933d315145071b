"""
Recognition of classes with their own JSON schema and validation: those of pydantic.

Models are recognized by their methods; pydantic is not imported. Its dataclasses and
its other types (`HttpUrl`, `SecretStr`) need its `TypeAdapter`: a program that
has such a class has imported pydantic.

Strictly private.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, get_origin


def is_model(hint: Any) -> bool:
    """
    Whether *hint* is a class with its own JSON schema and validation.
    """
    return _is_base_model(hint) or _needs_adapter(get_origin(hint) or hint)


def adapter_of(hint: Any) -> Any:
    """
    Return an object with the methods of pydantic's `TypeAdapter`.

    Raises:
        Exception: pydantic has no schema for it.
    """
    if _is_base_model(hint):
        return _ModelAdapter(hint)
    return sys.modules["pydantic"].TypeAdapter(hint)


def dumper_of(value: Any) -> Callable[[Any], Any] | None:
    """
    Return the function that converts *value* to JSON values, or at least to fields;
    None if it is no instance of such a class. Any thread.
    """
    cls = type(value)
    if callable(getattr(cls, "model_dump", None)):
        return _dumped
    if hasattr(cls, "__is_pydantic_dataclass__"):
        return _serialized
    if cls.__module__.partition(".")[0] == "pydantic" and _needs_adapter(cls):
        return str  # an address, or the asterisks of a secret
    return None


class _ModelAdapter:
    def __init__(self, cls: Any) -> None:
        self.json_schema = cls.model_json_schema
        self.validate_python = cls.model_validate
        self.validate_json = getattr(cls, "model_validate_json", None)


def _is_base_model(hint: Any) -> bool:
    return isinstance(hint, type) and all(
        callable(getattr(hint, name, None))
        for name in ("model_json_schema", "model_validate")
    )


def _needs_adapter(cls: Any) -> bool:
    return (
        isinstance(cls, type)
        and "pydantic" in sys.modules
        and any(
            hasattr(cls, name)
            for name in ("__is_pydantic_dataclass__", "__get_pydantic_core_schema__")
        )
    )


def _dumped(model: Any) -> Any:
    # by alias, as in the schema of the arguments
    for options in ({"mode": "json", "by_alias": True}, {"by_alias": True}):
        try:
            return model.model_dump(**options)
        except Exception:  # pydantic has no JSON form for the type of a field
            continue
    return model.model_dump()


def _serialized(value: Any) -> Any:
    # no TypeAdapter: pydantic imports modules when it makes one
    serializer = type(value).__pydantic_serializer__
    return serializer.to_python(value, mode="json", by_alias=True)
