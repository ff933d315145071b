"""
One clock reading a call: turn "at most this long" into "until then" once, and
hand the result down.

Strictly private.
"""

from __future__ import annotations

import time

_LONGEST = 1e6
"""Seconds, eleven days: what a selector takes for a time-out (the kernel counts
milliseconds in 32 bits). Who waits longer looks at the clock once more."""


class Deadline:
    """
    A point on the monotonic clock, or never.

    Args:
        seconds: From now; None means never. A negative number counts as zero.

    Raises:
        TypeError: It is no number.
    """

    __slots__ = ("at",)

    def __init__(self, seconds: float | None) -> None:
        try:
            self.at = None if seconds is None else time.monotonic() + max(0.0, seconds)
        except TypeError:
            raise TypeError(
                f"a time limit is a number of seconds or None, not {seconds!r}"
            ) from None

    def remaining(self) -> float | None:
        """
        Return the seconds left, at least 0.0, or None for never.

        Not more than eleven days at a time: who waits asks `passed` afterwards.
        """
        if self.at is None:
            return None
        return min(_LONGEST, max(0.0, self.at - time.monotonic()))

    def is_before(self, other: Deadline) -> bool:
        """
        Whether this is the sooner of the two.
        """
        return self.at is not None and (other.at is None or self.at < other.at)

    @property
    def passed(self) -> bool:
        """
        Whether the point in time is behind us.
        """
        return self.at is not None and time.monotonic() >= self.at
