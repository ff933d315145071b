"""
Tokens added up, and quotas.
"""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from helpers.event_samples import ga_samples, preview_samples
from helpers.messages import GA, PREVIEW, PROTOCOLS, Json, events, response
from hypothesis import given
from hypothesis import strategies as st

from azure_realtime._protocol.codec import Codec
from azure_realtime._state import usage_meter as usage
from azure_realtime._state.usage_meter import UsageMeter
from azure_realtime.events import RateLimit, RateLimitsUpdated, ResponseDone
from azure_realtime.models.responses import InputTokenDetails, Response, Usage
from azure_realtime.models.usage import UsageTotals

FULL = {
    "total_tokens": 100,
    "input_tokens": 60,
    "output_tokens": 40,
    "input_token_details": {
        "cached_tokens": 30,
        "text_tokens": 25,
        "audio_tokens": 20,
        "image_tokens": 15,
        "cached_tokens_details": {
            "text_tokens": 16,
            "audio_tokens": 9,
            "image_tokens": 5,
        },
    },
    "output_token_details": {"text_tokens": 11, "audio_tokens": 29},
}
TOTALS = UsageTotals(
    responses=1,
    input_tokens=60,
    cached_tokens=30,
    output_tokens=40,
    total_tokens=100,
    input_text_tokens=25,
    input_audio_tokens=20,
    input_image_tokens=15,
    output_text_tokens=11,
    output_audio_tokens=29,
    cached_text_tokens=16,
    cached_audio_tokens=9,
    cached_image_tokens=5,
)


def done(response_id: str, used: Any = None, status: str = "completed") -> Json:
    """
    Return the end of a response.
    """
    ended = response(response_id, status=status, usage=used)
    return {"type": "response.done", "response": ended}


def metered(messages: list[Json], protocol: str | None = GA) -> UsageMeter:
    """
    Return a meter that has seen *messages*.
    """
    meter = UsageMeter()
    for event in events(messages, protocol):
        meter.observe(event)
    return meter


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_usage_of_a_response_is_counted_by_kind(protocol: str | None) -> None:
    """
    Every number the service breaks its tokens down to is found again.
    """
    assert metered([done("resp_1", FULL)], protocol).totals == TOTALS


def test_responses_add_up() -> None:
    """
    Two responses cost what both cost, also those that failed or reported nothing.
    """
    meter = metered([done("a", FULL), done("b", FULL, "failed"), done("c")])

    assert meter.totals == TOTALS + TOTALS + UsageTotals(responses=1)
    assert repr(meter) == "<UsageMeter 3 responses, 200 tokens>"


def test_the_same_response_is_counted_once() -> None:
    """
    A gateway that repeats ``response.done`` does not double the bill.
    """
    assert metered([done("a", FULL), done("a", FULL)]).totals == TOTALS


def test_responses_without_an_id_are_all_counted() -> None:
    """
    Where the service leaves the id out, nothing can be taken for a repetition.
    """
    assert metered([done("", FULL), done("", FULL)]).totals == TOTALS + TOTALS


def test_a_handmade_usage_counts() -> None:
    """
    Events that a test double makes are counted like any other.
    """
    meter = UsageMeter()
    details = InputTokenDetails(cached_tokens=1)
    cost = Usage(total_tokens=5, input_tokens=5, input_token_details=details)
    meter.observe(ResponseDone(response=Response(id="r", usage=cost)))

    expected = UsageTotals(responses=1, total_tokens=5, input_tokens=5, cached_tokens=1)
    assert meter.totals == expected


def test_totals_are_added_to_totals_only() -> None:
    """
    Adding a number is a mistake, and raises.
    """
    with pytest.raises(TypeError):
        TOTALS + 1  # type: ignore[operator]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_last_report_of_each_quota_is_kept(protocol: str | None) -> None:
    """
    Quotas are known by name, and only the last numbers count.
    """

    def limits(**remaining: int) -> Json:
        entries = [
            {"name": name, "limit": 100, "remaining": left, "reset_seconds": 0.5}
            for name, left in remaining.items()
        ]
        return {"type": "rate_limits.updated", "rate_limits": entries}

    meter = metered([limits(requests=9, tokens=90), limits(tokens=80)], protocol)

    assert meter.rate_limits == {
        "requests": RateLimit("requests", 100, 9, 0.5),
        "tokens": RateLimit("tokens", 100, 80, 0.5),
    }


def test_quotas_without_a_name_are_passed_over_and_many_are_cut_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    A service that makes up ever new quotas does not fill the memory.
    """
    monkeypatch.setattr(usage, "_MAX_LIMITS", 2)
    meter = UsageMeter()
    names = [None, "", "a", "b", "c"]
    meter.observe(RateLimitsUpdated(rate_limits=tuple(map(RateLimit, names))))
    meter.observe(RateLimitsUpdated(rate_limits=(RateLimit("a", remaining=1),)))

    assert meter.rate_limits == {"a": RateLimit("a", remaining=1), "b": RateLimit("b")}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.data())
def test_malformed_usage_is_accepted(protocol: str | None, data: st.DataObject) -> None:
    """
    Numbers that are missing, null or no numbers count as none.
    """
    samples = preview_samples() if protocol == PREVIEW else ga_samples()
    odd = st.sampled_from([None, "5", -3, 2.0, 2.5, {}, [], True])
    numbers = st.dictionaries(st.sampled_from(list(FULL)), odd)
    meter = UsageMeter()
    for message in data.draw(st.lists(st.sampled_from(samples), max_size=10)):
        changed = {**message}
        if message["type"] == "response.done":
            changed["response"] = {"usage": data.draw(numbers)}
        for event in Codec(protocol).decode(json.dumps(changed)):
            meter.observe(event)

    assert all(isinstance(number, int) for number in attrs.astuple(meter.totals))
