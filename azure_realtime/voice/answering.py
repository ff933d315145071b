"""
The model's answers on their way to the sink, and their interruption.

Rules:

1. One thread, that of the call, owns the sink, the playback and the progress. Other
   threads send it a `Signal` through the queue of events.
2. It receives events as `AzureRealTimeAudio.events` does, so listeners, their thread
   and `off_all` do not affect it.
3. While audio is played, or after the end of the source, it checks every `_TICK`
   seconds whether the sink has drained. Otherwise it sleeps until the next event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from ..events import (
    InputAudioBufferSpeechStarted,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
)
from .ends import SinkEnd
from .interfaces import CallClient, CallCommands, EventFeed, SessionFacts, Signal
from .playback import Cut, Playback
from .progress import Progress

_TICK = 0.02  # seconds

EVENTS = (*Progress.handles, ResponseOutputAudioDelta, ResponseOutputAudioDone)
"""The events that a call needs."""


class Answering:
    """
    Plays the answers of one call. The thread of the call.

    Args:
        client: Cancels.
        commands: Truncate.
        session: Whether the service interrupts.
        sink: The sink.
        progress: What the call still waits for.
        events: `EVENTS` and signals.
        mark: Notes in a recording that an item begins to play.
        interruptible: Whether speech interrupts an answer.

    Attributes:
        playback: The audio of the answers.
        interruptions: Number of answers that were interrupted.
        stopping: Whether `follow` is to return at the next signal. Any thread sets it.
    """

    def __init__(
        self,
        client: CallClient,
        commands: CallCommands,
        session: SessionFacts,
        sink: SinkEnd,
        progress: Progress,
        events: EventFeed,
        mark: Callable[..., None],
        interruptible: bool,
    ) -> None:
        self._client = client
        self._commands = commands
        self._session = session
        self._progress = progress
        self._events = events
        self._mark = mark
        self._interruptible = interruptible
        self.playback = Playback(sink, session)
        self.interruptions = 0
        self.stopping = False

    def follow(self) -> None:
        """
        Follow the events until the call is complete, or ends otherwise.

        Raises:
            ConnectionClosed: The connection has ended for good, or the last answer was
                lost with it.
            BaseException: What the sink has raised.
        """
        while not self.stopping:
            waits = self.playback.playing or self._progress.input_over
            self._events.timeout = _TICK if waits else None
            try:
                event = next(self._events)
            except TimeoutError:
                event = Signal.TICK
            except StopIteration:
                return
            self._progress.observe(event)
            self._handle(event)
            if self.stopping or event is Signal.STOP:
                return
            for item_id, played in self.playback.begun():
                self._mark("playback_started", item_id=item_id, played_ms=played)
            if self.playback.playing and not self._progress.responding:
                self._check_drained()
            if self._is_complete():
                if self._progress.lost is not None:
                    raise self._progress.lost
                return

    def _handle(self, event: Any) -> None:
        if isinstance(event, ResponseOutputAudioDelta):
            if event.response_id not in self._progress.others:
                cut = self.playback.write(event)
                self._truncate([] if cut is None else [cut])
        elif isinstance(event, ResponseOutputAudioDone):
            self.playback.complete(event)
        elif isinstance(event, ResponseDone):
            if not self.playback.playing and not self._progress.responding:
                # an interrupted response whose audio came too late to be played
                self._client.set_model_speak_done()
        elif isinstance(event, InputAudioBufferSpeechStarted):
            if self._interruptible:
                self.interrupt(by_speech=True)
        elif event is Signal.INTERRUPT:
            self.interrupt(by_speech=False)

    def interrupt(self, by_speech: bool) -> None:
        """
        Interrupt the answer: stop the sound first, then inform the service.
        """
        responding = set(self._progress.responding)
        was_playing = self.playback.playing
        cuts: list[Cut] = []
        try:
            cuts = self.playback.interrupt(responding)
        finally:  # also if the sink fails
            if not (by_speech and self._service_interrupts()):
                for response_id in responding:
                    self._client.cancel_response(response_id)
            self._truncate(cuts)
            if cuts or responding:
                self.interruptions += 1
            if (was_playing or responding) and not by_speech:
                self._client.set_model_speak_done()

    def _service_interrupts(self) -> bool:
        detection = self._session.field("turn_detection")
        return getattr(detection, "interrupt_response", None) is not False

    def _truncate(self, cuts: list[Cut]) -> None:
        for cut in cuts:
            self._commands.truncate(*attrs.astuple(cut))

    def _check_drained(self) -> None:
        if self.playback.is_drained():
            self.playback.finish()
            self._client.set_model_speak_done()

    def _is_complete(self) -> bool:
        return not self.playback.playing and self._progress.is_complete()
