"""
The counters of a voice call.
"""

from __future__ import annotations

from array import array

import attrs

from ..audio.samples import samples_of

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


def level_of(pcm: bytes) -> float:
    """
    Return the peak of PCM16, from 0.0 to 1.0.
    """
    samples: array[int] = samples_of(pcm[: len(pcm) & ~1])
    return max(max(samples), -min(samples)) / 32768 if samples else 0.0
