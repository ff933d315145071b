"""
A timeout as a point in time: a blocking call makes one `Deadline` and passes it on.
"""

from __future__ import annotations

import time

from .._logging import repr_of

_LONGEST = 1e6
"""Seconds, eleven days: the longest timeout that is passed to a selector. The kernel
counts milliseconds in 32 bits."""

TIMEOUTS = frozenset({float, int, type(None)})
"""The usual types of a timeout; `Deadline` takes other numbers as well."""


class Deadline:
    """
    A point on the monotonic clock, or never.

    Args:
        seconds: From now; None means never. A negative number counts as zero.

    Raises:
        TypeError: *seconds* is not a number.
        ValueError: *seconds* is NaN.
    """

    __slots__ = ("at",)

    def __init__(self, seconds: float | None) -> None:
        try:
            if seconds is True or seconds is False:
                raise TypeError
            self.at = None if seconds is None else time.monotonic() + max(0.0, seconds)
        except (TypeError, ValueError, OverflowError):
            raise TypeError(
                f"a timeout is a number of seconds or None, not {repr_of(seconds):.40}"
            ) from None
        if seconds != seconds:
            raise ValueError("a timeout is a number of seconds or None, not NaN")

    def remaining(self) -> float | None:
        """
        Return the remaining seconds, at least 0.0; None means never.

        The value is at most eleven days. A caller that has waited for so long checks
        `passed` and waits again.
        """
        if self.at is None:
            return None
        return min(_LONGEST, max(0.0, self.at - time.monotonic()))

    def is_before(self, other: Deadline) -> bool:
        """
        Whether this deadline is earlier than *other*.
        """
        return self.at is not None and (other.at is None or self.at < other.at)

    @property
    def passed(self) -> bool:
        """
        Whether the deadline has been reached.
        """
        return self.at is not None and time.monotonic() >= self.at
