"""
Audio in the three formats of the Realtime API, without NumPy or `audioop`.

Rules of this file:

1. The service thinks in one form: PCM16, little-endian, mono, 24 kHz. Everything
   else is converted on the way in and on the way out.
2. How a stream is cut into pieces never changes what comes out: odd bytes, filter
   history and phase are carried from one piece to the next.
3. A stream never runs ahead of or behind its input: n ms of input give n ms of
   output at once. The filter's look-ahead shows as a delay of 1 ms instead.
   One-shot conversions know the whole clip and have no delay.

Streams are not locked: each belongs to one thread at a time. The functions may be
called from any thread.
"""

from __future__ import annotations

from array import array
from functools import cache

from ...audio.resample import Resampler, pcm_of, resample, samples_of

RATE = 24_000
TELEPHONE_RATE = 8_000

_BYTES_PER_MS = {"audio/pcm": 48, "audio/pcmu": 8, "audio/pcma": 8}


def bytes_per_ms(fmt: str) -> int:
    """
    Say how many bytes one millisecond of audio takes on the wire.

    Args:
        fmt: "audio/pcm" (24 kHz PCM16), "audio/pcmu" or "audio/pcma" (8 kHz G.711).

    Raises:
        ValueError: if *fmt* is none of these.
    """
    try:
        return _BYTES_PER_MS[fmt]
    except KeyError:
        known = ", ".join(_BYTES_PER_MS)
        msg = f"unknown audio format {fmt!r}: the service speaks {known}"
        raise ValueError(msg) from None


def decode_audio(data: bytes, fmt: str) -> bytes:
    """
    Turn a whole clip from the wire into PCM16 at 24 kHz.

    Half a sample at the end is dropped. For audio that arrives in pieces use
    `Decoder`: converting the pieces one by one would leave a click at every seam.

    Raises:
        ValueError: if *fmt* is not a format of the service.
    """
    if bytes_per_ms(fmt) == 48:
        return data[: len(data) & ~1]
    return resample(_from_g711(data, fmt), TELEPHONE_RATE, RATE)


def encode_audio(pcm24k: bytes, fmt: str) -> bytes:
    """
    Turn a whole clip of PCM16 at 24 kHz into what goes on the wire.

    Half a sample at the end is dropped. `Encoder` does the same for a stream.

    Raises:
        ValueError: if *fmt* is not a format of the service.
    """
    if bytes_per_ms(fmt) == 48:
        return pcm24k[: len(pcm24k) & ~1]
    return _to_g711(resample(pcm24k, RATE, TELEPHONE_RATE), fmt)


class Decoder:
    """
    Turn a stream of one wire format into PCM16 at 24 kHz, piece by piece.

    Raises:
        ValueError: if *fmt* is not a format of the service.
    """

    def __init__(self, fmt: str) -> None:
        rate = RATE if bytes_per_ms(fmt) == 48 else TELEPHONE_RATE
        self._fmt = fmt
        self._stream = Resampler(rate, RATE)

    def feed(self, data: bytes) -> bytes:
        """
        Return the PCM16 of *data*: as long in time, whatever came before.

        An odd byte of PCM is kept until its other half comes.
        """
        if self._fmt != "audio/pcm":
            data = _from_g711(data, self._fmt)
        return self._stream.feed(data)


class Encoder:
    """
    Turn a stream of PCM16 at 24 kHz into one wire format, piece by piece.

    Raises:
        ValueError: if *fmt* is not a format of the service.
    """

    def __init__(self, fmt: str) -> None:
        rate = RATE if bytes_per_ms(fmt) == 48 else TELEPHONE_RATE
        self._fmt = fmt
        self._stream = Resampler(RATE, rate)

    def feed(self, pcm24k: bytes) -> bytes:
        """
        Return *pcm24k* as wire bytes; an odd byte is kept for the next call.
        """
        pcm = self._stream.feed(pcm24k)
        return pcm if self._fmt == "audio/pcm" else _to_g711(pcm, self._fmt)


def _from_g711(data: bytes, fmt: str) -> bytes:
    return pcm_of(list(map(_g711_tables(fmt)[0].__getitem__, data)))


def _to_g711(pcm: bytes, fmt: str) -> bytes:
    # A negative sample counts from the end of the table, as a negative index does.
    return bytes(map(_g711_tables(fmt)[1].__getitem__, samples_of(pcm)))


@cache
def _g711_tables(fmt: str) -> tuple[array[int], bytes]:
    """
    Build the tables of ITU-T G.711: 256 samples by code, 65536 codes by sample.

    Both laws have 8 segments of 16 steps a side; each of the 128 steps is an interval
    of magnitudes that shares one code and decodes to its middle. Mu-law (table 2 of
    the recommendation) doubles its steps from the first segment on, biased by 33 in
    14 bits; A-law (table 1) has two segments of equal steps in 13 bits. In 16 bits
    that is a bias of 132 and first steps of 8 and 16. The transmitted code has all
    bits (mu-law) or the even bits (A-law) inverted.

    At the edges of intervals, where the recommendation leaves the sign's side open:
    mu-law is symmetric, A-law takes a negative sample's complement as its magnitude.
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
            high = 32768  # What is louder than the last step is clipped to it.
        encode[low:high] = bytes([plus]) * (high - low)
        # Sample -m sits at 65536 - m, its complement's sample one further down.
        end = 65536 - low + (1 if mu else 0)
        start = end - (high - low) if step < 127 else 32768
        if mu and low == 0:
            end -= 1  # Zero itself is positive.
        encode[start:end] = bytes([minus]) * (end - start)
    return decode, bytes(encode)
