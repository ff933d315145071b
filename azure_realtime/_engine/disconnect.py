"""
The errors and events that report the end of a connection.
"""

from __future__ import annotations

from typing import Any, Literal

from .._logging import text_of
from ..errors import (
    ConnectionClosed,
    ConnectTimeout,
    RealtimeError,
    SlowConsumer,
)
from ..events import Disconnected

# Why a client has ended, for the errors of later calls:
CLOSED = "you closed it; make a new client to go on"
COLLECTED = "it was garbage collected: keep a reference to the client, or use with"
EXITED = "the program is ending"


def final_error(
    error: RealtimeError, close_reason: str | None, unsent: int
) -> RealtimeError:
    """
    Return the error that all later calls of an ended client raise.

    It is a copy: *error* itself was reported when the connection was lost, perhaps with
    the announcement of another connection. A `ConnectTimeout` becomes its cause: a wait
    that raised a TimeoutError would look as if it could be repeated.

    Args:
        error: The error that ended the last connection.
        close_reason: Why the client was closed; None if it was not.
        unsent: How many commands were not delivered.
    """
    if isinstance(error, ConnectTimeout):
        final = ConnectionClosed(1006, text_of(error).rstrip("."), unsent=unsent)
        final.__cause__ = error
        return final
    if not isinstance(error, ConnectionClosed):
        return error
    reason = error.reason
    if close_reason and (error.code == 1006 or not reason):
        reason = close_reason
    unsent = max(unsent, error.unsent)
    final = ConnectionClosed(error.code, reason, clean=error.clean, unsent=unsent)
    final.__cause__ = error.__cause__
    return final


def disconnected_event(
    error: RealtimeError, cause: Any, reconnecting: bool, generation: int
) -> Disconnected:
    """
    Return the event that reports the end of a connection.

    Args:
        error: The error that ended it.
        cause: The result of `cause_of`.
        reconnecting: Whether another connection follows.
        generation: Number of the connection.
    """
    closed = error if isinstance(error, ConnectionClosed) else None
    expected = cause == "client" and closed is not None and closed.code == 1000
    return Disconnected(
        error=None if expected else error,
        cause=cause,
        code=closed.code if closed else None,
        reason=closed.reason if closed else text_of(error),
        clean=bool(closed and (closed.clean or closed.code == 1000)),
        reconnecting=reconnecting,
        generation=generation,
    )


Cause = Literal["client", "expired", "network", "dead peer", "server", "refused"]
"""Who or what ended a connection."""


def cause_of(error: RealtimeError, *, by_us: bool, expired: bool) -> Cause:
    """
    Return who or what ended a connection.

    Args:
        error: The error that ended it.
        by_us: Whether the client was closed.
        expired: Whether the session had expired.
    """
    if by_us or isinstance(error, SlowConsumer):
        return "client"
    if not isinstance(error, ConnectionClosed):
        return "refused"
    if expired:
        return "expired"
    if error.code == 1006:
        return "dead peer" if "dead" in error.reason else "network"
    return "server"
