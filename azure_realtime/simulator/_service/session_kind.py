"""
What is particular to one kind of session: URL, opening event, configuration, commands.

`ClientSession` serves a session of any kind. A new kind is a new `SessionKind` in
`Simulator.kinds`; sockets, faults, errors, timers and recording stay as they are.
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
    One command of the client's.

    Args:
        required: The shapes of its required fields, beside ``type`` and ``event_id``.
        optional: The shapes of its optional fields.
        run: Carries it out, with the parts of the session and the checked event. Raises
            `ServiceError` to refuse it. Connection's thread, under its lock.
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
        route: Accepts or refuses a handshake; None if another kind may serve its URL.
        new_session: Makes the configuration of a new session.
        new_parts: Makes the objects that the commands of one session act on.
        opening: Returns the event to send first, its type included, or None.
        commands: Returns the commands that exist in a session, by their type.
        stop: Ends what the parts are still doing. Under the connection's lock.
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
    Return which kind of session serves a handshake, or why none does.

    Args:
        target: The request target: path and query.
        headers: The request headers, with lower-case names.
        kinds: The kinds of sessions; the first that answers decides.
        prefix: The path before the service's own paths, as behind a gateway.
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
