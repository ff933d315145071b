"""
The status of the model, derived from events alone.

Rules:

1. LISTENING from ``speech_started``; THINKING from ``speech_stopped``, ``committed``
   and ``response.created``; SPEAKING from a response's first audio or text delta.
2. A response that ends without audio sets IDLE at once. A response with audio leaves
   SPEAKING, because the client still plays it: `speak_done`
   (``set_model_speak_done()``, or a speaker with an empty buffer) sets IDLE. A later
   audio delta of that response sets SPEAKING again. If the response ends as cancelled
   after that, it sets IDLE: a player that was stopped drops late audio and reports
   nothing more. So does one whose buffer was empty for a moment before: IDLE is then
   set while it plays the last audio, because events do not tell the two apart.
3. While the user speaks, deltas and the end of a response change nothing: the response
   is interrupted, or about to be.
4. The conversation has one active response. A response out of band, or one created
   while another runs, changes nothing.
5. A change is announced once, with the previous value. If the status stays the same,
   nothing is announced.
6. A lost connection sets IDLE.

`TRANSITIONS` contains the effect of each cause; a combination that is not in the table
changes nothing. Events of other responses (rule 4) are filtered before the table.
"""

from __future__ import annotations

from typing import ClassVar

from .._concurrency.lock import OwnLock
from ..events import (
    Event,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
    StatusChanged,
)
from ..models.enums import ModelStatusEnum
from ..models.responses import Response

IDLE = ModelStatusEnum.IDLE
LISTENING = ModelStatusEnum.LISTENING
THINKING = ModelStatusEnum.THINKING
SPEAKING = ModelStatusEnum.SPEAKING

TRANSITIONS: dict[str, dict[ModelStatusEnum, ModelStatusEnum]] = {
    "speech_started": dict.fromkeys(ModelStatusEnum, LISTENING),
    "speech_stopped": dict.fromkeys(ModelStatusEnum, THINKING),
    "committed": dict.fromkeys((IDLE, LISTENING, SPEAKING), THINKING),
    "created": dict.fromkeys((IDLE, LISTENING, SPEAKING), THINKING),
    "first_delta": dict.fromkeys((IDLE, THINKING), SPEAKING),
    "done_silent": dict.fromkeys((THINKING, SPEAKING), IDLE),
    "done_audible": {},
    "speak_done": dict.fromkeys((SPEAKING,), IDLE),
    "lost": dict.fromkeys(ModelStatusEnum, IDLE),
}
"""Cause -> previous status -> new status."""

_CAUSES = {
    InputAudioBufferSpeechStarted: "speech_started",
    InputAudioBufferSpeechStopped: "speech_stopped",
    InputAudioBufferCommitted: "committed",
}


class ModelStatus:
    """
    The current status. Methods that change it return the event to emit, or None.

    If two threads change the status at the same moment, their events may be emitted in
    either order; each event is correct for its own change.

    Attributes:
        handles: The classes of events for which `observe` must be called.
    """

    handles: ClassVar[frozenset[type[Event]]] = frozenset(
        {
            *_CAUSES,
            ResponseCreated,
            ResponseDone,
            ResponseOutputAudioDelta,
            ResponseOutputAudioTranscriptDelta,
            ResponseOutputTextDelta,
        }
    )

    def __init__(self) -> None:
        # makes reading and changing the status one step: the reader thread and threads
        # of the user change it
        self._lock = OwnLock()
        self._status = IDLE
        self._response_id: str | None = None
        self._begun = False
        self._audible = False
        self._played = False  # `speak_done` was called since the response was created

    @property
    def value(self) -> ModelStatusEnum:
        """
        The current status. Any thread.
        """
        return self._status

    def set(self, status: ModelStatusEnum) -> StatusChanged | None:
        """
        Set the status, regardless of the table. Any thread.
        """
        with self._lock:
            previous, self._status = self._status, status
        if previous is status:
            return None
        return StatusChanged(status=status, previous=previous)

    def speak_done(self) -> StatusChanged | None:
        """
        Note that the audio of the response was played. Any thread.
        """
        self._played = True
        return self._apply("speak_done")

    def lost(self) -> StatusChanged | None:
        """
        Note that the connection is lost. Reader thread.
        """
        self._response_id = None
        return self._apply("lost")

    def observe_audio(self, event: ResponseOutputAudioDelta) -> StatusChanged | None:
        """
        Apply an audio delta: a fast path of `observe`. Reader thread.
        """
        if event.response_id != self._response_id:
            return None
        self._audible = True
        if self._begun and self._status is not IDLE:
            return None
        self._begun = True
        return self._apply("first_delta")

    def observe_text(
        self, event: ResponseOutputTextDelta | ResponseOutputAudioTranscriptDelta
    ) -> StatusChanged | None:
        """
        Apply a text delta: a fast path of `observe`. Reader thread.
        """
        if self._begun or event.response_id != self._response_id:
            return None
        self._begun = True
        return self._apply("first_delta")

    def observe(self, event: Event, out_of_band: bool = False) -> StatusChanged | None:
        """
        Apply an event of the service. Reader thread.

        Args:
            event: Any event.
            out_of_band: Whether the event belongs to a response out of band.
        """
        if out_of_band:
            return None
        if isinstance(event, ResponseOutputAudioDelta):
            return self.observe_audio(event)
        if isinstance(
            event, (ResponseOutputTextDelta, ResponseOutputAudioTranscriptDelta)
        ):
            return self.observe_text(event)
        if isinstance(event, ResponseCreated):
            return self._on_created(event.response.id)
        if isinstance(event, ResponseDone):
            return self._on_done(event.response)
        cause = _CAUSES.get(type(event))
        return None if cause is None else self._apply(cause)

    def _on_created(self, response_id: str) -> StatusChanged | None:
        if self._response_id is not None:
            return None
        self._response_id = response_id
        self._begun = self._audible = self._played = False
        return self._apply("created")

    def _on_done(self, response: Response) -> StatusChanged | None:
        if response.id != self._response_id:
            return None
        self._response_id = None
        dropped = self._played and response.status == "cancelled"
        plays = self._audible and not dropped
        return self._apply("done_audible" if plays else "done_silent")

    def _apply(self, cause: str) -> StatusChanged | None:
        with self._lock:
            return self.set(TRANSITIONS[cause].get(self._status, self._status))
