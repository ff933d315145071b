"""
When what happened in a recorded session: the facts that a timeline shows.
"""

from __future__ import annotations

import attrs

from .exchanges import Exchange
from .follower import Happened, Span
from .stages import STAGES, TurnTimes, percentile


@attrs.frozen(repr=False)
class Moments:
    """
    A recorded session, or one turn of it, on one clock; see `Timeline`.
    """

    start: float
    end: float
    spans: tuple[Span, ...]
    events: tuple[Happened, ...]
    turns: tuple[TurnTimes, ...]
    exchanges: tuple[Exchange, ...]
    title: str

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.title}: {self.start:.1f} to "
            f"{self.end:.1f} s, {len(self.turns)} turns>"
        )

    def latencies(self, stage: str) -> tuple[float, ...]:
        """
        Return the seconds from the end of speech to a stage, for each spoken turn.

        Args:
            stage: ``stopped``, ``committed``, ``created``, ``first_audio``,
                ``first_played`` or ``first_text``.
        """
        found = (turn.latency(stage) for turn in self.turns if turn.is_spoken)
        return tuple(seconds for seconds in found if seconds is not None)

    def percentiles(self, share: float) -> dict[str, float]:
        """
        Return the percentile of each stage over the spoken turns; stages without a time
        are left out.

        Args:
            share: 0.5 for the median, 0.95 for p95. The result is one of the values.

        Raises:
            ValueError: *share* is not between 0 and 1.
        """
        if not 0 <= share <= 1:
            raise ValueError(
                f"share must be between 0 and 1 (0.95 is p95), not {share}"
            )
        found = {stage: percentile(self.latencies(stage), share) for stage in STAGES}
        return {stage: value for stage, value in found.items() if value is not None}
