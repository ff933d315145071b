"""
A module `sounddevice` whose device the test drives.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

BLOCK = 480
"""Frames of a callback: 20 ms at 24 kHz."""


class DrivenStream:
    """
    A stream whose callbacks the test makes.

    Attributes:
        starts: Number of times that it was started.
        closes: Number of times that it was closed.
        active: As of `sounddevice`.
        at_abort: Called before it is aborted.
        at_close: Called when PortAudio has closed it.
    """

    latency = 0.1

    def __init__(self, device: DrivenDevice, samplerate: int, callback: Any) -> None:
        self.samplerate = samplerate
        self.starts = self.closes = 0
        self.active = False
        self.at_abort: Callable[[], object] = lambda: None
        self.at_close: Callable[[], object] = lambda: None
        self._device = device
        self._callback = callback

    def start(self) -> None:
        self._device.may_start.wait(30)
        self._device.at_start()
        self.starts += 1
        self.active = True

    def abort(self) -> None:
        self.at_abort()
        self.active = False

    def close(self) -> None:
        self.active = False
        self.closes += 1
        self.at_close()

    def play(self, delay: float = 0.1, at: float = 0.0) -> bytes:
        """
        Take a block, as if the device were called at *at*, *delay* before its sound.
        """
        out = bytearray(2 * BLOCK)
        stamps = SimpleNamespace(currentTime=at, outputBufferDacTime=at + delay)
        status = SimpleNamespace(output_underflow=False)
        self._callback(memoryview(out), BLOCK, stamps, status)
        return bytes(out)

    def record(self, pcm: bytes) -> None:
        """
        Bring a block.
        """
        self._callback(pcm, BLOCK, None, SimpleNamespace(input_overflow=False))


class DrivenDevice:
    """
    Stands in for the module `sounddevice`.

    Attributes:
        streams: All streams that were opened.
        may_start: While it is not set, a start does not return.
        at_open: Called when a stream is opened.
        at_start: Called when a stream is started.
    """

    class PortAudioError(Exception):
        """As of `sounddevice`."""

    def __init__(self) -> None:
        self.streams: list[DrivenStream] = []
        self.may_start = threading.Event()
        self.may_start.set()
        self.at_open: Callable[[], object] = lambda: None
        self.at_start: Callable[[], object] = lambda: None

    def RawOutputStream(self, **words: Any) -> DrivenStream:
        self.at_open()
        self.streams.append(DrivenStream(self, words["samplerate"], words["callback"]))
        return self.streams[-1]

    RawInputStream = RawOutputStream

    def _initialize(self) -> None:
        pass

    _terminate = _exit_handler = _initialize
