"""
Local events, which the client emits and no service sends.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import attrs

from ..models.enums import ModelStatusEnum
from ..models.session import Session
from ._base import Event, ServerEvent

__all__ = [
    "Closed",
    "Disconnected",
    "Expiring",
    "Init",
    "ListenerError",
    "Overflow",
    "Reconnected",
    "Reconnecting",
    "StatusChanged",
    "ToolErrorEvent",
]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Init(ServerEvent):
    """
    The first session is configured as requested.

    Attributes:
        session: The session.
    """

    type: "ClassVar[Literal['init']]" = "init"

    session: Session = attrs.field(factory=Session)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class StatusChanged(ServerEvent):
    """
    The status of the model has changed.

    Attributes:
        status: The new status.
        previous: The status before.
    """

    type: "ClassVar[Literal['status_changed']]" = "status_changed"

    status: ModelStatusEnum = ModelStatusEnum.IDLE
    previous: ModelStatusEnum = ModelStatusEnum.IDLE


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ListenerError(ServerEvent):
    """
    A listener raised an exception; the other listeners are called nevertheless.

    Attributes:
        error: The exception with its traceback.
        listener: The listener.
        event: The event with which it was called.
    """

    type: "ClassVar[Literal['listener_error']]" = "listener_error"

    error: BaseException
    listener: Any = None
    event: Event | None = None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ToolErrorEvent(ServerEvent):
    """
    A tool call failed, and an error was sent to the model; or the service refused a
    tool, which was removed.

    Attributes:
        tool: The name that the model called; there may be no tool of that name.
        call_id: The id of the call; "" if the service refused the tool.
        arguments: JSON text as the model wrote it.
        error: The exception of the function with its traceback; TimeoutError if the
            call exceeded its timeout; ValueError if the arguments are invalid;
            LookupError if there is no such tool; `ServerError` if the service refused
            the tool.
    """

    type: "ClassVar[Literal['tool_error']]" = "tool_error"

    tool: str
    call_id: str
    arguments: str
    error: BaseException


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Disconnected(ServerEvent):
    """
    The connection has ended, or could not be opened.

    Attributes:
        error: The error as methods would raise it; None if the client was closed by
            `close`.
        cause: ``client`` (closed by `close`), ``expired`` (end of the session),
            ``network``, ``dead peer`` (no data within the ping timeout), ``server``
            (closed by the service, see `code` and `reason`), or ``refused`` (never
            opened).
        code: WebSocket close code; None if the connection was never open.
        reason: Reason in the close frame; may be "".
        clean: Whether both sides sent a close frame.
        reconnecting: Whether the client reconnects.
    """

    type: "ClassVar[Literal['disconnected']]" = "disconnected"

    error: BaseException | None = None
    cause: str = "network"
    code: int | None = None
    reason: str = ""
    clean: bool = False
    reconnecting: bool = False


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Reconnecting(ServerEvent):
    """
    The client will try to reconnect.

    Attributes:
        attempt: Number of the attempt since the last session that worked, from 1.
        delay: Seconds until the attempt.
        cause: The error of the last connection or attempt.
    """

    type: "ClassVar[Literal['reconnecting']]" = "reconnecting"

    attempt: int
    delay: float
    cause: BaseException
    stop: Callable[[], None] = attrs.field(repr=False, eq=False)

    def veto(self) -> None:
        """
        Prevent the attempt; the client ends. Any thread.
        """
        self.stop()


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Reconnected(ServerEvent):
    """
    A new session has replaced the earlier one.

    Attributes:
        session: The new session.
        restored: What was restored: ``session``, ``conversation`` (with the session),
            or ``none``, as ``WebSocketOptions.restore``. Items that the service refuses
            are reported by ``error`` events.
        seconds_lost: Seconds since the end of the earlier connection.
    """

    type: "ClassVar[Literal['reconnected']]" = "reconnected"

    session: Session = attrs.field(factory=Session)
    restored: str = "session"
    seconds_lost: float = 0.0


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Closed(ServerEvent):
    """
    The client has ended and does not reconnect. This is the last event.

    Attributes:
        error: The error that all later calls raise.
    """

    type: "ClassVar[Literal['closed']]" = "closed"

    error: BaseException


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Overflow(ServerEvent):
    """
    Audio was dropped because more is appended than the network carries.

    Attributes:
        dropped: Number of audio messages that were dropped.
    """

    type: "ClassVar[Literal['overflow']]" = "overflow"

    dropped: int = 0


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Expiring(ServerEvent):
    """
    The service will end the session soon.

    Attributes:
        seconds_left: Seconds until then.
    """

    type: "ClassVar[Literal['expiring']]" = "expiring"

    seconds_left: float = 0.0
