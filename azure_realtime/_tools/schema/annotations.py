"""
The arguments of functions and the fields of classes, with evaluated type hints.

1. Annotations kept as text (``from __future__ import annotations``) are evaluated in
   the scope of the function's definition. Classes local to an outer function are found
   while that function runs, as it does when a decorator is applied.
2. A description in an `Annotated` takes precedence over the docstring.

Strictly private.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast, get_origin

import attrs

from ...models._unset import UNSET
from .docstrings import Docstring, parse_docstring
from .hints import (
    NotRequired,
    Required,
    is_named_tuple,
    is_struct,
    is_typed_dict,
    text_of,
)

Names = Mapping[str, Any]


@attrs.frozen
class Field:
    """
    A field of a class.

    Attributes:
        name: The name of the constructor's argument.
        hint: The evaluated type hint.
        required: Whether the constructor needs it.
        default: The default; UNSET if there is none, or a factory makes it.
        description: The description for the model, if any.
    """

    name: str
    hint: Any
    required: bool
    default: Any = UNSET
    description: str | None = None


def underlying(function: Callable[..., Any]) -> Callable[..., Any]:
    """
    Return the plain function behind partials, wrappers, methods and callable objects.
    """
    inner: Any = function
    while True:
        if hasattr(inner, "__wrapped__"):
            inner = inner.__wrapped__
        elif isinstance(inner, functools.partial):
            inner = inner.func
        elif inspect.ismethod(inner):
            inner = inner.__func__
        elif isinstance(inner, type):
            inner = inner.__init__  # type: ignore[misc]
        elif not inspect.isroutine(inner) and inspect.ismethod(inner.__call__):
            inner = inner.__call__.__func__
        else:
            return cast(Callable[..., Any], inner)


def local_names(function: Callable[..., Any]) -> Names:
    """
    Return the names that annotations of *function* may use besides its module's names.
    """
    plain: Any = underlying(function)
    if not inspect.isfunction(plain) or "<locals>" not in plain.__qualname__:
        return {}
    if not any(isinstance(hint, str) for hint in plain.__annotations__.values()):
        return {}
    names: dict[str, Any] = {}
    for frame in reversed(list(_running_around(plain.__code__))):
        names |= frame.f_locals
    names |= inspect.getclosurevars(plain).nonlocals
    # types only: a tool must not keep the other local variables alive
    return {name: value for name, value in names.items() if _is_type(value)}


def _is_type(value: Any) -> bool:
    return isinstance(value, (type, types.ModuleType)) or (
        type(value).__module__ in ("types", "typing", "typing_extensions")
    )


def _running_around(code: types.CodeType) -> Iterator[types.FrameType]:
    """
    Yield the running frames of the functions that enclose *code*, innermost first.
    """
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_flags & inspect.CO_NEWLOCALS and _holds(frame.f_code, code):
            yield frame
        frame = frame.f_back


def _holds(outer: types.CodeType, inner: types.CodeType) -> bool:
    return any(
        const is inner or (isinstance(const, types.CodeType) and _holds(const, inner))
        for const in outer.co_consts
    )


def hints_of(what: Any, names: Names) -> dict[str, Any]:
    """
    Return the evaluated hints of a function or class.

    Raises:
        TypeError: An annotation that cannot be evaluated.
    """
    try:
        return typing.get_type_hints(what, localns=dict(names), include_extras=True)
    except NameError as exc:
        msg = (
            f"an annotation of {what.__qualname__} names {exc.name!r}, which is not "
            "known where the tool is registered: define it at module level, and import "
            "it outside of `if TYPE_CHECKING:`"
        )
        raise TypeError(msg) from exc


def fields_of(cls: type, names: Names) -> tuple[Field, ...]:
    """
    Return the fields of a dataclass, attrs class, TypedDict, NamedTuple or struct, in
    order.

    Raises:
        TypeError: An annotation that cannot be evaluated.
    """
    hints = hints_of(cls, names)
    texts = class_docstring(cls).arguments
    return tuple(
        attrs.evolve(
            field, description=text_of(field.hint) or texts.get(field.name.strip("_"))
        )
        for field in _fields_of(cls, hints)
    )


def class_docstring(cls: type) -> Docstring:
    """
    Parse the docstring of *cls*, unless a dataclass has generated it.
    """
    text = cls.__dict__.get("__doc__")
    if text and text.startswith(f"{cls.__name__}("):
        return Docstring()
    return parse_docstring(text)


def _fields_of(cls: type, hints: dict[str, Any]) -> Iterator[Field]:
    if is_typed_dict(cls):
        for name, hint in hints.items():
            yield Field(name, hint, _is_required(cls, name, hint))
    elif is_named_tuple(cls) or is_struct(cls):
        empty = inspect.Parameter.empty
        for name, parameter in inspect.signature(cls).parameters.items():
            yield _with_default(name, hints.get(name, Any), parameter.default, empty)
    elif attrs.has(cls):
        for attribute in attrs.fields(cls):
            if attribute.init:
                hint = hints.get(attribute.name, Any)
                yield _with_default(
                    cast(str, attribute.alias), hint, attribute.default, attrs.NOTHING
                )
    else:
        for field in dataclasses.fields(cls):
            if field.init:
                default = field.default
                if field.default_factory is not dataclasses.MISSING:
                    default = attrs.Factory(field.default_factory)
                hint = hints.get(field.name, Any)
                yield _with_default(field.name, hint, default, dataclasses.MISSING)


def _with_default(name: str, hint: Any, default: Any, missing: Any) -> Field:
    if default is missing:
        return Field(name, hint, required=True)
    is_made = isinstance(default, attrs.Factory)  # type: ignore[arg-type]
    return Field(name, hint, False, UNSET if is_made else default)


def _is_required(cls: Any, name: str, hint: Any) -> bool:
    # read from the hint: __required_keys__ is wrong where annotations are text
    origin = get_origin(hint)
    if origin in (Required, NotRequired):
        return origin is Required
    return name in cls.__required_keys__
