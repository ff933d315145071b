"""
Formats and rates of the local service's audio.
"""

from __future__ import annotations

import cmath
import math
import sys
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azure_realtime.audio.resampler import Resampler
from azure_realtime.simulator._speech.audio import (
    Encoder,
    _from_g711,
    _to_g711,
    bytes_per_ms,
    decode_audio,
    encode_audio,
    resample,
    sample_rate,
    samples_in,
)

FORMATS = ["audio/pcm", "audio/pcmu", "audio/pcma"]
G711 = ["audio/pcmu", "audio/pcma"]
RATES = [(8000, 24000), (24000, 8000), (22050, 24000), (16000, 24000), (7000, 5000)]


def pcm(values: list[int]) -> bytes:
    samples = array("h", values)
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


def samples(data: bytes) -> list[int]:
    return [
        int.from_bytes(data[i : i + 2], "little", signed=True)
        for i in range(0, len(data), 2)
    ]


def tone(frequency: float, rate: int, count: int, peak: float = 10_000) -> list[int]:
    step = 2 * math.pi * frequency / rate
    return [round(peak * math.sin(step * i)) for i in range(count)]


def level(values: list[int], frequency: float, rate: int) -> float:
    """
    Return how much of *frequency* is in *values*, in dB of a tone of peak 10,000.
    """
    count = len(values)
    step = 2j * math.pi * frequency / rate
    total = sum(
        v * (1 - math.cos(2 * math.pi * i / count)) * cmath.exp(-step * i)
        for i, v in enumerate(values)
    )
    return 20 * math.log10(abs(total) * 2 / count / 10_000 + 1e-9)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [*pieces, data]


def encode_by_search(sample: int, fmt: str) -> int:
    """
    Encode one sample the slow way: build the bits of G.711 from the magnitude.
    """
    if fmt == "audio/pcmu":
        magnitude = min(abs(sample), 32635) + 132
        segment = magnitude.bit_length() - 8
        bits = segment << 4 | magnitude >> (segment + 3) & 15
        return bits ^ (0x7F if sample < 0 else 0xFF)
    magnitude = sample if sample >= 0 else ~sample
    segment = max(0, magnitude.bit_length() - 8)
    bits = segment << 4 | magnitude >> max(4, segment + 3) & 15
    return bits ^ (0x55 if sample < 0 else 0xD5)


class TestFormats:
    @pytest.mark.parametrize(
        ("fmt", "expected"),
        [("audio/pcm", 48), ("audio/pcmu", 8), ("audio/pcma", 8)],
    )
    def test_a_millisecond_of_pcm_is_48_bytes(self, fmt: str, expected: int) -> None:
        """
        A millisecond takes 48 bytes of PCM and 8 of telephone audio.
        """
        assert expected == bytes_per_ms(fmt)

    @pytest.mark.parametrize(
        "use",
        [
            bytes_per_ms,
            Encoder,
            sample_rate,
            lambda fmt: samples_in(b"", fmt),
            lambda fmt: decode_audio(b"", fmt),
            lambda fmt: encode_audio(b"", fmt),
        ],
    )
    def test_an_unknown_format_is_refused(self, use: object) -> None:
        """
        A format that the service does not speak is refused, naming those it does.
        """
        assert callable(use)

        with pytest.raises(ValueError, match=r"'audio/mp3'.*audio/pcm, audio/pcmu"):
            use("audio/mp3")

    def test_pcm_is_the_identity(self) -> None:
        """
        PCM goes through untouched, but for half a sample at the end.
        """
        assert b"\x01\x02" == decode_audio(b"\x01\x02\x03", "audio/pcm")
        assert b"\x01\x02" == encode_audio(b"\x01\x02\x03", "audio/pcm")

    @pytest.mark.parametrize("fmt", FORMATS)
    def test_no_audio_is_no_audio_in_any_format(self, fmt: str) -> None:
        """
        No audio is no audio in any format.
        """
        assert b"" == decode_audio(b"", fmt) == encode_audio(b"", fmt)
        assert b"" == samples_in(b"", fmt) == Encoder(fmt).feed(b"")


class TestG711:
    @pytest.mark.parametrize(
        ("fmt", "code", "sample"),
        [
            ("audio/pcmu", 0xFF, 0),
            ("audio/pcmu", 0x7F, 0),
            ("audio/pcmu", 0xFE, 8),
            ("audio/pcmu", 0x80, 32124),
            ("audio/pcmu", 0x00, -32124),
            ("audio/pcma", 0xD5, 8),
            ("audio/pcma", 0x55, -8),
            ("audio/pcma", 0xAA, 32256),
            ("audio/pcma", 0x2A, -32256),
        ],
    )
    def test_known_codes_are_decoded_as_g711_says(
        self, fmt: str, code: int, sample: int
    ) -> None:
        """
        Zero, the smallest and the largest values decode as G.711 says.
        """
        assert [sample] == samples(decode_audio(bytes([code]), fmt))[::3]

    @pytest.mark.parametrize("fmt", G711)
    def test_every_sample_has_its_code(self, fmt: str) -> None:
        """
        All 65,536 samples get the code that building it bit by bit gives.
        """
        everything = list(range(-32768, 32768))
        expected = bytes(encode_by_search(sample, fmt) for sample in everything)

        assert expected == _to_g711(pcm(everything), fmt)

    @pytest.mark.parametrize("fmt", G711)
    def test_every_code_comes_back(self, fmt: str) -> None:
        """
        Decoding and encoding gives each code back; mu-law's two zeros become one.
        """
        codes = bytes(range(256))
        expected = codes.replace(b"\x7f", b"\xff") if fmt == "audio/pcmu" else codes

        assert expected == _to_g711(_from_g711(codes, fmt), fmt)

    @pytest.mark.parametrize(
        ("fmt", "worst"), [("audio/pcmu", 644), ("audio/pcma", 512)]
    )
    def test_error_is_bounded(self, fmt: str, worst: int) -> None:
        """
        No sample comes back further off than half the largest step (or the clipping).
        """
        everything = list(range(-32768, 32768))
        back = samples(_from_g711(_to_g711(pcm(everything), fmt), fmt))

        assert worst == max(abs(a - b) for a, b in zip(everything, back, strict=True))

    @pytest.mark.parametrize("fmt", G711)
    def test_telephone_audio_keeps_its_level(self, fmt: str) -> None:
        """
        A tone that goes out and comes back is as loud as it was.
        """
        there = encode_audio(pcm(tone(1000, 24000, 4800)), fmt)
        back = samples(decode_audio(there, fmt))

        assert (1600, 4800) == (len(there), len(back))
        assert abs(level(back, 1000, 24000)) < 0.2


class TestResample:
    @pytest.mark.parametrize(("rate_in", "rate_out"), RATES)
    def test_resampling_keeps_the_length(self, rate_in: int, rate_out: int) -> None:
        """
        A clip lasts as long after as before, rounded up to a whole sample.
        """
        clip = pcm(tone(3, 100, 1001))
        expected = math.ceil(1001 * rate_out / rate_in)

        assert expected == len(resample(clip + b"\x00", rate_in, rate_out)) // 2

    def test_audio_of_the_wanted_rate_is_not_changed(self) -> None:
        """
        Nothing happens to audio that already has the wanted rate.
        """
        assert b"\x01\x02" == resample(b"\x01\x02\x03", 24000, 24000)

    @pytest.mark.parametrize("rates", [(0, 24000), (24000, -1)])
    def test_a_rate_that_is_not_positive_is_refused(
        self, rates: tuple[int, int]
    ) -> None:
        """
        A rate that no audio has is refused.
        """
        with pytest.raises(ValueError, match="rate must be a whole number"):
            resample(b"", *rates)

    def test_up_keeps_the_samples(self) -> None:
        """
        Going from 8 to 24 kHz, every third sample is an original one.
        """
        values = tone(440, 8000, 200)

        assert values == samples(resample(pcm(values), 8000, 24000))[::3]

    @pytest.mark.parametrize(("rate_in", "rate_out"), RATES)
    def test_resampling_keeps_a_constant(self, rate_in: int, rate_out: int) -> None:
        """
        A constant stays exactly that constant, away from the ends.
        """
        out = samples(resample(pcm([1234] * 2000), rate_in, rate_out))

        assert {1234} == set(out[100:-100])

    @pytest.mark.parametrize(("rate_in", "rate_out"), RATES[:4])
    @pytest.mark.parametrize("frequency", [300, 1000, 2900])
    def test_tones_keep_their_level(
        self, frequency: int, rate_in: int, rate_out: int
    ) -> None:
        """
        What matters in speech is as loud after as before.
        """
        clip = pcm(tone(frequency, rate_in, rate_in // 5))
        out = samples(resample(clip, rate_in, rate_out))

        assert abs(level(out, frequency, rate_out)) < 0.2

    @pytest.mark.parametrize(
        ("rate_in", "rate_out", "frequency", "image"),
        [
            (8000, 24000, 1000, 7000),
            (8000, 24000, 3000, 5000),
            (22050, 24000, 5000, 6950),
            (24000, 8000, 4600, 3400),
            (24000, 8000, 7000, 1000),
        ],
    )
    def test_resampling_adds_no_aliases(
        self, rate_in: int, rate_out: int, frequency: int, image: int
    ) -> None:
        """
        Images and aliases stay 50 dB below the tone that they come from.
        """
        clip = pcm(tone(frequency, rate_in, rate_in // 5))
        out = samples(resample(clip, rate_in, rate_out))

        assert level(out, image, rate_out) < -50

    @pytest.mark.parametrize(("rate_in", "rate_out"), RATES[:4])
    def test_resampling_does_not_shift_a_sound(
        self, rate_in: int, rate_out: int
    ) -> None:
        """
        A sound is at the same time after as before.
        """
        values = [0] * (rate_in // 5)
        at = len(values) // 3
        values[at] = 20_000
        out = samples(resample(pcm(values), rate_in, rate_out))

        assert abs(out.index(max(out)) / rate_out - at / rate_in) < 0.6 / rate_out

    def test_loud_audio_is_clipped(self) -> None:
        """
        Audio at full scale does not wrap around into noise when the filter overshoots.
        """
        square = ([32767] * 20 + [-32768] * 20) * 20
        out = samples(resample(pcm(square), 8000, 24000))

        assert (-32768, 32767) == (min(out), max(out))
        assert square == out[::3]


class TestStreams:
    @given(
        data=st.binary(max_size=400),
        repeat=st.sampled_from([1, 7]),
        sizes=st.lists(st.integers(0, 900), max_size=6),
        fmt=st.sampled_from(FORMATS),
    )
    def test_any_cut_of_a_stream_gives_the_same_audio(
        self, data: bytes, repeat: int, sizes: list[int], fmt: str
    ) -> None:
        """
        However a stream is cut into pieces, the same audio comes out.
        """
        data *= repeat
        whole, pieces = Encoder(fmt), Encoder(fmt)

        out = [pieces.feed(piece) for piece in cut(data, sizes)]

        assert whole.feed(data) == b"".join(out)

    @pytest.mark.slow
    @given(
        seed=st.binary(min_size=1, max_size=100),
        sizes=st.lists(st.integers(0, 3000), max_size=5),
        rates=st.sampled_from(RATES),
    )
    def test_any_cut_is_resampled_as_one_clip(
        self, seed: bytes, sizes: list[int], rates: tuple[int, int]
    ) -> None:
        """
        Resampling a stream in pieces is resampling it as one clip, to the bit.
        """
        data = (seed * 6000)[:6000]
        stream = Resampler(*rates, aligned=True)

        out = [stream.feed(piece) for piece in cut(data, sizes)]

        assert resample(data, *rates) == b"".join([*out, stream.flush()])

    def test_telephone_audio_is_decoded_and_pcm_is_not_changed(self) -> None:
        """
        Telephone audio is decoded at its own rate, PCM stays as it is.
        """
        clip = bytes(range(256))
        for fmt in ("audio/pcmu", "audio/pcma"):
            assert sample_rate(fmt) == 8000
            assert resample(samples_in(clip, fmt), 8000, 24000) == decode_audio(
                clip, fmt
            )
        assert sample_rate("audio/pcm") == 24000
        assert samples_in(clip[:3], "audio/pcm") == clip[:3]

    def test_a_stream_holds_nothing_back(self) -> None:
        """
        A stream that delays holds nothing back.
        """
        stream = Resampler(8000, 24000)
        stream.feed(b"\x01\x02")

        assert b"" == stream.flush()

    def test_pcm_is_little_endian_on_a_big_endian_machine(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        PCM is little-endian on a big-endian machine, too.
        """
        other = "little" if sys.byteorder == "big" else "big"
        clip = pcm(tone(440, 8000, 100))
        swapped = array("h", clip)
        swapped.byteswap()
        expected = array("h", resample(clip, 8000, 24000))
        expected.byteswap()

        monkeypatch.setattr(sys, "byteorder", other)

        assert expected.tobytes() == resample(swapped.tobytes(), 8000, 24000)
