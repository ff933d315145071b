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
        kind: `RawInputStream` or `RawOutputStream`.
        device: The device that was asked for.
        starts: Number of times that it was started.
        closes: Number of times that it was closed.
        active: As of `sounddevice`.
        at_abort: Called before it is aborted.
        at_close: Called when PortAudio has closed it.
    """

    latency = 0.1

    def __init__(self, module: DrivenDevice, kind: str, words: dict[str, Any]) -> None:
        self.kind = kind
        self.device = words["device"]
        self.samplerate = words["samplerate"]
        self.starts = self.closes = 0
        self.active = False
        self.at_abort: Callable[[], object] = lambda: None
        self.at_close: Callable[[], object] = lambda: None
        self._module = module
        self._callback = words["callback"]

    def start(self) -> None:
        self._module.may_start.wait(30)
        self._module.at_start()
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
        at_look: Called when it looks for devices.
        absent: The kinds of stream that it does not open: `RawInputStream`,
            `RawOutputStream`.
    """

    class PortAudioError(Exception):
        """As of `sounddevice`."""

    def __init__(self) -> None:
        self.streams: list[DrivenStream] = []
        self.may_start = threading.Event()
        self.may_start.set()
        self.at_open: Callable[[], object] = lambda: None
        self.at_start: Callable[[], object] = lambda: None
        self.at_look: Callable[[], object] = lambda: None
        self.absent: set[str] = set()

    def RawOutputStream(self, **words: Any) -> DrivenStream:
        return self._open("RawOutputStream", words)

    def RawInputStream(self, **words: Any) -> DrivenStream:
        return self._open("RawInputStream", words)

    def _open(self, kind: str, words: dict[str, Any]) -> DrivenStream:
        self.at_open()
        if kind in self.absent:
            raise self.PortAudioError(f"no {kind}")
        self.streams.append(DrivenStream(self, kind, words))
        return self.streams[-1]

    def newest(self, kind: str) -> DrivenStream:
        """
        Return the stream of a kind that was opened last.
        """
        return [stream for stream in self.streams if stream.kind == kind][-1]

    def query_devices(self, _device: object, _kind: str) -> dict[str, Any]:
        return {"default_samplerate": 24_000}

    def _terminate(self) -> None:
        self.at_look()

    def _initialize(self) -> None:
        pass

    _exit_handler = _initialize
