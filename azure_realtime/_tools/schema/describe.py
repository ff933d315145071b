"""
The description of a Python function for the model.

It is made from the function's name, docstring and type hints. Strictly private.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any, get_args

import attrs

from ..._logging import logger
from .annotations import (
    Names,
    evaluated,
    layers,
    local_names,
    scope_of,
    underlying,
)
from .arguments import ArgumentReader, ReadObject
from .defaults import noted_default, read_default
from .docstrings import Docstring, parse_docstring
from .fields import Field, class_docstring, fields_of, with_default
from .hints import is_unpacked, notes_of, text_of
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
    if description is None and sys.flags.optimize >= 2:
        _warn_without_docstrings()
    try:
        _refuse_layers(function)
        names = local_names(function)
        docstring = _docstring(function)
        fields, others = _arguments(function, names, docstring)
        schemas = SchemaMaker(names)
        parameters = schemas.record(fields, others)
        read = ArgumentReader(schemas).record(fields, others, _bound(function))
        structure = _structure(read, parameters)
    except (TypeError, RecursionError) as exc:  # type X = list[X]
        endless = "a type contains itself; a tool's schema must have an end"
        reason = exc if isinstance(exc, TypeError) else endless
        msg = f"{name} cannot be a tool: {reason}"
        raise TypeError(msg) from exc
    return ToolDescription(
        name, description or docstring.description, parameters, structure
    )


@functools.cache  # once
def _warn_without_docstrings() -> None:
    logger.warning(
        "Python runs with -OO, which removes docstrings: the model gets tools without "
        "descriptions. Run it with -O, or pass description= to client.tool."
    )


def _own_name(function: Any) -> str:
    if not callable(function):
        msg = f"a tool is a function, not {type(function).__name__}"
        if isinstance(function, (classmethod, functools.partialmethod)):
            msg += ": register it after the class, as a method of the class or object"
        elif isinstance(function, str):
            msg += ": give the name as name=..."
        raise TypeError(msg)
    name = getattr(function, "__name__", None)
    if not isinstance(name, str):  # a proxy has an attribute of any name
        is_partial = isinstance(function, functools.partial)
        name = "" if is_partial else type(function).__name__
    if not name.isidentifier():
        msg = f"{function!r} has no name of its own: pass name="
        raise ValueError(msg)
    return name


def _refuse_layers(function: Callable[..., Any]) -> None:
    # each layer: an async decorator may be around a plain function, or a plain one,
    # which returns the coroutine, around an async function
    for layer in layers(function):
        if inspect.iscoroutinefunction(layer) or inspect.isasyncgenfunction(layer):
            msg = (
                "it is async, or wraps an async function, and tools run without an "
                "event loop: pass a plain function that calls asyncio.run(), without "
                "functools.wraps"
            )
            raise TypeError(msg)
        if inspect.isgeneratorfunction(layer):
            msg = (
                "it is a generator function, or wraps one, and a result is one value: "
                "pass a function that returns a list, without functools.wraps"
            )
            raise TypeError(msg)
        if getattr(layer, "__globals__", None) is vars(functools) and hasattr(
            layer, "register"
        ):
            msg = (
                "singledispatch takes its first argument by position, and the model "
                "passes arguments by name: call it in a plain function, without "
                "functools.wraps"
            )
            raise TypeError(msg)


def _docstring(function: Callable[..., Any]) -> Docstring:
    plain = underlying(function)
    text = inspect.getdoc(plain)
    # an undocumented __call__ inherits the sentence of `type.__call__`
    own = parse_docstring(None if text == type.__call__.__doc__ else text)
    holder = function.func if isinstance(function, functools.partial) else function
    if inspect.isroutine(holder):
        return own
    # a class, or an object with __call__: its class may be documented instead
    cls = holder if isinstance(holder, type) else type(holder)
    of_class = class_docstring(cls)
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
    bound = _bound(function)
    if isinstance(function, functools.partial):
        # without __wrapped__, which update_wrapper() sets, and signature() follows
        function = functools.partial(function.func, *function.args, **bound)
    try:
        parameters = _parameters(function)
    except Exception as exc:  # there is none, or a foreign __signature__ raises
        msg = f"its signature is unknown ({exc}): wrap it in a Python function"
        raise TypeError(msg) from exc
    scope = scope_of(function)
    named = function if isinstance(function, type) else underlying(function)
    owner = getattr(named, "__qualname__", type(function).__qualname__)
    fields: list[Field] = []
    others: Any = None
    for parameter in parameters:
        if _is_passed_by_name(parameter) and parameter.name not in bound:
            hint: Any = Any
            if parameter.annotation is not _Parameter.empty:
                hint = evaluated(
                    parameter.annotation, parameter.name, owner, scope, names
                )
            if parameter.kind is not _Parameter.VAR_KEYWORD:
                fields.append(_field(parameter, hint, docstring))
            elif is_unpacked(hint):  # **kwargs: Unpack[SomeTypedDict]
                fields += fields_of(get_args(hint)[0], names)
            else:
                others = hint
    return tuple(fields), others


def _parameters(function: Any) -> Collection[_Parameter]:
    """
    Return the parameters; those of the wrapped function if a wrapper takes any.
    """
    call = inspect.getattr_static(type(function), "__call__", None)
    if isinstance(call, (staticmethod, classmethod)):
        function = function.__call__  # inspect.signature() leaves out an argument
    with contextlib.suppress(ValueError):  # of functools.lru_cache
        own = inspect.signature(function, follow_wrapped=False).parameters.values()
        if all(p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in own):
            return own
    return inspect.signature(function).parameters.values()


def _bound(function: Callable[..., Any]) -> Mapping[str, Any]:
    """
    Return the named arguments that a partial binds.
    """
    return function.keywords if isinstance(function, functools.partial) else {}


def _is_passed_by_name(parameter: _Parameter) -> bool:
    """
    Whether the model can pass the argument; False if it can be left out.

    Raises:
        TypeError: It can neither be passed nor left out.
    """
    if parameter.kind is _Parameter.VAR_POSITIONAL:
        msg = (
            f"*{parameter.name} has no names for its arguments: take a list; if it is "
            "a decorator's, use functools.wraps in the decorator"
        )
        raise TypeError(msg)
    if parameter.kind is not _Parameter.POSITIONAL_ONLY:
        return True
    if parameter.default is not _Parameter.empty:
        return False
    msg = f"{parameter.name} is positional-only, and the model passes arguments by name"
    raise TypeError(msg)


def _field(parameter: _Parameter, hint: Any, docstring: Docstring) -> Field:
    default = read_default(parameter.default)
    if default.required and default.note is None:
        if parameter.name in ("self", "cls") and hint is Any:
            msg = "it is a method without its object: register obj.method"
            raise TypeError(msg)
        default = noted_default(notes_of(hint))
    field = with_default(parameter.name, hint, default)
    text = text_of(field.hint) or docstring.arguments.get(parameter.name)
    return attrs.evolve(field, description=text)


def _structure(
    read: ReadObject, parameters: Schema
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
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
