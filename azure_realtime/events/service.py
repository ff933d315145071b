"""
``error`` and ``rate_limits.updated``: the service about itself.
"""

from typing import ClassVar

import attrs

from .._redaction import redacted_repr
from ..models._base import Model
from ._base import ServerEvent


@attrs.frozen(eq=False, repr=False)
class ErrorDetails(Model):
    """
    What went wrong.

    Attributes:
        type: The family, such as ``invalid_request_error`` or ``server_error``.
        code: The exact kind, such as ``unknown_parameter``; often None.
        param: The field at fault, such as ``session.audio.output.voice``.
        event_id: The command at fault; the service does not always say.
    """

    type: str = attrs.field(default="", repr=redacted_repr)
    message: str = attrs.field(default="", repr=redacted_repr)
    code: str | None = attrs.field(default=None, repr=redacted_repr)
    param: str | None = attrs.field(default=None, repr=redacted_repr)
    event_id: str | None = attrs.field(default=None, repr=redacted_repr)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ErrorEvent(ServerEvent):
    """
    A command was refused, or the service failed. The connection mostly stays open.
    """

    type: ClassVar[str] = "error"

    error: ErrorDetails = attrs.field(factory=ErrorDetails)


@attrs.frozen(eq=False, repr=False)
class RateLimit(Model):
    """
    How much of a quota is left.

    Attributes:
        name: ``requests`` or ``tokens``.
        reset_seconds: Until it is whole again.
    """

    name: str | None = None
    limit: int | None = None
    remaining: int | None = None
    reset_seconds: float | None = None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RateLimitsUpdated(ServerEvent):
    """
    Quotas, at the start of a response. Azure has not been seen to send it.
    """

    type: ClassVar[str] = "rate_limits.updated"

    rate_limits: tuple[RateLimit, ...] = ()
