"""
When a session ends, as far as the service has said (``session.expires_at``).

Rules:

1. It is announced once, some time before.
2. From then on it may be renewed, but not in the first half of its life: one shorter
   than the warning would be renewed at once, and the next again.
3. One that ends before it began shows that a clock is wrong. It is never renewed; the
   service's end of it is waited for.
4. A renewal that failed is tried again a little later.

Pure decisions; all of it belongs to the reader thread.
"""

from __future__ import annotations

import time

from ..._concurrency.deadline import Deadline

_LEAST_LIFE = 1.0  # seconds that a session has before it is renewed
_AGAIN = 5.0  # seconds after a renewal that failed
_FAR = 1e11  # Unix time beyond which it does not matter when; also 10**400 may come


class Expiry:
    """
    The end of one session.

    Args:
        warning: Seconds before it in which it is announced.

    Attributes:
        announced: Whether it has been.
    """

    def __init__(self, warning: float) -> None:
        self._warning = warning
        self._at: float | None = None
        self.announced = False
        self._renewable = Deadline(None)
        self._credible = False

    def note(self, at: float) -> None:
        """
        Keep when the session ends, in Unix seconds.
        """
        first, self._at = self._at is None, min(max(at, 0), _FAR)
        self.announced = self.announced and self.near  # it may have moved away
        if first:
            life = self._at - time.time()
            self._credible = life > 0
            if self._credible:
                self._renewable = Deadline(max(_LEAST_LIFE, life / 2))

    @property
    def left(self) -> float | None:
        """
        The seconds that are left; None where the service has not said.
        """
        return None if self._at is None else max(0.0, self._at - time.time())

    @property
    def over(self) -> bool:
        """
        Whether the session has come to its end.
        """
        return self._credible and self.left == 0.0

    @property
    def near(self) -> bool:
        """
        Whether it is time to do something about it.
        """
        left = self.left
        return left is not None and left <= self._warning

    def announce(self) -> float | None:
        """
        Return the seconds that are left if that is to be announced now, else None.
        """
        left = None if self.announced else self.left
        if left is None or left > self._warning:
            return None
        self.announced = True
        return left

    @property
    def renewable(self) -> bool:
        """
        Whether a new session may be prepared now.
        """
        return self.near and self._renewable.passed

    def postpone(self) -> None:
        """
        Try again later: no new session was to be had.
        """
        self._renewable = Deadline(_AGAIN)

    def next_deadline(self) -> float | None:
        """
        Return in how many seconds the answer of a method may be another one.
        """
        left = self.left
        if left is None:
            return None
        near = max(0.0, left - self._warning)
        if not self.announced:
            return near
        renewable = self._renewable.remaining()
        return None if renewable is None else max(near, renewable)
