"""
Sample rate conversion of PCM16 with a polyphase windowed sinc, in pure Python.

The result must not depend on how a stream is cut into pieces, but few and many samples
are computed fastest in different orders. So filter coefficients are multiples of
2**-20: every product and sum is exact in a double, and the order does not matter. The
result is also the same on every machine.

For rates whose ratio would need thousands of phases, samples are interpolated between
the two nearest of 256 phases.

A resampler has no lock: one thread at a time may use it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from operator import mul

from .formats import checked_rate
from .samples import Samples, pcm16, pcm_of, samples_of

__all__ = ["Resampler", "resample"]

# Zero crossings of the sinc on each side of its centre, counted at the lower of the
# two rates. With eight, upsampled 8 kHz audio is clean up to 3 kHz (images below
# -50 dB); twelve would reach 3.4 kHz, the limit of telephone speech, in 1.5 the time.
_LOBES = 8
# Shape of the Kaiser window: about 54 dB of stop band.
_BETA = 5.0
# Downsampling cuts off a little below the new Nyquist frequency. Upsampling cuts off at
# the old one, so that every input sample is also an output sample, unchanged.
_ROLL_OFF = 0.92
_QUANTUM = 2.0**-20
# Columns that `_add_weighted` adds in one pass.
_PASS = 8
_BLOCK_BYTES = 16_384
# With more phases than this, the table takes longer than it saves: 11,025 Hz to
# 24,000 Hz has 320 phases, 22,051 Hz to 24,000 Hz has 24,000.
_MOST_PHASES = 512
# Interpolation between 256 phases is exact to 1e-5 of a coefficient.
_PHASES = 256


class Resampler:
    """
    Converts the sample rate of a stream of mono PCM16, little-endian.

    One thread at a time may use it.

    Args:
        rate_in: Sample rate of the input in Hz.
        rate_out: Sample rate of the output in Hz.
        aligned: Whether the output is aligned with the input: output is held back until
            the filter's look-ahead is known, and `flush` returns the rest. Otherwise
            the output is delayed by the look-ahead.

    Raises:
        TypeError: A rate is no number.
        ValueError: A rate is no plausible sample rate.
    """

    def __init__(self, rate_in: int, rate_out: int, *, aligned: bool = False) -> None:
        rate_in, rate_out = checked_rate(rate_in), checked_rate(rate_out)
        common = math.gcd(rate_in, rate_out)
        self._up = rate_out // common
        self._down = rate_in // common
        self._rows = _filter_rows(self._up, self._down)
        self._exact = self._up <= _MOST_PHASES
        self._taps = len(self._rows[0])
        self._aligned = aligned
        self._odd = b""
        # Input samples that later output needs, and the position in them (in steps of
        # 1/up of a sample) of the next output's first coefficient.
        silence = self._taps // 2 - 1 if aligned else self._taps - 1
        self._held = [0.0] * silence
        self._at = 0

    def feed(self, pcm: Samples) -> bytes:
        """
        Convert the next piece of the stream.

        Args:
            pcm: The piece; an odd byte at its end is kept for the next piece.

        Returns:
            The output that can be computed so far.
        """
        data = self._odd + pcm16(pcm)
        whole = len(data) & ~1
        self._odd = data[whole:]
        if self._up == self._down:
            return data[:whole]
        # In blocks: a minute of audio as Python floats takes a hundred megabytes.
        ends = range(0, whole, _BLOCK_BYTES)
        blocks = [data[i : min(i + _BLOCK_BYTES, whole)] for i in ends]
        return b"".join(self._convert(samples_of(block)) for block in blocks)

    def flush(self) -> bytes:
        """
        Return the rest of an aligned stream; `feed` must not be called afterwards.
        """
        if not self._aligned or self._up == self._down:
            return b""
        return self._convert([0.0] * (self._taps // 2))

    @property
    def holds(self) -> bool:
        """
        Whether the last input is not completely part of the output yet.
        """
        return bool(self._odd) or self._up != self._down

    def drop_half(self) -> None:
        """
        Discard an odd byte.
        """
        self._odd = b""

    def _convert(self, new: Sequence[float]) -> bytes:
        up, down, taps = self._up, self._down, self._taps
        # A new list: a copy of this object may share the old one.
        signal = [*self._held, *map(float, new)]
        room = (len(signal) - taps + 1) * up - self._at
        count = max(0, -(-room // down))
        if not self._exact:
            out = self._interpolated(signal, count)
        elif count < 8 * up:
            out = self._one_by_one(signal, count)
        else:
            out = self._phase_by_phase(signal, count)
        self._at += count * down
        used = self._at // up
        self._at -= used * up
        self._held = signal[used:]
        return pcm_of(out)

    def _one_by_one(self, signal: list[float], count: int) -> list[float]:
        """
        Compute a few samples: one dot product each.
        """
        out = []
        for at in range(self._at, self._at + count * self._down, self._down):
            start, phase = divmod(at, self._up)
            window = signal[start : start + self._taps]
            out.append(sum(map(mul, self._rows[phase], window)))
        return out

    def _interpolated(self, signal: list[float], count: int) -> list[float]:
        """
        Compute samples whose phases are between those of the table.
        """
        up, rows, taps = self._up, self._rows, self._taps
        out = []
        for at in range(self._at, self._at + count * self._down, self._down):
            start, phase = divmod(at, up)
            row, rest = divmod(phase * _PHASES, up)
            window = signal[start : start + taps]
            low = sum(map(mul, rows[row], window))
            high = sum(map(mul, rows[row + 1], window))
            out.append(low + (high - low) * (rest / up))
        return out

    def _phase_by_phase(self, signal: list[float], count: int) -> list[float]:
        """
        Compute many samples: those with the same coefficients together.

        It is twice as fast as one by one, unless each phase has only one or two.
        """
        up, down = self._up, self._down
        out = [0.0] * count
        for first in range(up):
            start, phase = divmod(self._at + first * down, up)
            length = len(range(first, count, up))
            reach = (length - 1) * down + 1
            total: list[float] = []
            row = self._rows[phase]
            for tap in range(0, len(row), _PASS):
                weights = row[tap : tap + _PASS]
                if not any(weights):
                    continue
                starts = range(start + tap, start + tap + _PASS)
                columns = [signal[i : i + reach : down] for i in starts]
                total = _add_weighted(weights, columns, total)
            out[first::up] = total
        return out


def _add_weighted(
    weights: tuple[float, ...], columns: list[list[float]], total: list[float]
) -> list[float]:
    """
    Add eight weighted columns to *total*, which may be empty.

    One long expression takes a third of the time of a loop over the taps.
    """
    a, b, c, d, e, f, g, h = weights
    if not total:
        return [
            a * p + b * q + c * r + d * s + e * t + f * u + g * v + h * w
            for p, q, r, s, t, u, v, w in zip(*columns, strict=True)
        ]
    return [
        z + a * p + b * q + c * r + d * s + e * t + f * u + g * v + h * w
        for z, p, q, r, s, t, u, v, w in zip(total, *columns, strict=True)
    ]


@lru_cache(maxsize=8)
def _filter_rows(up: int, down: int) -> tuple[tuple[float, ...], ...]:
    """
    Compute the coefficients of each of the *up* phases; each row sums to exactly 1.

    With too many phases, compute those for the interpolation, both ends included.
    """
    if up == down:
        return ((1.0,),)
    cut = 1.0 if up > down else _ROLL_OFF * up / down
    half = -(-_LOBES * max(up, down) // up)
    half = -(-half * 2 // _PASS) * _PASS // 2
    phases = [phase / up for phase in range(up)]
    if up > _MOST_PHASES:
        phases = [phase / _PHASES for phase in range(_PHASES + 1)]
    rows = []
    for phase in phases:
        offsets = [k - (half - 1) - phase for k in range(2 * half)]
        raw = [_sinc(cut * x) * _kaiser(x / half) for x in offsets]
        unit = sum(raw) * _QUANTUM
        row = [round(value / unit) * _QUANTUM for value in raw]
        # Rounding changes the sum by some 1e-6; the largest coefficient corrects it.
        row[row.index(max(row))] += 1.0 - sum(row)
        rows.append(tuple(row))
    return tuple(rows)


def _sinc(x: float) -> float:
    return math.sin(math.pi * x) / (math.pi * x) if x else 1.0


def _kaiser(x: float) -> float:
    return _bessel(_BETA * math.sqrt(max(0.0, 1.0 - x * x)))


def _bessel(x: float) -> float:
    """
    Return I0(x), the modified Bessel function.
    """
    term = total = 1.0
    k = 1
    while term > total * 1e-12:
        term *= (x / (2 * k)) ** 2
        total += term
        k += 1
    return total


def resample(pcm: Samples, rate_in: int, rate_out: int) -> bytes:
    """
    Convert the sample rate of a whole recording of mono PCM16, little-endian.

    The result is aligned with the input and has ``ceil(n * rate_out / rate_in)``
    samples. Any thread.

    Args:
        pcm: The recording; an odd byte at its end is ignored.
        rate_in: Its sample rate in Hz.
        rate_out: The sample rate of the result in Hz. Unusual rates, such as 22,051 Hz,
            take a few times as long as usual ones.

    Raises:
        TypeError: A rate is no number.
        ValueError: A rate is no plausible sample rate.
    """
    stream = Resampler(rate_in, rate_out, aligned=True)
    return stream.feed(pcm) + stream.flush()
