"""
From audio as it was given to the format of a session.
"""

from __future__ import annotations

import math
import random
import struct
import sys
from types import ModuleType
from typing import Any

import pytest

from azure_realtime.audio import convert as convert_module
from azure_realtime.audio import encode_alaw, encode_ulaw, resample
from azure_realtime.audio.convert import AudioStream, converted
from azure_realtime.audio.pcm import AudioInput
from azure_realtime.audio.wav import no_check

FORMATS = {"pcm16": (24_000, bytes), "g711_ulaw": (8_000, encode_ulaw)}
FORMATS["g711_alaw"] = (8_000, encode_alaw)


def sine(frequency: float, rate: int, count: int) -> bytes:
    step = 2 * math.pi * frequency / rate
    return struct.pack(
        f"<{count}h", *(round(12_000 * math.sin(step * n)) for n in range(count))
    )


def stream(pieces: list[AudioInput], name: str) -> bytes:
    """
    Return what a session gets of *pieces* before a commit.
    """
    held, out = AudioStream(), []
    for piece in pieces:
        data, after = held.feed(piece, name, no_check)
        held = after or AudioStream()
        out.append(data)
    return b"".join([*out, held.rest(name)])


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("rate", [8_000, 16_000, 22_051, 24_000, 44_100, 48_000])
def test_pieces_are_one_stream(name: str, rate: int) -> None:
    """
    Cut anywhere, in the middle of a sample too, a stream is what it is as a whole: no
    click at a border, nothing missing at the end.
    """
    data = sine(440, rate, rate // 4)
    chance, pieces, at = random.Random(rate), [], 0
    while at < len(data):
        size = chance.randint(0, 2_000)
        pieces.append(AudioInput(data[at : at + size], True, rate))
        at += size
    wanted_rate, encode = FORMATS[name]
    expected = encode(resample(data, rate, wanted_rate))

    assert expected == stream(pieces, name)
    width = 2 if name == "pcm16" else 1
    assert len(expected) == width * math.ceil(rate // 4 * wanted_rate / rate)


@pytest.mark.parametrize("name", FORMATS)
def test_audio_in_the_sessions_format_is_not_changed(name: str) -> None:
    """
    Bytes without a rate are sent as they are; samples are encoded.
    """
    data = bytes(range(256))
    pieces = [AudioInput(data[at : at + 7]) for at in range(0, 256, 7)]
    samples = AudioInput(data, True, typed=True)
    assert data == stream(pieces, name)
    assert FORMATS[name][1](data) == stream([samples], name)
    assert FORMATS[name][1](data) == converted(samples, name, no_check)


def test_one_stream_ends_where_another_begins() -> None:
    """
    Another rate, or a recording, follows all of what came before.
    """
    a, b = sine(300, 16_000, 1_600), sine(500, 48_000, 4_801)
    wav = AudioInput(sine(700, 8_000, 800), True, 8_000, typed=True, whole=True)
    raw = sine(900, 24_000, 99)
    got = stream(
        [
            AudioInput(a, True, 16_000),
            AudioInput(b, True, 48_000),
            wav,
            AudioInput(raw),
        ],
        "pcm16",
    )
    assert got == (
        resample(a, 16_000, 24_000)
        + resample(b, 48_000, 24_000)
        + converted(wav, "pcm16", no_check)
        + raw
    )


def test_half_a_sample_does_not_shift_an_array() -> None:
    """
    Behind an odd byte, an array's samples are still whole.
    """
    pieces = [AudioInput(b"abc"), AudioInput(b"defg", True, typed=True)]
    assert b"ab" + b"defg" == stream(pieces, "pcm16")


def test_a_piece_that_was_not_sent_can_be_fed_again() -> None:
    """
    The stream before is as it was.
    """
    first = AudioInput(sine(440, 16_000, 333), True, 16_000)
    second = AudioInput(sine(440, 16_000, 501), True, 16_000)
    _, held = AudioStream().feed(first, "pcm16", no_check)
    assert held is not None
    once, after = held.feed(second, "pcm16", no_check)
    again, after_again = held.feed(second, "pcm16", no_check)
    assert after is not None
    assert after_again is not None
    assert once == again
    assert after.rest("pcm16") == after.rest("pcm16") == after_again.rest("pcm16")
    assert after.rest("g711_ulaw") == b""


@pytest.mark.parametrize("whole", [False, True])
def test_a_long_conversion_can_be_ended(whole: bool) -> None:
    """
    It asks whether to go on, but not for what takes no time.
    """

    def check() -> None:
        raise TimeoutError

    def convert(size: int) -> None:
        audio = AudioInput(bytes(size), True, 16_000, whole=whole)
        if whole:
            converted(audio, "pcm16", check)
        else:
            AudioStream().feed(audio, "pcm16", check)

    convert(3_200)
    with pytest.raises(TimeoutError):
        convert(1 << 20)


def test_soxr_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Recordings go through its stream, in blocks, to the last sample.
    """
    np = pytest.importorskip("numpy")
    made = []

    class ResampleStream:
        """
        Doubles every sample, and holds the last block back.
        """

        def __init__(self, *how: Any, **more: Any) -> None:
            made.append((how, more))
            self.held = np.zeros(0, "f4")

        def resample_chunk(self, samples: Any, last: bool = False) -> Any:
            assert samples.dtype == np.float32
            out, self.held = self.held, np.repeat(samples, 2)
            return out + 0.4

    soxr = ModuleType("soxr")
    soxr.ResampleStream = ResampleStream  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "soxr", soxr)
    convert_module._soxr.cache_clear()
    samples = np.random.default_rng(1).integers(-32768, 32768, 99_999).astype("<i2")
    audio = AudioInput(samples.tobytes(), True, 12_000, whole=True)
    try:
        got = converted(audio, "pcm16", no_check)
    finally:
        convert_module._soxr.cache_clear()

    assert np.repeat(samples, 2).tobytes() == got
    assert [((12_000, 24_000, 1), {"dtype": "float32"})] == made


@pytest.mark.parametrize("rate", [8_000, 22_051, 44_100, 48_000])
def test_soxr_keeps_tone_and_length(rate: int) -> None:
    """
    With the real one, a tone is the same tone, as long and as loud.
    """
    pytest.importorskip("soxr")
    audio = AudioInput(sine(440, rate, rate), True, rate, whole=True)
    got = struct.unpack("<24000h", converted(audio, "pcm16", no_check))
    wanted = struct.unpack("<24000h", sine(440, 24_000, 24_000))
    off = [abs(a - b) for a, b in zip(got, wanted, strict=True)][60:-60]
    assert max(off) < 20


@pytest.mark.parametrize("rate", [None, 8_000, 24_000])
def test_half_a_sample_at_the_end_of_a_recording_is_dropped(rate: int | None) -> None:
    """
    It would shift what follows it by a byte.
    """
    pcm = sine(700, rate or 24_000, 100)
    whole = AudioInput(pcm, True, rate, whole=True)
    torn = AudioInput(pcm + b"x", True, rate, whole=True)

    assert converted(torn, "pcm16", no_check) == converted(whole, "pcm16", no_check)
    assert len(converted(torn, "pcm16", no_check)) % 2 == 0
