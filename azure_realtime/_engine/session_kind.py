"""
The properties of one kind of session: address, opening, restore, commands, state.

The engine serves sessions of any kind. A new kind is a new `SessionKind`; connections,
reconnects, renewal, the send queue and the dispatch of events need no change.
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
    The messages that are sent first on a connection.

    Attributes:
        update_event_id: The ``event_id`` of the first message, which configures the
            session.
        messages: The encoded messages: the configuration, then the restored items.
        config: The configuration. A prepared session with another one is configured
            again before it is used.
        restored: The ids of the restored items, by the ids of their commands.
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


def _ignore(_: str) -> None:
    pass


@attrs.define(eq=False, repr=False, kw_only=True)
class SessionParts:
    """
    The parts that a kind of session adds to the engine of one client.

    Attributes:
        opening: Returns the opening messages of the first connection (False), or of a
            later one (True). Reader thread.
        on_configured: Called when the service has configured the session, with the
            event, the number of the connection and, after a reconnect, the seconds
            without a session. Returns the event to emit. Reader thread.
        on_refused: Called when a later session refuses the configuration of the last
            one. Returns whether `opening` has changed. Reader thread.
        rename_restored: Called with the id of a restored item, and an event about an
            item with an unknown id. Returns whether that is the restored item, under an
            id of the service. Reader thread.
        on_item_refused: Called with the id of an item that a later session refuses.
            Reader thread.
        observers: Observe events, in this order.
        deltas: The routes of the deltas (see `EventPipeline`).
        status: The status of the model.
        on_loss: Called with the error when a connection has ended. Reader thread.
        on_end: Called with the error when the client has ended. Reader thread.
        busy: Return whether an activity is under way that a new session would lose.
        runs_tools: Returns whether a function of the program runs whose result the
            service waits for. Any thread.
        close: Ends the threads of the parts. Any thread.
    """

    opening: Callable[[bool], OpeningMessages]
    on_configured: Callable[[Any, int, float | None], ServerEvent]
    on_refused: Callable[[ServerError], bool] = _is_final
    rename_restored: Callable[[str, Any], bool] = _keep_id
    on_item_refused: Callable[[str], object] = _ignore
    observers: Sequence[Part] = ()
    deltas: Mapping[type[ServerEvent], Route] = attrs.field(factory=dict)
    status: ModelStatus = attrs.field(factory=ModelStatus)
    on_loss: Sequence[Callable[[RealtimeError], None]] = ()
    on_end: Sequence[Callable[[RealtimeError], None]] = ()
    busy: Sequence[Callable[[], bool]] = ()
    runs_tools: Callable[[], bool] = bool
    close: Callable[[], None] = _nothing


P = TypeVar("P", bound=SessionParts, covariant=True)


@attrs.define(eq=False, repr=False, kw_only=True)
class SessionKind(Generic[P]):
    """
    One kind of session.

    Attributes:
        name: Its name in messages to the user.
        endpoint: Returns the address of its sessions.
        created: The type of the event that reports a new session.
        configured: The type of the event that answers the opening message.
        restored: For each type of event that acknowledges a restored item, a function
            that returns the item's id.
        commands: The types of the commands that exist in a session. A type that this
            library does not know is sent in any session, and the service judges it.
        new_parts: Makes the parts of one client. It may raise ValueError or TypeError
            for the session's configuration, and must not start threads.
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
