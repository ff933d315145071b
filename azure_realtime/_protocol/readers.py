"""
Readers of events of scalars: the fast way from a message to an event.

1. A reader accepts a message that has exactly the fields of its class, all of exactly
   the promised types; so nothing but scalars is in it. For any other it returns None,
   and the message is read in another way (`strict`, then `fields`). All ways make equal
   events of what a reader accepts.
2. Deltas of text and audio are nearly all of the traffic. Their reader is written out,
   and makes the instance through a twin of its class (the same bases and slots, but not
   frozen) that becomes one of the class at the end: 0.24 us, where the ``__init__`` of
   a frozen class takes 1.44.
3. All are made on the caller's thread, when the first codec is made.
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
    Return the readers by the names of their events. Any thread may call it.

    The names of the preview protocol are among them: it means the same fields by them.
    """
    found = {name: scalar_reader(cls) for name, cls in SERVER_EVENTS.items()}
    for cls in _DELTAS:
        found[cls.type] = delta_reader(cls) or found[cls.type]
    for old, new in RENAMED.items():
        found.setdefault(old, found.get(new))
    return {name: reader for name, reader in found.items() if reader is not None}


def delta_reader(cls: type[ServerEvent]) -> Reader | None:
    """
    Return the reader of *cls*, one of the deltas, or None where Python allows no twin.
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
        size = 6 + ("event_id" in message)  # with "type"
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
    Return a class whose instances are not frozen and can become those of *cls*.
    """
    twin = type(
        cls.__name__,
        cls.__bases__,
        {
            "__slots__": cls.__dict__["__slots__"],
            # Both, or CPython keeps the slow way to store an attribute.
            "__setattr__": object.__setattr__,
            "__delattr__": object.__delattr__,
        },
    )
    try:
        object.__new__(twin).__class__ = cls  # type: ignore[assignment]
    except TypeError:  # another Python may lay them out differently
        return None
    return twin
