"""
How many frames a loudspeaker has played, from the time stamps of its callbacks.

Rules:

1. The played frames are the frames that were handed over before the newest callback,
   plus the time since then, minus the device's delay. They never exceed the frames that
   were handed over. (`_MARGIN` is subtracted, because audio that was not played must
   not stay in the conversation: a busy machine plays up to 2 ms later than the stamps
   say. The stream's own `latency` is up to 120 ms off.)
2. A callback first waits for the interpreter's lock: its own time is up to 20 ms later
   than the device's (measured beside a busy thread). So both clocks are compared over
   `_COMPARED` callbacks, and the smallest difference is the true one.
3. A difference that grows by more than `_LATEST` is no wait, but a clock that was set:
   ALSA stamps with the wall clock. Then the callback's own time counts.
4. A stream that was started takes a whole buffer at once. The size of the buffer
   is the audio that the first callbacks took, less the time that they took. (Their
   delays are shorter; the latency that the device reports is up to 80 ms shorter.)
"""

from __future__ import annotations

import time
from collections import deque
from typing import Any, NamedTuple

from . import streams
from .sources import BLOCK_MS

_COMPARED = 16  # callbacks, of 20 ms each
_LATEST = 0.1  # seconds
_LONGEST_DELAY = 2.0  # seconds; a device that reports more has no usable time stamps
_MARGIN = 0.005  # seconds


class _Callback(NamedTuple):
    """
    The newest callback.
    """

    before: int  # frames that were handed over before it
    at: float  # when the device made it, in seconds of `time.perf_counter`
    delay: float  # seconds from then until its first frame is played


class Position:
    """
    The position of a stream in its frames.

    Args:
        latency: As the attribute.

    Attributes:
        latency: The delay in seconds where the device has no usable time stamps.
        buffer: The seconds that a started stream takes at once (rule 4); at least the
            latency.
        called_at: When the newest callback was made, or the stream was started, in
            seconds of `time.perf_counter`.
    """

    def __init__(self, latency: float) -> None:
        self.latency = self.buffer = latency
        self.called_at = time.perf_counter()
        self._newest: _Callback | None = None
        self._differences: deque[float] = deque(maxlen=_COMPARED)
        self._first: float | None = None  # when the device made the first callback
        self._callbacks = 0

    def note(self, before: int, now: float, stamps: Any) -> None:
        """
        Note a callback. A thread of the device.

        Args:
            before: Frames that were handed over before it.
            now: The time of `time.perf_counter` in the callback.
            stamps: The time stamps of `sounddevice`.
        """
        delay, at = stamps.outputBufferDacTime - stamps.currentTime, now
        if 0 < delay < _LONGEST_DELAY:
            difference = now - stamps.currentTime
            self._differences.append(difference)
            late = difference - min(self._differences)
            if late < _LATEST:  # rule 3
                at = now - late
        else:  # the first callbacks, and some systems
            delay = self.latency
        if self._first is None:
            self._first = at
        self._callbacks += 1
        if self._callbacks <= _COMPARED:
            taken = self._callbacks * BLOCK_MS / 1000 - (at - self._first)
            self.buffer = max(self.buffer, taken)
        self.called_at = now
        self._newest = _Callback(before, at, delay)

    def restart(self) -> None:
        """
        Count from frame 0 again. The stream must not run.
        """
        self._newest = self._first = None
        self._callbacks = 0
        self.called_at = time.perf_counter()

    def is_stalled(self) -> bool:
        """
        Whether the device makes no callbacks any more. It may take 80 ms. Any thread.
        """
        for _ in range(2):  # look again after some blocks: see `STALLED`
            called_at = self.called_at
            if time.perf_counter() - called_at <= streams.STALLED:
                return False
            time.sleep(2 * BLOCK_MS / 1000)
        return self.called_at == called_at

    def frames(self, handed: int, rate: int) -> int:
        """
        Return the number of frames that were played, of *handed*. Any thread.
        """
        newest = self._newest
        if newest is None:
            return 0
        played = time.perf_counter() - newest.at - newest.delay - _MARGIN
        return max(0, min(handed, newest.before + int(played * rate)))
