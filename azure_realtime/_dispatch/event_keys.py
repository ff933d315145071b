"""
The keys of subscriptions and waits.

The preview name, the GA name and the class of an event have the same key: the GA name.
"""

from __future__ import annotations

from .._warnings import warn
from ..events import SERVER_EVENTS, ServerEvent, UnknownEvent
from ..events._names import (
    KNOWN_EVENT_NAMES,
    LOCAL_EVENT_NAMES,
    canonical,
    did_you_mean,
)

EventName = str | type[ServerEvent]
"""A wire name (preview or GA), ``"*"``, or an event class."""

ANY = "*"
_UNKNOWN = "(unknown)"

KEYS = {kind: (canonical(name),) for name, kind in SERVER_EVENTS.items()}
"""Event class -> its keys, for the classes that always have the same keys."""


def key_for(event: EventName) -> str:
    """
    Return the key of a wire name, ``"*"`` or an event class.

    Raises:
        TypeError: *event* is something else.
    """
    if isinstance(event, str):
        return canonical(event)
    if isinstance(event, type) and issubclass(event, ServerEvent):
        if event is ServerEvent:
            return ANY
        if event is UnknownEvent:
            return _UNKNOWN
        if isinstance(name := getattr(event, "type", None), str):
            return canonical(name)
    raise TypeError(f"an event is named by its type or its class, not by {event!r}")


def keys_of(event: ServerEvent) -> tuple[str, ...]:
    """
    Return the keys of *event*, without ``"*"``.
    """
    keys = KEYS.get(type(event))
    if keys is not None:
        return keys
    if isinstance(event, UnknownEvent):
        # an event of the service with the name of a local event must not reach the
        # listeners of the local event
        names = () if event.type in LOCAL_EVENT_NAMES else (event.type,)
        return (*names, _UNKNOWN)
    return (canonical(event.type),)


def warn_if_unknown(key: str, warned: set[str], consequence: str) -> None:
    """
    Warn once about a name that is not in the protocol.

    It is no error, because the service may be newer than this library.

    Args:
        key: The result of `key_for`.
        warned: The names already warned about; *key* is added.
        consequence: What happens all the same, as a clause.
    """
    known = key in KNOWN_EVENT_NAMES or key in (ANY, _UNKNOWN)
    if known or key in warned:
        return
    warned.add(key)
    near = did_you_mean(key)
    hint = f"did you mean {near!r}? " if near else ""
    if near:
        consequence = consequence[0].upper() + consequence[1:]
    warn(f"no event named {key!r} is known: {hint}{consequence} all the same")
