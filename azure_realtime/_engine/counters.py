"""
The numbers of a client that the reader thread counts.
"""

from __future__ import annotations

from typing import Any


class Counters:
    """
    Counted since the client was made; each is written by one thread.
    """

    __slots__ = ("bytes_received", "bytes_sent", "reconnects", "round_trip")

    def __init__(self) -> None:
        self.reconnects = 0
        self.round_trip: float | None = None
        self.bytes_sent = 0
        self.bytes_received = 0

    def take_from(self, wire: Any) -> None:
        """
        Count what a wire has carried since it was last asked. Reader thread.
        """
        self.bytes_sent += wire.bytes_sent
        self.bytes_received += wire.bytes_received
        wire.bytes_sent = wire.bytes_received = 0
