"""
Conversion of what users keep audio in to bytes.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from .containers import file_format
from .file_pieces import whole_files
from .files import no_check, read_blocks
from .formats import checked_rate
from .samples import NO_AUDIO, array_pcm, is_array, raw_bytes
from .wav import WavAudio, parse_wav, unreadable

if TYPE_CHECKING:
    from typing_extensions import Buffer

    _Piece = str | Buffer | os.PathLike[str] | BinaryIO | WavAudio
    Audio = _Piece | Iterable[_Piece]
    """
    Users' audio: base64 text; bytes, a NumPy array or another buffer; the path of a WAV
    file, an open one, or what was read of one; an iterable of these.
    """
else:
    Audio = Any  # `Buffer` is not in Python 3.10


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
            buffer; a WAV file: its bytes, its `pathlib.Path`, an open binary file, or
            what `read_wav` returns.
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
    if isinstance(audio, WavAudio):
        return AudioInput(audio.pcm, True, audio.rate, typed=True, whole=True)
    data = raw_bytes(audio)
    if data is not None:
        return _from_bytes(data, rate, check, complete)
    samples = array_pcm(audio)
    if samples is not None:
        return AudioInput(samples, True, rate, typed=True)
    if callable(getattr(audio, "read", None)):
        return _from_bytes(read_blocks(audio, check), rate, check, complete=False)
    raise TypeError(f"{NO_AUDIO}{type(audio).__name__}")


def source_rate(audio: Any) -> int | None:
    """
    Return the sample rate of a source of a voice call, an iterable with a ``rate``;
    None for other audio.

    Raises:
        TypeError: Its rate is no number.
        ValueError: Its rate is no plausible sample rate.
    """
    rate = getattr(audio, "rate", None) if _is_iterable(audio) else None
    return None if rate is None else checked_rate(rate)


def pieces_of(audio: Any) -> Iterator[Any] | None:
    """
    Return the pieces of an iterable, those of a file joined to one; None if *audio* is
    one piece.

    Raises:
        TypeError: From the iteration: a piece is a number or an iterable.
        ValueError: From the iteration: a piece is text, but not base64.
    """
    return whole_files(_pieces(audio)) if _is_iterable(audio) else None


def _is_iterable(audio: Any) -> bool:
    if isinstance(audio, (str, os.PathLike, Mapping)) or not isinstance(
        audio, Iterable
    ):
        return False
    if hasattr(audio, "read") or is_array(audio):
        return False
    try:
        memoryview(audio)  # type: ignore[arg-type]
    except TypeError:
        return True
    return False


def _pieces(audio: Iterable[Any]) -> Iterator[Any]:
    for piece in audio:
        if isinstance(piece, (int, float)) or _is_iterable(piece):
            kinds = f"{type(audio).__name__} of {type(piece).__name__}"
            raise TypeError(f"{NO_AUDIO}a {kinds}: use array.array('h', ...)")
        is_text = isinstance(piece, str) and not isinstance(piece, LinearAudio)
        yield _decoded(piece) if is_text else piece


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
        advice = ""
        if text.startswith("data:"):
            advice = "; of a data URL give what follows the comma"
        elif "." in text:
            advice = "; of a file give the pathlib.Path, or use client.ask(audio=...)"
        raise ValueError(
            f"audio given as text must be base64: {error}{advice}"
        ) from None
