"""
Events that no service sends: what happens on this side of the wire.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import attrs

from ..models.enums import ModelStatusEnum
from ..models.session import Session
from ._base import Event, ServerEvent


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Init(ServerEvent):
    """
    The session is there and configured: from here on it answers as you asked.
    """

    type: ClassVar[str] = "init"

    session: Session = attrs.field(factory=Session)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class StatusChanged(ServerEvent):
    """
    The model has begun to listen, to think, to speak, or to rest.
    """

    type: ClassVar[str] = "status_changed"

    status: ModelStatusEnum = ModelStatusEnum.IDLE
    previous: ModelStatusEnum = ModelStatusEnum.IDLE


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ListenerError(ServerEvent):
    """
    A listener raised; the others were called all the same.

    Attributes:
        error: What it raised, traceback included.
        listener: The function.
        event: What it was called with.
    """

    type: ClassVar[str] = "listener_error"

    error: BaseException
    listener: Any = None
    event: Event | None = None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ToolErrorEvent(ServerEvent):
    """
    A tool gave no result; the model gets an error instead, and can try again. Or the
    service refused the tool itself, which was removed again.

    Attributes:
        tool: The name the model called; there may be no tool of that name.
        call_id: Of the function call; "" if the tool itself was refused.
        arguments: JSON text, as the model wrote it.
        error: What the function raised, traceback included; a TimeoutError if it
            took too long; a ValueError if the arguments were not what it takes; a
            LookupError if there is no such tool; a `ServerError` if the service
            refused the tool.
    """

    type: ClassVar[str] = "tool_error"

    tool: str
    call_id: str
    arguments: str
    error: BaseException


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Disconnected(ServerEvent):
    """
    The connection is gone.

    Attributes:
        error: Why, as it would be raised; None after a `close` of yours.
        cause: ``client`` (a `close` of yours), ``expired``, ``network``, ``dead peer``,
            ``server`` (it closed, see `code` and `reason`), or ``refused`` (it never
            opened).
        code: WebSocket close code; None if it was never open.
        clean: Whether both sides said goodbye.
        reconnecting: Whether the client will try to connect again.
    """

    type: ClassVar[str] = "disconnected"

    error: BaseException | None = None
    cause: str = "network"
    code: int | None = None
    reason: str = ""
    clean: bool = False
    reconnecting: bool = False


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Reconnecting(ServerEvent):
    """
    The client is about to connect again.

    Attributes:
        attempt: Which since the last session that worked; the first is 1.
        delay: Seconds until it dials.
        cause: Why the last connection, or attempt, came to an end.
    """

    type: ClassVar[str] = "reconnecting"

    attempt: int
    delay: float
    cause: BaseException
    stop: Callable[[], None] = attrs.field(repr=False, eq=False)

    def veto(self) -> None:
        """
        Let it be: the client stays closed.
        """
        self.stop()


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Reconnected(ServerEvent):
    """
    A new session has taken the place of the lost one.

    Attributes:
        session: The new one.
        restored: What it is told of the old one: ``session``, also the
            ``conversation``, or ``none``. What it refuses of that comes as ``error``.
        seconds_lost: Between the end of the old connection and now.
    """

    type: ClassVar[str] = "reconnected"

    session: Session = attrs.field(factory=Session)
    restored: str = "session"
    seconds_lost: float = 0.0


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Closed(ServerEvent):
    """
    It is over: the client will not connect again. The last event there is.

    Attributes:
        error: Why, as every later call raises it.
    """

    type: ClassVar[str] = "closed"

    error: BaseException


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Overflow(ServerEvent):
    """
    Audio was dropped, for the network carries less than is appended.

    Attributes:
        dropped: Messages of audio dropped just now.
    """

    type: ClassVar[str] = "overflow"

    dropped: int = 0


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Expiring(ServerEvent):
    """
    The service will end the session soon.

    Attributes:
        seconds_left: Until it does.
    """

    type: ClassVar[str] = "expiring"

    seconds_left: float = 0.0
