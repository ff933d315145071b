"""
The model's audio on its way to the sink, and its interruption.

Rules:

1. After an interruption nothing of the interrupted responses is played: their audio
   that still arrives is dropped.
2. Audio that was not played is removed from the conversation: each item that was not
   played to its end is truncated at the played duration. An item is played to its end
   if its audio is complete and the sink has played all of it.
3. Items belong to the connection that delivered them. A later session has their text,
   but no audio, so they are not truncated there.

The thread of the call.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import attrs

from .._logging import logger
from ..audio.formats import as_pcm
from ..audio.resampler import Resampler
from ..audio.samples import peak
from ..events import ResponseOutputAudioDelta, ResponseOutputAudioDone
from .ends import SinkEnd
from .interfaces import SessionFacts

_LATE = 10.0  # seconds without progress
_PAUSE = 1.0  # seconds between two looks: the process was stopped, as by Ctrl-Z
_REMEMBERED = 64  # interrupted responses whose audio may still arrive


@attrs.define(eq=False)
class _Item:
    """
    The audio of one item.
    """

    response_id: str
    content_index: int
    generation: int
    resampler: Resampler
    rates: tuple[int, int]
    received_ms: float = 0.0
    complete: bool = False
    begun: bool = False  # has been reported by `begun`


@attrs.frozen
class Cut:
    """
    An item that was not played to its end.

    Attributes:
        item_id: The item.
        content_index: The content part with its audio.
        audio_end_ms: Milliseconds of the audio that were played.
        generation: The number of the connection that delivered it (rule 3).
    """

    item_id: str
    content_index: int
    audio_end_ms: int
    generation: int


class Playback:
    """
    Plays the audio of responses.

    Args:
        sink: The sink. The methods do not catch its exceptions.
        session: Has the format of the audio.

    Attributes:
        playing: Whether audio was written and `is_drained` was not true since. Any
            thread may read it.
        level: Peak of the audio that was written last.
    """

    def __init__(self, sink: SinkEnd, session: SessionFacts) -> None:
        self._sink = sink
        self._session = session
        self._items: dict[str, _Item] = {}
        self._interrupted: dict[str, None] = {}  # response ids, in their order
        # When the clock says that all is played; later, the time of the last progress.
        self._ends_at = 0.0
        self._reported_ms = 0  # by the sink, in all
        self._looked_at = 0.0  # time of the last look at it
        self.playing = False
        self.level = 0.0

    def write(self, event: ResponseOutputAudioDelta) -> Cut | None:
        """
        Play a piece of audio.

        Returns:
            The item, if it belongs to an interrupted response and is new: it has to be
            truncated as well.
        """
        name = self._session.output_format
        pcm, rate = as_pcm(event.audio, name)
        item = self._items.get(event.item_id)
        if event.response_id in self._interrupted:
            if item is None:
                self._items[event.item_id] = self._new_item(event, rate)
                return Cut(event.item_id, event.content_index, 0, event.generation)
            return None
        sink_rate = self._sink.rate(rate)
        if item is None or item.rates != (rate, sink_rate):
            received = item.received_ms if item else 0.0
            item = self._items[event.item_id] = self._new_item(event, rate)
            item.received_ms = received
        item.received_ms += len(pcm) * 500 / rate
        self.playing = True
        data = item.resampler.feed(pcm)
        seconds = len(data) / 2 / sink_rate
        self._ends_at = max(self._ends_at, time.monotonic()) + seconds
        if data:
            self.level = peak(data[-960:])
            self._sink.write(data, event.item_id, event.content_index)
        return None

    def _new_item(self, event: ResponseOutputAudioDelta, rate: int) -> _Item:
        sink_rate = self._sink.rate(rate)
        return _Item(
            event.response_id,
            event.content_index,
            event.generation,
            Resampler(rate, sink_rate, aligned=True),
            (rate, sink_rate),
        )

    def begun(self) -> Iterator[tuple[str, int]]:
        """
        Yield each item once when it has begun to play, with the milliseconds played.
        """
        for item_id, item in self._items.items():
            if not item.begun and (played := self._sink.played_ms(item_id)) > 0:
                item.begun = True
                yield item_id, played

    def complete(self, event: ResponseOutputAudioDone) -> None:
        """
        Note that an item has all of its audio.
        """
        item = self._items.get(event.item_id)
        if item is None or event.response_id in self._interrupted:
            return
        item.complete = True
        if rest := item.resampler.flush():
            self._sink.write(rest, event.item_id, event.content_index)
        self._sink.end_item(event.item_id)

    def interrupt(self, responses: set[str]) -> list[Cut]:
        """
        Stop the sound, and drop audio of *responses* that still arrives.

        Args:
            responses: The responses in progress.

        Returns:
            The items to truncate.
        """
        self.playing = False
        self.level = self._ends_at = 0.0
        dropped = self._sink.flush()
        cuts = []
        for item_id, item in self._items.items():
            if item.response_id in self._interrupted:
                continue
            if item.complete and item_id not in dropped:
                continue
            played = dropped.get(item_id)
            if played is None:
                played = self._sink.played_ms(item_id)
            end = max(0, min(played, int(item.received_ms)))
            cuts.append(Cut(item_id, item.content_index, end, item.generation))
            responses = responses | {item.response_id}
        self._interrupted |= dict.fromkeys(responses)
        while len(self._interrupted) > _REMEMBERED:
            self._interrupted.pop(next(iter(self._interrupted)))
        self._items = {
            item_id: item
            for item_id, item in self._items.items()
            if item.response_id in responses
        }
        return cuts

    def is_drained(self) -> bool:
        """
        Return whether all audio has been played. Log a warning, once for an answer, if
        it must have been played, and the sink reports no progress.
        """
        if self._sink.drained:
            return True
        now = time.monotonic()
        if now > self._ends_at:
            reported = sum(map(self._sink.played_ms, self._items))
            if reported != self._reported_ms or now - self._looked_at > _PAUSE:
                self._ends_at = now
            self._reported_ms = reported
        self._looked_at = now
        if now > self._ends_at + _LATE:
            self._ends_at = math.inf
            logger.warning(
                "%s.drained is false, but it reports no progress for %d s. "
                "The voice call does not end before it is true.",
                self._sink.name,
                _LATE,
            )
        return False

    def finish(self) -> None:
        """
        Note that all responses are done, and were played to their end.
        """
        self.playing = False
        self.level = self._ends_at = 0.0
        self._items.clear()
