"""
The lines of a conversation, from the events of the service.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from ..events import (
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionFailed,
    ErrorEvent,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    Reconnected,
    Reconnecting,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
)
from .text import plain

EVENTS = (
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionFailed,
    ErrorEvent,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    Reconnected,
    Reconnecting,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
)
"""The events that `Conversation.observe` takes."""

YOU, MODEL, NOTE = "You", "Model", "Note"
_MOST_LINES = 200
_TRANSCRIPT_WAIT = 2.0  # seconds in which a question may hold up the lines after it
_NO_WORDS = "(no transcript)"


@attrs.define(eq=False)
class Line:
    """
    The words of one side in one turn.

    Attributes:
        speaker: `YOU`, `MODEL` or `NOTE`.
        text: The words so far.
        complete: Whether all words have arrived.
        latency: Seconds from the end of the question to the first sound of the answer.
        interrupted: Whether the user has interrupted it, or the connection was lost.
        began: When the first event about it came.
    """

    speaker: str
    began: float
    text: str = ""
    complete: bool = False
    latency: float | None = None
    interrupted: bool = False


class Conversation:
    """
    The lines of a conversation, the newest last. One thread.

    Args:
        clock: Returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked_at: float | None = None
        self._questions: dict[str, Line] = {}
        self._answers: dict[str, Line] = {}
        self.lines: list[Line] = []
        self.listening = False

    def observe(self, event: Any) -> None:
        """
        Apply an event.
        """
        if isinstance(event, InputAudioBufferSpeechStarted):
            self.listening = True
        elif isinstance(event, InputAudioBufferSpeechStopped):
            self.listening = False
            self._asked_at = self._clock()
        elif isinstance(event, InputAudioBufferCommitted):
            self.listening = False
            self._asked_at = self._asked_at or self._clock()
            self._questions[event.item_id] = self._line(YOU)
        elif isinstance(event, ConversationItemInputAudioTranscriptionCompleted):
            self._heard(event.item_id, event.transcript)
        elif isinstance(event, ConversationItemInputAudioTranscriptionFailed):
            self._heard(event.item_id, "")
        elif isinstance(event, ResponseOutputAudioDelta):
            self._answer(event.response_id)
        elif isinstance(
            event, (ResponseOutputAudioTranscriptDelta, ResponseOutputTextDelta)
        ):
            self._answer(event.response_id).text += plain(event.delta)
        elif isinstance(event, ResponseDone):
            self._done(event)
        elif isinstance(event, ErrorEvent):
            self.note(f"The service reports an error: {event.error.message}")
        elif isinstance(event, Reconnecting):
            self._cut()
            self.note("The connection was lost; connecting again.")
        elif isinstance(event, Reconnected):
            self.note("Connected again.")

    @property
    def awaits_transcript(self) -> bool:
        """
        Whether the transcript of a question is outstanding.
        """
        return bool(self._questions)

    def printable(self) -> Iterator[Line]:
        """
        Yield the complete lines in their order, up to a question whose transcript is
        still to be expected.

        A transcript may come after the answer, or never.
        """
        for line in self.lines:
            if line.complete:
                yield line
            elif line.speaker == YOU and self._clock() < line.began + _TRANSCRIPT_WAIT:
                return

    def note(self, text: str) -> None:
        """
        Add a line of the program itself.
        """
        line = self._line(NOTE)
        line.text, line.complete = plain(text), True

    def _heard(self, item_id: str, transcript: str) -> None:
        line = self._questions.pop(item_id, None) or self._line(YOU)
        line.text, line.complete = plain(transcript).strip() or _NO_WORDS, True

    def _answer(self, response_id: str) -> Line:
        line = self._answers.get(response_id)
        if line is None:
            line = self._answers[response_id] = self._line(MODEL)
            if self._asked_at is not None:
                line.latency = self._clock() - self._asked_at
                self._asked_at = None
        return line

    def _cut(self) -> None:
        """
        Complete the lines of a connection that was lost: nothing more comes for them.
        """
        for line in self._answers.values():
            line.complete = line.interrupted = True
        for line in self._questions.values():
            line.text, line.complete = _NO_WORDS, True
        self._answers, self._questions = {}, {}

    def _done(self, event: ResponseDone) -> None:
        line = self._answers.pop(event.response.id, None)
        if line is not None:
            line.complete = True
            line.interrupted = event.response.status == "cancelled"
        elif event.response.status == "failed":
            self.note("The model could not answer.")

    def _line(self, speaker: str) -> Line:
        line = Line(speaker, self._clock())
        self.lines.append(line)
        del self.lines[:-_MOST_LINES]
        return line
