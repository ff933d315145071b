"""
The cost of a usage, and the table of published prices.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import attrs
import pytest
from helpers.clients import MANUAL, Variant

import azure_realtime
from azure_realtime import Prices, UsageTotals

TABLE = Path(azure_realtime.__file__).parent / "models" / "prices.json"
GENERATOR = Path(__file__).parents[2] / ".ci" / "prices.py"

USAGE = UsageTotals(
    input_tokens=1_000,
    input_text_tokens=600,
    input_audio_tokens=300,
    input_image_tokens=100,
    cached_tokens=250,
    cached_text_tokens=200,
    cached_audio_tokens=50,
    output_tokens=500,
    output_text_tokens=100,
    output_audio_tokens=400,
)
PRICES = Prices(
    model="m",
    text_in=4,
    text_in_cached=0.4,
    text_out=16,
    audio_in=32,
    audio_in_cached=0.5,
    audio_out=64,
    image_in=5,
)


def test_cost_adds_up_each_kind() -> None:
    """
    What is read from the cache is not billed as new.
    """
    parts = [400 * 4, 200 * 0.4, 250 * 32, 50 * 0.5, 100 * 5, 100 * 16, 400 * 64]
    assert USAGE.cost(PRICES) == pytest.approx(sum(parts) / 1_000_000)
    assert UsageTotals().cost(Prices()) == 0.0


@pytest.mark.parametrize("name", ["text_in", "text_in_cached", "audio_out", "image_in"])
def test_a_missing_price_is_an_error(name: str) -> None:
    """
    Never zero; and no error if there are no such tokens.
    """
    prices = attrs.evolve(PRICES, **{name: None})
    with pytest.raises(ValueError, match=rf"price {name} of m is not known"):
        USAGE.cost(prices)
    assert UsageTotals().cost(prices) == 0.0


@pytest.mark.parametrize("name", ["input_tokens", "cached_tokens", "output_tokens"])
def test_tokens_of_unknown_kind_have_no_cost(name: str) -> None:
    """
    Their price depends on the kind, which the service did not report.
    """
    usage = attrs.evolve(USAGE, **{name: getattr(USAGE, name) + 7})
    with pytest.raises(ValueError, match=r"7 of [\d,]+ (input|cached|output) tokens"):
        usage.cost(PRICES)


@pytest.mark.parametrize("wrong", ["4", -1, float("nan"), float("inf"), True])
def test_prices_are_numbers(wrong: Any) -> None:
    """
    A mistake is found where it is made.
    """
    with pytest.raises((TypeError, ValueError), match="text_in"):
        Prices(text_in=wrong)


def test_published_prices_have_date_and_sources() -> None:
    """
    With date and sources; a figure that was not published is None.
    """
    prices = Prices.published("gpt-realtime")
    assert (prices.audio_in, prices.audio_out, prices.text_out) == (32, 64, 16)
    assert prices.image_in_cached is None
    assert prices.currency == "USD"
    assert prices.date.count("-") == 2
    assert prices.sources
    other = Prices.published("gpt-realtime", provider="openai")
    assert other.image_in_cached == 0.5
    zone = Prices.published("gpt-4o-realtime-preview-2024-12-17", zone="eu")
    assert (zone.text_in, zone.audio_in) == (5.5, 44)
    assert Prices.published("gpt-4o-realtime-preview-2024-12-17").text_in == 5


@pytest.mark.parametrize(
    ("model", "how", "text"),
    [
        ("gpt-realtme", {}, "Did you mean 'gpt-realtime'"),
        ("my-deployment", {}, "gpt-realtime-mini"),
        ("gpt-realtime", {"zone": "eu"}, "in zone 'eu'"),
        ("gpt-realtime", {"provider": "acme"}, "There are none"),
    ],
)
def test_an_unknown_model_is_an_error(model: str, how: Any, text: str) -> None:
    """
    The message has the names that there are.
    """
    with pytest.raises(LookupError, match=text):
        Prices.published(model, **how)


def test_every_row_can_be_used() -> None:
    """
    Each has a date and sources, and is found by its own names.
    """
    rows = json.loads(TABLE.read_text("utf-8"))["rows"]
    assert len(rows) > 20
    for row in rows:
        zone = row.get("zone", "").split("|")[0] or None
        prices = Prices.published(row["model"], provider=row["provider"], zone=zone)
        assert prices.date == row["date"]
        assert list(prices.sources) == row["sources"]
        for name in ("text_in", "text_in_cached", "audio_in_cached", "image_in_cached"):
            assert getattr(prices, name) == row.get(name)


def test_the_table_is_generated(protocol_tables: Path) -> None:
    """
    It is not edited by hand.
    """
    spec = importlib.util.spec_from_file_location("prices_generator", GENERATOR)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    source = json.loads((protocol_tables / "prices.json").read_text("utf-8"))
    assert TABLE.read_text("utf-8") == module.table(source)


def test_the_cost_of_a_turn_is_part_of_the_cost_of_its_client(variant: Variant) -> None:
    """
    The usage of a real session has a cost; that of a turn is a part of it.
    """
    prices = Prices.published("gpt-realtime")
    with variant.connected(service={"pace": 0}, session_config=MANUAL) as (client, _):
        first = client.ask("Hello", timeout=20)
        second = client.ask("Hello", timeout=20)
        total = client.usage.cost(prices)
    parts = [turn.usage.cost(prices) for turn in (first, second)]
    assert parts[0] > 0
    assert total == pytest.approx(sum(parts))
