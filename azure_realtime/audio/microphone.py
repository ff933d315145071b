"""
A microphone as a source of audio.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import Any

from . import devices, streams
from .device_owner import RETRY_PAUSE, DeviceOwner

__all__ = ["Microphone"]

_LONGEST_WAIT = 0.2  # seconds in which an iteration notices a lost device
_MAX_BLOCKS = 500  # 10 s; more is dropped


class Microphone(DeviceOwner):
    """
    A microphone.

    If the device disappears, the default device takes its place, now or as soon as
    there is one; a warning is logged.

    Args:
        device: Name of the device, a part of it, or its index (see `list_devices`);
            None is the default.
        latency: Latency in seconds that is asked of the device.
        rate: Wanted sample rate in Hz. If the device refuses it, its own is used.

    Attributes:
        rate: Sample rate of the audio in Hz.
        overflows: Number of times that audio was lost, because the machine was too busy
            or the program did not read it in time.
        losses: Number of times that the device disappeared.
    """

    live = True

    def __init__(
        self,
        device: str | int | None = None,
        *,
        latency: float = 0.1,
        rate: int = 24_000,
    ) -> None:
        super().__init__(streams.MICROPHONE, device, latency, rate)
        self.overflows = 0
        # A deque in C whose `put` neither blocks nor runs Python code: the callback of
        # the device uses nothing else.
        self._blocks: SimpleQueue[bytes] = SimpleQueue()

    def open(self) -> None:
        """
        Open the device and start to record. It may be called more than once, also after
        `close`.

        Raises:
            AudioDeviceError: The device cannot be used.
        """
        devices.check_process()
        if self._closed:
            self._reset()
        if self._stream is None:
            self._blocks = SimpleQueue()
            self._start(self._device)

    def close(self) -> None:
        """
        Stop at once and close the device; an iteration ends. It may be called more than
        once. Any thread.
        """
        super().close()

    def __iter__(self) -> Iterator[bytes]:
        """
        Iterate over blocks of 20 ms until `close`.

        Raises:
            AudioDeviceError: The device cannot be used.
        """
        self.open()
        waits = 0  # in a row, without a block
        try:
            while not self._closed:
                if self._give_way():
                    self._open_again()
                try:
                    block = self._blocks.get(timeout=_LONGEST_WAIT)
                except Empty:
                    waits += 1
                    # counted, not measured: see `STALLED`
                    if self._is_lost(waits * _LONGEST_WAIT > streams.STALLED):
                        self._note_loss()
                        self._release()
                        self._open_again()
                        waits = 0
                else:
                    waits = 0
                    yield block
        finally:
            self.close()

    def _callback(self, data: Any, _frames: int, _time: Any, status: Any) -> None:
        """
        Take a block. A thread of the device.
        """
        self._lost = False
        if status.input_overflow or self._blocks.qsize() >= _MAX_BLOCKS:
            self.overflows += 1
        if self._blocks.qsize() < _MAX_BLOCKS:
            self._blocks.put(bytes(data))

    def _is_lost(self, stalled: bool) -> bool:
        """
        Whether the device has disappeared.
        """
        devices.check_process()
        stream = self._stream
        if stream is None or self._closed:
            return False
        return stalled or not stream.active

    def _open_again(self) -> None:
        """
        Open the device again, as soon as there is one.
        """
        while not self._closed and not self._retry():
            time.sleep(RETRY_PAUSE)
