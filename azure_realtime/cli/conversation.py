"""
The lines of a conversation, from the events of the service.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import attrs

from ..events import (
    ConversationItemInputAudioTranscriptionCompleted,
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


@attrs.define
class Line:
    """
    The words of one side in one turn.

    Attributes:
        speaker: `YOU`, `MODEL` or `NOTE`.
        text: The words so far.
        complete: Whether all words have arrived.
        latency: Seconds from the end of the question to the first sound of the answer.
        interrupted: Whether the user has interrupted it.
    """

    speaker: str
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
            line = self._questions.pop(event.item_id, None) or self._line(YOU)
            line.text, line.complete = plain(event.transcript).strip(), True
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
            self.note("The connection was lost; connecting again.")
        elif isinstance(event, Reconnected):
            self.note("Connected again.")

    def note(self, text: str) -> None:
        """
        Add a line of the program itself.
        """
        line = self._line(NOTE)
        line.text, line.complete = plain(text), True

    def _answer(self, response_id: str) -> Line:
        line = self._answers.get(response_id)
        if line is None:
            line = self._answers[response_id] = self._line(MODEL)
            if self._asked_at is not None:
                line.latency = self._clock() - self._asked_at
                self._asked_at = None
        return line

    def _done(self, event: ResponseDone) -> None:
        line = self._answers.pop(event.response.id, None)
        if line is not None:
            line.complete = True
            line.interrupted = event.response.status == "cancelled"
        elif event.response.status == "failed":
            self.note("The model could not answer.")

    def _line(self, speaker: str) -> Line:
        line = Line(speaker)
        self.lines.append(line)
        del self.lines[:-_MOST_LINES]
        return line
