"""
The microphone of a notebook's page as a source of audio.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import Any

from ..audio.formats import checked_rate
from .page_device import PageDevice

__all__ = ["NotebookMicrophone"]

_LONGEST_WAIT = 0.2  # seconds
_MAX_BLOCKS = 250  # 10 s of audio that is not read
_HEADER = struct.Struct("<II")  # number of the block, sample rate in Hz; PCM16 follows


class NotebookMicrophone(PageDevice):
    """
    The microphone of the browser that shows the notebook.

    It is a button: the last value of a cell, or shown by the cell that uses it. Audio
    comes after the user has clicked on it. It needs the extra ``jupyter``.

    Args:
        rate: Wanted sample rate in Hz. If the browser refuses it, its own is used.

    Attributes:
        rate: Sample rate of the audio in Hz.
        overflows: Number of blocks that were lost: the network was interrupted, or
            they were not read in time.

    Raises:
        AudioDeviceError: The extra ``jupyter`` is not installed.
        ValueError: *rate* is no sample rate.
    """

    live = True

    def __init__(self, *, rate: int = 24_000) -> None:
        super().__init__("microphone", rate)
        self.overflows = 0
        self._next = 0  # number of the block that is expected
        self._blocks: SimpleQueue[tuple[int, bytes] | None] = SimpleQueue()

    def __iter__(self) -> Iterator[bytes]:
        """
        Iterate over blocks of 40 ms until `close`.

        While nothing comes, there is an empty block every 0.2 s, so that a timeout of
        the caller is noticed.

        Raises:
            AudioDeviceError: No notebook runs this code.
        """
        try:
            self.open()
            while not self._closed:
                try:
                    block = self._blocks.get(timeout=_LONGEST_WAIT)
                except Empty:
                    self._announce()
                    yield b""
                    continue
                if block is not None:
                    self.rate, pcm = block
                    yield pcm
        finally:
            self.close()

    def close(self) -> None:
        """
        Stop the recording and end the iteration. Idempotent. Any thread.
        """
        super().close()
        self._blocks.put(None)

    def _reset(self) -> None:
        self._next = 0
        self._blocks = SimpleQueue()

    def _on_message(self, message: bytes | str) -> None:
        if isinstance(message, str) or len(message) <= _HEADER.size:
            raise ValueError("a block has a header and samples")
        number, rate = _HEADER.unpack_from(message)
        self._take(number, rate, message[_HEADER.size :])

    def _on_content(self, content: Any, buffers: Any) -> None:
        if content.get("kind") == "audio":
            self._take(content["number"], content["rate"], bytes(buffers[0]))

    def _take(self, number: int, rate: int, pcm: bytes) -> None:
        """
        Queue a block for the iteration. A thread of the server or of the kernel.
        """
        checked_rate(rate)
        if number == 0:  # the page was loaded again
            self._next = 0
        if number < self._next:  # overtaken by a later one: it was counted as lost
            return
        self.overflows += number - self._next
        self._next = number + 1
        if self._blocks.qsize() >= _MAX_BLOCKS:
            self.overflows += 1
        else:
            self._blocks.put((rate, pcm))
