"""
The numbers of a client that the reader thread counts.
"""

from __future__ import annotations

from .._transport.websocket import WebSocketStream


class Counters:
    """
    Counted since the client was made. Written by the reader thread, read by any.

    Attributes:
        reconnects: How many sessions replaced one that was lost or renewed.
        round_trip: Seconds of the last ping; None before the first.
    """

    def __init__(self) -> None:
        self.reconnects = 0
        self.round_trip: float | None = None
        # One attribute, for a reader that comes while it changes: the connection that
        # is served, and what those before it have sent and received.
        self._traffic: tuple[WebSocketStream | None, int, int] = (None, 0, 0)

    @property
    def traffic(self) -> tuple[int, int]:
        """
        The bytes that all connections have sent and received.
        """
        stream, sent, received = self._traffic
        if stream is None:
            return sent, received
        return sent + stream.bytes_sent, received + stream.bytes_received

    def serve(self, stream: WebSocketStream | None) -> None:
        """
        Count what *stream* carries from now on. Reader thread.
        """
        self._traffic = (stream, *self.traffic)
