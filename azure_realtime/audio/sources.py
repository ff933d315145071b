"""
Sources of audio for a voice call: a file, or a program that pushes its audio.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import BinaryIO, Protocol, runtime_checkable

from .files import file_content
from .formats import checked_rate
from .samples import Samples, pcm16
from .wav import parse_wav

__all__ = ["PushSource", "Source", "WavSource"]

BLOCK_MS = 20
"""Milliseconds of audio in the blocks that files and devices yield."""

_LONGEST_WAIT = 0.2  # seconds in which an iteration notices that it was closed


@runtime_checkable
class Source(Protocol):
    """
    Where a voice call takes its audio from. One thread iterates over it, once.

    A source may also have:

    - ``live``: True for audio that is produced at the pace of speech. Without a
      connection it is dropped, as it would arrive too late. Other sources wait.
    - ``open()``, which raises `AudioDeviceError`, and ``close()``, which ends the
      iteration from any thread. A call opens its source and closes it at its end.
    - ``overflows``: the number of blocks that were lost before they were taken.

    Attributes:
        rate: Sample rate in Hz. It is read for each block, after it was taken.
    """

    rate: int

    def __iter__(self) -> Iterator[bytes]:
        """
        Iterate over blocks of PCM16, mono, little-endian; 10 to 100 ms each.
        """
        ...


class WavSource:
    """
    A WAV file, read as `read_wav` does.

    Args:
        file: The path, the bytes, or an open binary file.
        realtime: Whether the audio is yielded at the pace of speech, so that turn
            detection and interruptions take place as with a microphone. Otherwise it
            is yielded as fast as the network takes it.

    Attributes:
        rate: Sample rate of the file in Hz.
        pcm: The samples: PCM16, mono.
        live: Whether the audio is yielded at the pace of speech.

    Raises:
        OSError: The file cannot be read.
        TypeError: *file* is something else, or a file that is open for text.
        ValueError: It is no WAV file, or has no samples.
    """

    def __init__(
        self, file: str | os.PathLike[str] | bytes | BinaryIO, *, realtime: bool = False
    ) -> None:
        data, name = file_content(file)
        audio = parse_wav(data, name)
        if not audio.pcm:
            raise ValueError(f"{name} has no samples: is the recording complete?")
        self.rate, self.pcm = audio.rate, audio.pcm
        self.live = realtime
        self._closed = False

    def open(self) -> None:
        """
        Make the file readable again after `close`. It may be called more than once.
        """
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        size = self.rate * BLOCK_MS // 1000 * 2
        begin = time.monotonic()
        for number, start in enumerate(range(0, len(self.pcm), size), 1):
            if self.live:  # a block is complete when its last sample was spoken
                due = begin + number * BLOCK_MS / 1000
                time.sleep(max(0.0, due - time.monotonic()))
            if self._closed:
                return
            yield self.pcm[start : start + size]

    def close(self) -> None:
        """
        End the iteration. Any thread.
        """
        self._closed = True


class PushSource:
    """
    Audio that a program pushes, such as that of a telephone call.

    Args:
        rate: Sample rate of the audio in Hz.
        max_seconds: Audio that may wait to be sent, in seconds; beyond it, new audio is
            dropped and counted.

    Attributes:
        rate: Sample rate of the audio in Hz.
        overflows: Number of dropped pieces.
    """

    live = True

    def __init__(self, rate: int = 24_000, *, max_seconds: float = 10.0) -> None:
        self.rate = checked_rate(rate)
        self.overflows = 0
        if isinstance(max_seconds, bool) or not isinstance(max_seconds, (int, float)):
            kind = type(max_seconds).__name__
            raise TypeError(f"max_seconds must be a number of seconds, not {kind}")
        if not max_seconds > 0:
            raise ValueError(f"max_seconds must be positive, not {max_seconds!r}")
        self._most = max_seconds * 2 * self.rate
        # `_pushed` belongs to the pushing thread, `_taken` to the iterating one
        self._pushed = self._taken = 0
        self._pieces: SimpleQueue[bytes | None] = SimpleQueue()
        self._closed = False

    def open(self) -> None:
        """
        Check that the audio can be taken: it belongs to one call. Any thread.

        Raises:
            ValueError: It was closed.
        """
        if self._closed:
            raise ValueError("the audio was closed: make another PushSource")

    def push(self, pcm: Samples) -> None:
        """
        Add PCM16, mono, of any length, as bytes or in an array. One thread at a time;
        it never blocks.

        Raises:
            TypeError: *pcm* is neither bytes nor an array of samples.
            ValueError: The array has several channels.
        """
        pcm = pcm16(pcm)
        if self._pushed - self._taken + len(pcm) > self._most:
            self.overflows += 1
            return
        self._pushed += len(pcm)
        self._pieces.put(pcm)

    def end(self) -> None:
        """
        End the audio: the iteration ends after the audio that was pushed. Any thread.
        """
        self._pieces.put(None)

    def close(self) -> None:
        """
        End the iteration at once. Any thread.
        """
        self._closed = True
        self._pieces.put(None)

    def __iter__(self) -> Iterator[bytes]:
        while not self._closed:
            try:
                piece = self._pieces.get(timeout=_LONGEST_WAIT)
            except Empty:
                continue
            if piece is None:
                return
            self._taken += len(piece)
            yield piece
