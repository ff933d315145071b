"""
The keys under which events are subscribed to and waited for.

Either generation's wire name of an event, and its class, are the same key: the GA name.
"""

from __future__ import annotations

from ..errors import warn
from ..events import SERVER_EVENTS, ServerEvent, UnknownEvent
from ..events._names import (
    KNOWN_EVENT_NAMES,
    LOCAL_EVENT_NAMES,
    canonical,
    did_you_mean,
)

EventName = str | type[ServerEvent]
"""A wire name of either protocol's generation, ``"*"``, or an event class."""

ANY = "*"
_UNKNOWN = "(unknown)"

KEYS = {kind: (canonical(name),) for name, kind in SERVER_EVENTS.items()}
"""The keys of every event whose class alone decides them."""


def key_for(event: EventName) -> str:
    """
    Return the key for what a user names: a wire name, ``"*"`` or an event class.

    Raises:
        TypeError: It is neither.
    """
    if isinstance(event, str):
        return canonical(event)
    if isinstance(event, type) and issubclass(event, ServerEvent):
        if event is ServerEvent:
            return ANY
        if event is UnknownEvent:
            return _UNKNOWN
        if isinstance(name := getattr(event, "type", None), str):
            return name
    raise TypeError(f"an event is named by its type or its class, not by {event!r}")


def keys_of(event: ServerEvent) -> tuple[str, ...]:
    """
    Return the keys of *event*, without "*".
    """
    keys = KEYS.get(type(event))
    if keys is not None:
        return keys
    if isinstance(event, UnknownEvent):
        # the service may use the name of one of our local events: that name is not
        # a key of the service's event
        named = () if event.type in LOCAL_EVENT_NAMES else (event.type,)
        return (*named, _UNKNOWN)
    return (canonical(event.type),)


def warn_if_unknown(key: str, warned: set[str]) -> None:
    """
    Warn of a name that neither protocol knows; the service may be newer than we are.

    Args:
        key: What `key_for` returned.
        warned: The names that need no warning any more; *key* is added.
    """
    known = key in KNOWN_EVENT_NAMES or key in (ANY, _UNKNOWN)
    if known or key in warned:
        return
    warned.add(key)
    near = did_you_mean(key)
    meant = f"did you mean {near!r}? It" if near else "it"
    warn(f"no event named {key!r} is known: {meant} is listened for all the same")
