"""
The base classes of events and commands.

1. Every field of a received event has its annotated type, whatever the service sent.
2. A required field that is missing or has the wrong type gets an empty value (``""``,
   ``0``, ``()``, an empty model); an optional field gets None.
3. ``raw`` is the message as received; ``problems`` lists the differences.
4. Enumerations are open: their values are plain `str`. Sequences are tuples.
5. Events with equal fields are plain subclasses of one attrs class, because generating
   a class takes 0.6 ms of the import. They declare `__slots__`, without which each
   instance would have a dictionary.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from ..models._base import Value


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Event(Value):
    """
    Base class of events and commands.

    Attributes:
        event_id: An id that the sender chooses, up to 512 characters. An ``error``
            event contains the id of the refused command.
    """

    type: ClassVar[str] = ""

    event_id: str | None = None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ServerEvent(Event):
    """
    Base class of events.

    Attributes:
        raw: The message as received, in the protocol in use.
        problems: The missing fields and wrong types in `raw`, as
            ``"delta: expected str, got int"``.
        generation: Number of the connection on which the event arrived; a reconnect
            adds one.
    """

    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    problems: tuple[str, ...] = attrs.field(default=(), repr=False, eq=False)
    generation: int = attrs.field(default=0, repr=False, eq=False)


class ClientEvent(Event):
    """
    Base class of commands.
    """

    __slots__ = ()
