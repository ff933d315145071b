"""
The exceptions for responses that did not complete and for refused commands, and the
completion of the futures.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from ..errors import (
    RealtimeError,
    ResponseCancelled,
    ResponseError,
    ResponseFailed,
    ResponseIncomplete,
    ServerError,
    copy_to_raise,
)
from ..events import ErrorEvent
from ..models.responses import Response, StatusDetails, StatusError
from .future import CommandFuture

_F = TypeVar("_F", bound=CommandFuture[Any])

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
"""Codes of transient failures, worth a retry (errors.json and client reports)."""

CANCELLED_HERE = Response(
    status="cancelled",
    status_details=StatusDetails(type="cancelled", reason="client_cancelled"),
)
"""Stands for a response that was cancelled before the service created it."""


def failure_of(response: Response) -> ResponseError | None:
    """
    Return the exception for a response that did not complete; None if it did.

    A missing or unknown status counts as completed, because the response is done.
    """
    details = response.status_details or StatusDetails()
    # some compatible services send only the reason, which is read as the type
    other = details.type if details.type != response.status else None
    reason = details.reason or other or ""
    name = f"The response {response.id or '(without id)'}"
    if response.status == "cancelled":
        why = {
            "turn_detected": "the user began to speak",
            "client_cancelled": "this client cancelled it",
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
        error = details.error or StatusError()
        code, kind = error.code, error.type
        message = error.message or reason or "the service gave no reason"
        return ResponseFailed(
            f"{name} failed: {message}" + (f" (code {code})" if code else ""),
            response=response,
            code=code,
            retryable=code in _RETRYABLE or kind in _RETRYABLE,
        )
    return None


def refusal(event: ErrorEvent) -> ServerError:
    """
    Return the exception for the command that an ``error`` event refuses.
    """
    details = event.error
    return ServerError(
        details.message or "The service refused a command.",
        code=details.code,
        param=details.param,
        event=event,
    )


def fail_all(futures: Iterable[CommandFuture[Any]], error: RealtimeError) -> None:
    """
    Fail each of *futures* with a copy of *error*. Reader thread.
    """
    for future in futures:
        future.fail(copy_to_raise(error))


def settle_all(
    response: Response,
    error: ResponseError | None,
    futures: Iterable[CommandFuture[Response]],
) -> None:
    """
    Complete each of *futures* with *response*, or with *error*. Reader thread.
    """
    if error is not None:
        fail_all(futures, error)
        return
    for future in futures:
        future.settle(response)


@contextlib.contextmanager
def completing(complete: Callable[[list[_F]], object]) -> Iterator[list[_F]]:
    """
    Call *complete* with the futures that the block puts into the list, also if the
    block raises: no other part knows them any more. Reader thread.
    """
    futures: list[_F] = []
    try:
        yield futures
    finally:
        complete(futures)
