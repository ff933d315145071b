"""
WAV files, as plain PCM: read what recorders and speech programs write, write mono.

Any thread may call these; they block on the file.
"""

import os
import struct
import sys
from array import array
from collections.abc import Iterator
from pathlib import Path

import attrs

_PCM = 0x0001
_EXTENSIBLE = 0xFFFE
#: What else the tag of a WAV file may announce, for the error message.
_OTHERS = {2: "ADPCM", 3: "floating point", 6: "A-law", 7: "mu-law", 85: "MP3"}


@attrs.frozen
class WavAudio:
    """
    What is in a WAV file.

    Attributes:
        pcm: Mono, 16 bit, little endian.
        rate: Samples a second.
    """

    pcm: bytes = attrs.field(repr=False)
    rate: int

    @property
    def seconds(self) -> float:
        """
        How long it plays.
        """
        return len(self.pcm) / 2 / self.rate


def read_wav(source: str | os.PathLike[str] | bytes | bytearray) -> WavAudio:
    """
    Read a WAV file of 8, 16, 24 or 32 bit samples; stereo is mixed down.

    Sizes are taken from the file, not from its header: who writes to a pipe
    (``espeak --stdout``) cannot know them, and makes them up.

    Args:
        source: Its path, or what is in it.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is something else; the message says how to convert it.
    """
    if isinstance(source, (bytes, bytearray)):
        return _parse(bytes(source), "input.wav")
    return _parse(Path(source).read_bytes(), os.fspath(source))


def _parse(data: bytes, name: str) -> WavAudio:
    layout: tuple[int, int, int] | None = None
    for tag, body in _chunks(data, name):
        if tag == b"fmt ":
            layout = _layout(body, name)
        elif tag == b"data":
            if layout is None:
                raise _unreadable(name, "it has samples before their format")
            channels, rate, width = layout
            return WavAudio(_mono(_pcm16(body, width), channels), rate)
    raise _unreadable(name, "it has no samples")


def write_wav(path: str | os.PathLike[str], pcm: bytes, rate: int) -> None:
    """
    Write mono PCM16 (little endian) as a WAV file; half a sample is left out.

    Raises:
        OSError: The file cannot be written.
        ValueError: *rate* is not positive.
    """
    Path(path).write_bytes(wav_bytes(pcm, rate))


def wav_bytes(pcm: bytes, rate: int) -> bytes:
    """
    Return what `write_wav` writes.

    Raises:
        ValueError: *rate* is not positive.
    """
    if rate <= 0:
        msg = f"rate must be positive, got {rate}"
        raise ValueError(msg)
    size = len(pcm) & ~1
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, _PCM, 1, rate, 2 * rate, 2, 16)
    head = struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE")
    return head + layout + struct.pack("<4sI", b"data", size) + pcm[:size]


def _chunks(data: bytes, name: str) -> Iterator[tuple[bytes, bytes]]:
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise _unreadable(name, "it is no WAV file")
    made_up = struct.unpack_from("<I", data, 4)[0] + 8 != len(data)
    position = 12
    while position + 8 <= len(data):
        tag, size = struct.unpack_from("<4sI", data, position)
        position += 8
        if tag == b"data" and size == 0 and made_up:
            size = len(data)
        yield tag, data[position : position + size]
        position += size + size % 2


def _layout(body: bytes, name: str) -> tuple[int, int, int]:
    """
    Return channels, samples a second, and bytes a sample.
    """
    if len(body) < 16:
        raise _unreadable(name, "its format is cut short")
    tag, channels, rate, _, frame, _ = struct.unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE and len(body) >= 26:
        tag = struct.unpack_from("<H", body, 24)[0]
    if tag != _PCM:
        raise _unreadable(name, f"its samples are {_OTHERS.get(tag, f'of type {tag}')}")
    if channels not in (1, 2):
        raise _unreadable(name, f"it has {channels} channels")
    width, rest = divmod(frame, channels)
    if rate == 0 or rest or width not in (1, 2, 3, 4):
        raise _unreadable(name, f"it has {frame} bytes a frame, {rate} frames a second")
    return channels, rate, width


def _pcm16(data: bytes, width: int) -> bytes:
    """
    Return samples of *width* bytes as 16 bit: their upper two bytes.
    """
    data = data[: len(data) - len(data) % width]
    if width == 2:
        return data
    pcm = bytearray(2 * (len(data) // width))
    if width == 1:  # the only unsigned one
        pcm[1::2] = data.translate(bytes(code ^ 0x80 for code in range(256)))
    else:
        pcm[0::2] = data[width - 2 :: width]
        pcm[1::2] = data[width - 1 :: width]
    return bytes(pcm)


def _mono(pcm: bytes, channels: int) -> bytes:
    if channels == 1:
        return pcm
    samples = array("h", pcm[: len(pcm) & ~3])
    if sys.byteorder == "big":
        samples.byteswap()
    mixed = array("h", map(_middle, samples[0::2], samples[1::2]))
    if sys.byteorder == "big":
        mixed.byteswap()
    return mixed.tobytes()


def _middle(left: int, right: int) -> int:
    return (left + right) // 2


def _unreadable(name: str, why: str) -> ValueError:
    return ValueError(
        f"{name}: {why}; expected WAV with 8 to 32 bit PCM, mono or stereo. Convert it "
        f"with: ffmpeg -i {name} -ar 24000 -ac 1 -c:a pcm_s16le converted.wav"
    )
