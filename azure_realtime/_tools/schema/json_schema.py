"""
JSON Schema for type hints, and a short description of a schema.

The schemas use only what all services support: no ``$ref``; lists always have
``items``; fixed-length lists have ``prefixItems`` (JSON Schema 2020-12) and also
``items``.

Strictly private.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import decimal
import json
import pathlib
import uuid
from collections.abc import Mapping
from typing import Any, get_args

from ...models._unset import UNSET
from .annotations import Names
from .fields import Field, class_docstring, fields_of
from .hints import (
    ARRAYS,
    as_choice,
    choices_of,
    is_array,
    is_enum,
    is_literal,
    is_mapping,
    is_record,
    is_union,
    items_of,
    members_of,
    origin_of,
    unwrap,
)
from .models import model_schema
from .pydantic_types import is_model
from .to_json import brief_json, to_json

Schema = dict[str, Any]

SCALARS: Mapping[Any, Schema] = {
    Any: {},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    None: {"type": "null"},
    type(None): {"type": "null"},
    datetime.datetime: {"type": "string", "format": "date-time"},
    datetime.date: {"type": "string", "format": "date"},
    datetime.time: {"type": "string", "format": "time"},
    datetime.timedelta: {"type": "string", "format": "duration"},
    uuid.UUID: {"type": "string", "format": "uuid"},
    decimal.Decimal: {"type": "number"},
    bytes: {"type": "string", "contentEncoding": "base64"},
    bytearray: {"type": "string", "contentEncoding": "base64"},
    pathlib.Path: {"type": "string"},
    pathlib.PurePath: {"type": "string"},
}

_TYPE_NAMES: Mapping[type, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}


class SchemaMaker:
    """
    Makes the schemas for the hints of one function.

    Args:
        names: Names for annotations, besides those of the classes' own modules.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self._open: list[type] = []

    def schema(self, hint: Any) -> Schema:
        """
        Return the schema of the JSON values that become a value of type *hint*.

        Raises:
            TypeError: A hint has no JSON form, or a class contains itself.
        """
        hint, text, bounds = unwrap(hint)
        schema = self._schema(hint)
        for bound in bounds:
            bound.add_to(schema)
        return described(schema, text)

    def _schema(self, hint: Any) -> Schema:
        if is_union(hint):
            return self._union(hint)
        if isinstance(hint, (list, dict, set)):  # x: [int]
            raise TypeError(_no_form(hint))
        if is_literal(hint) or is_enum(hint):
            return _choices(hint)
        if is_array(hint):
            return self._array(hint)
        if is_mapping(hint):
            return self._mapping(hint)
        if is_model(hint):
            return model_schema(hint)
        if is_record(hint):
            return self._record(hint)
        try:
            return dict(SCALARS[hint])
        except (KeyError, TypeError):
            pass
        raise TypeError(_no_form(hint))

    def _union(self, hint: Any) -> Schema:
        members: list[Schema] = []
        text: str | None = None
        for member in members_of(hint):
            schema = self.schema(member)
            if not schema:
                return {}
            parts = [schema]
            if schema.keys() <= {"anyOf", "description"} and "anyOf" in schema:
                text = text or schema.get("description")  # a nested union
                parts = schema["anyOf"]
            members += [part for part in parts if part not in members]
        if len(members) == 1:
            return members[0]
        if text:
            return {"anyOf": members, "description": text}
        solid = [schema for schema in members if schema != {"type": "null"}]
        if len(solid) == 1 and "enum" not in solid[0]:
            return described({"anyOf": members}, solid[0].pop("description", None))
        return {"anyOf": members}

    def _array(self, hint: Any) -> Schema:
        first, others = items_of(hint)
        if others is not None:
            schema: Schema = {"type": "array", "items": self.schema(others)}
        else:
            each = [self.schema(item) for item in first]
            same = all(schema == each[0] for schema in each)
            schema = {
                "type": "array",
                "prefixItems": each,
                # for services that do not support prefixItems
                "items": each[0] if same else {"anyOf": each},
                "minItems": len(each),
                "maxItems": len(each),
            }
            if same:
                del schema["prefixItems"]
        kind = ARRAYS[origin_of(hint)]
        if issubclass(kind, (set, frozenset)):
            _check_hashable(hint, others)
        return {**schema, "uniqueItems": True} if kind in (set, frozenset) else schema

    def _mapping(self, hint: Any) -> Schema:
        key, value = get_args(hint) or (str, Any)
        keys = self.schema(key)
        schema: Schema = {"type": "object"}
        if keys.get("type", "string") != "string" or "anyOf" in keys:
            msg = f"{_name(hint)} has no JSON form: names in a JSON object are text"
            raise TypeError(msg)
        if keys not in ({}, {"type": "string"}):
            schema["propertyNames"] = keys
        schema["additionalProperties"] = self.schema(value) or True
        return schema

    def _record(self, hint: Any) -> Schema:
        cls = origin_of(hint)
        if cls in self._open:
            msg = f"{cls.__name__} contains itself; a tool's schema must have an end"
            raise TypeError(msg)
        self._open.append(cls)
        try:
            schema = self.record(fields_of(hint, self.names))
        finally:
            self._open.pop()
        return described(schema, class_docstring(cls).description)

    def record(self, fields: tuple[Field, ...], others: Any = None) -> Schema:
        """
        Return the schema of an object.

        Args:
            fields: The fields of the object.
            others: The hint of fields with other names; None allows none.

        Raises:
            TypeError: A hint has no JSON form.
        """
        properties = {field.name: self._property(field) for field in fields}
        schema: Schema = {"type": "object", "properties": properties}
        if required := [field.name for field in fields if field.required]:
            schema["required"] = required
        schema["additionalProperties"] = (
            False if others is None else self.schema(others) or True
        )
        return schema

    def _property(self, field: Field) -> Schema:
        try:
            schema = described(self.schema(field.hint), field.description)
        except TypeError as exc:
            msg = f"{field.name}: {exc}"
            raise TypeError(msg) from exc
        if field.default is not UNSET:
            # a default without JSON form is not shown to the model
            with contextlib.suppress(TypeError, ValueError):
                schema["default"] = json.loads(to_json(field.default))
        # in the form of an argument, which differs from the form of a result
        if isinstance(field.default, decimal.Decimal) and field.default.is_finite():
            schema["default"] = float(field.default)
        elif isinstance(field.default, (bytes, bytearray)):
            schema["default"] = base64.b64encode(field.default).decode("ascii")
        return schema


def described(schema: Schema, text: str | None) -> Schema:
    """
    Return *schema* with the description *text*, if any, instead of its own.
    """
    if not text:
        return schema
    # the description of an enumeration has the meanings of the choices
    if "enum" in schema and "description" in schema:
        text = f"{text} ({schema['description']})"
    return {**schema, "description": text}


def in_words(schema: Schema) -> str:
    """
    Return a short description of the values that *schema* allows, for the model.
    """
    if "enum" in schema:
        choices = ", ".join(brief_json(choice) for choice in schema["enum"])
        return choices if len(schema["enum"]) == 1 else f"one of {choices}"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(in_words(part) for part in schema["anyOf"]))
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    if "contentEncoding" in schema:
        return "base64 text"
    return _TYPES.get(schema.get("type", ""), "anything")


_TYPES = {
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "null": "null",
    "array": "a list",
    "object": "an object",
}
_FORMATS = {
    "date-time": "a date and time as in 2030-12-31T23:59:00Z",
    "date": "a date as in 2030-12-31",
    "time": "a time as in 23:59:00",
    "duration": "a duration as in PT1H30M",
    "uuid": "a UUID",
}


def _check_hashable(hint: Any, item: Any) -> None:
    cls: Any = origin_of(unwrap(item).hint)
    if isinstance(cls, type) and getattr(cls, "__hash__", None) is None:
        msg = f"{_name(hint)}: {_name(cls)} is not hashable: take a list instead"
        raise TypeError(msg)


def _choices(hint: Any) -> Schema:
    pairs = choices_of(hint)
    words = [word for word, _ in pairs]
    schema: Schema = {"enum": words}
    types = {type(word) for word in words}
    if len(types) == 1:
        schema = {"type": _TYPE_NAMES[type(words[0])], **schema}
    if is_enum(hint) and types != {str}:
        # not the combinations of flags, which have no names of their own
        names = ((as_choice(member), member.name) for member in hint)
        meant = ", ".join(f"{word} is {name}" for word, name in names)
        schema["description"] = meant
    return schema


def _no_form(hint: Any) -> str:
    return (
        f"{_name(hint)} has no JSON form; use str, int, float, bool, list, dict, set, "
        "tuple, bytes, Optional, Union, Literal, Enum, date, datetime, time, "
        "timedelta, Decimal, UUID, Path, a dataclass, an attrs class, a TypedDict, a "
        "NamedTuple, a msgspec Struct or a pydantic model, or hide the argument from "
        "the model with functools.partial"
    )


def _name(hint: Any) -> str:
    # in Python 3.10, isinstance(dict[int, str], type) is True
    is_class = isinstance(hint, type) and not get_args(hint)
    return hint.__qualname__ if is_class else str(hint)
