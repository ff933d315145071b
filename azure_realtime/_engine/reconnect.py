"""
Decides whether and when to reconnect. Nothing here waits or dials.

Rules:

1. The client reconnects after network errors, the close codes 1001, 1005, 1006, 1011
   to 1014 and 3008, and the handshake answers 408, 429 and 5xx. It does not after a
   clean 1000, a policy or protocol code, another code (3000 unauthorized, 3003
   forbidden, those of applications), or another 4xx: these would only be repeated. An
   expired session is replaced, whatever the close code.
2. After a 401, it makes one more attempt if it can get a new token.
3. It does not reconnect after an error that is fatal for the account; but an error that
   names a command of the client is about that command.
4. The back-off is exponential with full jitter, so that many clients do not reconnect
   at the same time. The service's ``Retry-After`` is its minimum.
5. Attempts are counted from the last session that worked, that is, was configured for
   at least as long as the next pause could be. So if a service drops every session soon
   after it was configured, the pauses grow and the number of attempts is limited.
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

# 1014 is a gateway's 502, 3008 (timeout) is the 408 of a session
_RETRYABLE = {1001, 1005, 1006, 1011, 1012, 1013, 1014, 3008}
_PEER_FAULTS = {1002, 1007, 1009}  # we closed: the peer broke the protocol


class Backoff:
    """
    Counts the attempts since the last session that worked, and computes the pauses.

    Attributes:
        max_attempts: How many attempts in a row; None: no limit.
        interval: The longest first pause in seconds; it doubles with each attempt.
        fresh_tokens: Whether a new token is available after a 401.
        attempts: How many attempts were made.
    """

    MOST = 30.0
    """The longest pause in seconds, unless ``Retry-After`` is longer."""

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
        Reset the attempts if the session worked.

        Args:
            lasted: For how many seconds it was configured; 0 if it never was.
        """
        if lasted and lasted >= self._longest_pause:
            self.attempts, self._refused = 0, False

    @property
    def _longest_pause(self) -> float:
        # the exponent is bounded: 2.0**1024 raises OverflowError
        return min(self.MOST, self.interval * 2.0 ** min(self.attempts, 64))

    def would_retry(self, error: RealtimeError, expired: bool = False) -> bool:
        """
        Return whether another attempt may follow. It changes nothing.
        """
        attempts_remain = self.max_attempts is None or self.attempts < self.max_attempts
        return attempts_remain and _is_retryable(error, expired)

    def pause(self, error: RealtimeError, expired: bool = False) -> float | None:
        """
        Count one more attempt. Return the seconds to wait before it, or None.

        Args:
            error: Why there is no connection.
            expired: Whether the last session had expired.

        Returns:
            None if no attempt may follow.
        """
        if self.max_attempts is not None and self.attempts >= self.max_attempts:
            return None
        if isinstance(error, AuthenticationError) and error.status_code == 401:
            if self._refused or not self.fresh_tokens:
                return None
            self._refused = True
        elif not _is_retryable(error, expired):
            return None
        longest = self._longest_pause
        self.attempts += 1
        retry_after = error.retry_after if isinstance(error, ConnectError) else None
        return max(retry_after or 0.0, random.uniform(0.0, longest))


def _is_retryable(error: RealtimeError, expired: bool) -> bool:
    if isinstance(error, ConnectionClosed):
        if expired and error.code not in _PEER_FAULTS:
            return True
        return error.code in _RETRYABLE
    if isinstance(error, ConnectError):
        status = error.status_code
        if status is None:
            return not isinstance(error.__cause__, ssl.SSLCertVerificationError)
        return status in (408, 429) or status >= 500
    return False
