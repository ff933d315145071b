"""
Prices of tokens, and the cost of a usage.
"""

import json
from pathlib import Path
from typing import Any

import attrs

from .._spelling import checks_names, closest
from ._base import Value

__all__ = ["Prices"]

_TABLE = Path(__file__).with_name("prices.json")
_MILLION = 1_000_000


def _optional_price(_: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        msg = f"{attribute.name} must be a number or None, not {value!r:.40}"
        raise TypeError(msg)
    if not 0 <= value < float("inf"):
        msg = f"{attribute.name} must be 0 or more, not {value!r}"
        raise ValueError(msg)


def _price() -> Any:
    return attrs.field(default=None, validator=_optional_price)


@checks_names
@attrs.frozen(kw_only=True, eq=False, repr=False)
class Prices(Value):
    """
    What the tokens of one model cost, per million.

        prices = Prices.published("gpt-realtime")
        print(client.usage.cost(prices), prices.currency)

    A price that is not known is None. It is not zero: a usage that needs it has no
    cost.

    Attributes:
        model: The name of the model.
        currency: The currency of the prices.
        text_in: Text tokens that are read.
        text_in_cached: Text tokens that are read from the cache.
        text_out: Text tokens that are written.
        audio_in: Audio tokens that are heard.
        audio_in_cached: Audio tokens that are read from the cache.
        audio_out: Audio tokens that are spoken.
        image_in: Image tokens that are read.
        image_in_cached: Image tokens that are read from the cache.
        date: The date of the figures, as ``2026-11-28``.
        sources: Where the figures are from.
    """

    model: str = ""
    currency: str = "USD"
    text_in: float | None = _price()
    text_in_cached: float | None = _price()
    text_out: float | None = _price()
    audio_in: float | None = _price()
    audio_in_cached: float | None = _price()
    audio_out: float | None = _price()
    image_in: float | None = _price()
    image_in_cached: float | None = _price()
    date: str = ""
    sources: tuple[str, ...] = attrs.field(default=(), converter=tuple)

    @classmethod
    def published(
        cls, model: str, *, provider: str = "azure", zone: str | None = None
    ) -> "Prices":
        """
        Return the published prices of a model, as known at `date`.

        Prices change: check `date`, and what the contract says. They do not contain
        the transcription of the input, which another model does.

        Args:
            model: The name of the model, not of the deployment, which may have any
                name: ``gpt-realtime``.
            provider: ``azure`` or ``openai``.
            zone: None for global deployments; ``eu``, ``us`` or ``datazone`` where
                deployments of a data zone have other prices.

        Raises:
            LookupError: There are no prices of this model. The message has the models
                that there are.
        """
        rows = [row for row in _rows() if row["provider"] == provider]
        for row in rows:
            zones = row["zone"].split("|") if row.get("zone") else [None]
            if row["model"] == model and zone in zones:
                return cls(**{k: v for k, v in row.items() if k in _FIELDS})
        known = sorted({row["model"] for row in rows})
        guess = closest(model, known)
        hint = f" Did you mean {guess!r}?" if guess and guess != model else ""
        where = "" if zone is None else f" in zone {zone!r}"
        raise LookupError(
            f"no published prices of {model!r} by {provider!r}{where}.{hint} There are "
            f"{', '.join(known) or 'none'}. Prices(...) takes figures of your own."
        )

    def cost(self, tokens: int, name: str) -> float:
        """
        Return the cost of tokens.

        Args:
            tokens: Their number.
            name: The name of the price, such as ``audio_out``.

        Raises:
            ValueError: There are tokens, and the price is not known.
        """
        if not tokens:
            return 0.0
        price = getattr(self, name)
        if price is None:
            model = f" of {self.model}" if self.model else ""
            raise ValueError(
                f"the price {name}{model} is not known, and {tokens:,} tokens need it: "
                f"attrs.evolve(prices, {name}=...) adds a figure"
            )
        return tokens * float(price) / _MILLION


_FIELDS = {field.name for field in attrs.fields(Prices)}


def _rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(_TABLE.read_text(encoding="utf-8"))["rows"]
    return rows
