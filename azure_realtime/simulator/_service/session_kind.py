"""
The properties of one kind of session: URLs, opening event, configuration, commands.

`ClientSession` serves sessions of every kind. To add a kind, add a `SessionKind` to
`Simulator.kinds`; sockets, faults, errors, timers and recording do not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from .._network.faults import HttpRefusal
from .._network.handshake import (
    Handshake,
    Route,
    check_credential,
    not_found,
    read_handshake,
)
from .._wire.schema import Nullable, Record, Shape, String
from .connection import Connection
from .script import Script
from .session import Session
from .settings import Settings

__all__ = ["Command", "SessionKind", "route"]

Json = dict[str, Any]
S = TypeVar("S", bound=Session)
P = TypeVar("P")

_COMMON_FIELDS: dict[str, Shape] = {
    "type": String(),
    "event_id": Nullable(String(max_length=512)),
}


class Command(Generic[P]):
    """
    A command of the client.

    Args:
        required: The shapes of the required fields, without ``type``.
        optional: The shapes of the optional fields, without ``event_id``.
        run: Executes the command; gets the parts of the session and the checked event.
            Raises `ServiceError` to refuse it. The connection's thread, under its lock.
    """

    def __init__(
        self,
        required: Mapping[str, Shape],
        optional: Mapping[str, Shape],
        run: Callable[[P, Json], None],
    ) -> None:
        self.shape = Record({**_COMMON_FIELDS, **required, **optional}, tuple(required))
        self.run = run


@dataclass(frozen=True)
class SessionKind(Generic[S, P]):
    """
    One kind of session.

    Attributes:
        route: Accepts or refuses a handshake; returns None to leave it to other kinds.
        new_session: Creates the configuration of a session.
        new_parts: Creates the objects on which the commands of a session operate.
        opening: Returns the first event to send, with its type, or None.
        commands: Returns the commands of a session, by type.
        stop: Stops all activity of the parts. Under the connection's lock.
    """

    route: Callable[[Handshake], Route | HttpRefusal | None]
    new_session: Callable[[Route, Settings], S]
    new_parts: Callable[[Connection, S, Script], P]
    opening: Callable[[S], Json | None]
    commands: Callable[[P], Mapping[str, Command[P]]]
    stop: Callable[[P], None]


def route(
    target: str,
    headers: dict[str, str],
    kinds: Sequence[SessionKind[Any, Any]],
    *,
    prefix: str = "",
    credentials: Collection[str] | Callable[[str], bool] | None = None,
    deployments: Collection[str] | None = None,
) -> tuple[SessionKind[Any, Any], Route] | HttpRefusal:
    """
    Return the kind of session and the route for a handshake, or the refusal.

    Args:
        target: The request target: path and query.
        headers: The request headers, with lower-case names.
        kinds: The kinds of sessions; the first that accepts or refuses decides.
        prefix: The path in front of the service's paths, as behind a gateway.
        credentials: The keys and tokens to accept, as in `check_credential`.
        deployments: The deployments that exist, as in `Handshake`.
    """
    handshake = read_handshake(target, headers, prefix, deployments)
    if handshake is None:
        return not_found()
    answers = ((kind, kind.route(handshake)) for kind in kinds)
    kind, found = next((a for a in answers if a[1] is not None), (None, None))
    if kind is None or found is None:
        return not_found()
    refusal = check_credential(handshake, credentials)
    if refusal is not None:
        return refusal
    return found if isinstance(found, HttpRefusal) else (kind, found)
