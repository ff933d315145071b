"""
When a session expires, according to the service (``session.expires_at``).

Rules:

1. The expiry is announced once, some time before.
2. From then on the session may be renewed, but not in the first half of its duration: a
   session shorter than the warning would be renewed at once, and so would the next.
3. If a session expires before it began, a clock is wrong. It is never renewed; the
   client waits until the service ends it.
4. After a failed renewal, the next attempt follows 5 seconds later.

Nothing here waits. All of it runs on the reader thread.
"""

from __future__ import annotations

import time

from ..._concurrency.deadline import Deadline

_LEAST_LIFE = 1.0  # seconds of a session before it may be renewed
_AGAIN = 5.0  # seconds between a failed renewal and the next attempt
_FAR = 1e11  # Unix time, year 5138: a service may send 10**400, which is no float


class Expiry:
    """
    The expiry of one session.

    Args:
        warning: How many seconds before the expiry it is announced.

    Attributes:
        announced: Whether it was announced.
    """

    def __init__(self, warning: float) -> None:
        self._warning = warning
        self._at: float | None = None
        self.announced = False
        self._renewable = Deadline(None)
        self._credible = False

    def note(self, at: float) -> None:
        """
        Set the Unix time at which the session expires.
        """
        first, self._at = self._at is None, min(max(at, 0), _FAR)
        self.announced = self.announced and self.near  # the expiry may be later now
        if first:
            life = self._at - time.time()
            self._credible = life > 0
            if self._credible:
                self._renewable = Deadline(max(_LEAST_LIFE, life / 2))

    @property
    def remaining(self) -> float | None:
        """
        The seconds until the expiry, at least 0; None if the service sent no time.
        """
        return None if self._at is None else max(0.0, self._at - time.time())

    @property
    def over(self) -> bool:
        """
        Whether the session has expired.
        """
        return self._credible and self.remaining == 0.0

    @property
    def near(self) -> bool:
        """
        Whether the expiry is due to be announced.
        """
        remaining = self.remaining
        return remaining is not None and remaining <= self._warning

    def announce(self) -> float | None:
        """
        Return the remaining seconds if the expiry is to be announced now, else None.
        """
        remaining = None if self.announced else self.remaining
        if remaining is None or remaining > self._warning:
            return None
        self.announced = True
        return remaining

    @property
    def renewable(self) -> bool:
        """
        Whether another session may be prepared now.
        """
        return self.near and self._renewable.passed

    def postpone(self) -> None:
        """
        Delay the next renewal after one that failed.
        """
        self._renewable = Deadline(_AGAIN)

    def next_deadline(self) -> float | None:
        """
        Return in how many seconds the result of a method may change; None for never.
        """
        remaining = self.remaining
        if remaining is None:
            return None
        near = max(0.0, remaining - self._warning)
        if not self.announced:
            return near
        renewable = self._renewable.remaining()
        return None if renewable is None else max(near, renewable)
