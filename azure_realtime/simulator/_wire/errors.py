"""
What the service answers when it refuses a client event.
"""

from __future__ import annotations

__all__ = ["ServiceError"]


class ServiceError(Exception):
    """
    A refusal, sent to the client as an ``error`` event; the connection stays open.

    Args:
        code: The service's machine-readable code, or None where it sends none.
        message: The sentence for people.
        param: The path of the offending field, e.g. ``session.audio.input``.
        kind: The ``type`` of the error object.
        echo: Whether the client's ``event_id`` is repeated in the error. The real
            service leaves it out for a few codes, so that clients must correlate
            by order.
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
        Return the ``error`` object of the event.
        """
        return {
            "type": self.kind,
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "event_id": client_event_id if self.echo else None,
        }
