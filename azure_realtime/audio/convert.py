"""
From audio as a user gave it to bytes in the format of a session.

Rules:

1. What is a stream stays one: cut differently, it comes out the same, and nothing of
   it is lost at its end.
2. A conversion changes no state: what it leads to is returned, and can be dropped
   where the audio could not be sent.
3. Whatever takes long calls *check* again and again: it may raise.
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
from .resample import Resampler

_BLOCK = 1 << 16  # bytes resampled between two looks at the clock

_ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "g711_ulaw": encode_ulaw,
    "g711_alaw": encode_alaw,
}


def _encode(pcm: bytes, name: str) -> bytes:
    return _ENCODERS.get(name, bytes)(pcm)


@attrs.frozen(eq=False)
class AudioStream:
    """
    What a stream of audio holds back until more of it comes. Does not change.

    Attributes:
        name: The short name of the format that it is converted to.
        rate: Its own samples a second.
        resampler: Holds what is held back. Not to be fed: others may hold it, too.
    """

    name: str = "pcm16"
    rate: int = RATES["pcm16"]
    resampler: Resampler = attrs.field(
        factory=lambda: Resampler(1, 1, aligned=True), repr=False
    )

    def feed(
        self, audio: AudioInput, name: str, check: Callable[[], object]
    ) -> tuple[bytes, AudioStream | None]:
        """
        Return what can be sent now, and what the stream is afterwards.

        Args:
            audio: The next piece of it.
            name: The short name of the format of the session.
            check: Ends the conversion by raising.
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
            resampler.drop_half()  # its other half never came
        data, out = audio.data, [head]
        for start in range(0, len(data), _BLOCK):
            if start:  # what is short takes no time
                check()
            out.append(_encode(resampler.feed(data[start : start + _BLOCK]), name))
        stream = AudioStream(name, rate, resampler) if resampler.holds else None
        return b"".join(out), stream

    def rest(self, name: str) -> bytes:
        """
        Return what ends the stream; nothing if the session has another format now.
        """
        if name != self.name:
            return b""
        return _encode(copy.copy(self.resampler).flush(), name)


def converted(audio: AudioInput, name: str, check: Callable[[], object]) -> bytes:
    """
    Return a whole recording in the format *name* of a session.

    It is resampled with `soxr` where that is installed.
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
    found = _soxr()
    if found is not None:
        feed, flush = found(rate_in, rate_out)
    out = []
    for start in range(0, len(pcm), _BLOCK):
        if start:
            check()
        out.append(feed(pcm[start : start + _BLOCK]))
    return b"".join([*out, flush()])


@functools.cache
def _soxr() -> Callable[[int, int], tuple[Any, Any]] | None:
    """
    Return what makes a resampler of `soxr`; None where it is not installed.
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
