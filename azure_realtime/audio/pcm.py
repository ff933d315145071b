"""
Whatever people hold their samples in, made into bytes.

Strictly private. NumPy is recognised by its looks and never imported.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any


def audio_bytes(audio: Any) -> bytes:
    """
    Return the bytes of *audio*, ready for the wire's base64.

    Args:
        audio: Base64 text; bytes or anything with their buffer; or a NumPy array of
            int16 samples, or of floats from -1.0 to 1.0 (one channel).

    Raises:
        TypeError: It is none of these.
        ValueError: The text is not base64, or the array has more than one channel.
    """
    if isinstance(audio, str):
        try:
            return base64.b64decode(audio, validate=True)
        except (binascii.Error, ValueError) as error:
            advice = (
                "; to speak a file use client.ask(audio=...)" if "." in audio else ""
            )
            raise ValueError(
                f"audio given as text must be base64: {error}{advice}"
            ) from None
    if hasattr(getattr(audio, "dtype", None), "kind"):
        return _samples(audio)
    try:
        view = memoryview(audio)
    except TypeError:
        view = None
    if view is None or view.itemsize > 2:  # floats, say, would be heard as noise
        raise TypeError(
            "audio must be bytes, base64 text, or an array of int16 or float samples, "
            f"not {type(audio).__name__}"
        )
    return view.tobytes()


def _samples(array: Any) -> bytes:
    if array.ndim > 1 and array.size != max(array.shape):
        raise ValueError(
            f"audio must have one channel; this array has the shape {array.shape}"
        )
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "f":
        # in single precision: half cannot hold 32767, and would wrap round
        array = array.copy()
        array[array != array] = 0  # NaN is silence
        array = (array.clip(-1.0, 1.0).astype("<f4") * 32767.0).round()
    elif (kind, size) != ("i", 2):
        raise TypeError(
            f"samples must be int16, or floats from -1.0 to 1.0, not {array.dtype}"
        )
    return bytes(array.astype("<i2").tobytes())
