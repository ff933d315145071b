"""
How a response ended, as the exception it deserves.
"""

from __future__ import annotations

from ..errors import (
    ResponseCancelled,
    ResponseError,
    ResponseFailed,
    ResponseIncomplete,
    ServerError,
)
from ..events import ErrorEvent
from ..models.responses import Response, StatusDetails

_RETRYABLE = {
    "rate_limit_exceeded",
    "inference_rate_limit_exceeded",
    "server_error",
    "timeout",
    "429",
    "500",
    "502",
    "503",
    "504",
}
"""Codes that mean "not now" (errors.json and client reports)."""

CANCELLED_HERE = Response(
    status="cancelled",
    status_details=StatusDetails(type="cancelled", reason="client_cancelled"),
)
"""What a response is that was cancelled before it was created."""


def failure_of(response: Response) -> ResponseError | None:
    """
    Return why a response that is done did not complete; None if it did.

    A status that is missing or new counts as completed: the answer came.
    """
    details = response.status_details
    reason = (details.reason if details else None) or ""
    name = f"The response {response.id or '(without id)'}"
    if response.status == "cancelled":
        why = {
            "turn_detected": "the user began to speak",
            "client_cancelled": "it was cancelled here",
        }.get(reason, reason or "the service gave no reason")
        return ResponseCancelled(
            f"{name} was cancelled: {why}.", response=response, reason=reason
        )
    if response.status == "incomplete":
        why = {
            "max_output_tokens": "it reached max_output_tokens",
            "content_filter": "the content filter stopped it",
        }.get(reason, reason or "the service gave no reason")
        return ResponseIncomplete(
            f"{name} is incomplete: {why}.", response=response, reason=reason
        )
    if response.status == "failed":
        error = details.error if details else None
        code = error.code if error else None
        kind = error.type if error else None
        said = (error.message if error else None) or "the service gave no reason"
        return ResponseFailed(
            f"{name} failed: {said}" + (f" (code {code})" if code else ""),
            response=response,
            code=code,
            retryable=code in _RETRYABLE or kind in _RETRYABLE,
        )
    return None


def refusal(event: ErrorEvent) -> ServerError:
    """
    Return the exception that an ``error`` event is for the command it is about.
    """
    details = event.error
    return ServerError(
        details.message or "The service refused a command.",
        code=details.code,
        param=details.param,
        event=event,
    )
