"""
What the model is doing, told from events alone.

Rules:

1. LISTENING from ``speech_started``; THINKING from ``speech_stopped``, ``committed``
   and ``response.created``; SPEAKING from a response's first audio or text delta.
2. A response that ends without audio makes it IDLE at once. One with audio leaves it
   SPEAKING, for it still plays here: `speak_done` (``set_model_speak_done()``, or a
   speaker that has run dry) makes it IDLE. If more of its audio comes after that, it
   is SPEAKING again.
3. While the user speaks, what a response still delivers changes nothing: it has been
   interrupted, or is about to be.
4. Only one response at a time belongs to the conversation. One that was asked for out
   of band, or is created while another runs, changes nothing.
5. A change is announced once, with the value before. Nothing is announced when nothing
   changes.
6. A lost connection is IDLE.

The table says what an event does to a status; what it leaves out changes nothing. Which
events count (rules 3 and 4) is decided before the table is asked.
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
"""Cause -> status before -> status after."""

_CAUSES = {
    InputAudioBufferSpeechStarted: "speech_started",
    InputAudioBufferSpeechStopped: "speech_stopped",
    InputAudioBufferCommitted: "committed",
}


class ModelStatus:
    """
    The status, its table applied to events. Every method returns the announcement to
    make, or None.

    Two threads that change the status at the same moment may announce in either order;
    each announcement is true of its own change.

    Attributes:
        handles: The classes of events that `observe` is for.
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
        # makes one step of a look at the status and its change: the reader thread and
        # the user change it
        self._lock = OwnLock()
        self._status = IDLE
        self._response_id: str | None = None
        self._begun = False
        self._audible = False

    @property
    def value(self) -> ModelStatusEnum:
        """
        The status now. Any thread.
        """
        return self._status

    def set(self, status: ModelStatusEnum) -> StatusChanged | None:
        """
        Overrule the table. Any thread.
        """
        with self._lock:
            previous, self._status = self._status, status
        if previous is status:
            return None
        return StatusChanged(status=status, previous=previous)

    def speak_done(self) -> StatusChanged | None:
        """
        Note that what was to be heard has been heard. Any thread.
        """
        return self._apply("speak_done")

    def lost(self) -> StatusChanged | None:
        """
        Note that the connection is gone. Reader thread.
        """
        self._response_id = None
        return self._apply("lost")

    def observe_audio(self, event: ResponseOutputAudioDelta) -> StatusChanged | None:
        """
        Follow a piece of audio, as `observe`, in the shortest way. Reader thread.
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
        Follow a piece of text, as `observe`, in the shortest way. Reader thread.
        """
        if self._begun or event.response_id != self._response_id:
            return None
        self._begun = True
        return self._apply("first_delta")

    def observe(self, event: Event, out_of_band: bool = False) -> StatusChanged | None:
        """
        Let an event of the service have its effect. Reader thread.

        Args:
            event: Any.
            out_of_band: Whether it is of a response that was asked for out of band.
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
            return self._on_done(event.response.id)
        cause = _CAUSES.get(type(event))
        return None if cause is None else self._apply(cause)

    def _on_created(self, response_id: str) -> StatusChanged | None:
        if self._response_id is not None:
            return None
        self._response_id = response_id
        self._begun = self._audible = False
        return self._apply("created")

    def _on_done(self, response_id: str) -> StatusChanged | None:
        if response_id != self._response_id:
            return None
        self._response_id = None
        return self._apply("done_audible" if self._audible else "done_silent")

    def _apply(self, cause: str) -> StatusChanged | None:
        with self._lock:
            return self.set(TRANSITIONS[cause].get(self._status, self._status))
