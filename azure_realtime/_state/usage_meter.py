"""
Usage: the sum of the tokens of all responses, and the last known rate limits.
"""

from collections import deque
from collections.abc import Mapping

from ..events import RateLimit, RateLimitsUpdated, ResponseDone, ServerEvent
from ..models.responses import Usage
from ..models.usage import UsageTotals

_MAX_LIMITS = 64  # rate limits kept
_MAX_RESPONSES = 64  # ids remembered, so that no response is counted twice


class UsageMeter:
    """
    Adds up the usage of a client's responses, across reconnects.

    There is no lock: only the reader thread changes the meter, and it replaces the
    objects that other threads read.

    Attributes:
        handles: The classes of events for which `observe` must be called.
    """

    handles = frozenset({ResponseDone, RateLimitsUpdated})

    def __init__(self) -> None:
        self._totals = UsageTotals()
        self._limits: dict[str, RateLimit] = {}
        self._counted: deque[str] = deque(maxlen=_MAX_RESPONSES)

    def __repr__(self) -> str:
        totals = self.totals
        return (
            f"<UsageMeter {totals.responses} responses, {totals.total_tokens} tokens>"
        )

    @property
    def totals(self) -> UsageTotals:
        """
        The usage of all responses so far. Any thread.
        """
        return self._totals

    @property
    def rate_limits(self) -> Mapping[str, RateLimit]:
        """
        The last report of each rate limit by its name (``requests``, ``tokens``).

        Azure was never observed to report any. Any thread.
        """
        return dict(self._limits)

    def observe(self, event: ServerEvent) -> None:
        """
        Count *event*. Never raises, never blocks. Reader thread.
        """
        if isinstance(event, ResponseDone):
            self._count(event.response.id, event.response.usage)
        elif isinstance(event, RateLimitsUpdated):
            limits = dict(self._limits)
            for limit in event.rate_limits:
                if limit.name and (limit.name in limits or len(limits) < _MAX_LIMITS):
                    limits[limit.name] = limit
            self._limits = limits

    def _count(self, response_id: str, usage: Usage | None) -> None:
        if response_id:
            if response_id in self._counted:
                return
            self._counted.append(response_id)
        self._totals += UsageTotals.of(usage)
