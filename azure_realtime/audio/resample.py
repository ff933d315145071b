"""
Change the sample rate of PCM16 with a polyphase windowed sinc, in pure Python.

Cutting a stream differently must not change a bit of the result, yet few samples and
many are best worked out in different orders. So filter coefficients are multiples of
2**-20: then every product and sum is exact in a double, and no order matters. It also
makes the result the same on every machine.

Where the two rates have so little in common that there would be thousands of phases,
samples are interpolated between the two nearest of 256 phases.

A resampler is not locked: one thread at a time.
"""

from __future__ import annotations

import contextlib
import math
import sys
from array import array
from collections.abc import Sequence
from functools import lru_cache
from operator import mul

# Zero crossings of the sinc on each side of its centre, counted at the lower of the
# two rates. With eight, 8 kHz audio comes up clean to 3 kHz (images below -50 dB);
# twelve would reach 3.4 kHz, where telephone speech ends, for half as much time again.
_LOBES = 8
# Shape of the Kaiser window: about 54 dB of stop band.
_BETA = 5.0
# Going down, the cut-off sits a little below the new Nyquist frequency, where going
# up it sits on it: then every input sample is also an output sample, untouched.
_ROLL_OFF = 0.92
_QUANTUM = 2.0**-20
# Columns that `_weigh` adds in one pass.
_PASS = 8
_BLOCK_BYTES = 16_384
# With more phases than this, a table of its own for each takes longer than it is worth:
# 11,025 Hz to 24,000 has 320, 22,051 Hz has 24,000.
_MOST_PHASES = 512
# Interpolating between so many is exact to 1e-5 of a coefficient.
_PHASES = 256


class Resampler:
    """
    Change the rate of a stream of mono PCM16 with a polyphase windowed sinc.

    Args:
        rate_in: rate of what is fed, in Hz.
        rate_out: rate of what comes back, in Hz.
        aligned: hold output back until the filter's look-ahead is known, instead of
            delaying it; then `flush` returns the rest.

    Raises:
        ValueError: if a rate is not positive.
    """

    def __init__(self, rate_in: int, rate_out: int, *, aligned: bool = False) -> None:
        if rate_in <= 0 or rate_out <= 0:
            msg = f"sample rates must be positive, not {rate_in} and {rate_out}"
            raise ValueError(msg)
        common = math.gcd(rate_in, rate_out)
        self._up = rate_out // common
        self._down = rate_in // common
        self._rows = _filter_rows(self._up, self._down)
        self._exact = self._up <= _MOST_PHASES
        self._taps = len(self._rows[0])
        self._aligned = aligned
        self._odd = b""
        # Samples that later output still needs, and where in them (in steps of
        # 1/up of a sample) the next output's first coefficient lies.
        silence = self._taps // 2 - 1 if aligned else self._taps - 1
        self._held = [0.0] * silence
        self._at = 0

    def feed(self, pcm: bytes) -> bytes:
        """
        Return the output that *pcm* makes possible; an odd byte is kept.
        """
        data = self._odd + pcm
        whole = len(data) & ~1
        self._odd = data[whole:]
        if self._up == self._down:
            return data[:whole]
        # In blocks, since a minute of audio as Python floats takes a hundred megabytes.
        ends = range(0, whole, _BLOCK_BYTES)
        blocks = [data[i : min(i + _BLOCK_BYTES, whole)] for i in ends]
        return b"".join(self._convert(samples_of(block)) for block in blocks)

    def flush(self) -> bytes:
        """
        Return what an aligned stream still holds back. Feed nothing afterwards.
        """
        if not self._aligned or self._up == self._down:
            return b""
        return self._convert([0.0] * (self._taps // 2))

    @property
    def holds(self) -> bool:
        """
        Whether what was fed last is not all in what came back.
        """
        return bool(self._odd) or self._up != self._down

    def drop_half(self) -> None:
        """
        Forget an odd byte.
        """
        self._odd = b""

    def _convert(self, new: Sequence[float]) -> bytes:
        up, down, taps = self._up, self._down, self._taps
        # A new list: a copy of this object, made before, still has the old one.
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
        Work out a few samples: one dot product each.
        """
        out = []
        for at in range(self._at, self._at + count * self._down, self._down):
            start, phase = divmod(at, self._up)
            window = signal[start : start + self._taps]
            out.append(sum(map(mul, self._rows[phase], window)))
        return out

    def _interpolated(self, signal: list[float], count: int) -> list[float]:
        """
        Work out samples whose phases are between those of the table.
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
        Work out many samples: all that share coefficients together.

        Twice as fast as one by one, unless each phase has only a sample or two.
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
                left = range(start + tap, start + tap + _PASS)
                columns = [signal[i : i + reach : down] for i in left]
                total = _weigh(weights, columns, total)
            out[first::up] = total
        return out


def _weigh(
    weights: tuple[float, ...], columns: list[list[float]], total: list[float]
) -> list[float]:
    """
    Add eight weighted columns to *total* (or to nothing, if it is empty).

    Written out because one long expression costs a third of a loop over the taps.
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
    Make the coefficients of each of the *up* phases; each row sums to exactly 1.

    Of too many phases, make those to interpolate between, both ends included.
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
        # Rounding moved the sum by a few millionths; the largest tap takes it back.
        row[row.index(max(row))] += 1.0 - sum(row)
        rows.append(tuple(row))
    return tuple(rows)


def _sinc(x: float) -> float:
    return math.sin(math.pi * x) / (math.pi * x) if x else 1.0


def _kaiser(x: float) -> float:
    return _bessel(_BETA * math.sqrt(max(0.0, 1.0 - x * x)))


def _bessel(x: float) -> float:
    """
    Sum the series of I0, the modified Bessel function. The scale of the window does
    not matter, because rows are normalised.
    """
    term = total = 1.0
    k = 1
    while term > total * 1e-12:
        term *= (x / (2 * k)) ** 2
        total += term
        k += 1
    return total


def samples_of(pcm: bytes) -> array[int]:
    """
    Return the samples of PCM16, an even number of bytes, in this machine's order.
    """
    values = array("h", pcm)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def pcm_of(values: Sequence[float]) -> bytes:
    """
    Round samples to PCM16, little-endian; what is too loud is clipped.
    """
    try:
        samples = array("h", map(round, values))
    except OverflowError:
        # A filter overshoots at the edges of loud audio: rare, so checked only then.
        low, high = -32768.0, 32767.0
        samples = array("h", [round(min(max(v, low), high)) for v in values])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


def pcm_of_floats(values: Sequence[float]) -> bytes:
    """
    Return samples from -1.0 to 1.0 as PCM16; louder ones are clipped, NaN is silence.
    """
    if values and -1.0 <= min(values) and max(values) <= 1.0:
        with contextlib.suppress(ValueError):  # not a number, somewhere
            return pcm_of([value * 32767.0 for value in values])
    clipped = (
        min(max(value, -1.0), 1.0) if value == value else 0.0 for value in values
    )
    return pcm_of([value * 32767.0 for value in clipped])


def resample(pcm: bytes, rate_in: int, rate_out: int) -> bytes:
    """
    Change the sample rate of a whole clip of mono PCM16, little-endian.

    The result is aligned with the input and has ``ceil(n * rate_out / rate_in)``
    samples. Half a sample at the end is dropped.

    Args:
        pcm: the clip.
        rate_in: its rate in Hz.
        rate_out: the wanted rate in Hz. Usual rates are quickest; odd ones, such as
            22051 Hz, take a few times as long.

    Raises:
        ValueError: if a rate is not positive.
    """
    stream = Resampler(rate_in, rate_out, aligned=True)
    return stream.feed(pcm) + stream.flush()
