"""
PCM16 samples as bytes and as numbers, and the objects in which users keep samples.

NumPy arrays are recognized by their attributes, without importing NumPy.
"""

from __future__ import annotations

import contextlib
import math
import struct
import sys
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Buffer

    Samples = Buffer
    """PCM16 as bytes; or int16 or float samples in an array or another typed buffer."""
else:
    Samples = Any  # `Buffer` is not in Python 3.10

NO_AUDIO = (
    "audio must be bytes, base64 text, or an array of int16 or float samples, or a WAV "
    "file (a pathlib.Path, its bytes, an open file), not "
)

_LOUDEST = 256.0  # floats beyond are no samples from -1.0 to 1.0 that are too loud
_BYTES = ("B", "b", "c", "<B", "<b", "<c")  # formats of buffers


def pcm16(audio: Samples) -> bytes:
    """
    Return PCM16: bytes unchanged, int16 or float samples of an array converted.

    Raises:
        TypeError: *audio* is neither a buffer nor an array of samples.
        ValueError: The array has several channels.
    """
    if isinstance(audio, bytes):
        return audio
    data = raw_bytes(audio)
    if data is None:
        data = array_pcm(audio)
    if data is None:
        raise TypeError(
            "audio must be PCM16 bytes, or an array of int16 or float samples, not "
            f"{type(audio).__name__}"
        )
    return data


def raw_bytes(audio: Any) -> bytes | None:
    """
    Return the bytes of a buffer of bytes; None for another object.
    """
    if isinstance(audio, bytes):
        return audio
    view = None if is_array(audio) else view_of(audio)
    return view.tobytes() if view is not None and view.format in _BYTES else None


def array_pcm(audio: Any) -> bytes | None:
    """
    Return the samples of an array or a typed buffer as PCM16; None for another object.

    Raises:
        TypeError: The array has items of another type than int16 or a float.
        ValueError: The array has several channels, or floats of the scale of integers.
    """
    if is_array(audio):
        return _array_samples(audio)
    view = view_of(audio)
    return None if view is None else _buffer_samples(view, audio)


def is_array(audio: Any) -> bool:
    """
    Whether *audio* is an array of NumPy, or can be made one.
    """
    kind = getattr(audio, "dtype", None)
    return hasattr(kind, "kind") or hasattr(audio, "__array__")


def view_of(audio: Any) -> memoryview | None:
    """
    Return the buffer of *audio*; None if it has none.
    """
    try:
        return memoryview(audio)
    except TypeError:
        return None


def _array_samples(array: Any) -> bytes:
    if hasattr(array, "__array__"):
        array = array.__array__()  # other classes, such as those of pandas
    if array.ndim == 0:
        raise TypeError(f"{NO_AUDIO}a single number")
    _check_channels(array.shape)
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "f":
        # in single precision: half precision cannot represent 32767 and would overflow
        array = array.copy()
        array[array != array] = 0  # NaN is silence
        finite = array[abs(array) != math.inf]
        _check_scale(float(abs(finite).max()) if finite.size else 0.0)
        array = (array.clip(-1.0, 1.0).astype("<f4") * 32767.0).round()
    elif (kind, size) != ("i", 2):
        raise TypeError(
            f"samples must be int16, or floats from -1.0 to 1.0, not {array.dtype}"
        )
    return bytes(array.astype("<i2").tobytes())


def _buffer_samples(view: memoryview, audio: Any) -> bytes:
    """
    Return the samples of a typed buffer, such as an `array.array`, as PCM16.
    """
    order, code = view.format[:-1], view.format[-1:]
    if code not in "hfde" or order not in ("", "@", "=", "<", ">", "!"):
        raise TypeError(
            f"{NO_AUDIO}{type(audio).__name__} with items of format {view.format!r}"
        )
    _check_channels(view.shape or ())
    data = view.tobytes()
    if code != "h":
        count = len(data) // view.itemsize
        values = struct.unpack(f"{order}{count}{code}", data)
        _check_scale(max(filter(math.isfinite, map(abs, values)), default=0.0))
        return pcm_of_floats(values)
    big = order in (">", "!") or (sys.byteorder == "big" and order != "<")
    if big:
        swapped = bytearray(data)
        swapped[0::2], swapped[1::2] = data[1::2], data[0::2]
        data = bytes(swapped)
    return data


def _check_scale(peak: float) -> None:
    """
    Refuse floats that are integers by their scale: they would be noise.
    """
    if peak > _LOUDEST:
        raise ValueError(
            f"float samples are from -1.0 to 1.0, and these reach {peak:,.0f}: divide "
            "them by 32768, or convert them to int16"
        )


def _check_channels(shape: tuple[int, ...]) -> None:
    if sum(length != 1 for length in shape) > 1:
        raise ValueError(
            f"audio must have one channel; this array has the shape {shape}: give one "
            "of its channels, or their mean"
        )


def samples_of(pcm: bytes) -> array[int]:
    """
    Return the samples of PCM16 bytes, of which there must be an even number.
    """
    values = array("h", pcm)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def peak(pcm: bytes) -> float:
    """
    Return the peak of PCM16, from 0.0 to 1.0; half a sample at its end is ignored.
    """
    samples = samples_of(pcm[: len(pcm) & ~1])
    return max(max(samples), -min(samples)) / 32768 if samples else 0.0


def pcm_of(values: Sequence[float]) -> bytes:
    """
    Round samples to PCM16, little-endian; values out of range are clipped.
    """
    try:
        samples = array("h", map(round, values))
    except OverflowError:
        # Filters overshoot at the edges of loud audio; rare, so not checked before.
        low, high = -32768.0, 32767.0
        samples = array("h", [round(min(max(v, low), high)) for v in values])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


def pcm_of_floats(values: Sequence[float]) -> bytes:
    """
    Convert samples from -1.0 to 1.0 to PCM16; others are clipped, NaN becomes 0.
    """
    if values and -1.0 <= min(values) and max(values) <= 1.0:
        with contextlib.suppress(ValueError):  # min() and max() may miss a NaN
            return pcm_of([value * 32767.0 for value in values])
    clipped = (
        min(max(value, -1.0), 1.0) if value == value else 0.0 for value in values
    )
    return pcm_of([value * 32767.0 for value in clipped])
