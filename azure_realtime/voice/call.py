"""
A voice call: the thread that plays the model's audio and handles interruptions.

Rules:

1. One thread owns the sink, the playback and the progress. Other threads send it a
   `Signal` through the queue of events.
2. It receives events as `AzureRealTimeAudio.events` does, so listeners, their thread
   and `off_all` do not affect it.
3. While audio is played, or after the end of the source, it checks every `_TICK`
   seconds whether the sink has drained. Otherwise it sleeps until the next event.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from .._concurrency.deadline import Deadline
from .._concurrency.thread import JoinableThread
from .._foreign import suppress_foreign
from .._logging import logger
from ..audio.sinks import Sink
from ..audio.sources import Source
from ..errors import RealtimeError
from ..events import (
    InputAudioBufferSpeechStarted,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
)
from .echo import EchoCanceller, EchoFilter, HalfDuplex
from .interfaces import CallClient, SessionFacts, Signal
from .playback import Cut, Playback
from .progress import Progress
from .sending import Sending
from .stats import CallStats

__all__ = ["VoiceCall"]

_TICK = 0.02  # seconds
_CLOSE_TIMEOUT = 2.0  # seconds that the source has to end

_EVENTS = (*Progress.handles, ResponseOutputAudioDelta, ResponseOutputAudioDone)


class VoiceCall:
    """
    A voice call in progress; `AzureRealTimeAudio.talk` makes it.

    As a context manager it is stopped at the end of the block. Any thread may use it,
    also a listener.

    Attributes:
        error: The exception that ended the call early: a lost connection, or one that
            a source or a sink raised. None otherwise.
    """

    def __init__(
        self,
        client: CallClient,
        session: SessionFacts,
        tools_busy: Callable[[], bool],
        mark: Callable[..., None],
        source: Source | Iterable[bytes],
        sink: Sink,
        *,
        half_duplex: bool = False,
        echo_canceller: EchoCanceller | None = None,
        muted: bool = False,
        interruptible: bool = True,
    ) -> None:
        self._client = client
        self._session = session
        self._sink: Any = sink
        self._source: Any = source
        self._interruptible = interruptible
        self._mark = mark
        self._playback = Playback(sink, session)
        self._progress = Progress(session, tools_busy)
        self._generation = 0
        self._interruptions = 0
        self._stopping = False
        self.error: BaseException | None = None
        filters: list[Callable[[bytes], bytes]] = []
        if echo_canceller is not None:
            filters.append(EchoFilter(echo_canceller, source, sink).feed)
        if half_duplex:
            gate = HalfDuplex(lambda: self._playback.playing, time.monotonic)
            filters.append(gate.feed)
        self._thread = JoinableThread(self._run, "azure-realtime-voice-call")
        self._events = client.events(*_EVENTS)
        self._sending = Sending(
            client,
            session,
            source,
            filters,
            lambda: self._progress.in_speech,
            self._events.put,
            muted,
        )

    def __repr__(self) -> str:
        state = "ended" if self._thread.ended else "muted" if self.muted else "talking"
        return f"<VoiceCall {state}>"

    def start(self) -> None:
        """
        Open source and sink, and start. `AzureRealTimeAudio.talk` has called it.

        Raises:
            AudioDeviceError: A device cannot be used.
        """
        try:
            self._open_ends()
        except BaseException:
            self._close_ends()
            self._events.close()
            raise
        self._thread.start()
        self._sending.start()

    def wait(self, timeout: float | None = None) -> bool:
        """
        Wait until the call has ended.

        The call ends when the source has ended and all answers were played, when the
        connection ends for good, and by `stop`. Ctrl-C raises KeyboardInterrupt and
        leaves the call running; leaving its ``with`` block stops it.

        Args:
            timeout: Seconds to wait; None waits without limit.

        Returns:
            Whether the call has ended.
        """
        return self._thread.wait(Deadline(timeout))

    def stop(self, timeout: float | None = 5.0) -> None:
        """
        Stop the sound and end the call; source and sink are closed. Idempotent.

        An answer that is being played is interrupted as by `interrupt`.

        Args:
            timeout: Seconds to wait for the end of the threads.
        """
        self._stopping = True
        self._events.put(Signal.STOP)
        self._thread.wait(Deadline(timeout))

    def interrupt(self) -> None:
        """
        Interrupt the answer: stop its sound at once, as if the user had spoken.
        """
        self._events.put(Signal.INTERRUPT)

    def mute(self) -> None:
        """
        Stop sending the source. Without turn detection: end the utterance, commit it
        and request the answer.
        """
        self._sending.muted = True

    def unmute(self) -> None:
        """
        Send the source again. Without turn detection: interrupt the answer and begin an
        utterance.
        """
        if self._sending.muted and not self._session.vad:
            self.interrupt()
        self._sending.muted = False

    @property
    def muted(self) -> bool:
        """
        Whether the source is not sent.
        """
        return self._sending.muted

    @property
    def stats(self) -> CallStats:
        """
        Snapshot of the counters and levels.
        """
        sending, playback = self._sending, self._playback
        level = getattr(self._sink, "level", playback.level)
        return CallStats(
            input_level=sending.level,
            output_level=level if playback.playing else 0.0,
            underflows=getattr(self._sink, "underflows", 0),
            overflows=getattr(self._source, "overflows", 0),
            drops=sending.drops,
            interruptions=self._interruptions,
        )

    def __enter__(self) -> VoiceCall:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    # The thread of the call.

    def _run(self) -> None:
        try:
            self._follow_events()
        except RealtimeError as error:
            self.error = error
        except BaseException as error:  # sys.exit() in a sink must not end the thread
            self.error = error
            logger.exception("The voice call has ended with an exception.")
        finally:
            self._end()

    def _follow_events(self) -> None:
        while not self._stopping:
            waits = self._playback.playing or self._progress.input_over
            self._events.timeout = _TICK if waits else None
            try:
                event = next(self._events)
            except TimeoutError:
                event = Signal.TICK
            except StopIteration:
                return
            self._progress.observe(event)
            self._handle(event)
            for item_id, played in self._playback.begun():
                self._mark("playback_started", item_id=item_id, played_ms=played)
            if self._playback.playing and not self._progress.responding:
                self._check_drained()
            if self._is_complete():
                return

    def _handle(self, event: Any) -> None:
        self._generation = getattr(event, "generation", self._generation)
        if isinstance(event, ResponseOutputAudioDelta):
            if event.response_id not in self._progress.others:
                cut = self._playback.write(event)
                self._truncate([] if cut is None else [cut])
        elif isinstance(event, ResponseOutputAudioDone):
            self._playback.complete(event)
        elif isinstance(event, ResponseDone):
            if not self._playback.playing and not self._progress.responding:
                # an interrupted response whose audio came too late to be played
                self._client.set_model_speak_done()
        elif isinstance(event, InputAudioBufferSpeechStarted):
            if self._interruptible:
                self._interrupt(by_speech=True)
        elif event is Signal.INTERRUPT:
            self._interrupt(by_speech=False)

    def _interrupt(self, by_speech: bool) -> None:
        """
        Interrupt the answer: stop the sound first, then inform the service.
        """
        responding = set(self._progress.responding)
        was_playing = self._playback.playing
        cuts = self._playback.interrupt(responding, self._generation)
        if responding and not (by_speech and self._service_interrupts()):
            self._client.cancel_response()
        self._truncate(cuts)
        if cuts or responding:
            self._interruptions += 1
        if was_playing and not by_speech:
            self._client.set_model_speak_done()

    def _service_interrupts(self) -> bool:
        detection = self._session.field("turn_detection")
        return getattr(detection, "interrupt_response", None) is not False

    def _truncate(self, cuts: list[Cut]) -> None:
        for cut in cuts:
            self._client.truncate_item(cut.item_id, cut.content_index, cut.audio_end_ms)

    def _check_drained(self) -> None:
        if self._playback.is_drained():
            self._playback.finish()
            self._client.set_model_speak_done()

    def _is_complete(self) -> bool:
        return not self._playback.playing and self._progress.is_complete()

    def _end(self) -> None:
        """
        Stop the sound, and close source and sink.
        """
        with suppress_foreign:  # of a user's sink, or the closed client
            self._interrupt(by_speech=False)
        self._events.close()
        self._sending.stop(Deadline(_CLOSE_TIMEOUT))
        self.error = self.error or self._sending.error
        self._close_ends()

    def _open_ends(self) -> None:
        for end in (self._sink, self._source):
            if (open_ := getattr(end, "open", None)) is not None:
                open_()

    def _close_ends(self) -> None:
        for end in (self._source, self._sink):
            close = getattr(end, "close", None)
            if close is None:
                continue
            with suppress_foreign:
                try:
                    close()
                except Exception as error:
                    logger.warning("a source or sink could not be closed: %r", error)
