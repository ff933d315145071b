"""
When the answers of a session were played.

Without notes of the application this is an estimate: answers are played one after the
other, each from its first delta on, up to its end or its interruption.
"""

from __future__ import annotations

import attrs

from ..audio.formats import as_pcm
from ..events import ResponseOutputAudioDelta
from .message import Mark

STARTED, STOPPED = "playback_started", "playback_stopped"
"""The names of the marks by which an application notes the playback of an item."""


def _played(mark: Mark) -> float:
    """
    Return the seconds that were played already when the start was noted.
    """
    played = mark.data.get("played_ms")
    return max(0.0, played) / 1000 if isinstance(played, (int, float)) else 0.0


@attrs.define
class Answer:
    """
    The audio of one item.

    Attributes:
        first: When its first delta arrived.
        last: When its last delta arrived.
        seconds: Its duration.
        cut: How much of it was played, in seconds; None for all of it.
        cut_at: When it was interrupted.
        started: When its playback started, as noted.
        stopped: When its playback stopped, as noted.
        previous_end: When the answer before it was played to its end.
    """

    response_id: str
    item_id: str
    first: float
    last: float
    audio_format: str
    seconds: float = 0.0
    cut: float | None = None
    cut_at: float | None = None
    started: float | None = None
    stopped: float | None = None
    previous_end: float = 0.0
    pieces: list[bytes] = attrs.field(factory=list, repr=False)

    @property
    def played(self) -> tuple[float, float, bool]:
        """
        Beginning and end of the playback, and whether they are estimated.
        """
        if self.started is not None:
            # not before the audio came: a file is written faster than it sounds
            start, is_estimated = max(self.first, self.started), False
        else:
            start, is_estimated = max(self.first, self.previous_end), True
        if self.stopped is not None:
            return start, max(start, self.stopped), is_estimated
        end = max(start + self.seconds, self.last)
        if self.cut is not None:
            end = start + min(self.cut, self.seconds)
        if self.cut_at is not None:
            end = min(end, max(start, self.cut_at))
        return start, end, is_estimated

    @property
    def audio(self) -> tuple[bytes, int] | None:
        """
        The samples as PCM16, and their rate; None if they were not recorded.
        """
        data = b"".join(self.pieces)
        return as_pcm(data, self.audio_format) if data else None


class Playback:
    """
    Follows the answers of a session.
    """

    def __init__(self) -> None:
        self._answers: dict[str, Answer] = {}

    def add(
        self,
        event: ResponseOutputAudioDelta,
        at: float,
        seconds: float,
        audio_format: str,
    ) -> bool:
        """
        Add a piece of audio. Return whether it is the first of its response.
        """
        answers = self._answers.values()
        is_first = all(a.response_id != event.response_id for a in answers)
        answer = self._answers.get(event.item_id)
        if answer is None:
            answer = Answer(event.response_id, event.item_id, at, at, audio_format)
            self._answers[event.item_id] = answer
        answer.last = at
        answer.seconds += seconds
        if event.audio:
            answer.pieces.append(event.audio)
        return is_first

    def cancel(self, response_id: str, at: float) -> Answer | None:
        """
        Note that a response was cancelled. Return its answer, if it has one.
        """
        answers = self._answers.values()
        found = [answer for answer in answers if answer.response_id == response_id]
        for answer in found:
            answer.cut_at = at if answer.cut_at is None else answer.cut_at
        return found[-1] if found else None

    def truncate(self, item_id: str, seconds: float, at: float) -> Answer | None:
        """
        Note how much of an answer was played. Return it if it was not cut before.
        """
        answer = self._answers.get(item_id)
        if answer is None:
            return None
        is_first = answer.cut_at is None
        answer.cut = seconds
        answer.cut_at = at if is_first else answer.cut_at
        return answer if is_first else None

    def note(self, mark: Mark) -> bool:
        """
        Note a mark of the application. Return whether it is about playback.
        """
        answer = self._answers.get(str(mark.data.get("item_id")))
        if answer is None or mark.name not in (STARTED, STOPPED):
            return False
        if mark.name == STARTED and answer.started is None:
            answer.started = mark.seconds - _played(mark)
        elif mark.name == STOPPED:
            answer.stopped = mark.seconds
        return True

    def in_order(self) -> list[Answer]:
        """
        Return the answers in the order in which they were played.
        """
        end = 0.0
        answers = list(self._answers.values())
        for answer in answers:
            answer.previous_end = end
            end = answer.played[1]
        return answers
