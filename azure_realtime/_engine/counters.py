"""
The numbers of a client that the reader thread counts.
"""

from __future__ import annotations

from typing import Any

import attrs


@attrs.define
class Counters:
    """
    Counted since the client was made; each is written by one thread.
    """

    reconnects: int = 0
    round_trip: float | None = None
    bytes_sent: int = 0
    bytes_received: int = 0

    def take_from(self, wire: Any) -> None:
        """
        Count what a wire has carried since it was last asked. Reader thread.
        """
        self.bytes_sent += wire.bytes_sent
        self.bytes_received += wire.bytes_received
        wire.bytes_sent = wire.bytes_received = 0
