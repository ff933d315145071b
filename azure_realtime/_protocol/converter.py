"""
Conversion between models and plain JSON values; the only module that uses cattrs.

Receiving (structuring):

1. A model can be created from any value. A missing or ill-typed field gets its empty
   value, and is reported in ``problems``.
2. The hooks of other types are strict and raise: ``"5"`` is not an int, ``0`` is not a
   bool. The hook of the model that contains the value applies rule 1.
3. Unions are open: an unknown ``type`` creates the ``Unknown...`` member.

Sending (unstructuring):

4. A field whose value is its default of None or UNSET is left out; any other None
   is null. ``type`` is the first key.

cattrs creates the hooks at first use; several threads may create them at once.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_args, get_origin

import attrs
import cattrs

from ..events import ClientEvent, ErrorDetails, ServerEvent, TranscriptionError
from ..models._base import Model
from ..models._shape import (
    RESPONSE_PATHS,
    SESSION_PATHS,
    flat_tool_choice,
    flatten,
    misshapen,
    nest,
)
from ..models._unset import UNSET
from ..models.items import McpError
from ..models.responses import (
    Response,
    ResponseConfig,
    StatusDetails,
    StatusError,
)
from ..models.session import Session, SessionConfig
from .fields import (
    OPEN,
    SCALARS,
    Field,
    Hook,
    Partial,
    Values,
    by_tag,
    expected,
    members,
    plan,
    read_fields,
    read_mapping,
)

E = TypeVar("E", bound=ServerEvent)


def make_converter() -> cattrs.Converter:
    """
    Create a converter with all hooks.
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


# -- Receiving -------------------------------------------------------------------


def configure_primitives(converter: cattrs.Converter) -> None:
    """
    Register strict hooks for scalars.

    The default hooks of cattrs convert None to ``'None'`` and ``"false"`` to True.
    """
    for scalar, read in SCALARS.items():
        converter.register_structure_hook(scalar, read)


def configure_containers(converter: cattrs.Converter) -> None:
    """
    Register hooks for mappings, kept unchanged, and lists, which keep valid elements.
    """

    def is_sequence(tp: Any) -> bool:
        return get_origin(tp) is tuple

    def sequence(tp: Any) -> Hook:
        element = get_args(tp)[0]
        read = converter.get_structure_hook(element)

        def placeholder() -> list[Any]:
            # an empty model, so that the other elements keep their indices
            try:
                return [read({}, element)]
            except (TypeError, ValueError):
                return []

        def read_sequence(value: Any, _: Any) -> tuple[Any, ...]:
            if not isinstance(value, (list, tuple)):
                raise expected("list", value)
            elements: list[Any] = []
            problems: list[str] = []
            for index, item in enumerate(value):
                try:
                    elements.append(read(item, element))
                except (TypeError, ValueError) as exc:
                    problems.append(f"[{index}]: {exc}")
                    elements += placeholder()
            if problems:
                raise Partial(tuple(elements), problems)
            return tuple(elements)

        return read_sequence

    mappings = (dict, Mapping)

    def is_mapping(tp: Any) -> bool:
        return tp in mappings or get_origin(tp) in mappings

    converter.register_structure_hook_factory(is_sequence, sequence)
    converter.register_structure_hook_func(is_mapping, read_mapping)


def configure_unions(converter: cattrs.Converter) -> None:
    """
    Register the hook for open unions of models, selected by ``type``, and plain types.
    """

    def is_union(tp: Any) -> bool:
        return len(members(tp)) > 1

    def union(tp: Any) -> Hook:
        kinds = members(tp)
        models = [cls for cls in kinds if isinstance(cls, type) and attrs.has(cls)]
        plain = [cls for cls in kinds if cls not in models]
        known, other = by_tag(models)
        names = " or ".join(
            [tp.__name__ if isinstance(tp, type) else "object" for tp in plain]
            + ["object"] * bool(models)
        )

        def read_union(value: Any, _: Any) -> Any:
            if models and isinstance(value, Mapping):
                tag = value.get("type")
                cls = known.get(tag, other) if isinstance(tag, str) else other
                if cls is not None:
                    return converter.get_structure_hook(cls)(value, cls)
            for cls in plain:
                try:
                    return converter.get_structure_hook(cls)(value, cls)
                except (TypeError, ValueError):
                    continue
            raise expected(names, value)

        return read_union

    converter.register_structure_hook_factory(is_union, union)


def configure_models(converter: cattrs.Converter) -> None:
    """
    Register the hook for models, which are read field by field and keep their ``raw``.
    """

    def is_model(tp: Any) -> bool:
        return isinstance(tp, type) and issubclass(tp, Model)

    converter.register_structure_hook_factory(
        is_model, lambda cls: _model_hook(converter, cls, read_mapping)
    )


def _model_hook(converter: cattrs.Converter, cls: type[Model], fields_of: Hook) -> Hook:
    """
    Return the hook for *cls*; *fields_of* returns the fields of a received value.
    """
    fields = plan(converter.get_structure_hook, cls)

    def read_model(value: Any, _: Any) -> Model:
        found = fields_of(value, cls)
        values, problems = read_fields(fields, found)
        if found is not value and isinstance(value, Mapping):
            problems += [f"{path}: expected object" for path in misshapen(value)]
        raw = value if isinstance(value, Mapping) else {}
        return cls(raw=raw, problems=tuple(problems), **values)

    return read_model


def configure_shapes(converter: cattrs.Converter) -> None:
    """
    Register the hooks for models whose fields have other paths in the message.
    """

    def session(value: Any, _: Any) -> Mapping[str, Any]:
        flat = flatten(read_mapping(value), SESSION_PATHS)
        flat["tool_choice"] = flat_tool_choice(flat.get("tool_choice"))
        return flat

    def response(value: Any, _: Any) -> Mapping[str, Any]:
        return flatten(read_mapping(value), RESPONSE_PATHS)

    def status_details(value: Any, _: Any) -> Mapping[str, Any]:
        # some service versions send only the type, as a string
        return {"type": value} if isinstance(value, str) else read_mapping(value)

    def error(value: Any, _: Any) -> Mapping[str, Any]:
        # some compatible services send only the message, as a string
        return {"message": value} if isinstance(value, str) else read_mapping(value)

    def coded_error(value: Any, _: Any) -> Mapping[str, Any]:
        fields = error(value, None)
        code = fields.get("code")
        # others send the HTTP status
        return {**fields, "code": str(code)} if type(code) is int else fields

    shapes: dict[type[Model], Hook] = {
        Session: session,
        Response: response,
        StatusDetails: status_details,
        StatusError: coded_error,
        ErrorDetails: coded_error,
        TranscriptionError: coded_error,
        McpError: error,
    }
    converter.register_structure_hook_factory(
        lambda tp: tp in shapes,
        lambda cls: _model_hook(converter, cls, shapes[cls]),
    )


@functools.cache
def converter() -> cattrs.Converter:
    """
    Return the only converter of this library. Any thread.
    """
    return make_converter()


_event_fields: dict[type[ServerEvent], list[Field]] = {}


def read_event(
    cls: type[E], message: Mapping[str, Any], raw: Mapping[str, Any], generation: int
) -> E:
    """
    Create an event from any message. Never raises. Any thread.

    Args:
        cls: The class of the event.
        message: The message in the GA shape.
        raw: The received message.
        generation: Number of the connection that received the message.
    """
    fields = _event_fields.get(cls)
    if fields is None:  # no lock: two threads would create equal lists
        fields = _event_fields[cls] = plan(converter().get_structure_hook, cls)
    values, problems = read_fields(fields, message)
    return cls(raw=raw, problems=tuple(problems), generation=generation, **values)


# -- Sending ---------------------------------------------------------------------


def configure_sending(converter: cattrs.Converter) -> None:
    """
    Register the hooks that write models, configurations and commands in the GA shape.
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
    for unknown in OPEN:
        converter.register_unstructure_hook(unknown, write_unknown)

    write_session = writer(SessionConfig)
    write_response = writer(ResponseConfig)
    converter.register_unstructure_hook(
        SessionConfig,
        # the GA service refuses a session without a type
        lambda config: {
            "type": "realtime",
            **nest(write_session(config), SESSION_PATHS),
        },
    )
    converter.register_unstructure_hook(
        ResponseConfig, lambda config: nest(write_response(config), RESPONSE_PATHS)
    )


_CONFIGS = (SessionConfig, ResponseConfig)
