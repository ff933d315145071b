"""
The audio files of a recording: what each side said, on the clock of the recording.

Rules:

1. A file begins with the recording. A piece of audio begins where the piece before it
   ends, or, after a pause, at the time of its message.
2. Pauses are silence. In PCM they are holes, which take no space on most disks.
3. A file has one format, that of its first piece. A piece of another format is not put
   into it.
4. After an interruption the rest of the answer, which was not played, is taken out, so
   that the next answer is at its time. The caller writes that rest into the recording.
5. The sizes in the header are those at the last `update_header`: the file of a killed
   process can be played up to there.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

import attrs

from ..audio.formats import RATES

_TAGS = {"pcm16": 1, "g711_ulaw": 7, "g711_alaw": 6}
_SILENCE = {"pcm16": b"\0", "g711_ulaw": b"\xff", "g711_alaw": b"\xd5"}
_HEAD = struct.Struct("<4sI4s4sIHHIIHH4sI")

#: A piece that comes this many seconds late is still joined to the one before it: less
#: is jitter of the network, and each gap would be heard as a click.
_JITTER = 0.3
_MOST_COLLECTED = 1 << 20  # bytes of audio
_BLOCK = 1 << 16  # bytes of silence that are written at once
_MAX_BYTES = (1 << 32) - 256  # the sizes in the header have 32 bits


class Track:
    """
    One audio file that is being written. One thread.

    Pieces are collected until `flush`: two system calls a piece would be most of its
    cost.

    Args:
        file: Open for reading and writing, and empty.
        began: The time on the monotonic clock at which the recording began.
    """

    def __init__(self, file: BinaryIO, began: float) -> None:
        self._file = file
        self._began = began
        self._name = ""
        self._end = 0  # bytes of audio
        self._pieces: list[bytes] = []  # not written yet
        self._pieces_start = 0

    def add(self, data: bytes, audio_format: str, at: float) -> int | None:
        """
        Add a piece of audio. Return where it begins, in bytes; None if it does not fit
        into the file.

        Args:
            data: The samples.
            audio_format: Their format.
            at: The time of the message.

        Raises:
            OSError: The file cannot be written.
        """
        self._name = self._name or audio_format
        due = self._position(at)
        joined = self._end and due - self._end < self._size_of(_JITTER)
        start = self._end if joined else due
        if audio_format != self._name or start + len(data) > _MAX_BYTES:
            return None
        collected = start - self._pieces_start if self._pieces else 0
        if start != self._end or not 0 < collected < _MOST_COLLECTED:
            self.flush()
            self._fill(start)
            self._pieces_start = start
        self._pieces.append(data)
        self._end = start + len(data)
        return start

    def flush(self) -> None:
        """
        Write the pieces that were added.

        Raises:
            OSError: The file cannot be written.
        """
        if self._pieces:
            data = b"".join(self._pieces)
            self._pieces.clear()
            self._file.seek(_HEAD.size + self._pieces_start)
            self._write_all(data)

    def cut(self, at: float) -> tuple[int, bytes]:
        """
        Take out what has not been played at a time. Return its beginning and bytes.

        Raises:
            OSError: The file cannot be read or written.
        """
        start = self._position(at) if self._name else 0
        if start >= self._end:
            return self._end, b""
        self.flush()
        self._file.seek(_HEAD.size + start)
        rest = self._file.read(self._end - start)
        self._file.truncate(_HEAD.size + start)
        self._end = start
        return start, rest

    def update_header(self) -> None:
        """
        Write the pieces that were added, and the present size into the header.

        Raises:
            OSError: The file cannot be written.
        """
        self.flush()
        self._file.seek(0)
        self._file.write(header(self._name or "pcm16", self._end))

    def close(self) -> None:
        """
        Close the file.
        """
        self._file.close()

    def _fill(self, start: int) -> None:
        if self._name == "pcm16":
            return  # a hole, which reads as zeros
        silence = _SILENCE[self._name] * _BLOCK
        self._file.seek(_HEAD.size + self._end)
        for position in range(self._end, start, _BLOCK):
            self._write_all(silence[: start - position])

    def _write_all(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:  # an unbuffered file may take a part of it
            rest = rest[self._file.write(rest) :]

    def _position(self, at: float) -> int:
        return max(0, self._size_of(at - self._began))

    def _size_of(self, seconds: float) -> int:
        width = 2 if self._name == "pcm16" else 1
        return int(seconds * RATES[self._name]) * width


def header(audio_format: str, size: int) -> bytes:
    """
    Return the head of a WAV file with *size* bytes of audio.
    """
    rate, width = RATES[audio_format], 2 if audio_format == "pcm16" else 1
    return _HEAD.pack(
        b"RIFF",
        size + _HEAD.size - 8,
        b"WAVE",
        b"fmt ",
        16,
        _TAGS[audio_format],
        1,
        rate,
        rate * width,
        width,
        8 * width,
        b"data",
        size,
    )


@attrs.frozen
class Unplayed:
    """
    Audio that `Track.cut` took out of a file.

    Attributes:
        line: The number of its line in the recording.
        start: Where it began in the file, in bytes.
        data: The bytes.
    """

    line: int
    start: int
    data: bytes


class TrackReader:
    """
    Reads pieces of an audio file. One thread.

    Args:
        file: Open for reading.
        unplayed: What was taken out of it, in the order of the lines.
    """

    def __init__(self, file: BinaryIO, unplayed: list[Unplayed]) -> None:
        self._file = file
        self._unplayed = unplayed

    def read(self, line: int, start: int, size: int) -> bytes | None:
        """
        Return the audio of the message in *line*; None if the file is too short.

        Raises:
            OSError: The file cannot be read.
        """
        self._file.seek(_HEAD.size + start)
        found = bytearray(self._file.read(size))
        have = len(found)
        found += bytes(size - have)
        missing = [(start + have, start + size)] if have < size else []
        # The first cut after the message has its bytes; what later cuts removed at the
        # same position belongs to later messages.
        for cut in reversed([each for each in self._unplayed if each.line > line]):
            begin = max(start, cut.start)
            end = min(start + size, cut.start + len(cut.data))
            if begin < end:
                found[begin - start : end - start] = cut.data[
                    begin - cut.start : end - cut.start
                ]
                missing = [
                    rest
                    for low, high in missing
                    for rest in ((low, min(high, begin)), (max(low, end), high))
                    if rest[0] < rest[1]
                ]
        return None if missing else bytes(found)

    def close(self) -> None:
        """
        Close the file.
        """
        self._file.close()


def create(path: str, flags: int) -> int:
    """
    Create a file that only its owner can read: the ``opener`` of `FileIO`.
    """
    return os.open(path, flags, 0o600)
