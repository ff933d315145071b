"""
The description of a Python function for the model.

It is made from the function's name, docstring and type hints. Strictly private.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Optional

import attrs

from ...models._unset import UNSET
from .annotations import Field, Names, hints_of, local_names, underlying
from .arguments import ArgumentReader
from .docstrings import Docstring, parse_docstring
from .hints import text_of
from .json_schema import Schema, SchemaMaker, in_words
from .to_json import brief_json

_Parameter = inspect.Parameter


@attrs.frozen
class ToolDescription:
    """
    The description of a function for the model.

    Attributes:
        name: The name of the function.
        description: Its description, if any.
        parameters: JSON schema of the arguments.
        structure: Converts a JSON object to keyword arguments; raises ValueError, with
            a message for the model, if they are not valid. Any thread.
    """

    name: str
    description: str | None
    parameters: Schema
    structure: Callable[[Mapping[str, Any]], dict[str, Any]] = attrs.field(repr=False)


def describe(
    function: Callable[..., Any],
    *,
    name: str | None = None,
    description: str | None = None,
) -> ToolDescription:
    """
    Return the description of *function* for the model.

    Args:
        function: A function, bound method, partial or callable object. Arguments that
            a partial binds are hidden from the model.
        name: Replaces the function's name.
        description: Replaces the description in the docstring.

    Raises:
        TypeError: The function cannot be called with named arguments from JSON; the
            message says why.
        ValueError: The function has no name, and none is given.
    """
    if name is None:
        name = _own_name(function)
    try:
        _refuse_async(function)
        names = local_names(function)
        docstring = _docstring(function)
        fields, others = _arguments(function, names, docstring)
        schemas = SchemaMaker(names)
        parameters = schemas.record(fields, others)
        structure = _structure(ArgumentReader(schemas), fields, others, parameters)
    except TypeError as exc:
        msg = f"{name} cannot be a tool: {exc}"
        raise TypeError(msg) from exc
    return ToolDescription(
        name, description or docstring.description, parameters, structure
    )


def _own_name(function: Any) -> str:
    if not callable(function):
        msg = f"a tool is a function, not {type(function).__name__}"
        raise TypeError(msg)
    name = getattr(function, "__name__", None)
    if name is None and not isinstance(function, functools.partial):
        name = type(function).__name__
    if name is None or not name.isidentifier():
        msg = f"{function!r} has no name of its own: pass name="
        raise ValueError(msg)
    return str(name)


def _refuse_async(function: Callable[..., Any]) -> None:
    plain = underlying(function)
    if inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain):
        msg = (
            "it is async, and tools run without an event loop: wrap it in a plain "
            "function that calls asyncio.run()"
        )
        raise TypeError(msg)


def _docstring(function: Callable[..., Any]) -> Docstring:
    plain = underlying(function)
    own = parse_docstring(inspect.getdoc(plain))
    holder = function.func if isinstance(function, functools.partial) else function
    if inspect.isroutine(holder):
        return own
    # a class, or an object with __call__: its class may be documented instead
    cls = holder if isinstance(holder, type) else type(holder)
    of_class = parse_docstring(cls.__dict__.get("__doc__"))
    return Docstring(
        of_class.description
        if isinstance(holder, type)
        else own.description or of_class.description,
        {**of_class.arguments, **own.arguments},
    )


def _arguments(
    function: Callable[..., Any], names: Names, docstring: Docstring
) -> tuple[tuple[Field, ...], Any]:
    """
    Return the arguments for the model, and the hint of ``**kwargs`` (None without).
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError as exc:
        msg = "its signature is unknown: wrap it in a Python function"
        raise TypeError(msg) from exc
    hints = hints_of(underlying(function), names)
    bound = function.keywords if isinstance(function, functools.partial) else {}
    fields: list[Field] = []
    others: Any = None
    for parameter in parameters:
        hint = hints.get(parameter.name, Any)
        if parameter.kind is _Parameter.VAR_KEYWORD:
            others = hint
        elif parameter.kind is _Parameter.VAR_POSITIONAL:
            msg = f"*{parameter.name} has no names for its arguments: take a list"
            raise TypeError(msg)
        elif parameter.kind is _Parameter.POSITIONAL_ONLY:
            if parameter.default is _Parameter.empty:
                msg = (
                    f"{parameter.name} is positional-only, and the model passes "
                    "arguments by name"
                )
                raise TypeError(msg)
        elif parameter.name not in bound:
            fields.append(_field(parameter, hint, docstring))
    return tuple(fields), others


def _field(parameter: _Parameter, hint: Any, docstring: Docstring) -> Field:
    required = parameter.default is _Parameter.empty
    if required and parameter.name in ("self", "cls") and hint is Any:
        msg = "it is a method without its object: register obj.method"
        raise TypeError(msg)
    text = text_of(hint) or docstring.arguments.get(parameter.name)
    if parameter.default is None:
        hint = Optional[hint]  # noqa: UP045  # Python 3.10 says so itself
    default = UNSET if required else parameter.default
    return Field(parameter.name, hint, required, default, text)


def _structure(
    reader: ArgumentReader, fields: tuple[Field, ...], others: Any, parameters: Schema
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    read = reader.record(fields, others)
    reminder = _reminder(parameters)

    def structure(arguments: Any) -> dict[str, Any]:
        if not isinstance(arguments, Mapping):
            msg = f"the arguments must be a JSON object, got {brief_json(arguments)}"
            raise ValueError(f"{msg}. {reminder}")
        values, problems = read(arguments)
        if problems:
            msg = "; ".join(str(problem) for problem in problems)
            raise ValueError(f"{msg}. {reminder}")
        return values

    return structure


def _reminder(parameters: Schema) -> str:
    """
    Return one sentence that lists the arguments, for error messages.
    """
    required = parameters.get("required", ())
    known = [
        f"{name} ({in_words(schema)}{'' if name in required else ', optional'})"
        for name, schema in parameters["properties"].items()
    ]
    if parameters["additionalProperties"] is not False:
        known.append("others by any name")
    return f"Expected arguments: {', '.join(known) or 'none'}."
