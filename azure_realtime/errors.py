"""
Every exception this library raises on its own account, one class per remedy.

    RealtimeError
    +-- ConnectError              never opened        .status_code .request_id .hint
    |   |                                                .retry_after
    |   +-- AuthenticationError   401/403: fix the credential
    |   +-- DeploymentNotFound    400/404: fix deployment, host or protocol
    |   +-- RateLimited           429: later
    |   +-- ConnectTimeout        also TimeoutError
    +-- ConnectionClosed          was open, is not    .code .reason .clean .unsent
    |                                                .reconnecting
    +-- ServerError               a command refused   .code .param .event
    +-- ResponseError             did not complete    .response
    |   +-- ResponseFailed        .code .retryable
    |   +-- ResponseIncomplete    .reason
    |   +-- ResponseCancelled     .reason
    +-- QueueFull                 also TimeoutError: you produce faster than the
    |                             network carries
    +-- SlowConsumer              you take events more slowly than they come

Waits raise the built-in ``TimeoutError``; bad arguments ``ValueError`` or
``TypeError``. No message ever holds a credential: whatever others said goes through
`redacted` on its way into one of ours.
"""

from __future__ import annotations

import copy
import sys
import warnings
from typing import Any, TypeVar

from ._redaction import redacted

_E = TypeVar("_E", bound=BaseException)


class ProtocolWarning(UserWarning):
    """
    What was asked for cannot be said, or need not be said, on the protocol in use.
    """


def warn(message: str) -> None:
    """
    Issue a `ProtocolWarning` that points at the line of the user's it is about.
    """
    depth, frame = 2, sys._getframe(1)
    package = __name__.rpartition(".")[0]
    while frame.f_back is not None and str(
        frame.f_back.f_globals.get("__name__", "")
    ).startswith(package):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(message, ProtocolWarning, stacklevel=depth + 1)


class RealtimeError(Exception):
    """
    Base of every error of this library.
    """

    def __init__(self, *words: Any) -> None:
        super().__init__(*(redacted(w) if isinstance(w, str) else w for w in words))


class ConnectError(RealtimeError):
    """
    The connection never opened.

    Attributes:
        status_code: HTTP status of the refused handshake; None when none came.
        body: What the service said, shortened; "" when nothing.
        request_id: ``apim-request-id`` or ``x-request-id``: quote it to support.
        hint: One line that says what to try; "" when there is nothing to say.
        retry_after: Seconds the service asks to wait; None when it did not say.
    """

    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        body: str = "",
        request_id: str | None = None,
        hint: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = redacted(message)
        self.status_code = status_code
        self.body = redacted(body)
        self.request_id = redacted(request_id) if request_id else None
        self.hint = hint
        self.retry_after = retry_after

    def __str__(self) -> str:
        parts = [self.message]
        if self.body:
            parts.append(f"The service said: {self.body}")
        if self.hint:
            parts.append(self.hint)
        if self.request_id:
            parts.append(f"(request id {self.request_id})")
        return " ".join(parts)


class AuthenticationError(ConnectError):
    """
    The service refused the credential (HTTP 401 or 403).
    """


class DeploymentNotFound(ConnectError):
    """
    The service knows no such realtime deployment at this address (HTTP 400 or 404).
    """


class RateLimited(ConnectError):
    """
    Too many connections or requests (HTTP 429); `retry_after` says when to come back.
    """


class ConnectTimeout(ConnectError, TimeoutError):
    """
    The session was not ready in time; the message names the stage that was missing.
    """


class ConnectionClosed(RealtimeError):
    """
    The connection was open and is not any more.

    Attributes:
        code: WebSocket close code; 1006 when the peer sent none (RFC 6455 7.1.5).
        reason: What the peer gave as its reason, or ours; may be "".
        clean: Whether both sides said goodbye.
        unsent: Commands that were accepted and not delivered: they never left, or the
            peer had not acknowledged them at the end (Linux tells).
        reconnecting: Whether the client was about to connect again by itself then.
    """

    def __init__(
        self,
        code: int = 1006,
        reason: str = "",
        *,
        clean: bool = False,
        unsent: int = 0,
        reconnecting: bool = False,
    ) -> None:
        reason = redacted(reason)
        super().__init__(code, reason)
        self.code = code
        self.reason = reason
        self.clean = clean
        self.unsent = unsent
        self.reconnecting = reconnecting

    def __str__(self) -> str:
        text = f"The connection is closed: {self.code}"
        if self.reason:
            text += f" ({self.reason})"
        if self.unsent:
            text += f"; {self.unsent} commands were not delivered"
        if self.reconnecting:
            text += (
                ". The client is connecting again: what you ask now goes to the next "
                "session"
            )
        return text + "."


class ServerError(RealtimeError):
    """
    The service refused a command with an ``error`` event; the session goes on.

    Attributes:
        code: The service's error code, such as ``unknown_parameter``; may be None.
        param: The path of the field it complains about; may be None.
        event: The whole ``error`` event.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        event: Any = None,
    ) -> None:
        super().__init__(message)
        self.message = redacted(message)
        self.code = code
        self.param = param
        self.event = event

    def __str__(self) -> str:
        details = [
            f"{name} {value}"
            for name, value in (("code", self.code), ("param", self.param))
            if value
        ]
        if not details:
            return self.message
        return f"{self.message} ({redacted(', '.join(details))})"


class ResponseError(RealtimeError):
    """
    A response did not complete.

    Attributes:
        response: The `Response` as far as it came, partial output included.
    """

    def __init__(self, message: str, *, response: Any = None) -> None:
        super().__init__(message)
        self.response = response


class ResponseFailed(ResponseError):
    """
    The service failed to answer.

    Attributes:
        code: Its error code, such as ``rate_limit_exceeded``; may be None.
        retryable: Whether asking again later can help.
    """

    def __init__(
        self,
        message: str,
        *,
        response: Any = None,
        code: str | None = None,
        retryable: bool = False,
    ) -> None:
        super().__init__(message, response=response)
        self.code = code
        self.retryable = retryable


class ResponseIncomplete(ResponseError):
    """
    The answer was cut short.

    Attributes:
        reason: ``max_output_tokens`` or ``content_filter``; ``max_tool_rounds`` where
            the client ended a turn that called tools again and again.
    """

    def __init__(self, message: str, *, response: Any = None, reason: str = "") -> None:
        super().__init__(message, response=response)
        self.reason = reason


class ResponseCancelled(ResponseError):
    """
    The answer was cancelled.

    Attributes:
        reason: ``turn_detected`` (the user spoke) or ``client_cancelled``.
    """

    def __init__(self, message: str, *, response: Any = None, reason: str = "") -> None:
        super().__init__(message, response=response)
        self.reason = reason


class QueueFull(RealtimeError, TimeoutError):
    """
    The send queue stayed full: more is produced than the network carries.

    Attributes:
        size: Bytes of what found no room.
    """

    def __init__(self, message: str = "the send queue is full", size: int = 0) -> None:
        super().__init__(message)
        self.size = size


class SlowConsumer(RealtimeError):
    """
    Events wait for somebody who does not take them, beyond what is kept.
    """


def copy_to_raise(error: _E) -> _E:
    """
    Return a copy of *error* to raise: an exception that is kept and raised again and
    again collects the frames, and so the variables, of everybody it was raised to.
    """
    copied = copy.copy(error)
    copied.__cause__ = error.__cause__
    return copied
