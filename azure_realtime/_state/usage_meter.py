"""
What a conversation costs: tokens added up, and what is left of the quotas.
"""

from collections import deque
from collections.abc import Mapping

from ..events import RateLimit, RateLimitsUpdated, ResponseDone, ServerEvent
from ..models.responses import Usage
from ..models.usage import UsageTotals

#: Quotas kept, and responses remembered so that none counts twice.
_MAX_LIMITS = 64
_MAX_RESPONSES = 64


class UsageMeter:
    """
    Adds up what the responses of a client cost, across reconnects.

    Only the reader thread changes it, and replaces what others read as a whole.

    Attributes:
        handles: The classes of events that `observe` is for.
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
        All responses so far. Any thread.
        """
        return self._totals

    @property
    def rate_limits(self) -> Mapping[str, RateLimit]:
        """
        The last word about each quota, by its name (``requests``, ``tokens``).

        Azure has not been seen to tell. Any thread.
        """
        return dict(self._limits)

    def observe(self, event: ServerEvent) -> None:
        """
        Count what *event* tells. Never raises, never blocks. Reader thread.
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
