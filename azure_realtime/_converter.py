"""
Models and plain JSON values, in both directions: the one user of cattrs.

Receiving (structuring):

1. A model can be made of any value whatever. What is missing or ill-typed becomes
   the field's honest empty value, and is told in ``problems``.
2. Below a model, hooks are strict and raise: ``"5"`` is no int, ``0`` no bool. The
   model's own hook turns that into rule 1.
3. Unions are open: a ``type`` nobody knows makes the ``Unknown...`` member.

Sending (unstructuring):

4. A field whose value is its default of None or UNSET is left out; any other None
   is null. ``type`` goes first.

Hooks are made at first use, by cattrs, and are safe to make from many threads.
"""

import contextlib
import functools
import operator
import types
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin

import attrs
import cattrs

from ._model import Model
from ._session_shape import (
    RESPONSE_PATHS,
    SESSION_PATHS,
    flat_tool_choice,
    flatten,
    nest,
)
from ._unset import UNSET, Unset
from .events import ClientEvent, ServerEvent
from .responses import Response, ResponseConfig, StatusDetails
from .session import Session, SessionConfig
from .tool_specs import UnknownTool
from .turn_detection import UnknownTurnDetection
from .content import UnknownPart
from .items import UnknownItem

E = TypeVar("E", bound=ServerEvent)
Hook = Callable[[Any, Any], Any]
Values = dict[str, Any]

_MISSING: Any = object()
_OPEN = (UnknownItem, UnknownPart, UnknownTool, UnknownTurnDetection)


class Partial(Exception):  # noqa: N818  # a result, not a failure
    """
    A sequence was read in part.

    Attributes:
        value: What could be read of it.
        problems: What could not.
    """

    def __init__(self, value: Any, problems: list[str]) -> None:
        super().__init__(problems)
        self.value = value
        self.problems = problems


def make_converter() -> cattrs.Converter:
    """
    Return the converter, with all its hooks.
    """
    converter = cattrs.Converter(detailed_validation=False)
    for configure in (
        configure_primitives,
        configure_containers,
        configure_unions,
        configure_models,
        configure_shapes,
        configure_sending,
    ):
        configure(converter)
    return converter


def _expected(what: str, value: Any) -> TypeError:
    return TypeError(f"expected {what}, got {type(value).__name__}")


def _mapping(value: Any, _: Any = None) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise _expected("object", value)


# -- Receiving -------------------------------------------------------------------


def configure_primitives(converter: cattrs.Converter) -> None:
    """
    Strict scalars: cattrs would make ``'None'`` of None and True of ``"false"``.
    """

    def read_str(value: Any, _: Any) -> str:
        if isinstance(value, str):
            return value
        raise _expected("str", value)

    def read_bool(value: Any, _: Any) -> bool:
        if isinstance(value, bool):
            return value
        raise _expected("bool", value)

    def read_int(value: Any, _: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, float) and value.is_integer():
            return int(value)
        raise _expected("int", value)

    def read_float(value: Any, _: Any) -> float:
        if isinstance(value, float):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            with contextlib.suppress(OverflowError):
                return float(value)
        raise _expected("float", value)

    converter.register_structure_hook(str, read_str)
    converter.register_structure_hook(bool, read_bool)
    converter.register_structure_hook(int, read_int)
    converter.register_structure_hook(float, read_float)


def configure_containers(converter: cattrs.Converter) -> None:
    """
    Mappings are kept as they are; a list keeps those of its elements that fit.
    """

    def is_sequence(tp: Any) -> bool:
        return get_origin(tp) is tuple

    def sequence(tp: Any) -> Hook:
        element = get_args(tp)[0]
        read = converter.get_structure_hook(element)

        def stand_in() -> list[Any]:
            # An empty model keeps the indices of its neighbours right.
            try:
                return [read({}, element)]
            except (TypeError, ValueError):
                return []

        def read_sequence(value: Any, _: Any) -> tuple[Any, ...]:
            if not isinstance(value, (list, tuple)):
                raise _expected("list", value)
            elements: list[Any] = []
            problems: list[str] = []
            for index, item in enumerate(value):
                try:
                    elements.append(read(item, element))
                except (TypeError, ValueError) as exc:
                    problems.append(f"[{index}]: {exc}")
                    elements += stand_in()
            if problems:
                raise Partial(tuple(elements), problems)
            return tuple(elements)

        return read_sequence

    def is_mapping(tp: Any) -> bool:
        return tp in (dict, Mapping) or get_origin(tp) in (dict, types_mapping)

    types_mapping = get_origin(Mapping[str, Any])
    converter.register_structure_hook_factory(is_sequence, sequence)
    converter.register_structure_hook_func(is_mapping, _mapping)


def _members(tp: Any) -> tuple[Any, ...]:
    """
    Return the members of a union; a plain type is its own only member.

    Literals are for the eyes of editors: beside them there is always `str`.
    """
    if get_origin(tp) in (Union, types.UnionType):
        return tuple(arg for arg in get_args(tp) if get_origin(arg) is not Literal)
    return (tp,)


def _tags(cls: type) -> tuple[str, ...]:
    """
    Return the values of ``type`` that stand for model class *cls*.
    """
    tag = getattr(cls, "type", None)
    if not isinstance(tag, str):
        return ()
    return (tag, *getattr(cls, "aliases", ()))


def configure_unions(converter: cattrs.Converter) -> None:
    """
    Open unions: models by their ``type``, beside at most a few plain types.
    """

    def is_union(tp: Any) -> bool:
        return len(_members(tp)) > 1

    def union(tp: Any) -> Hook:
        members = _members(tp)
        models = [cls for cls in members if isinstance(cls, type) and attrs.has(cls)]
        plain = [cls for cls in members if cls not in models]
        by_tag = {tag: cls for cls in models for tag in _tags(cls)}
        unknown = next((cls for cls in models if cls in _OPEN), None)
        single = models[0] if len(models) == 1 and not by_tag else None
        names = " or ".join(
            [tp.__name__ if isinstance(tp, type) else "object" for tp in plain]
            + ["object"] * bool(models)
        )

        def read_union(value: Any, _: Any) -> Any:
            if models and isinstance(value, Mapping):
                tag = value.get("type")
                cls = by_tag.get(tag) if isinstance(tag, str) else None
                cls = cls or unknown or single
                if cls is not None:
                    return converter.get_structure_hook(cls)(value, cls)
            for tp in plain:
                try:
                    return converter.get_structure_hook(tp)(value, tp)
                except (TypeError, ValueError):
                    continue
            raise _expected(names, value)

        return read_union

    converter.register_structure_hook_factory(is_union, union)


@attrs.frozen
class _Field:
    """
    How one field is read.
    """

    name: str
    type: Any
    read: Hook
    nullable: bool
    promised: bool
    empty: Callable[[], Any]


def _plan(converter: cattrs.Converter, cls: type) -> list[_Field]:
    """
    Return how the fields of *cls* are read, in order.
    """
    return [
        _field(converter, attribute)
        for attribute in attrs.fields(cls)
        if attribute.name not in ("raw", "problems", "generation")
    ]


def _field(converter: cattrs.Converter, attribute: "attrs.Attribute[Any]") -> _Field:
    members = _members(attribute.type)
    solid = [tp for tp in members if tp is not type(None) and tp is not Unset]
    tp = functools.reduce(operator.or_, solid)
    read = converter.get_structure_hook(tp)
    return _Field(
        name=attribute.name,
        type=tp,
        read=read,
        nullable=type(None) in members,
        promised=len(solid) == len(members) and not attribute.metadata.get("lenient"),
        empty=_empty(attribute, tp, read),
    )


def _empty(attribute: "attrs.Attribute[Any]", tp: Any, read: Hook) -> Any:
    """
    Return the maker of a field's honest empty value.
    """
    default = attribute.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        return cast(Any, default).factory
    if default is not attrs.NOTHING:
        return lambda: default
    if tp in (str, int, float, bool):
        return tp
    if get_origin(tp) is tuple:
        return tuple
    return lambda: read({}, tp)


def _read_fields(
    plan: list[_Field], message: Mapping[str, Any]
) -> tuple[Values, list[str]]:
    """
    Read *message* field by field. Never raises.
    """
    values: Values = {}
    problems: list[str] = []
    for field in plan:
        name = field.name
        value = message.get(name, _MISSING)
        if value is None and field.nullable:
            values[name] = None
            continue
        if value is None or value is _MISSING:
            values[name] = field.empty()
            if field.promised:
                problems.append(f"{name}: {'missing' if value is _MISSING else 'null'}")
            continue
        try:
            value = field.read(value, field.type)
        except Partial as exc:
            value = exc.value
            problems += [f"{name}{problem}" for problem in exc.problems]
        except (TypeError, ValueError) as exc:
            problems.append(f"{name}: {exc}")
            value = field.empty()
        values[name] = value
        _lift(name, value, problems)
    return values, problems


def _lift(name: str, value: Any, problems: list[str]) -> None:
    """
    Add the problems inside *value* to those of the model it is part of.
    """
    if isinstance(value, Model):
        problems += [f"{name}.{problem}" for problem in value.problems]
    elif isinstance(value, tuple):
        for index, element in enumerate(value):
            _lift(f"{name}[{index}]", element, problems)


def configure_models(converter: cattrs.Converter) -> None:
    """
    Models are read field by field and keep what they were made of.
    """
    converter.register_structure_hook_factory(
        _is_model, lambda cls: _model_hook(converter, cls, _mapping)
    )


def _is_model(tp: Any) -> bool:
    return isinstance(tp, type) and issubclass(tp, Model)


def _model_hook(converter: cattrs.Converter, cls: type[Model], fields_of: Hook) -> Hook:
    """
    Return the hook for *cls*; *fields_of* finds the fields in what came.
    """
    plan = _plan(converter, cls)

    def read_model(value: Any, _: Any) -> Model:
        values, problems = _read_fields(plan, fields_of(value, cls))
        raw = value if isinstance(value, Mapping) else {}
        return cls(raw=raw, problems=tuple(problems), **values)

    return read_model


def configure_shapes(converter: cattrs.Converter) -> None:
    """
    Models whose fields are not where their names say.
    """

    def session(value: Any, _: Any) -> Mapping[str, Any]:
        flat = flatten(_mapping(value), SESSION_PATHS)
        flat["tool_choice"] = flat_tool_choice(flat.get("tool_choice"))
        return flat

    def response(value: Any, _: Any) -> Mapping[str, Any]:
        return flatten(_mapping(value), RESPONSE_PATHS)

    def status_details(value: Any, _: Any) -> Mapping[str, Any]:
        # Some builds send the bare type where an object was announced.
        return {"type": value} if isinstance(value, str) else _mapping(value)

    shapes: dict[type[Model], Hook] = {
        Session: session,
        Response: response,
        StatusDetails: status_details,
    }
    converter.register_structure_hook_factory(
        lambda tp: tp in shapes,
        lambda cls: _model_hook(converter, cls, shapes[cls]),
    )


@functools.cache
def converter() -> cattrs.Converter:
    """
    Return the one converter of this library. Any thread may call it.
    """
    return make_converter()


@functools.cache
def _event_plan(cls: type[ServerEvent]) -> list[_Field]:
    return _plan(converter(), cls)


def read_event(
    cls: type[E], message: Mapping[str, Any], raw: Mapping[str, Any], generation: int
) -> E:
    """
    Make an event. Never raises. Any thread may call it.

    Args:
        cls: Its class.
        message: The event in the GA shape.
        raw: The event as it came.
        generation: Number of the connection it came by.
    """
    values, problems = _read_fields(_event_plan(cls), message)
    return cls(raw=raw, problems=tuple(problems), generation=generation, **values)


# -- Sending ---------------------------------------------------------------------


def configure_sending(converter: cattrs.Converter) -> None:
    """
    Models, configurations and commands as plain JSON values in the GA shape.
    """

    def is_sent(tp: Any) -> bool:
        return isinstance(tp, type) and issubclass(tp, (Model, ClientEvent, *_CONFIGS))

    def writer(cls: type) -> Callable[[Any], Values]:
        hidden = {"raw", "problems", "extra"}
        fields = [
            (attribute.name, attribute.default)
            for attribute in attrs.fields(cls)
            if attribute.name not in hidden
        ]
        tag = getattr(cls, "type", None)
        head = {"type": tag} if isinstance(tag, str) else {}

        def write(model: Any) -> Values:
            message: Values = dict(head)
            for name, default in fields:
                value = getattr(model, name)
                if value is UNSET or (value is None and default is None):
                    continue
                message[name] = converter.unstructure(value)
            return message

        return write

    def write_list(values: tuple[Any, ...]) -> list[Any]:
        return [converter.unstructure(value) for value in values]

    def write_unknown(model: Any) -> Values:
        return {"type": model.type, **model.raw}

    converter.register_unstructure_hook_factory(is_sent, writer)
    converter.register_unstructure_hook(tuple, write_list)
    for unknown in _OPEN:
        converter.register_unstructure_hook(unknown, write_unknown)

    write_session = writer(SessionConfig)
    write_response = writer(ResponseConfig)
    converter.register_unstructure_hook(
        SessionConfig,
        # GA refuses a session without its type.
        lambda config: {
            "type": "realtime",
            **nest(write_session(config), SESSION_PATHS),
        },
    )
    converter.register_unstructure_hook(
        ResponseConfig, lambda config: nest(write_response(config), RESPONSE_PATHS)
    )


_CONFIGS = (SessionConfig, ResponseConfig)
