"""
The fields of classes: of a dataclass, attrs class, TypedDict, NamedTuple or struct.

A description in an `Annotated` takes precedence over the docstring. Strictly private.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    Optional,
    cast,
    get_args,
    get_origin,
)

import attrs

from ...models._unset import UNSET
from .annotations import Names, hints_of
from .defaults import Default, read_default
from .docstrings import Docstring, parse_docstring
from .hints import (
    NotRequired,
    Required,
    filled,
    is_named_tuple,
    is_struct,
    is_typed_dict,
    is_unset,
    origin_of,
    text_of,
)


@attrs.frozen
class Field:
    """
    An argument of a function, or a field of a class.

    Attributes:
        name: The name in the JSON object.
        hint: The evaluated type hint.
        required: Whether the model must pass it.
        default: The default for the schema; UNSET if there is none, or a factory makes
            it.
        description: The description for the model, if any.
        make: Makes the value if the model leaves it out; None leaves it to the function
            or class.
        parameter: The name of the function's or constructor's argument; None if there
            is none.
    """

    name: str
    hint: Any
    required: bool
    default: Any = UNSET
    description: str | None = None
    make: Callable[[], Any] | None = None
    parameter: str | None = attrs.field()

    @parameter.default
    def _same_name(self) -> str:
        return self.name


def fields_of(hint: Any, names: Names) -> tuple[Field, ...]:
    """
    Return the fields of a class, or of a generic class with its arguments, in order.

    Raises:
        TypeError: An annotation that cannot be evaluated.
    """
    cls = origin_of(hint)
    evaluate = hints_of(cls, names)
    variables = _variables(hint)
    texts = class_docstring(cls).arguments
    return tuple(
        attrs.evolve(
            field,
            hint=filled(field.hint, variables),
            description=text_of(field.hint)
            or texts.get((field.parameter or "").strip("_")),
        )
        for field in _fields_of(cls, evaluate)
    )


def class_docstring(cls: type) -> Docstring:
    """
    Parse the docstring of *cls*, unless a dataclass has generated it.
    """
    text = cls.__dict__.get("__doc__")
    if isinstance(text, str) and text.startswith(f"{cls.__name__}("):
        return Docstring()
    return parse_docstring(text)


def _fields_of(cls: Any, hint: Callable[[str], Any]) -> Iterator[Field]:
    if is_typed_dict(cls):
        for name in cls.__annotations__:
            yield Field(name, hint(name), _is_required(cls, name, hint(name)))
    elif is_struct(cls):
        yield from _fields_of_struct(cls, hint)
    elif attrs.has(cls):
        for attribute in attrs.fields(cls):
            if attribute.init:
                default = _of_class(attribute.default, attrs.NOTHING)
                name = cast(str, attribute.alias)
                yield with_default(name, hint(attribute.name), default)
    else:  # the constructor's: it has also the InitVar of a dataclass
        constructor = (
            cls if is_named_tuple(cls) else functools.partial(cls.__init__, None)
        )
        for name, parameter in inspect.signature(constructor).parameters.items():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            inner = hint(name)
            if isinstance(inner, dataclasses.InitVar):
                inner = inner.type
            default = _of_class(_default_of(cls, parameter), parameter.empty)
            yield with_default(name, inner, default)


def _fields_of_struct(cls: Any, hint: Callable[[str], Any]) -> Iterator[Field]:
    """
    Yield the fields with the names that msgspec encodes, and the tag.
    """
    config = cls.__struct_config__
    if config.tag is not None:
        tag: Any = Literal[config.tag]
        yield Field(config.tag_field, tag, required=True, parameter=None)
    encoded = dict(
        zip(cls.__struct_fields__, cls.__struct_encode_fields__, strict=True)
    )
    for name, parameter in inspect.signature(cls).parameters.items():
        default = _of_class(parameter.default, parameter.empty)
        if is_unset(default.value):
            default = Default()
        field = with_default(encoded[name], hint(name), default)
        yield attrs.evolve(field, parameter=name)


def _default_of(cls: Any, parameter: inspect.Parameter) -> Any:
    """
    Return the default of a constructor's argument; a Factory if it is made.
    """
    field = getattr(cls, "__dataclass_fields__", {}).get(parameter.name)
    if field is not None and callable(field.default_factory):
        return attrs.Factory(field.default_factory)
    return parameter.default


def _of_class(default: Any, missing: Any) -> Default:
    """
    Return a default that the class applies, unless an object describes it.
    """
    if default is missing:
        return Default(required=True)
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        return Default()
    return read_default(default)


def with_default(name: str, hint: Any, default: Default) -> Field:
    """
    Return a field with that default, and with the bounds that come with it.
    """
    if default.value is None:
        hint = Optional[hint]  # noqa: UP045  # Python 3.10 says so itself
    if default.note is not None:
        hint = Annotated[hint, default.note]
    return Field(name, hint, default.required, default.value, make=default.make)


def _is_required(cls: Any, name: str, hint: Any) -> bool:
    # read from the hint: __required_keys__ is wrong where annotations are text
    origin = get_origin(hint)
    if origin in (Required, NotRequired):
        return origin is Required
    return name in cls.__required_keys__


def _variables(hint: Any) -> Mapping[Any, Any]:
    """
    Return the types for the type variables of a generic class and its bases.
    """
    cls = origin_of(hint)
    made = dict(zip(getattr(cls, "__parameters__", ()), get_args(hint), strict=False))
    for base in getattr(cls, "__orig_bases__", ()):
        if get_origin(base) not in (None, Generic):
            made |= _variables(filled(base, made))
    return made
