"""
Conversion of the types in which users keep audio to bytes.

NumPy arrays are recognized by their attributes, without importing NumPy. Strictly
private.
"""

from __future__ import annotations

import base64
import binascii
import os
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from .containers import file_format
from .formats import checked_rate
from .resampler import pcm_of_floats
from .wav import no_check, parse_wav, unreadable

if TYPE_CHECKING:
    from typing_extensions import Buffer

    _Piece = str | Buffer | os.PathLike[str] | BinaryIO
    Audio = _Piece | Iterable[_Piece]
    """
    Users' audio: base64 text; bytes, a NumPy array or another buffer; the path of a WAV
    file, or an open one; an iterable of these.
    """
else:
    Audio = Any  # `Buffer` is not in Python 3.10

_READ = 1 << 18
_NO_AUDIO = (
    "audio must be bytes, base64 text, or an array of int16 or float samples, or a WAV "
    "file (a pathlib.Path, its bytes, an open file), not "
)


class AudioInput(NamedTuple):
    """
    A user's audio as bytes, before the conversion to the session's format.

    Attributes:
        data: PCM16 if *linear*, else bytes in the session's format.
        linear: Whether *data* is PCM16, whatever the session's format.
        rate: The sample rate of linear audio in Hz; None is the session's.
        typed: Whether it consists of whole samples; raw bytes may end within one.
        whole: Whether it is a complete recording, not a piece of a stream.
    """

    data: bytes
    linear: bool = False
    rate: int | None = None
    typed: bool = False
    whole: bool = False


class LinearAudio(str):
    """
    Base64 text of PCM16 that is not yet converted to the session's format.

    Attributes:
        rate: The sample rate in Hz; None is the session's.
    """

    rate: int | None = None


def read_audio(
    audio: Any,
    rate: Any = None,
    check: Callable[[], object] = no_check,
    *,
    complete: bool = False,
) -> AudioInput:
    """
    Return *audio* as bytes, with their properties.

    Args:
        audio: Base64 text; bytes or another object with a buffer of bytes; mono int16
            samples, or floats from -1.0 to 1.0, in a NumPy array or another typed
            buffer; a WAV file: its bytes, its `pathlib.Path`, or an open binary file.
        rate: Sample rate of samples or bytes in Hz; bytes are then PCM16. A WAV file
            has its own.
        check: Called regularly; ends the reading by raising.
        complete: Whether to refuse a truncated WAV file.

    Raises:
        OSError: The file cannot be read.
        TypeError: *audio* has another type.
        ValueError: The text is not base64, the array has more than one channel, or the
            file is no WAV file or has no samples.
    """
    if rate is not None:
        rate = checked_rate(rate)
    if isinstance(audio, LinearAudio):
        return AudioInput(_decoded(audio), True, audio.rate, typed=True, whole=True)
    if isinstance(audio, str):
        return _from_bytes(_decoded(audio), rate, check, complete)
    if isinstance(audio, os.PathLike):
        return _recording(Path(audio).read_bytes(), os.fspath(audio), check)
    if hasattr(getattr(audio, "dtype", None), "kind") or hasattr(audio, "__array__"):
        return AudioInput(_array_samples(audio), True, rate, typed=True)
    try:
        view = memoryview(audio)
    except TypeError:
        view = None
    if view is not None:
        if view.format in ("B", "b", "c", "<B", "<b", "<c"):
            return _from_bytes(view.tobytes(), rate, check, complete)
        return AudioInput(_buffer_samples(view, audio), True, rate, typed=True)
    if callable(getattr(audio, "read", None)):
        return _from_bytes(_content(audio, check), rate, check, complete=False)
    raise TypeError(f"{_NO_AUDIO}{type(audio).__name__}")


def is_source(audio: Any) -> bool:
    """
    Whether *audio* is a source of a voice call: an iterable with a sample rate.
    """
    return (
        isinstance(getattr(audio, "rate", None), int)
        and hasattr(type(audio), "__iter__")
        and not hasattr(audio, "dtype")
    )


def pieces_of(audio: Any) -> Iterator[Any] | None:
    """
    Return the pieces of an iterable; None if *audio* is one piece.

    Raises:
        TypeError: From the iteration: a piece is a number.
    """
    if isinstance(audio, (str, os.PathLike, Mapping)) or not isinstance(
        audio, Iterable
    ):
        return None
    if any(hasattr(audio, name) for name in ("dtype", "__array__", "read")):
        return None
    try:
        memoryview(audio)  # type: ignore[arg-type]
    except TypeError:
        return _pieces(audio)
    return None


def _pieces(audio: Iterable[Any]) -> Iterator[Any]:
    for piece in audio:
        if isinstance(piece, (int, float)):
            kinds = f"{type(audio).__name__} of {type(piece).__name__}"
            raise TypeError(f"{_NO_AUDIO}a {kinds}: use array.array('h', ...)")
        yield piece


def _from_bytes(
    data: bytes, rate: int | None, check: Callable[[], object], complete: bool
) -> AudioInput:
    kind = file_format(data)
    if kind is None:
        return AudioInput(data, rate is not None, rate)
    try:
        return _recording(data, "input.wav", check, complete=complete)
    except ValueError as error:
        if kind != "WAV" or not complete:
            raise
        raise ValueError(
            f"{error}. A WAV file cannot be appended in pieces: give append_audio() "
            "or ask(audio=...) its pathlib.Path or all of its bytes"
        ) from None


def _recording(
    data: bytes, name: str, check: Callable[[], object], *, complete: bool = False
) -> AudioInput:
    wav = parse_wav(data, name, check, complete=complete)
    if not wav.pcm:
        raise unreadable(name, "it has no samples")
    return AudioInput(wav.pcm, True, wav.rate, typed=True, whole=True)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        advice = (
            "; of a file give the pathlib.Path, or use client.ask(audio=...)"
            if "." in text
            else ""
        )
        raise ValueError(
            f"audio given as text must be base64: {error}{advice}"
        ) from None


def _content(file: Any, check: Callable[[], object]) -> bytes:
    blocks: list[bytes] = []
    while block := file.read(_READ):
        if not isinstance(block, (bytes, bytearray)):
            raise TypeError(
                f"an audio file must be open for reading bytes (mode 'rb'); this one "
                f"gives {type(block).__name__}"
            )
        if blocks:  # not for short files
            check()
        blocks.append(bytes(block))
    return b"".join(blocks)


def _array_samples(array: Any) -> bytes:
    if hasattr(array, "__array__"):
        array = array.__array__()  # other classes, such as those of pandas
    if array.ndim == 0:
        raise TypeError(f"{_NO_AUDIO}a single number")
    _check_channels(array.shape)
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "f":
        # in single precision: half precision cannot represent 32767 and would overflow
        array = array.copy()
        array[array != array] = 0  # NaN is silence
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
            f"{_NO_AUDIO}{type(audio).__name__} with items of format {view.format!r}"
        )
    _check_channels(view.shape or ())
    data = view.tobytes()
    if code != "h":
        count = len(data) // view.itemsize
        return pcm_of_floats(struct.unpack(f"{order}{count}{code}", data))
    big = order in (">", "!") or (sys.byteorder == "big" and order != "<")
    if big:
        swapped = bytearray(data)
        swapped[0::2], swapped[1::2] = data[1::2], data[0::2]
        data = bytes(swapped)
    return data


def _check_channels(shape: tuple[int, ...]) -> None:
    if sum(length != 1 for length in shape) > 1:
        raise ValueError(
            f"audio must have one channel; this array has the shape {shape}: give one "
            "of its channels, or their mean"
        )
