"""
The loudspeaker of a notebook's page as a sink for audio.

Rules:

1. The page counts the samples that it has played and reports the number when they have
   sounded. What was heard is the newest report: never more than the truth, and about
   50 ms less.
2. A run is what is played between two flushes. Each message has the number of its run;
   those of an earlier run count no more.
3. The answer to a flush is exact: the page falls silent and reports its count.
4. A page that cannot report, or has been loaded again, has played what it was sent when
   the time for it has passed. That ends a call, but does not count as heard.
"""

from __future__ import annotations

import json
import time
from queue import Empty, SimpleQueue
from typing import Any

from .._concurrency.deadline import Deadline
from ..audio.ledger import Ledger
from .page_device import PageDevice

__all__ = ["NotebookSpeaker"]

_FLUSH_TIMEOUT = 0.5  # seconds; the answer takes 10 to 100 ms
_DELAY = 0.5  # seconds between a message and its sound, at most


class NotebookSpeaker(PageDevice):
    """
    The loudspeaker of the browser that shows the notebook.

    It is a line in a cell's output: the last value of a cell, or shown by the cell that
    uses it. A browser that plays nothing before a click shows a button there. It needs
    the extra ``jupyter``.

    Args:
        rate: Sample rate in Hz.

    Attributes:
        rate: Sample rate in Hz of the audio that `write` takes.

    Raises:
        AudioDeviceError: The extra ``jupyter`` is not installed.
        ValueError: *rate* is no sample rate.
    """

    def __init__(self, *, rate: int = 24_000) -> None:
        super().__init__("speaker", rate)
        # Of the writing thread:
        self._written: dict[str, int] = {}  # item -> frames
        self._ends_at = 0.0  # when the clock says that all was played
        self._connection = 0  # the page's connection at the beginning of the run
        # Between the writing thread and those that receive:
        self._ledger = Ledger()
        self._run = 0
        self._total = 0  # frames written in this run
        self._report = (0, 0)  # the newest run, and its frames that were heard
        self._answers: SimpleQueue[tuple[int, int]] = SimpleQueue()  # run, frames

    def write(self, pcm: bytes, item_id: str, content_index: int = 0) -> None:  # noqa: ARG002 - as the protocol
        """
        Send audio to the page: PCM16, mono, at `rate`. After `close` it does nothing.

        Raises:
            AudioDeviceError: No notebook runs this code.
        """
        if not self._closed:
            self.open()
        channel, frames = self._channel, len(pcm) // 2
        if channel is None or not frames:
            return
        self._announce()
        if not self._total:
            self._connection = channel.accepted
        self._ledger.forget(self._heard)
        self._ledger.add(self._total, item_id, frames)
        self._written[item_id] = self._written.get(item_id, 0) + frames
        self._total += frames
        now = time.monotonic()
        self._ends_at = max(now, self._ends_at) + frames / self.rate
        self._widget.send({"kind": "audio", "run": self._run}, [pcm[: 2 * frames]])

    def played_ms(self, item_id: str) -> int:
        """
        Return the milliseconds of an item that were heard so far. Any thread.
        """
        return self._ledger.played(item_id, self._heard) * 1000 // self.rate

    def flush(self) -> dict[str, int]:
        """
        Fall silent at once; return the milliseconds heard of each item cut short.

        It waits up to 0.5 s for the page's answer.
        """
        if self._channel is None or self._heard >= self._total:
            return {}
        self._widget.send({"kind": "flush", "run": self._run + 1})
        self._ledger.restart(self._stopped())
        self._run += 1
        self._total = 0
        self._ends_at = 0.0
        cut = {}
        for item, written in tuple(self._written.items()):
            played = self._ledger.played(item, 0)
            self._written[item] = played
            if played < written:
                cut[item] = played * 1000 // self.rate
        return cut

    @property
    def drained(self) -> bool:
        """
        Whether all that was written has been heard. Any thread.
        """
        channel = self._channel
        if channel is None or self._heard >= self._total:
            return True
        if channel.is_connected and channel.accepted == self._connection:
            return False
        return time.monotonic() > self._ends_at + _DELAY  # rule 4

    @property
    def _heard(self) -> int:
        """
        The frames of this run that were heard.
        """
        run, frames = self._report
        return min(frames, self._total) if run == self._run else 0

    def _stopped(self) -> int:
        """
        Return the frames of this run that were played before the page fell silent.
        """
        channel, deadline = self._channel, Deadline(_FLUSH_TIMEOUT)
        while channel is not None and channel.is_connected and not deadline.passed:
            try:
                answered, frames = self._answers.get(timeout=deadline.remaining())
            except Empty:
                break
            if answered == self._run:
                return min(frames, self._total)
        return self._heard

    def _reset(self) -> None:
        self._written = {}
        self._ledger = Ledger()
        self._run += 1  # what the page reports late counts no more
        self._total = 0
        self._ends_at = 0.0

    def _details(self) -> dict[str, Any]:
        return {"run": self._run}

    def _on_message(self, message: bytes | str) -> None:
        content = json.loads(message)
        if not isinstance(content, dict):
            raise ValueError("a report is an object")
        self._on_content(content, ())

    def _on_content(self, content: Any, _buffers: Any) -> None:
        """
        Take a report. A thread of the server or of the kernel.
        """
        run, frames = content.get("run"), content.get("frames")
        if not isinstance(run, int) or not isinstance(frames, int):
            raise ValueError("a report has a run and a number of frames")
        if content.get("kind") == "flushed":
            self._answers.put((run, frames))
        else:
            self._report = max(self._report, (run, frames))
