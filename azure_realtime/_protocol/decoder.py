"""
Decoding of events. Only bytes that are not UTF-8 raise, no other content of a message.

A decoder is immutable: any thread may use it.

Fast readers create the events that contain only scalars:

1. A reader accepts a message that has exactly the fields of its class, all with exactly
   the promised types, and so only scalars. For any other message it returns None, and
   the message is read by `strict`, then by `fields`. For a message that a reader
   accepts, all three create equal events.
2. Nearly all messages are deltas of text and audio. Their reader is written out. It
   creates an instance of a mutable copy of the class (same bases and slots, not frozen)
   and sets ``__class__`` at the end: 0.24 us, where the ``__init__`` of a frozen class
   takes 1.44 us.
3. All readers are created on the caller's thread, with the first decoder.
"""

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import attrs

from ..events import (
    SERVER_EVENTS,
    InvalidMessage,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
    ServerEvent,
    UnknownEvent,
)
from ..events._names import RENAMED
from .converter import read_event
from .dialects import Dialect
from .strict import event_readers, scalar_reader

Reader = Callable[[Mapping[str, Any], int], ServerEvent | None]

_DELTAS = (
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
)


class Decoder:
    """
    Decodes the events of one protocol.

    Args:
        dialect: The protocol.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        # Our threads import no module and create no class: that happens here.
        self._fast_loads = _fast_loads()
        self._readers = readers()
        self._event_readers = event_readers()
        # the readers of messages that need no translation, by their GA names
        self._direct = self._event_readers if dialect.name == "ga" else {}

    def decode(self, text: str | bytes, generation: int = 0) -> tuple[ServerEvent, ...]:
        """
        Return the events of one message, usually one.

        Args:
            text: The message.
            generation: Number of the connection that received the message.

        Raises:
            UnicodeDecodeError: *text* is bytes that are not UTF-8. No other error.
        """
        decoded = self.decode_one(text, generation)
        return decoded if isinstance(decoded, tuple) else (decoded,)

    def decode_one(
        self, text: str | bytes, generation: int
    ) -> ServerEvent | tuple[ServerEvent, ...]:
        """
        Return the event of a message that conforms to the protocol and contains only
        scalars; for any other message, a tuple of its events.

        Raises:
            UnicodeDecodeError: *text* is bytes that are not UTF-8. No other error.
        """
        try:
            try:
                message = self._fast_loads(text)
            except ValueError:
                # orjson differs for big numbers and lone surrogates; `json` decides
                message = _standard_loads(text)
        except UnicodeDecodeError:
            raise
        except (ValueError, RecursionError) as exc:
            return (_invalid(text, str(exc), generation),)
        if not isinstance(message, dict):
            reason = f"expected object, got {type(message).__name__}"
            return (_invalid(text, reason, generation),)
        kind = message.get("type")
        reader = self._readers.get(kind) if isinstance(kind, str) else None
        if reader is not None and (event := reader(message, generation)) is not None:
            return event
        direct = self._direct.get(kind) if isinstance(kind, str) else None
        if direct is not None:
            event = direct(message, generation, message)
            if event is not None:
                return (event,)
        events: list[ServerEvent] = []
        for ga_message in self._dialect.from_wire(message):
            kind = ga_message.get("type")
            read = self._event_readers.get(kind) if isinstance(kind, str) else None
            event = read(ga_message, generation, message) if read else None
            if event is None:
                event = read_event(
                    _class_of(ga_message), ga_message, message, generation
                )
            events.append(event)
        return tuple(events)


def _class_of(event: Mapping[str, Any]) -> type[ServerEvent]:
    kind = event.get("type")
    if not isinstance(kind, str):
        return UnknownEvent
    return SERVER_EVENTS.get(kind, UnknownEvent)


def _invalid(data: str | bytes, reason: str, generation: int) -> InvalidMessage:
    return InvalidMessage(data=data, reason=reason, generation=generation)


@functools.cache
def readers() -> Mapping[str, Reader]:
    """
    Return the readers by event name. Any thread.

    The names of the preview protocol are included: those events have the same fields.
    """
    by_name = {name: scalar_reader(cls) for name, cls in SERVER_EVENTS.items()}
    for cls in _DELTAS:
        by_name[cls.type] = delta_reader(cls) or by_name[cls.type]
    for old, new in RENAMED.items():
        by_name.setdefault(old, by_name.get(new))
    return {name: reader for name, reader in by_name.items() if reader is not None}


def delta_reader(cls: type[ServerEvent]) -> Reader | None:
    """
    Return the reader of delta class *cls*, or None if Python allows no mutable copy.
    """
    mutable = _mutable_copy_of(cls)
    if mutable is None:
        return None
    new = object.__new__
    has_obfuscation = "obfuscation" in attrs.fields_dict(cls)

    def read(message: Mapping[str, Any], generation: int) -> Any:
        try:
            response_id = message["response_id"]
            item_id = message["item_id"]
            output_index = message["output_index"]
            content_index = message["content_index"]
            delta = message["delta"]
        except KeyError:
            return None
        event_id = message.get("event_id")
        size = 6 + ("event_id" in message)  # the five above and "type"
        event = new(mutable)
        if has_obfuscation:
            obfuscation = message.get("obfuscation")
            if not (obfuscation is None or obfuscation.__class__ is str):
                return None
            size += "obfuscation" in message
            event.obfuscation = obfuscation
        if not (
            response_id.__class__ is str
            and item_id.__class__ is str
            and output_index.__class__ is int
            and content_index.__class__ is int
            and delta.__class__ is str
            and (event_id is None or event_id.__class__ is str)
            and len(message) == size
        ):
            return None
        event.event_id = event_id
        event.response_id = response_id
        event.item_id = item_id
        event.output_index = output_index
        event.content_index = content_index
        event.delta = delta
        event.raw = message
        event.problems = ()
        event.generation = generation
        event.__class__ = cls
        return event

    return read


def _mutable_copy_of(cls: type[ServerEvent]) -> Any:
    """
    Return a mutable class whose instances accept *cls* as ``__class__``, or None.
    """
    mutable = type(
        cls.__name__,
        cls.__bases__,
        {
            "__slots__": cls.__dict__["__slots__"],
            # with only one of them CPython stores attributes the slow way
            "__setattr__": object.__setattr__,
            "__delattr__": object.__delattr__,
        },
    )
    try:
        object.__new__(mutable).__class__ = cls  # type: ignore[assignment]
    except TypeError:  # a Python with another object layout
        return None
    return mutable


# JSON.


@functools.cache
def _fast_loads() -> Callable[[str | bytes], Any]:
    """
    Return `orjson.loads` if orjson is installed (extra ``speed``), else json's reader.

    They differ in one value: orjson reads integers beyond 64 bits as floats. Versions
    before 3.10 are not used: they crash the process for a deeply nested message.
    """
    try:
        import orjson

        major, minor, *_ = orjson.__version__.split(".")
        if (int(major), int(minor)) < (3, 10):
            return _standard_loads
    except (ImportError, AttributeError, ValueError):
        return _standard_loads
    return orjson.loads  # type: ignore[no-any-return,unused-ignore]


def _standard_loads(text: str | bytes) -> Any:
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    try:
        value, end = _scan_once(text, 0)
    except StopIteration:
        end = -1
    # white space around the value, or an error: handled as in `json.loads`
    return value if end == len(text) else _DECODER.decode(text)


def _no_constant(name: str) -> NoReturn:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


# One instance: `json.loads` with arguments creates one per call.
_DECODER = json.JSONDecoder(parse_constant=_no_constant)
_scan_once: Callable[[str, int], tuple[Any, int]] = _DECODER.scan_once  # type: ignore[attr-defined]
