"""
Fast readers for events that contain only scalars.

1. A reader accepts a message that has exactly the fields of its class, all with exactly
   the promised types, and so only scalars. For any other message it returns None, and
   the message is read by `strict`, then by `fields`. For a message that a reader
   accepts, all three create equal events.
2. Nearly all messages are deltas of text and audio. Their reader is written out. It
   creates an instance of a mutable twin class (same bases and slots, but not frozen)
   and sets ``__class__`` at the end: 0.24 us, where the ``__init__`` of a frozen class
   takes 1.44 us.
3. All readers are created on the caller's thread, with the first codec.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from ..events import (
    SERVER_EVENTS,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
    ServerEvent,
)
from ..events._names import RENAMED
from .strict import scalar_reader

Reader = Callable[[Mapping[str, Any], int], ServerEvent | None]

_DELTAS = (
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
)


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
    Return the reader of delta class *cls*, or None if Python allows no twin class.
    """
    twin = _twin_of(cls)
    if twin is None:
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
        event = new(twin)
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


def _twin_of(cls: type[ServerEvent]) -> Any:
    """
    Return a mutable class whose instances accept *cls* as ``__class__``, or None.
    """
    twin = type(
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
        object.__new__(twin).__class__ = cls  # type: ignore[assignment]
    except TypeError:  # a Python with another object layout
        return None
    return twin
