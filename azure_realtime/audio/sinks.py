"""
Sinks for the audio of a voice call: a file, or nothing.
"""

from __future__ import annotations

import os
import time
from typing import BinaryIO, Protocol, runtime_checkable

from .files import wav_path
from .formats import checked_rate
from .ledger import Ledger
from .samples import Samples, pcm16
from .wav import wav_header

__all__ = ["NullSink", "Sink", "WavSink"]


@runtime_checkable
class Sink(Protocol):
    """
    Where a voice call plays the model's audio. One thread calls `write` and `flush`.

    A sink may also have:

    - ``rate``: the sample rate in Hz of the audio that it takes. Without it, audio has
      the rate of the session (24,000; G.711: 8,000).
    - ``open()``, which raises `AudioDeviceError`, and ``close()``. A call opens its
      sink and closes it at its end.
    - ``end_item(item_id)``, called after the last `write` of an item.
    - ``level``: peak of what sounds now, 0.0 to 1.0; ``underflows``: the number of
      times that the device ran out of audio.
    """

    def write(self, pcm: bytes, item_id: str, content_index: int) -> None:
        """
        Queue audio: PCM16, mono. It must not block; audio comes faster than it plays.

        Args:
            pcm: The samples.
            item_id: The item of the conversation that they belong to.
            content_index: The content part of the item.
        """
        ...

    def played_ms(self, item_id: str) -> int:
        """
        Return the milliseconds of an item that were played so far, never more. Any
        thread.
        """
        ...

    def flush(self) -> dict[str, int]:
        """
        Stop the sound at once and drop the queued audio.

        Returns:
            For each item of which audio was dropped: the milliseconds that were played.
        """
        ...

    @property
    def drained(self) -> bool:
        """
        Whether all written audio has been played. Any thread.
        """
        ...


class NullSink:
    """
    Discards audio at the pace of speech, as if it were played.

    Args:
        rate: Sample rate in Hz of the audio that it takes.
        realtime: False plays what is written at once.

    Attributes:
        rate: Sample rate in Hz.
    """

    def __init__(self, rate: int = 24_000, *, realtime: bool = True) -> None:
        self.rate = checked_rate(rate)
        self._realtime = realtime
        self._begin = time.monotonic()
        self._ledger = Ledger()

    def _position(self) -> int:
        if not self._realtime:
            return self._ledger.end
        return round((time.monotonic() - self._begin) * self.rate)

    def write(self, pcm: Samples, item_id: str, content_index: int = 0) -> None:  # noqa: ARG002 - as the protocol
        """
        Queue audio: PCM16, mono, at `rate`; as bytes or in an array.
        """
        self._ledger.forget(self._position())
        start = max(self._position(), self._ledger.end)
        self._ledger.add(start, item_id, len(pcm16(pcm)) // 2)

    def played_ms(self, item_id: str) -> int:
        """
        Return the milliseconds of an item that were played so far. Any thread.
        """
        return self._ledger.played(item_id, self._position()) * 1000 // self.rate

    def flush(self) -> dict[str, int]:
        """
        Drop the queued audio; return the milliseconds played of each item cut short.
        """
        return {item: ms for item, (ms, _) in self._cut().items()}

    def _cut(self) -> dict[str, tuple[int, int]]:
        """
        Flush; return for each item the milliseconds played and the frames dropped.
        """
        position, dropped = self._position(), {}
        for item, added in self._ledger.added().items():
            played = self._ledger.played(item, position)
            if played < added:
                dropped[item] = (played * 1000 // self.rate, added - played)
        self._ledger.restart(position)
        self._begin = time.monotonic()
        return dropped

    @property
    def drained(self) -> bool:
        """
        Whether all written audio has been played. Any thread.
        """
        return self._position() >= self._ledger.end


class WavSink(NullSink):
    """
    Writes the model's audio to a WAV file: mono, 16 bit.

    The file has no silence between answers. Of an interrupted answer it has the part
    that was played.

    Args:
        path: The file, which `open` or the first `write` replaces.
        rate: Sample rate of the file in Hz.
        realtime: Whether the audio counts as played at the pace of speech, so that it
            can be interrupted as with a loudspeaker. Otherwise it is played at once.

    Raises:
        ValueError: The suffix of *path* is that of another audio format.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        rate: int = 24_000,
        *,
        realtime: bool = False,
    ) -> None:
        super().__init__(rate, realtime=realtime)
        self._path = wav_path(path)
        self._file: BinaryIO | None = None
        self._size = 0

    def open(self) -> None:
        """
        Create the file, or empty it. It may be called more than once.

        Raises:
            OSError: The file cannot be written.
            ValueError: It was closed, by a call that has ended.
        """
        if self._opened().closed:
            raise ValueError(f"{self._path} was completed: make another WavSink")

    def _opened(self) -> BinaryIO:
        if self._file is None:
            self._file = self._path.open("wb")
            # `close` writes the size; a file without it can be read nevertheless
            self._file.write(wav_header(None, self.rate))
        return self._file

    def write(self, pcm: Samples, item_id: str, content_index: int = 0) -> None:
        """
        Append audio to the file: PCM16, mono, at `rate`; as bytes or in an array.
        """
        pcm = pcm16(pcm)
        file = self._opened()
        super().write(pcm, item_id, content_index)
        file.write(pcm)
        self._size += len(pcm)

    def _cut(self) -> dict[str, tuple[int, int]]:
        dropped = super()._cut()
        self._size -= sum(frames * 2 for _, frames in dropped.values())
        if self._file is not None:
            self._file.seek(len(wav_header(None, self.rate)) + self._size)
            self._file.truncate()
        return dropped

    def close(self) -> None:
        """
        Complete the file. It may be called more than once.
        """
        if self._file is None or self._file.closed:
            return
        with self._file as file:
            file.seek(0)
            file.write(wav_header(self._size, self.rate))
