"""
Reading of WAV files as mono PCM16, and writing of such files.

The functions block on the file. Any thread.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Iterator
from operator import add
from typing import BinaryIO, NamedTuple

import attrs

from .containers import BASE64, file_format
from .files import file_content, no_check, wav_path
from .formats import MAX_RATE, MIN_RATE, checked_rate
from .g711 import decode_alaw, decode_ulaw
from .samples import Samples, pcm16, pcm_of, pcm_of_floats, samples_of

__all__ = ["WavAudio", "read_wav", "wav_bytes", "write_wav"]

_PCM, _FLOAT, _ALAW, _ULAW = 1, 3, 6, 7
_EXTENSIBLE = 0xFFFE
#: Names of unsupported format tags, for the error message.
_OTHERS = {2: "ADPCM", 17: "ADPCM", 49: "GSM", 80: "MPEG", 85: "MP3", 255: "AAC"}
_WIDTHS = {_PCM: (1, 2, 3, 4), _FLOAT: (4, 8), _ALAW: (1,), _ULAW: (1,)}
_MPEG = (b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2")
_MOST_CHANNELS = 256
_UNKNOWN_SIZE = 0x7FFF0000  # programs that write to a pipe put this size or more
_UNSIZED = 0xFFFFFFFF  # what such programs write while the size is not known
_BLOCK = 1 << 18  # bytes decoded between two calls of *check*


class _Layout(NamedTuple):
    """
    The sample format of a WAV file; *width* is the size of a sample in bytes.
    """

    tag: int
    channels: int
    rate: int
    width: int


@attrs.frozen
class WavAudio:
    """
    The audio of a WAV file.

    Attributes:
        pcm: The samples: mono, 16 bit, little-endian.
        rate: The sample rate in Hz.
    """

    pcm: bytes = attrs.field(repr=False)
    rate: int

    @property
    def seconds(self) -> float:
        """
        The duration in seconds.
        """
        return len(self.pcm) / 2 / self.rate


def read_wav(
    source: str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO,
) -> WavAudio:
    """
    Read a WAV file as mono PCM16.

    Supported are PCM of 8 to 32 bits, floats of 32 or 64 bits, mu-law and A-law, also
    in RF64 and big-endian (RIFX) files. Several channels are mixed down to one. Wrong
    sizes in the header, as programs write to a pipe (``espeak --stdout``), are ignored.

    Args:
        source: The path of the file, its bytes, or an open binary file.

    Raises:
        OSError: The file cannot be read.
        TypeError: *source* is something else, or a file that is open for text.
        ValueError: The file has another format; the message says how to convert it.
    """
    return parse_wav(*file_content(source))


def parse_wav(
    data: bytes,
    name: str,
    check: Callable[[], object] = no_check,
    *,
    complete: bool = False,
) -> WavAudio:
    """
    Parse the bytes of a WAV file; errors are those of `read_wav`.

    Args:
        data: The bytes of the file.
        name: The name of the file for error messages.
        check: Called regularly; ends the parsing by raising.
        complete: Whether to refuse a truncated file.
    """
    layout: _Layout | None = None
    bodies = []
    order = ">" if data[:4] == b"RIFX" else "<"
    for tag, size, body in _chunks(data, order, name):
        if tag == b"fmt ":
            layout = _layout(body, order, name)
        elif tag == b"data":
            if layout is None:
                raise unreadable(name, "it has samples before their format")
            if complete and len(body) < size < _UNKNOWN_SIZE:
                raise unreadable(
                    name, f"it is cut short ({len(body):,} of {size:,} bytes of sound)"
                )
            bodies.append(body)
    if layout is None or not bodies:
        raise unreadable(name, "it has no samples")
    if order == ">":
        bodies = [_swapped(body, layout.width) for body in bodies]
    return WavAudio(_decoded(b"".join(bodies), layout, check), layout.rate)


def size_of_wav(head: bytes | bytearray) -> int:
    """
    Return the size in bytes of the WAV file that begins with *head*; 0 if *head* is too
    short to know it, or the program that wrote the file did not know it.
    """
    order, position = ">" if head[:4] == b"RIFX" else "<", 12
    size: int
    while position + 8 <= len(head):
        tag, size = struct.unpack_from(f"{order}4sI", head, position)
        position += 8 + size
        if tag == b"data":
            whole: int = struct.unpack_from(f"{order}I", head, 4)[0] + 8
            if not 0 < size < _UNKNOWN_SIZE:
                return 0
            return max(position, whole if whole < _UNKNOWN_SIZE else 0)
        position += _padding(head, position, size)
    return 0


def write_wav(path: str | os.PathLike[str], pcm: Samples, rate: int) -> None:
    """
    Write mono PCM16 as a WAV file.

    Args:
        path: The path of the file; an existing file is replaced.
        pcm: The samples as bytes, little-endian, of which an odd one at the end is
            ignored; or int16 samples or floats from -1.0 to 1.0 in a NumPy array or
            another typed buffer.
        rate: The sample rate in Hz.

    Raises:
        OSError: The file cannot be written.
        TypeError: *pcm* has another type, or *rate* is no number.
        ValueError: *rate* is no sample rate, *pcm* has several channels, or the suffix
            of *path* is that of another audio format.
    """
    wav_path(path).write_bytes(wav_bytes(pcm, rate))


def wav_bytes(pcm: Samples, rate: int) -> bytes:
    """
    Return the bytes of the WAV file that `write_wav` writes; errors as there.
    """
    rate, pcm = checked_rate(rate), pcm16(pcm)
    size = len(pcm) & ~1
    return wav_header(size, rate) + pcm[:size]


def wav_header(size: int | None, rate: int) -> bytes:
    """
    Return what precedes *size* bytes of samples; None if the size is not known yet.
    """
    size = _UNSIZED if size is None else size
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, _PCM, 1, rate, 2 * rate, 2, 16)
    head = struct.pack("<4sI4s", b"RIFF", min(36 + size, _UNSIZED), b"WAVE")
    return head + layout + struct.pack("<4sI", b"data", size)


def _chunks(data: bytes, order: str, name: str) -> Iterator[tuple[bytes, int, bytes]]:
    """
    Yield the tag, the announced size and the body of each chunk.
    """
    kind = file_format(data)
    if kind is None and data[:2] in _MPEG:
        kind = "MP3"  # two bytes suffice here: this is a file, not raw samples
    if kind not in ("WAV", None):
        raise unreadable(name, f"it is no WAV file but {kind}", kind)
    if kind is None or data[8:12] != b"WAVE":
        raise unreadable(name, "it is no WAV file")
    is_size_wrong = struct.unpack_from(f"{order}I", data, 4)[0] + 8 != len(data)
    position, long_size = 12, 0
    while position + 8 <= len(data):
        tag, size = struct.unpack_from(f"{order}4sI", data, position)
        position += 8
        if tag == b"ds64" and position + 16 <= len(data):
            long_size = struct.unpack_from("<Q", data, position + 8)[0]
        if tag == b"data":
            if size == 0xFFFFFFFF and long_size:
                size = long_size
            if size == 0 and is_size_wrong:
                size = len(data) - position
        end = position + size
        yield tag, size, data[position:end]
        position = end + _padding(data, end, size)


def _padding(data: bytes | bytearray, end: int, size: int) -> int:
    """
    Return the bytes after a chunk: an odd one is padded, except by some programs.
    """
    return int(size % 2 and data[end : end + 4] not in (b"data", b"fmt "))


def _layout(body: bytes, order: str, name: str) -> _Layout:
    if len(body) < 16:
        raise unreadable(name, "its format is cut short")
    tag, channels, rate, _, frame, bits = struct.unpack_from(f"{order}HHIIHH", body)
    if tag == _EXTENSIBLE and len(body) >= 26:
        tag = struct.unpack_from(f"{order}H", body, 24)[0]
    if tag not in _WIDTHS:
        raise unreadable(name, f"its samples are {_OTHERS.get(tag, f'of type {tag}')}")
    if not 1 <= channels <= _MOST_CHANNELS:
        raise unreadable(name, f"it has {channels} channels")
    width = 1 if tag in (_ALAW, _ULAW) else _width(bits, frame, channels)
    if width not in _WIDTHS[tag] or not MIN_RATE <= rate <= MAX_RATE:
        raise unreadable(
            name,
            f"it has {frame} bytes a frame ({bits} bits, {channels} channels), {rate} "
            "frames a second",
        )
    return _Layout(tag, channels, rate, width)


def _width(bits: int, frame: int, channels: int) -> int:
    """
    Return the size of a sample in bytes.

    If block align and bits contradict each other, the bits count, as in other readers:
    broken programs write any block align. But 24 bits may be stored in 32.
    """
    width = -(-bits // 8)
    in_32 = bits % 8 or (bits == 24 and frame == 4 * channels)
    if width and (frame == width * channels or not in_32):
        return width
    return frame // channels if frame % channels == 0 else 0


def _swapped(body: bytes, width: int) -> bytes:
    """
    Convert big-endian samples to little-endian ones.
    """
    swapped = bytearray(len(body) - len(body) % width)
    for byte in range(width):
        swapped[byte::width] = body[width - 1 - byte : len(swapped) : width]
    return bytes(swapped)


def _decoded(data: bytes, layout: _Layout, check: Callable[[], object]) -> bytes:
    """
    Convert all complete frames to mono PCM16.
    """
    frame = layout.channels * layout.width
    end = len(data) - len(data) % frame
    step = max(1, _BLOCK // frame) * frame
    blocks = []
    for start in range(0, end, step):
        if start:  # not for short files
            check()
        block = data[start : min(start + step, end)]
        blocks.append(_mono(_pcm16(block, layout), layout.channels))
    return b"".join(blocks)


def _pcm16(data: bytes, layout: _Layout) -> bytes:
    """
    Convert samples to 16 bit; wider integers are truncated to the upper two bytes.
    """
    width = layout.width
    if layout.tag == _ULAW:
        return decode_ulaw(data)
    if layout.tag == _ALAW:
        return decode_alaw(data)
    if layout.tag == _FLOAT:
        code = "f" if width == 4 else "d"
        return pcm_of_floats(struct.unpack(f"<{len(data) // width}{code}", data))
    if width == 2:
        return data
    pcm = bytearray(2 * (len(data) // width))
    if width == 1:  # 8 bit samples are unsigned
        pcm[1::2] = data.translate(bytes(code ^ 0x80 for code in range(256)))
    else:
        pcm[0::2] = data[width - 2 :: width]
        pcm[1::2] = data[width - 1 :: width]
    return bytes(pcm)


def _mono(pcm: bytes, channels: int) -> bytes:
    if channels == 1:
        return pcm
    samples = samples_of(pcm)
    sums: Iterable[int] = samples[::channels]
    for channel in range(1, channels):  # in C: half the time of sum() per frame
        sums = map(add, sums, samples[channel::channels])
    return pcm_of([value / channels for value in sums])


def unreadable(name: str, why: str, kind: str = "WAV") -> ValueError:
    """
    Return the error for an unreadable file, with a command that converts it.
    """
    if kind == BASE64:
        return ValueError(
            "audio given as bytes must be samples or a file, but these bytes are "
            "base64 text: decode them (base64.b64decode), without 'data:...,' if they "
            "are a data URL"
        )
    if kind != "WAV" and name == "input.wav":
        name = f"input.{kind.lower()}"
    file = f'"{name}"' if " " in name else name
    return ValueError(
        f"{name}: {why}; expected a WAV file of PCM (8 to 32 bit), of floats (32, 64 "
        f"bit), of mu-law or A-law. Convert it with: ffmpeg -i {file} -ar 24000 -ac 1 "
        "-c:a pcm_s16le converted.wav"
    )
