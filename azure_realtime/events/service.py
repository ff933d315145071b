"""
``error`` and ``rate_limits.updated``.
"""

from typing import ClassVar, Literal

import attrs

from .._redaction import redacted_repr
from ..models._base import Model
from ._base import ServerEvent

__all__ = ["ErrorDetails", "ErrorEvent", "RateLimit", "RateLimitsUpdated"]


@attrs.frozen(eq=False, repr=False)
class ErrorDetails(Model):
    """
    The details of an ``error`` event.

    Attributes:
        type: The class of the error, such as ``invalid_request_error`` or
            ``server_error``.
        message: The description of the error.
        code: The error code, such as ``unknown_parameter``; often None.
        param: The field in error, such as ``session.audio.output.voice``.
        event_id: The id of the refused command; often None.
    """

    type: str = attrs.field(default="", repr=redacted_repr)
    message: str = attrs.field(default="", repr=redacted_repr)
    code: str | None = attrs.field(default=None, repr=redacted_repr)
    param: str | None = attrs.field(default=None, repr=redacted_repr)
    event_id: str | None = attrs.field(default=None, repr=redacted_repr)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ErrorEvent(ServerEvent):
    """
    A command was refused, or the service failed. The connection usually stays open.
    """

    type: "ClassVar[Literal['error']]" = "error"

    error: ErrorDetails = attrs.field(factory=ErrorDetails)


@attrs.frozen(eq=False, repr=False)
class RateLimit(Model):
    """
    The state of a rate limit.

    Attributes:
        name: ``requests`` or ``tokens``.
        limit: The maximum.
        remaining: The rest of it.
        reset_seconds: Seconds until the rest is the maximum again.
    """

    name: str | None = None
    limit: int | None = None
    remaining: int | None = None
    reset_seconds: float | None = None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RateLimitsUpdated(ServerEvent):
    """
    The rate limits at the start of a response. Azure has not been observed to send it.
    """

    type: "ClassVar[Literal['rate_limits.updated']]" = "rate_limits.updated"

    rate_limits: tuple[RateLimit, ...] = ()
