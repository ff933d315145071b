"""
Whether to connect again, and when. Pure decisions; nothing here waits or dials.

Rules:

1. Again after what the network or the service's housekeeping did: the close codes 1001,
   1005, 1006, 1011, 1012 and 1013, network errors, and the handshake answers 408, 429
   and 5xx. Never after a clean 1000, a policy or protocol code, or another 4xx: they
   would only come again. A session that has expired is replaced, with whatever code
   the service ended it.
2. A 401 is tried once more where there is a fresh token to be had.
3. After an error the service calls fatal for the account, never; but one that names a
   command of ours is about that command.
4. The pause is exponential with full jitter, so that many clients do not come back in
   one wave; the service's ``Retry-After`` is the least it can be.
5. Attempts are counted from the last session that worked: that was configured for at
   least as long as the next pause could be. So a service that drops every session soon
   after it is configured meets growing pauses, and the attempts come to an end.
"""

from __future__ import annotations

import random
import ssl

from ..errors import (
    AuthenticationError,
    ConnectError,
    ConnectionClosed,
    RealtimeError,
)

_AGAIN = {1001, 1005, 1006, 1011, 1012, 1013}
_OUR_VERDICTS = {1002, 1007, 1009}  # the peer broke the protocol, and would again


class Backoff:
    """
    The attempts since the last session that worked.

    Attributes:
        max_attempts: How many in a row; None is without end.
        interval: Seconds that the first pause can last; it doubles.
        fresh_tokens: Whether another token can be had after a 401.
        attempts: How many there were.
    """

    MOST = 30.0
    """Seconds that no pause of our own exceeds."""

    def __init__(
        self, max_attempts: int | None, interval: float, fresh_tokens: bool = False
    ) -> None:
        self.max_attempts = max_attempts
        self.interval = interval
        self.fresh_tokens = fresh_tokens
        self.attempts = 0
        self._refused = False

    def session_ended(self, lasted: float) -> None:
        """
        Note the end of a session that was configured for so many seconds, 0 for never.
        """
        if lasted and lasted >= self._longest_pause:
            self.attempts, self._refused = 0, False

    @property
    def _longest_pause(self) -> float:
        # the exponent has its own bound: a float ends at 2.0**1024
        return min(self.MOST, self.interval * 2.0 ** min(self.attempts, 64))

    def would_retry(self, error: RealtimeError, expired: bool = False) -> bool:
        """
        Whether `pause` would name a time now.
        """
        left = self.max_attempts is None or self.attempts < self.max_attempts
        return left and _worth_it(error, expired)

    def pause(self, error: RealtimeError, expired: bool = False) -> float | None:
        """
        Count one more attempt after *error*; return the seconds to wait, or None.

        Args:
            error: Why there is no connection.
            expired: Whether it was the end of a session that had expired.
        """
        if self.max_attempts is not None and self.attempts >= self.max_attempts:
            return None
        if isinstance(error, AuthenticationError) and error.status_code == 401:
            if self._refused or not self.fresh_tokens:
                return None
            self._refused = True
        elif not _worth_it(error, expired):
            return None
        longest = self._longest_pause
        self.attempts += 1
        least = error.retry_after if isinstance(error, ConnectError) else None
        return max(least or 0.0, random.uniform(0.0, longest))


def _worth_it(error: RealtimeError, expired: bool) -> bool:
    if isinstance(error, ConnectionClosed):
        if expired and error.code not in _OUR_VERDICTS:
            return True
        return error.code in _AGAIN
    if isinstance(error, ConnectError):
        status = error.status_code
        if status is None:
            return not isinstance(error.__cause__, ssl.SSLCertVerificationError)
        return status in (408, 429) or status >= 500
    return False
