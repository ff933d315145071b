"""
The times of one turn: from the end of the question to the first sample of the answer.

Pure functions. Any thread.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable

import attrs

__all__ = ["TurnTimes"]

STAGES = ("stopped", "committed", "created", "first_audio", "first_played")
"""The stages of a spoken turn in order; each is counted from the end of speech."""

LABELS = {
    "stopped": "end of speech detected",
    "committed": "committed",
    "created": "response created",
    "first_audio": "first audio",
    "first_text": "first text",
    "first_played": "first sample played",
}


@attrs.frozen
class TurnTimes:
    """
    When the stages of a turn happened, in seconds after the start of the recording.

    None: there was no such event.

    Attributes:
        number: The index of the turn.
        began: When the question began.
        asked: The end of the user's speech; for a written question, its request.
        is_spoken: Whether the question was spoken.
        stopped: When the service reported the end of speech.
        committed: When the service reported the new item.
        created: When the first response was created.
        first_text: The first delta of text or transcript.
        first_audio: The first delta of audio.
        first_played: The first sample that was played.
        ended: When the last response was done.
        is_estimated: Whether `first_played` is the time of the first audio, because the
            application has not noted the playback.
        interrupted: When the answer was interrupted.
    """

    number: int
    began: float
    asked: float
    is_spoken: bool
    stopped: float | None = None
    committed: float | None = None
    created: float | None = None
    first_text: float | None = None
    first_audio: float | None = None
    first_played: float | None = None
    ended: float | None = None
    is_estimated: bool = True
    interrupted: float | None = None

    def latency(self, stage: str) -> float | None:
        """
        Return the seconds from `asked` to a stage; None if there was none.
        """
        at = getattr(self, stage)
        return None if at is None else max(0.0, float(at) - self.asked)


def percentile(values: Iterable[float], share: float) -> float | None:
    """
    Return the value at or below which *share* of the values are; None without values.

    The nearest rank: it is one of the values.
    """
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


class AppendClock:
    """
    When each millisecond of the appended audio was sent. One connection.
    """

    def __init__(self) -> None:
        self._ends: list[float] = []  # milliseconds appended so far
        self._times: list[float] = []
        self.total_ms = 0.0

    def append(self, ms: float, at: float) -> None:
        """
        Note a piece of audio.
        """
        self.total_ms += ms
        self._ends.append(self.total_ms)
        self._times.append(at)

    def sent_at(self, position_ms: float) -> float | None:
        """
        Return when the audio at a position was sent; None beyond its end.
        """
        index = bisect.bisect_left(self._ends, position_ms)
        return self._times[index] if index < len(self._times) else None

    @property
    def last(self) -> float | None:
        """
        When the last piece was sent.
        """
        return self._times[-1] if self._times else None
