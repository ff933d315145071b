"""
Conversion of a user's audio to bytes in the format of a session.

Rules:

1. The output of a stream does not depend on how it is cut into pieces, and no sample
   is lost at its end.
2. A conversion changes no state: it returns the next state, which is discarded if the
   audio cannot be sent.
3. A long conversion calls *check* regularly, which raises to end it.
"""

from __future__ import annotations

import copy
import functools
import importlib
from collections.abc import Callable
from typing import Any

import attrs

from .formats import RATES
from .g711 import encode_alaw, encode_ulaw
from .pcm import AudioInput
from .resampler import Resampler

_BLOCK = 1 << 16  # bytes resampled between two calls of *check*

_ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "g711_ulaw": encode_ulaw,
    "g711_alaw": encode_alaw,
}


def _encode(pcm: bytes, name: str) -> bytes:
    return _ENCODERS.get(name, bytes)(pcm)


@attrs.frozen(eq=False)
class AudioStream:
    """
    The state of a stream between two pieces: input that later output needs. Immutable.

    Attributes:
        name: The short name of the output format.
        rate: The sample rate of the input in Hz.
        resampler: Has the buffered input. It is shared: feed a copy only.
    """

    name: str = "pcm16"
    rate: int = RATES["pcm16"]
    resampler: Resampler = attrs.field(
        factory=lambda: Resampler(24_000, 24_000, aligned=True), repr=False
    )

    def feed(
        self, audio: AudioInput, name: str, check: Callable[[], object]
    ) -> tuple[bytes, AudioStream | None]:
        """
        Convert the next piece; return the output and the next state.

        Args:
            audio: The next piece.
            name: The short name of the session's format.
            check: Called regularly; ends the conversion by raising.
        """
        if audio.whole:
            return self.rest(name) + converted(audio, name, check), None
        if not audio.linear and name != "pcm16":  # whole samples, encoded already
            return self.rest(name) + audio.data, None
        rate = audio.rate or RATES[name]
        if (name, rate) == (self.name, self.rate):
            head, resampler = b"", copy.copy(self.resampler)
        else:
            head = self.rest(name)
            resampler = Resampler(rate, RATES[name], aligned=True)
        if audio.typed:
            resampler.drop_half()  # the piece begins with a whole sample
        data, out = audio.data, [head]
        for start in range(0, len(data), _BLOCK):
            if start:  # not for short audio
                check()
            out.append(_encode(resampler.feed(data[start : start + _BLOCK]), name))
        stream = AudioStream(name, rate, resampler) if resampler.holds else None
        return b"".join(out), stream

    def rest(self, name: str) -> bytes:
        """
        Return the last output of the stream; ``b""`` if the session's format changed.
        """
        if name != self.name:
            return b""
        return _encode(copy.copy(self.resampler).flush(), name)


def converted(audio: AudioInput, name: str, check: Callable[[], object]) -> bytes:
    """
    Convert a whole recording to the format *name*, resampled with `soxr` if installed.
    """
    if not audio.linear:
        return audio.data
    pcm = audio.data[: len(audio.data) & ~1]
    rate = RATES[name]
    if audio.rate not in (None, rate):
        pcm = _resampled(pcm, audio.rate, rate, check)
    return _encode(pcm, name)


def _resampled(
    pcm: bytes, rate_in: int, rate_out: int, check: Callable[[], object]
) -> bytes:
    resampler = Resampler(rate_in, rate_out, aligned=True)
    feed, flush = resampler.feed, resampler.flush
    make = _soxr()
    if make is not None:
        feed, flush = make(rate_in, rate_out)
    out = []
    for start in range(0, len(pcm), _BLOCK):
        if start:
            check()
        out.append(feed(pcm[start : start + _BLOCK]))
    return b"".join([*out, flush()])


@functools.cache
def _soxr() -> Callable[[int, int], tuple[Any, Any]] | None:
    """
    Return the factory of `soxr` resamplers; None if it is not installed.
    """
    try:
        numpy, soxr = map(importlib.import_module, ("numpy", "soxr"))
    except ImportError:
        return None

    def make(rate_in: int, rate_out: int) -> tuple[Any, Any]:
        stream = soxr.ResampleStream(rate_in, rate_out, 1, dtype="float32")

        def feed(pcm: bytes, last: bool = False) -> bytes:
            samples = numpy.frombuffer(pcm, "<i2").astype("f4")
            samples = stream.resample_chunk(samples, last=last)
            return bytes(samples.round().clip(-32768, 32767).astype("<i2").tobytes())

        return feed, functools.partial(feed, b"", last=True)

    return make
