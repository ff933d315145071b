"""
The counters of a voice call.
"""

from __future__ import annotations

import attrs

__all__ = ["CallStats"]


@attrs.frozen
class CallStats:
    """
    A snapshot of a call's counters.

    Attributes:
        input_level: Peak of the newest block that was sent, 0.0 to 1.0.
        output_level: Peak of the audio that is played now, 0.0 to 1.0.
        underflows: Number of gaps that the loudspeaker has reported: the machine was
            busy.
        overflows: Number of blocks of the microphone that were lost: the machine was
            busy, or they were not sent in time.
        drops: Number of blocks that were not sent, because there was no connection or
            the network was too slow.
        interruptions: Number of answers that were interrupted.
    """

    input_level: float
    output_level: float
    underflows: int
    overflows: int
    drops: int
    interruptions: int
