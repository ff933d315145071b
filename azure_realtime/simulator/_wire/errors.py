"""
The error with which the service refuses a client event.
"""

from __future__ import annotations

__all__ = ["ServiceError"]


class ServiceError(Exception):
    """
    A refused client event. It is sent as an ``error`` event; the connection stays open.

    Args:
        code: The error code of the service; None if the service sends no code.
        message: The description of the error.
        param: The path of the invalid field, e.g. ``session.audio.input``.
        kind: The ``type`` of the error object.
        echo: Whether the error has the ``event_id`` of the client event. The real
            service omits it for a few codes; clients then match errors by order.
    """

    def __init__(
        self,
        code: str | None,
        message: str,
        param: str | None = None,
        *,
        kind: str = "invalid_request_error",
        echo: bool = True,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.kind = kind
        self.echo = echo

    def body(self, client_event_id: str | None) -> dict[str, str | None]:
        """
        Return the ``error`` object of the ``error`` event.
        """
        return {
            "type": self.kind,
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "event_id": client_event_id if self.echo else None,
        }
