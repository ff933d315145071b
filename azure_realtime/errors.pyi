# Types of errors.py. They are in a stub because `Response` and `ErrorEvent` are defined
# in modules that import errors.py, and imports point down only.

from typing import Any, TypeVar

from .events.service import ErrorEvent
from .models.responses import Response

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

class ProtocolWarning(UserWarning): ...

class RealtimeError(Exception):
    def __init__(self, *words: Any) -> None: ...

class ConnectError(RealtimeError):
    message: str
    status_code: int | None
    body: str
    request_id: str | None
    hint: str
    retry_after: float | None
    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        body: str = "",
        request_id: str | None = None,
        hint: str = "",
        retry_after: float | None = None,
    ) -> None: ...

class AuthenticationError(ConnectError): ...
class DeploymentNotFound(ConnectError): ...
class RateLimited(ConnectError): ...
class ConnectTimeout(ConnectError, TimeoutError): ...

class ConnectionClosed(RealtimeError):
    code: int
    reason: str
    clean: bool
    unsent: int
    reconnecting: bool
    def __init__(
        self,
        code: int = 1006,
        reason: str = "",
        *,
        clean: bool = False,
        unsent: int = 0,
        reconnecting: bool = False,
    ) -> None: ...

class ServerError(RealtimeError):
    message: str
    code: str | None
    param: str | None
    event: ErrorEvent | None
    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        event: ErrorEvent | None = None,
    ) -> None: ...

class ResponseError(RealtimeError):
    response: Response
    def __init__(self, message: str, *, response: Any = None) -> None: ...

class ResponseFailed(ResponseError):
    code: str | None
    retryable: bool
    def __init__(
        self,
        message: str,
        *,
        response: Any = None,
        code: str | None = None,
        retryable: bool = False,
    ) -> None: ...

class ResponseIncomplete(ResponseError):
    reason: str
    def __init__(
        self, message: str, *, response: Any = None, reason: str = ""
    ) -> None: ...

class ResponseCancelled(ResponseError):
    reason: str
    def __init__(
        self, message: str, *, response: Any = None, reason: str = ""
    ) -> None: ...

class QueueFull(RealtimeError, TimeoutError):
    size: int
    def __init__(
        self, message: str = "the send queue is full", size: int = 0
    ) -> None: ...

class SlowConsumer(RealtimeError): ...

class AudioDeviceError(RealtimeError):
    device: str | int | None
    hint: str
    def __init__(
        self, message: str, *, device: str | int | None = None, hint: str = ""
    ) -> None: ...

def copy_to_raise(error: _E) -> _E: ...
