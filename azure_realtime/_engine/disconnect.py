"""
How a connection's end is told, and how a program's end is met.
"""

from __future__ import annotations

from typing import Any, Literal

from .._logging import text_of
from ..errors import (
    ConnectionClosed,
    RealtimeError,
    SlowConsumer,
)
from ..events import Disconnected


def final_error(error: RealtimeError, why: str | None, unsent: int) -> RealtimeError:
    """
    Return what everybody is told from now on, where *error* ended it all.

    Who was told of *error* itself may have been told of a way back.

    Args:
        error: What ended it.
        why: Why we have closed it, if we have.
        unsent: Commands that were not delivered.
    """
    if not isinstance(error, ConnectionClosed):
        return error
    reason = error.reason
    if why and (error.code == 1006 or not reason):
        reason = why
    unsent = max(unsent, error.unsent)
    last = ConnectionClosed(error.code, reason, clean=error.clean, unsent=unsent)
    last.__cause__ = error.__cause__
    return last


def disconnected_event(
    error: RealtimeError, cause: Any, again: bool, generation: int
) -> Disconnected:
    """
    Return what tells of the end of a connection.
    """
    closed = error if isinstance(error, ConnectionClosed) else None
    expected = cause == "client" and closed is not None and closed.code == 1000
    return Disconnected(
        error=None if expected else error,
        cause=cause,
        code=closed.code if closed else None,
        reason=closed.reason if closed else text_of(error),
        clean=bool(closed and (closed.clean or closed.code == 1000)),
        reconnecting=again,
        generation=generation,
    )


Cause = Literal["client", "expired", "network", "dead peer", "server", "refused"]
"""Who or what ended a connection."""


def cause_of(error: RealtimeError, *, by_us: bool, expired: bool) -> Cause:
    """
    Return who or what ended a connection.
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
