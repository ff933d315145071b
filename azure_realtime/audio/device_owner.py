"""
What a microphone and a loudspeaker have in common: each owns the stream of a device.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from ..errors import AudioDeviceError
from . import devices, streams
from .formats import checked_rate

RETRY_PAUSE = 0.5
"""Seconds between two attempts to open the default device."""

_ATTEMPTS_PER_REQUEST = 10

_logger = logging.getLogger("azure_realtime.audio")


class DeviceOwner:
    """
    Opens the stream of a device, keeps it, and closes it.

    Args:
        kind: `streams.MICROPHONE` or `streams.LOUDSPEAKER`.
        device: Name of the device, a part of it, or its index; None is the default.
        latency: Latency in seconds that is asked of the device.
        rate: Wanted sample rate in Hz.
    """

    _callback: Callable[..., None]  # as of `streams.open_stream`

    # How often an owner has asked the others to close their devices for a moment.
    _requests = 0

    def __init__(
        self, kind: str, device: str | int | None, latency: float, rate: int
    ) -> None:
        self.rate = checked_rate(rate)
        self.losses = 0
        self._kind = kind
        self._device = device
        self._latency = latency
        self._stream: Any = None
        self._closed = False
        self._lost = False  # until the next callback
        self._failures = 0  # attempts in a row to open a device after a loss
        self._known_requests = 0

    def close(self) -> None:
        """
        Stop at once and close the device. It may be called more than once.
        """
        self._closed = True
        self._release()

    def _release(self) -> None:
        stream = self._stream
        # after `close`, which Ctrl-C may interrupt, in another thread as well
        if stream is not None and devices.close(stream) and self._stream is stream:
            self._stream = None

    def _reset(self) -> None:
        """
        Begin as a new one after `close`.
        """
        self._release()  # what Ctrl-C in `close` has left
        self._stream = None  # also if another thread closes it
        self._closed = False

    def _keep(self, stream: Any) -> None:
        self._stream = stream

    def _start(self, device: str | int | None) -> float:
        """
        Open a device; return its latency in seconds.
        """
        self._known_requests = DeviceOwner._requests
        try:
            opened = streams.open_stream(
                self._kind, device, self.rate, self._latency, self._callback, self._keep
            )
        except BaseException:
            self._release()
            raise
        self.rate = opened.rate
        if self._closed:  # by another thread, meanwhile
            self._stream = opened.stream
            self._release()
        return opened.latency

    def _note_loss(self) -> None:
        """
        Count and log that the device has disappeared, once until the next callback.
        """
        if not self._lost:
            self._lost = True
            self.losses += 1
            _logger.warning(
                "The %s has disappeared; the default one takes its place.", self._kind
            )

    def _retry(self) -> bool:
        """
        Try to open the device again, after a loss the default one; return whether it is
        open.
        """
        try:
            self._start(None if self.losses else self._device)
        except AudioDeviceError:
            self._note_loss()
            # The device may be newer than PortAudio's list, which can be made again
            # only while no stream is open.
            if devices.open_streams and self._failures % _ATTEMPTS_PER_REQUEST == 0:
                DeviceOwner._requests += 1
            self._failures += 1
            return False
        self._failures = 0
        return True

    def _give_way(self) -> bool:
        """
        Close the device and let PortAudio look for devices if another owner has asked
        for that; return whether it is closed. An index may mean another device after
        that, so a device chosen by its index stays open.
        """
        asked = self._known_requests != DeviceOwner._requests
        if not asked or isinstance(self._device, int):
            return False
        self._release()
        devices.refresh(devices.load())
        return True
