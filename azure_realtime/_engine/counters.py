"""
The numbers of a client that the reader thread counts.
"""

from __future__ import annotations

from .._transport.websocket import Wire


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
        self._traffic: tuple[Wire | None, int, int] = (None, 0, 0)

    @property
    def traffic(self) -> tuple[int, int]:
        """
        The bytes that all connections have sent and received.
        """
        wire, sent, received = self._traffic
        if wire is None:
            return sent, received
        return sent + wire.bytes_sent, received + wire.bytes_received

    def serve(self, wire: Wire | None) -> None:
        """
        Count what *wire* carries from now on. Reader thread.
        """
        self._traffic = (wire, *self.traffic)
