"""
What all events have in common.

1. Every field of a received event has its annotated type, whatever came.
2. A field the service promises falls back to an empty value (``""``, ``0``, ``()``,
   an empty model); one that it does not promise falls back to None.
3. ``raw`` tells all, and ``problems`` tells where the two differ.
4. Values are open: enumerations are plain `str`, sequences are tuples.
5. Events of the same fields are plain subclasses of one attrs class: to generate
   one takes 0.6 ms of the import. They need `__slots__`: without, an instance has a
   dictionary.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from ..models._base import Value


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Event(Value):
    """
    Anything that is dispatched or sent.

    Attributes:
        event_id: Chosen by who sends it: up to 512 characters. The service names
            it in the ``error`` event that a command of ours leads to.
    """

    type: ClassVar[str] = ""

    event_id: str | None = None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ServerEvent(Event):
    """
    Something the service says.

    Attributes:
        raw: What came, exactly as on the wire of the protocol in use.
        problems: What was missing or of another type than expected, as
            ``"delta: expected str, got int"``.
        generation: Number of the connection it came by; a reconnect adds one.
    """

    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    problems: tuple[str, ...] = attrs.field(default=(), repr=False, eq=False)
    generation: int = attrs.field(default=0, repr=False, eq=False)


class ClientEvent(Event):
    """
    Something we say: a command.
    """

    __slots__ = ()
