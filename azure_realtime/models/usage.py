"""
The token totals of a client or a turn.
"""

from typing import TYPE_CHECKING

import attrs

from ._base import Value
from .responses import CachedTokensDetails, InputTokenDetails, OutputTokenDetails, Usage

if TYPE_CHECKING:
    from .prices import Prices

__all__ = ["UsageTotals"]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class UsageTotals(Value):
    """
    The tokens of several responses.

    Totals that the service did not break down are not contained in the fields by kind
    (text, audio, image).

    Attributes:
        responses: Number of responses, with and without usage.
        cached_tokens: The cached part of `input_tokens`, which costs less; also by kind
            in ``cached_*_tokens``.
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

    def cost(self, prices: "Prices") -> float:
        """
        Return what these tokens cost, in ``prices.currency``.

        The transcription of the input is not contained: another model bills it.

        Args:
            prices: The prices of the model: `Prices.published`, or figures of your own.

        Raises:
            ValueError: A price that is needed is not known, or the service did not
                report of which kind all tokens are.
            TypeError: *prices* is no `Prices`.
        """
        if not hasattr(prices, "cost"):
            raise TypeError(
                "prices must be Prices, such as Prices.published(model), not "
                f"{type(prices).__name__}"
            )
        self._check_kinds()
        total = 0.0
        for kind in ("text", "audio", "image"):
            cached = getattr(self, f"cached_{kind}_tokens")
            new = getattr(self, f"input_{kind}_tokens") - cached
            total += prices.cost(max(0, new), f"{kind}_in")
            total += prices.cost(cached, f"{kind}_in_cached")
        total += prices.cost(self.output_text_tokens, "text_out")
        return total + prices.cost(self.output_audio_tokens, "audio_out")

    def _check_kinds(self) -> None:
        """
        Raise if tokens are counted in a total only: their price depends on their kind.
        """
        text, audio = self.output_text_tokens, self.output_audio_tokens
        inputs = (
            self.input_text_tokens + self.input_audio_tokens + self.input_image_tokens
        )
        cached = (
            self.cached_text_tokens
            + self.cached_audio_tokens
            + self.cached_image_tokens
        )
        for name, total, known in (
            ("input", self.input_tokens, inputs),
            ("cached", self.cached_tokens, cached),
            ("output", self.output_tokens, text + audio),
        ):
            if total > known:
                msg = (
                    f"{total - known:,} of {total:,} {name} tokens are not reported by "
                    "kind (text, audio, image), so their price is not known"
                )
                raise ValueError(msg)

    def __add__(self, other: "UsageTotals") -> "UsageTotals":
        if not isinstance(other, UsageTotals):
            return NotImplemented
        return UsageTotals(
            **{
                name: getattr(self, name) + getattr(other, name)
                for name in attrs.fields_dict(UsageTotals)
            }
        )

    def _repr_html_(self) -> str:
        """
        Return HTML for notebooks: a table of the tokens by direction and kind.
        """
        from .._html import card, facts, table, text, tokens  # only for notebooks

        kinds = ("text", "audio", "image")
        rows = []
        for direction in ("input", "cached", "output"):
            names = [f"{direction}_{kind}_tokens" for kind in kinds]
            # the service reports no image output
            counts = [getattr(self, name, None) for name in names]
            total = getattr(self, f"{direction}_tokens")
            title = "of these cached" if direction == "cached" else direction
            shown = ["" if count is None else f"{count:,}" for count in counts]
            rows.append([text(cell) for cell in (title, *shown, f"{total:,}")])
        noun = "response" if self.responses == 1 else "responses"
        return card(
            [
                facts([f"{self.responses:,} {noun}", tokens(self)]),
                table(rows, ("tokens", *kinds, "all")),
            ]
        )
