"""
What is particular to one kind of session: address, opening, restore, commands, state.

The engine serves a session of any kind. A new kind is a new `SessionKind`; connections,
reconnects, renewal, the send queue and the dispatch of events stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

import attrs

from .._concurrency.lifecycle import Lifecycle
from .._dispatch.emitter import Emitter
from .._endpoint import Endpoint
from .._state.model_status import ModelStatus
from ..errors import RealtimeError, ServerError
from ..events import CLIENT_EVENTS, ServerEvent
from ..options import AzureRealTimeOptions, WebSocketOptions
from .event_pipeline import Part, Route
from .sender import Sender


class OpeningMessages(NamedTuple):
    """
    What is sent first on a connection.

    Attributes:
        update_event_id: The ``event_id`` of the first message, which configures the
            session.
        messages: All of it, encoded: the configuration, then what is restored.
        config: The configuration. A prepared session whose opening had another one is
            configured again before it is used.
        restored: What is restored: by the id of the command, that of the item.
    """

    update_event_id: str
    messages: Sequence[bytes]
    config: object
    restored: Mapping[str, str] = MappingProxyType({})


def _nothing() -> None:
    pass


def _is_final(_: ServerError) -> bool:
    return False


def _keep_id(_: str, __: Any) -> bool:
    return False


@attrs.define(eq=False, repr=False, kw_only=True)
class SessionParts:
    """
    What a kind of session adds to the engine of one client.

    Attributes:
        opening: Returns what to send first: on the first connection (False), or on a
            later one (True). Reader thread.
        on_configured: Called when the service has configured the session, with the
            event, the number of the connection and, after a reconnect, the seconds
            without a session; returns the event to announce. Reader thread.
        on_refused: Called when a later session refuses the configuration that the last
            one had; returns whether `opening` is another now. Reader thread.
        rename_restored: Called with the id of a restored item and an event about an
            item that is not known: returns whether that is the restored one, which the
            service has given another id. Reader thread.
        observers: Follow events, in this order.
        deltas: What follows the events that take the short way (see `EventPipeline`).
        status: What the model is doing.
        on_loss: Called when a connection is gone. Reader thread.
        on_end: Called when there will be no other. Reader thread.
        busy: Tell whether something is going on that a new session would not know of.
        close: Ends the threads of the parts. Any thread.
    """

    opening: Callable[[bool], OpeningMessages]
    on_configured: Callable[[Any, int, float | None], ServerEvent]
    on_refused: Callable[[ServerError], bool] = _is_final
    rename_restored: Callable[[str, Any], bool] = _keep_id
    observers: Sequence[Part] = ()
    deltas: Mapping[type[ServerEvent], Route] = attrs.field(factory=dict)
    status: ModelStatus = attrs.field(factory=ModelStatus)
    on_loss: Sequence[Callable[[RealtimeError], None]] = ()
    on_end: Sequence[Callable[[RealtimeError], None]] = ()
    busy: Sequence[Callable[[], bool]] = ()
    close: Callable[[], None] = _nothing


P = TypeVar("P", bound=SessionParts, covariant=True)


@attrs.define(eq=False, repr=False, kw_only=True)
class SessionKind(Generic[P]):
    """
    One kind of session.

    Attributes:
        name: As it appears in messages to the user.
        endpoint: Returns where its sessions are.
        created: The type of the event that says that the session exists.
        configured: The type of the event that answers the opening message.
        restored: By the type of an event that acknowledges a restored item: returns the
            id of the item.
        commands: The types of the commands that exist in a session. A type that this
            library does not know is sent in any session; the service judges it.
        new_parts: Makes the parts of one client. It may raise ValueError or TypeError
            for the session's configuration, and must start nothing.
    """

    name: str
    endpoint: Callable[[AzureRealTimeOptions], Endpoint]
    created: str
    configured: str
    restored: Mapping[str, Callable[[Any], str | None]] = attrs.field(factory=dict)
    commands: frozenset[str]
    new_parts: Callable[
        [Sender, Emitter, Lifecycle, AzureRealTimeOptions, WebSocketOptions], P
    ]

    @property
    def missing_commands(self) -> frozenset[str]:
        """
        The types of the commands that exist in sessions of other kinds only.
        """
        return frozenset(CLIENT_EVENTS) - self.commands
