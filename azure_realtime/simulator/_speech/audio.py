"""
Audio in the three formats of the Realtime API, without NumPy or `audioop`.

Rules of this file:

1. The service uses one format internally: PCM16, little-endian, mono, 24 kHz. All
   other formats are converted on input and output.
2. The output of a stream does not depend on how its input is divided: odd bytes, the
   filter's history and its phase are kept between calls.
3. n ms of input give n ms of output at once; the filter's look-ahead delays the sound
   by 1 ms instead. Conversions of a whole clip have no delay.
4. Turn detection takes telephone audio at its own sample rate.

Streams are not locked: one thread at a time may use a stream. Any thread may call the
functions.
"""

from __future__ import annotations

from array import array
from functools import cache

from ...audio.resampler import Resampler, resample
from ...audio.samples import pcm_of, samples_of

RATE = 24_000
TELEPHONE_RATE = 8_000

_BYTES_PER_MS = {"audio/pcm": 48, "audio/pcmu": 8, "audio/pcma": 8}


def bytes_per_ms(fmt: str) -> int:
    """
    Return the number of bytes per millisecond of audio on the wire.

    Args:
        fmt: "audio/pcm" (24 kHz PCM16), "audio/pcmu" or "audio/pcma" (8 kHz G.711).

    Raises:
        ValueError: *fmt* is another string.
    """
    try:
        return _BYTES_PER_MS[fmt]
    except KeyError:
        known = ", ".join(_BYTES_PER_MS)
        msg = f"unknown audio format {fmt!r}: use one of {known}"
        raise ValueError(msg) from None


def sample_rate(fmt: str) -> int:
    """
    Return the sample rate of a wire format in Hz.

    Raises:
        ValueError: *fmt* is not a format of the service.
    """
    return RATE if bytes_per_ms(fmt) == 48 else TELEPHONE_RATE


def samples_in(data: bytes, fmt: str) -> bytes:
    """
    Return *data* as PCM16 at the sample rate of its format; PCM is returned unchanged.

    Raises:
        ValueError: *fmt* is not a format of the service.
    """
    return data if bytes_per_ms(fmt) == 48 else _from_g711(data, fmt)


def decode_audio(data: bytes, fmt: str) -> bytes:
    """
    Convert a whole clip from a wire format to PCM16 at 24 kHz.

    Drops half a sample at the end.

    Raises:
        ValueError: *fmt* is not a format of the service.
    """
    if bytes_per_ms(fmt) == 48:
        return data[: len(data) & ~1]
    return resample(_from_g711(data, fmt), TELEPHONE_RATE, RATE)


def encode_audio(pcm24k: bytes, fmt: str) -> bytes:
    """
    Convert a whole clip of PCM16 at 24 kHz to a wire format.

    Drops half a sample at the end. For a stream use `Encoder`.

    Raises:
        ValueError: *fmt* is not a format of the service.
    """
    if bytes_per_ms(fmt) == 48:
        return pcm24k[: len(pcm24k) & ~1]
    return _to_g711(resample(pcm24k, RATE, TELEPHONE_RATE), fmt)


class Encoder:
    """
    Converts a stream of PCM16 at 24 kHz to a wire format, piece by piece.

    Raises:
        ValueError: *fmt* is not a format of the service.
    """

    def __init__(self, fmt: str) -> None:
        self._fmt = fmt
        self._stream = Resampler(RATE, sample_rate(fmt))

    def feed(self, pcm24k: bytes) -> bytes:
        """
        Return *pcm24k* in the wire format. Keeps half a sample for the next call.
        """
        pcm = self._stream.feed(pcm24k)
        return pcm if self._fmt == "audio/pcm" else _to_g711(pcm, self._fmt)


def _from_g711(data: bytes, fmt: str) -> bytes:
    return pcm_of(list(map(_g711_tables(fmt)[0].__getitem__, data)))


def _to_g711(pcm: bytes, fmt: str) -> bytes:
    # A negative sample is a negative index: it counts from the end of the table.
    return bytes(map(_g711_tables(fmt)[1].__getitem__, samples_of(pcm)))


@cache
def _g711_tables(fmt: str) -> tuple[array[int], bytes]:
    """
    Return the tables of ITU-T G.711: 256 samples by code, 65536 codes by sample.

    Both laws have 8 segments of 16 steps for each sign. Each of the 128 steps is an
    interval of magnitudes that has one code and is decoded to its middle. Mu-law (table
    2 of the recommendation) doubles its steps from the first segment on and has a bias
    of 33 in 14 bits; A-law (table 1) starts with two segments of equal steps, in 13
    bits. In 16 bits that is a bias of 132, and first steps of 8 (mu-law) and 16
    (A-law). The transmitted code has all bits (mu-law) or the even bits (A-law)
    inverted.

    The recommendation leaves open to which interval a negative sample at an edge
    belongs. Here mu-law is symmetric; in A-law the magnitude of a negative sample is
    its complement.
    """
    mu = fmt == "audio/pcmu"
    decode = array("h", bytes(512))
    encode = bytearray(65536)
    for step in range(128):
        segment, position = divmod(step, 16)
        if mu:
            low = ((16 + position) << (segment + 3)) - 132
            width = 8 << segment
        else:
            low = (position if segment == 0 else 16 + position) << max(segment + 3, 4)
            width = 16 << max(segment - 1, 0)
        middle = low + width // 2
        plus, minus = (step ^ 0xFF, step ^ 0x7F) if mu else (step ^ 0xD5, step ^ 0x55)
        decode[plus], decode[minus] = middle, -middle
        low, high = max(low, 0), low + width
        if step == 127:
            high = 32768  # Louder samples are clipped to the last step.
        encode[low:high] = bytes([plus]) * (high - low)
        # Magnitude m is sample -m (index 65536 - m) in mu-law, sample -m - 1 in A-law.
        end = 65536 - low + (1 if mu else 0)
        start = end - (high - low) if step < 127 else 32768
        if mu and low == 0:
            end -= 1  # Zero is positive.
        encode[start:end] = bytes([minus]) * (end - start)
    return decode, bytes(encode)
