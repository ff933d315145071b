"""
The counters that the reader thread updates.
"""

from __future__ import annotations

from .._transport.websocket import WebSocketStream


class Counters:
    """
    Counters since the client was made. The reader thread writes, any thread reads.

    Attributes:
        reconnects: How many sessions replaced one that was lost or renewed.
        round_trip: Seconds between the last ping and its answer; None before the first.
    """

    def __init__(self) -> None:
        self.reconnects = 0
        self.round_trip: float | None = None
        # One attribute, replaced as a whole, so that other threads read a consistent
        # value: the current connection, and the bytes sent and received before it.
        self._traffic: tuple[WebSocketStream | None, int, int] = (None, 0, 0)

    @property
    def traffic(self) -> tuple[int, int]:
        """
        The bytes that all connections have sent and received. Any thread.
        """
        stream, sent, received = self._traffic
        if stream is None:
            return sent, received
        return sent + stream.bytes_sent, received + stream.bytes_received

    def serve(self, stream: WebSocketStream | None) -> None:
        """
        Count the bytes of *stream* from now on. Reader thread.
        """
        self._traffic = (stream, *self.traffic)
