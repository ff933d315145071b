"""
Readers of events of scalars; those of deltas are generated.

1. A reader accepts a message that has exactly the fields of its class, all of exactly
   the promised types; so nothing but scalars is in it. For any other it returns None,
   and the message is read field by field, tolerantly (`fields`). Both ways make equal
   events of what a reader accepts.
2. There is one for every delta, and for every other event whose fields are all
   scalars (`strict`). What may be null in a delta may be missing, too, and what is no
   scalar there must be.
3. The instance is made through a twin of its class (the same bases and slots, but not
   frozen) and becomes one of the class at the end: 0.24 us, where the ``__init__`` of a
   frozen class takes 1.44.
4. They are generated on the caller's thread, when the first codec is made.
"""

import functools
import types
from collections.abc import Callable, Mapping
from typing import Any

from ..events import SERVER_EVENTS, ServerEvent
from ..events._names import RENAMED
from .fields import fields_read, members
from .strict import holds_scalars, reader_of

Reader = Callable[[Mapping[str, Any], int], ServerEvent | None]

_SCALARS = (str, int, bool)


@functools.cache
def readers() -> Mapping[str, Reader]:
    """
    Return the readers by the names of their events. Any thread may call it.

    The names of the preview protocol are among them: it means the same fields by them.
    """
    found: dict[str, Reader | None] = {}
    for name, cls in SERVER_EVENTS.items():
        reader = generate(cls) if name.endswith(".delta") else None
        if reader is None and holds_scalars(cls):
            reader = reader_of(cls)
        found[name] = reader
    for old, new in RENAMED.items():
        found.setdefault(old, found.get(new))
    return {name: reader for name, reader in found.items() if reader is not None}


def generate(cls: type[ServerEvent]) -> Reader | None:
    """
    Return the reader of *cls*, or None if it cannot have one.
    """
    take, tests, optional, store = [], [], [], []
    for index, field in enumerate(fields_read(cls)):
        kinds = [kind for kind in members(field.type) if kind is not types.NoneType]
        is_scalar = len(kinds) == 1 and kinds[0] in _SCALARS
        value, name = f"v{index}", repr(field.name)
        is_type = f"{value}.__class__ is {kinds[0].__name__}" if is_scalar else "False"
        if types.NoneType in members(field.type) and field.default is None:
            take.append(f"{value} = message.get({name})")
            tests.append(f"({value} is None or {is_type})")
            optional.append(f"({name} in message)")
        elif is_scalar and types.NoneType not in members(field.type):
            take.append(f"{value} = message[{name}]")
            tests.append(is_type)
        else:
            return None
        store.append(f"event.{field.name} = {value}")
    least = 1 + len(tests) - len(optional)  # with "type"
    source = f"""
def read(message, generation):
    try:
        {"; ".join(take)}
    except KeyError:
        return None
    if not (
        {" and ".join(tests)}
        and len(message) == {" + ".join([str(least), *optional])}
    ):
        return None
    event = new(twin)
    {"; ".join(store)}
    event.raw = message
    event.problems = ()
    event.generation = generation
    event.__class__ = cls
    return event
"""
    twin = _twin_of(cls)
    if twin is None:
        return None
    scope: dict[str, Any] = {"cls": cls, "twin": twin, "new": object.__new__}
    exec(_compiled(source), scope)
    reader: Reader = scope["read"]
    return reader


@functools.cache  # classes with the same fields have the same source
def _compiled(source: str) -> types.CodeType:
    return compile(source, "<event reader>", "exec")


def _twin_of(cls: type[ServerEvent]) -> type | None:
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
