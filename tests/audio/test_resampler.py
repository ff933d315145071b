"""
Rates that have little in common, and pieces of a stream.
"""

from __future__ import annotations

import copy
import importlib
import math
import random
import struct
import time

import pytest
from helpers.audio import pcm

from azure_realtime.audio import Resampler, resample

resample_module = importlib.import_module("azure_realtime.audio.resampler")


def sine(frequency: float, rate: int, count: int, level: float = 12_000) -> list[float]:
    """
    Return samples of a sine, computed from its definition.
    """
    step = 2 * math.pi * frequency / rate
    return [level * math.sin(step * n) for n in range(count)]


def samples(data: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(data) // 2}h", data))


@pytest.mark.parametrize("rate", [22_051, 44_101, 44_056, 7_999, 23_999, 12_345])
@pytest.mark.parametrize("rate_out", [24_000, 8_000])
def test_odd_rates_keep_frequency_level_and_length(rate: int, rate_out: int) -> None:
    """
    A tone comes out as the same tone, as long and as loud, at any rate.
    """
    out = samples(resample(pcm(sine(440, rate, rate // 2)), rate, rate_out))
    wanted = sine(440, rate_out, math.ceil(rate // 2 * rate_out / rate))

    assert len(wanted) == len(out)
    off = [abs(a - b) for a, b in zip(out, wanted, strict=True)][60:-60]
    assert max(off) < 40  # 0.3 %, at every sample: also of its phase


def test_interpolated_phases_are_as_good_as_exact_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    With a table of all 1,013 phases, noise comes out the same to the last bit or two.
    """
    chance = random.Random(3)
    data = pcm([chance.uniform(-20_000, 20_000) for _ in range(3_000)])
    got = samples(resample(data, 1_009, 1_013))
    monkeypatch.setattr(resample_module, "_MOST_PHASES", 2_000)
    resample_module._filter_rows.cache_clear()
    exact = samples(resample(data, 1_009, 1_013))
    resample_module._filter_rows.cache_clear()

    assert max(abs(a - b) for a, b in zip(got, exact, strict=True)) <= 2


@pytest.mark.parametrize("rates", [(22_051, 24_000), (44_101, 8_000), (48_000, 24_000)])
def test_pieces_make_the_same_stream(rates: tuple[int, int]) -> None:
    """
    However a stream is cut, not one bit of it changes; nothing clicks or is missing.
    """
    chance = random.Random(7)
    data = pcm([chance.uniform(-30_000, 30_000) for _ in range(4_000)])
    stream, out, at = Resampler(*rates, aligned=True), [], 0
    while at < len(data):
        size = chance.randint(0, 700)
        out.append(stream.feed(data[at : at + size]))
        at += size

    assert resample(data, *rates) == b"".join([*out, stream.flush()])


def test_a_copy_is_independent() -> None:
    """
    What a copy is fed leaves the original as it was: a piece can be fed again.
    """
    data = pcm(sine(440, 16_000, 999))
    stream = Resampler(16_000, 24_000, aligned=True)
    stream.feed(data[:501])
    other = copy.copy(stream)
    first = other.feed(data[501:]) + other.flush()

    assert first == stream.feed(data[501:]) + stream.flush()


@pytest.mark.slow
def test_a_resampler_of_an_odd_rate_is_ready_soon() -> None:
    """
    Making its table takes no seconds (24,000 phases of 512 coefficients would).
    """
    began = time.thread_time()
    Resampler(767_999, 24_000)

    assert time.thread_time() - began < 5  # half of that with branch coverage
