"""
What a conversation costs: tokens added up, and what is left of the quotas.
"""

import threading
from collections import deque
from collections.abc import Mapping

import attrs

from ..events import RateLimit, RateLimitsUpdated, ResponseDone, ServerEvent
from ..models.responses import (
    CachedTokensDetails,
    InputTokenDetails,
    OutputTokenDetails,
    Usage,
)

#: Quotas kept, and responses remembered so that none counts twice.
_MAX_LIMITS = 64
_MAX_RESPONSES = 64


@attrs.frozen(kw_only=True)
class UsageTotals:
    """
    Tokens of some responses; what the service did not break down is not in the parts.

    Attributes:
        responses: How many, whether or not they told their usage.
        cached_tokens: Part of `input_tokens`, and cheaper, as are the
            ``cached_*_tokens`` by kind.
    """

    responses: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_text_tokens: int = 0
    input_audio_tokens: int = 0
    input_image_tokens: int = 0
    output_text_tokens: int = 0
    output_audio_tokens: int = 0
    cached_text_tokens: int = 0
    cached_audio_tokens: int = 0
    cached_image_tokens: int = 0

    @classmethod
    def of(cls, usage: Usage | None) -> "UsageTotals":
        """
        Return the totals of one response.
        """
        if usage is None:
            return cls(responses=1)
        inputs = usage.input_token_details or InputTokenDetails()
        cached = inputs.cached_tokens_details or CachedTokensDetails()
        outputs = usage.output_token_details or OutputTokenDetails()
        return cls(
            responses=1,
            input_tokens=usage.input_tokens,
            cached_tokens=inputs.cached_tokens or 0,
            output_tokens=usage.output_tokens,
            total_tokens=usage.total_tokens,
            input_text_tokens=inputs.text_tokens or 0,
            input_audio_tokens=inputs.audio_tokens or 0,
            input_image_tokens=inputs.image_tokens or 0,
            output_text_tokens=outputs.text_tokens or 0,
            output_audio_tokens=outputs.audio_tokens or 0,
            cached_text_tokens=cached.text_tokens or 0,
            cached_audio_tokens=cached.audio_tokens or 0,
            cached_image_tokens=cached.image_tokens or 0,
        )

    def __add__(self, other: "UsageTotals") -> "UsageTotals":
        if not isinstance(other, UsageTotals):
            return NotImplemented
        return UsageTotals(
            **{
                name: getattr(self, name) + getattr(other, name)
                for name in attrs.fields_dict(UsageTotals)
            }
        )


class UsageMeter:
    """
    Adds up what the responses of a client cost, across reconnects.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
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
        with self._lock:
            return dict(self._limits)

    def observe(self, event: ServerEvent) -> None:
        """
        Count what *event* tells. Never raises, never blocks. Reader thread.
        """
        if isinstance(event, ResponseDone):
            with self._lock:
                self._count(event.response.id, event.response.usage)
        elif isinstance(event, RateLimitsUpdated):
            with self._lock:
                for limit in event.rate_limits:
                    known = limit.name in self._limits
                    if limit.name and (known or len(self._limits) < _MAX_LIMITS):
                        self._limits[limit.name] = limit

    def _count(self, response_id: str, usage: Usage | None) -> None:
        if response_id:
            if response_id in self._counted:
                return
            self._counted.append(response_id)
        self._totals += UsageTotals.of(usage)
