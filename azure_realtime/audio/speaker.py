"""
A loudspeaker as a sink for audio; it reports how much of each item was played.

Rules:

1. The callback of the device takes no lock: it uses deques and plain attributes.
2. `write`, `flush` and `close` belong to one thread; any thread reads.
3. The played frames are computed from the time stamps of the callbacks (`Position`).
4. To stop the sound, the stream is aborted and started again: this takes 0 to 6 ms,
   against 50 to 220 ms if the callback plays silence instead.
5. A running stream has a buffer of silence, 160 to 200 ms at a latency of 0.1 s, which
   would delay a sound. So the stream is started again for a sound that follows silence.
   A started stream takes a whole buffer at once; until there is so much audio, the
   sound is held, for `_HOLD` seconds at most.
6. With an echo canceller (`played_blocks`) a stream is not started again, as that would
   shift both sides: what the device has buffered is played, and counts as played.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from . import devices, streams
from .device_owner import RETRY_PAUSE, DeviceOwner
from .ledger import Ledger
from .position import Position
from .samples import peak
from .sources import BLOCK_MS

__all__ = ["Speaker"]

_HOLD = 0.06  # seconds; a service sends the first 200 ms of an answer faster than that

_Piece = tuple[str, memoryview]
_NOTHING: _Piece = ("", memoryview(b""))


class Speaker(DeviceOwner):
    """
    A loudspeaker.

    If the device disappears, the default device takes its place, now or as soon as
    there is one; a warning is logged.

    Args:
        device: Name of the device, a part of it, or its index (see `list_devices`);
            None is the default.
        latency: Latency in seconds that is asked of the device. More of it survives
            longer pauses of a busy machine; it delays neither the first sound nor the
            silence after `flush`.
        rate: Wanted sample rate in Hz. If the device refuses it, its own is used.

    Attributes:
        rate: Sample rate in Hz of the audio that `write` takes.
        underflows: Number of times that the device reported a gap, because the machine
            was too busy.
        losses: Number of times that the device disappeared.
        played_blocks: None, or a deque that gets every block that was handed to the
            device, silence included, for an echo canceller. It is cleared when the
            device drops what it has buffered.
    """

    def __init__(
        self,
        device: str | int | None = None,
        *,
        latency: float = 0.1,
        rate: int = 24_000,
    ) -> None:
        super().__init__(streams.LOUDSPEAKER, device, latency, rate)
        self.underflows = 0
        self.played_blocks: deque[bytes] | None = None
        self._retry_at: float | None = None  # while there is no device
        # Of the writing thread:
        self._written: dict[str, int] = {}  # item -> frames
        self._total = 0  # frames written since the start of the stream
        # Between both threads:
        self._waiting: deque[_Piece] = deque()
        self._ledger = Ledger()
        self._held_until: float | None = None  # while a sound is held (rule 5)
        # Has one object while a sound is held: the thread that removes it begins.
        self._begin: deque[None] = deque(maxlen=1)
        # Of the callback:
        self._rest = _NOTHING
        self._taken = 0  # frames of `_total` that were handed over
        self._handed = 0  # frames that were handed over, silence included
        self._position = Position(latency)
        self._block = b""

    def open(self) -> None:
        """
        Open the device. It may be called more than once, also after `close`.

        Raises:
            AudioDeviceError: The device cannot be used.
        """
        if self._closed:
            self._reset()
        self._open()

    def _open(self) -> None:
        if self._stream is None and self._retry_at is None and not self._closed:
            self._start(self._device)

    def write(self, pcm: bytes, item_id: str, content_index: int = 0) -> None:  # noqa: ARG002 - as the protocol
        """
        Queue audio: PCM16, mono, at `rate`. It does not block. After `close` the audio
        is dropped.

        Raises:
            AudioDeviceError: The device cannot be used; or the process was forked.
        """
        self._open()
        self._check()
        frames = len(pcm) // 2
        if not frames or self._closed:
            return
        silent = self.played_blocks is None and self._is_silent()  # rule 6
        if self._held_until is None and silent:
            self._begin.append(None)
            self._held_until = time.perf_counter() + _HOLD
        self._ledger.forget(self._played())
        self._written[item_id] = self._written.get(item_id, 0) + frames
        self._total += frames
        self._waiting.append((item_id, memoryview(pcm)[: 2 * frames]))
        if self._held_until is not None and self._total - self._taken >= self._fill():
            self._begin_held()

    def end_item(self, item_id: str) -> None:  # noqa: ARG002 - as the protocol
        """
        Play what is held of an item: there is no more of it.
        """
        if self._held_until is not None:
            self._begin_held()

    def played_ms(self, item_id: str) -> int:
        """
        Return the milliseconds of an item that were played so far. Any thread.
        """
        return self._ledger.played(item_id, self._played()) * 1000 // self.rate

    def flush(self) -> dict[str, int]:
        """
        Stop the sound at once and drop the queued audio; return the milliseconds played
        of each item cut short.
        """
        self._check()  # to start a lost stream would never return
        position = self._played()  # before the stream is aborted
        stream = self._stream if self.played_blocks is None else None  # rule 6
        streams.abort(stream)
        self._drop()
        if self.played_blocks is None:
            self._rewind(position)
        cut, added = {}, self._ledger.added()
        for item, written in tuple(self._written.items()):
            played = self._written[item] = added.get(item, 0)
            if played < written:
                cut[item] = played * 1000 // self.rate
        streams.restart(stream)
        return cut

    @property
    def drained(self) -> bool:
        """
        Whether all written audio has been played. The thread that writes.
        """
        self._check()
        return self._is_silent()

    @property
    def level(self) -> float:
        """
        Peak of the newest block, from 0.0 to 1.0. Any thread.
        """
        return peak(self._block)

    def _is_silent(self) -> bool:
        return self._taken >= self._total and self._played() >= self._ledger.end

    def _fill(self) -> int:
        """
        Return the number of frames that the stream takes at once when it is started.
        """
        return int((self._position.buffer + 2 * BLOCK_MS / 1000) * self.rate)

    def _begin_held(self) -> None:
        """
        Start the stream again, so that the held sound begins at once (rule 5).
        """
        try:
            self._begin.pop()
        except IndexError:  # the callback has begun meanwhile
            return
        stream = self._stream
        streams.abort(stream)
        self._rewind(self._ledger.end)
        self._held_until = None
        streams.restart(stream)

    def _played(self) -> int:
        """
        Return the number of frames that the device has played (rule 3).
        """
        return self._position.frames(self._handed, self.rate)

    def _start(self, device: str | int | None) -> float:
        self._position = Position(self._latency)
        self._position.latency = super()._start(device)
        self._retry_at = None
        return self._position.latency

    def _reset(self) -> None:
        self._release()  # the stream must not run
        self._drop()
        self._rewind(0)
        self._ledger = Ledger()
        self._written = {}
        self._retry_at = None
        super()._reset()

    def _drop(self) -> None:
        """
        Drop the queued audio.
        """
        self._waiting.clear()
        self._begin.clear()
        self._held_until = None
        self._rest, self._block = _NOTHING, b""
        self._total = self._taken

    def _rewind(self, position: int) -> None:
        """
        Count the device's frames from 0 again, after *position* frames were played. The
        stream must not run.
        """
        self._ledger.restart(position)
        self._total -= self._taken
        self._taken = self._handed = 0
        self._position.restart()
        if self.played_blocks is not None:
            self.played_blocks.clear()  # were handed over, but not played

    def _callback(self, out: Any, frames: int, stamps: Any, status: Any) -> None:
        """
        Hand over a block. A thread of the device.
        """
        now = time.perf_counter()
        if status.output_underflow:
            self.underflows += 1
        before, filled, size = self._handed, 0, 2 * frames
        taken = 0
        while filled < size:
            item, rest = self._rest
            if not rest:
                # In this order: a sound is held before it waits.
                if not self._waiting or self._holds(now):
                    break
                item, rest = self._waiting.popleft()
            part = rest[: size - filled]
            out[filled : filled + len(part)] = part
            self._rest = item, rest[len(part) :]
            self._ledger.add(before + filled // 2, item, len(part) // 2)
            filled += len(part)
            taken += len(part) // 2
        if filled < size:
            out[filled:size] = bytes(size - filled)
        self._position.note(before, now, stamps)
        self._lost = False
        self._handed = before + frames
        self._taken += taken
        self._block = bytes(out)
        if self.played_blocks is not None:
            self.played_blocks.append(self._block)

    def _holds(self, now: float) -> bool:
        """
        Return whether the sound is held; end that when the time is over.
        """
        until = self._held_until
        if until is None:
            return False
        if now < until:
            return True
        try:
            self._begin.pop()
        except IndexError:  # the other thread starts the stream again
            return True
        self._held_until = None
        return False

    def _is_lost(self) -> bool:
        stream = self._stream
        if stream is None:
            return False
        return not stream.active or self._position.is_stalled()

    def _check(self) -> None:
        """
        Replace the device by the default one if it has disappeared. A silent one is
        opened again if another device needs that.

        Audio that it had taken and not played is lost; queued audio is played by the
        next one.
        """
        devices.check_process()
        if self._closed:
            return
        if self._is_lost():
            self._note_loss()
            self._release()
            self._rewind(self._played())
            self._retry_at = 0.0
        elif self._stream is not None and self._is_silent() and self._give_way():
            self._rewind(self._played())
            self._retry_at = 0.0
        if self._retry_at is not None and time.monotonic() >= self._retry_at:
            self._retry_at = time.monotonic() + RETRY_PAUSE
            rate = self.rate
            self._retry()
            if self.rate != rate:  # the queued audio has the rate of the other device
                self._drop()
