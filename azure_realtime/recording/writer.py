"""
Writes a recording on a thread of its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from io import FileIO

from .._concurrency.condition import Condition
from .._concurrency.deadline import Deadline
from .._logging import logger
from .backlog import Backlog, Dropped, Entry, Received
from .encoder import Encoder
from .tracks import Track

#: Seconds in which messages are collected: the disk is written to a few times a second
#: instead of once per message. A killed process loses no more than these.
_INTERVAL = 0.1
_BLOCK = 1 << 20  # bytes of lines that are written at once


class Writer:
    """
    Takes entries from a backlog, and writes their lines.

    Args:
        file: The recording; closed at the end.
        backlog: The entries.
        encoder: Makes the lines.
        tracks: The audio files; closed at the end.

    Attributes:
        error: The error that ended the recording early, such as a full disk; None
            without one.
    """

    def __init__(
        self, file: FileIO, backlog: Backlog, encoder: Encoder, tracks: Iterable[Track]
    ) -> None:
        self._file = file
        self._backlog = backlog
        self._encoder = encoder
        self._tracks = tuple(tracks)
        self._condition = Condition()
        self._stopped_waiting = False
        self.error: BaseException | None = None

    def stop_waiting(self) -> None:
        """
        Write what is queued without waiting for more. Any thread.
        """
        self._stopped_waiting = True
        self._condition.notify_all()

    def run(self) -> None:
        """
        Write until the end of the backlog. The thread of the recording.
        """
        try:
            while self._write_queued():
                self._condition.wait(lambda: self._stopped_waiting, Deadline(_INTERVAL))
        except Exception as error:
            self.error = error
            logger.exception("The recording ended early")
        finally:
            for close in (*(track.close for track in self._tracks), self._file.close):
                try:
                    close()
                except OSError as error:
                    self.error = self.error or error

    def _write_queued(self) -> bool:
        """
        Wait for entries and write them. Return False after the end.
        """
        lines: list[bytes] = []
        size, goes_on = 0, True
        self._encoder.follow_clock()
        for entry in self._backlog.take_all():
            if entry is None:
                goes_on = False
                lines.append(self._encoder.end(time.monotonic()))
                break
            for line in self._lines(entry):
                lines.append(line)
                size += len(line)
            if size > _BLOCK:
                self.write(lines)
                lines, size = [], 0
        self.write(lines)
        for track in self._tracks:
            track.update_header()
        return goes_on

    def _lines(self, entry: Entry) -> Iterable[bytes]:
        if isinstance(entry, Received):
            return self._encoder.message(entry)
        if isinstance(entry, Dropped):
            return (self._encoder.dropped(entry),)
        return (self._encoder.mark(entry),)

    def write(self, lines: Iterable[bytes]) -> None:
        """
        Write lines, all of them, after the audio that they refer to.

        Raises:
            OSError: The disk is full, or the like.
        """
        for track in self._tracks:
            track.flush()
        data = memoryview(b"".join(lines))
        while data:
            data = data[os.write(self._file.fileno(), data) :]
