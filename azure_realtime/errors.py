"""
The exceptions of the library: one class for each remedy.

    RealtimeError
    +-- ConnectError              connection not opened  .status_code .request_id .hint
    |   |                                                .retry_after
    |   +-- AuthenticationError   401, 403: correct the credential
    |   +-- DeploymentNotFound    400, 404: correct deployment, host or protocol
    |   +-- RateLimited           429: try again later
    |   +-- ConnectTimeout        also a TimeoutError
    +-- ConnectionClosed          open connection ended  .code .reason .clean .unsent
    |                                                    .reconnecting
    +-- ServerError               command refused        .code .param .event
    +-- ResponseError             response not completed .response
    |   +-- ResponseFailed        .code .retryable
    |   +-- ResponseIncomplete    .reason
    |   +-- ResponseCancelled     .reason
    +-- QueueFull                 also a TimeoutError: commands are produced faster
    |                             than the network carries them
    +-- SlowConsumer              events are consumed more slowly than they arrive
    +-- AudioDeviceError          microphone or loudspeaker not usable  .device .hint

Waits raise the built-in ``TimeoutError``, invalid arguments ``ValueError`` or
``TypeError``. No message contains a credential: texts from the service, a proxy or
another library pass through `redacted`.

The types for type checkers are in ``errors.pyi``: some attributes have classes of
modules that import this one.
"""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from ._redaction import redacted

__all__ = [
    "AudioDeviceError",
    "AuthenticationError",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionClosed",
    "DeploymentNotFound",
    "ProtocolWarning",
    "QueueFull",
    "RateLimited",
    "RealtimeError",
    "ResponseCancelled",
    "ResponseError",
    "ResponseFailed",
    "ResponseIncomplete",
    "ServerError",
    "SlowConsumer",
]

_E = TypeVar("_E", bound=BaseException)


class ProtocolWarning(UserWarning):
    """
    The protocol in use does not support, or does not need, something that was given.
    """


class RealtimeError(Exception):
    """
    Base class of the errors of this library.

    A notebook shows it in three lines: what happened, what to do, and the line of the
    user's code. ``traceback.print_last()`` shows all of it.
    """

    def __init__(self, *words: Any) -> None:
        super().__init__(*(redacted(w) if isinstance(w, str) else w for w in words))

    def _what_happened(self) -> str:
        return str(self)

    def _render_traceback_(self) -> list[str]:
        from ._three_lines import three_lines  # only when IPython shows the error

        return three_lines(self, self._what_happened())


class ConnectError(RealtimeError):
    """
    The connection could not be opened.

    Attributes:
        status_code: HTTP status of the handshake's response; None without a response.
        body: Body of the response, shortened; "" if it was empty.
        request_id: Header ``apim-request-id`` or ``x-request-id`` of the response, for
            support requests; None without it.
        hint: One line that says what to do; "" if the cause is unknown.
        retry_after: Seconds to wait before the next attempt, from the response's
            ``Retry-After`` header; None without it.
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
        parts = [self._what_happened(), self.hint]
        if self.request_id:
            parts.append(f"(request id {self.request_id})")
        return " ".join(filter(None, parts))

    def _what_happened(self) -> str:
        body = f" The service answered: {self.body}" if self.body else ""
        return f"{self.message}{body}"


class AuthenticationError(ConnectError):
    """
    The service refused the credential (HTTP 401 or 403).
    """


class DeploymentNotFound(ConnectError):
    """
    There is no such realtime deployment at this address (HTTP 400 or 404).
    """


class RateLimited(ConnectError):
    """
    There are too many connections or requests (HTTP 429); see `retry_after`.
    """


class ConnectTimeout(ConnectError, TimeoutError):
    """
    The session was not ready in time; the message names the stage that took too long.

    Only `AzureRealTimeAudio.connect` and ``with`` raise it. Other calls of a client
    that ended with it raise a `ConnectionClosed`, of which it is the cause.
    """


class ConnectionClosed(RealtimeError):
    """
    An open connection has ended.

    Attributes:
        code: WebSocket close code; 1006 if the peer sent none (RFC 6455, 7.1.5).
        reason: The reason in the peer's or the client's close frame; may be "".
        clean: Whether both sides sent a close frame.
        unsent: Number of accepted commands that were not delivered: not sent, or (known
            on Linux only) not acknowledged by the peer's TCP.
        reconnecting: Whether the client reconnects by itself.
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
                ". The client is connecting again: new commands are sent to the next "
                "session"
            )
        return text + "."


class ServerError(RealtimeError):
    """
    The service refused a command with an ``error`` event; the session continues.

    Attributes:
        code: The service's error code, such as ``unknown_parameter``; may be None.
        param: The path of the field that is in error; may be None.
        event: The ``error`` event.
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
        response: The `Response` with its partial output.
    """

    def __init__(self, message: str, *, response: Any = None) -> None:
        super().__init__(message)
        self.response = response


class ResponseFailed(ResponseError):
    """
    The response failed in the service.

    Attributes:
        code: The service's error code, such as ``rate_limit_exceeded``; may be None.
        retryable: Whether the same request may succeed later.
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
    The response ended before it was complete.

    Attributes:
        reason: ``max_output_tokens`` or ``content_filter``; ``max_tool_rounds`` if the
            turn had more tool rounds than ``WebSocketOptions.max_tool_rounds``.
    """

    def __init__(self, message: str, *, response: Any = None, reason: str = "") -> None:
        super().__init__(message, response=response)
        self.reason = reason


class ResponseCancelled(ResponseError):
    """
    The response was cancelled.

    Attributes:
        reason: ``turn_detected`` (the user spoke) or ``client_cancelled``.
    """

    def __init__(self, message: str, *, response: Any = None, reason: str = "") -> None:
        super().__init__(message, response=response)
        self.reason = reason


class QueueFull(RealtimeError, TimeoutError):
    """
    The send queue stayed full: commands are produced faster than the network carries.

    Attributes:
        size: Size in bytes of the command that was not accepted.
    """

    def __init__(self, message: str = "the send queue is full", size: int = 0) -> None:
        super().__init__(message)
        self.size = size


class SlowConsumer(RealtimeError):
    """
    More events are queued for a listener or an iteration than the limit allows.
    """


def copy_to_raise(error: _E) -> _E:
    """
    Return a copy of a stored *error* to raise.

    An exception that is raised repeatedly accumulates the frames of all callers in its
    traceback, and so keeps their variables alive.
    """
    copied = copy.copy(error)
    copied.__cause__ = error.__cause__
    return copied


class AudioDeviceError(RealtimeError):
    """
    A microphone or loudspeaker could not be used.

    Attributes:
        device: The name or index of the device as it was given; None is the default.
        hint: One line that says what to do.
    """

    def __init__(
        self, message: str, *, device: str | int | None = None, hint: str = ""
    ) -> None:
        super().__init__(message)
        self.device = device
        self.hint = hint

    def __str__(self) -> str:
        return f"{super().__str__()} {self.hint}".rstrip()
