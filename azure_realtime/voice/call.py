"""
A voice call: its two directions, `Sending` and `Answering`, and their end.

A method of the sink that does not return blocks the thread of the call. `wait` notices
it after `_BLOCKED` seconds, `stop` at the end of its timeout. They stop the source and
give up the thread, which then only closes the sink.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from .._concurrency.deadline import Deadline
from .._concurrency.lifecycle import Lifecycle
from .._concurrency.thread import JoinableThread
from .._concurrency.with_block import GuaranteedEnter
from .._foreign import suppress_foreign
from .._logging import logger
from ..audio.sinks import Sink
from ..audio.sources import Source
from ..errors import RealtimeError
from .answering import EVENTS, Answering
from .echo import EchoCanceller, EchoFilter, HalfDuplex
from .ends import SinkEnd, SourceEnd
from .interfaces import CallClient, CallCommands, SessionFacts, Signal
from .progress import Progress
from .sending import Sending
from .stats import CallStats

__all__ = ["VoiceCall"]

_CLOSE_TIMEOUT = 2.0  # seconds that the source has to end
_BLOCKED = 10.0  # seconds after which a method of the sink counts as blocked
_CHECK = 0.5  # seconds between two checks for that


class VoiceCall(GuaranteedEnter):
    """
    A voice call in progress; `AzureRealTimeAudio.talk` makes it.

    As a context manager it is stopped at the end of the block. Any thread may use it,
    also a listener.

    Attributes:
        error: The exception that ended the call early: a lost connection, also if only
            the last answer was lost with it, or one that a source or a sink raised.
            None otherwise. From Python 3.11, its notes name the method that raised it.
    """

    def __init__(
        self,
        client: CallClient,
        commands: CallCommands,
        session: SessionFacts,
        lifecycle: Lifecycle,
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
        super().__init__()
        self._session = session
        self._sink: Any = sink
        self._source: Any = source
        self._ends = source_end, sink_end = SourceEnd(source), SinkEnd(sink)
        self._progress = Progress(session, tools_busy)
        self._lifecycle = lifecycle
        self._over = False  # without the end of the thread
        self.error: BaseException | None = None
        filters: list[Callable[[bytes], bytes]] = []
        if echo_canceller is not None:
            filters.append(EchoFilter(echo_canceller, source, sink).feed)
        if half_duplex:
            muting = HalfDuplex(lambda: self._playback.playing, time.monotonic)
            filters.append(muting.feed)
        self._thread = JoinableThread(self._run, "azure-realtime-voice-call")
        self._events = client.events(*EVENTS)
        self._answering = Answering(
            client,
            commands,
            session,
            sink_end,
            self._progress,
            self._events,
            mark,
            interruptible,
        )
        self._playback = self._answering.playback
        self._sending = Sending(
            client,
            commands,
            session,
            source_end,
            filters,
            lambda: self._progress.in_speech,
            self._events.put,
            muted,
        )

    def __repr__(self) -> str:
        state = "ended" if self.has_ended else "muted" if self.muted else "talking"
        return f"<VoiceCall {state}>"

    def start(self) -> None:
        """
        Open source and sink, and start. `AzureRealTimeAudio.talk` has called it.

        Raises:
            AudioDeviceError: A device cannot be used.
        """
        for end in self._ends:
            end.open()
        self._thread.start()
        self._sending.start()

    @property
    def has_ended(self) -> bool:
        """
        Whether the call has ended.
        """
        return self._thread.ended or self._over

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

        Raises:
            RuntimeError: The caller is the reader thread, a forked child, or the source
                or the sink of the call.
        """
        self._lifecycle.check_may_wait()
        if self._is_own_thread():
            raise RuntimeError(
                "a source or a sink cannot wait for the end of its call, which would "
                "wait for it: use call.stop()"
            )
        return self._wait(Deadline(timeout))

    def stop(self, timeout: float | None = 5.0) -> None:
        """
        Stop the sound and end the call; source and sink are closed. Idempotent.

        An answer that is being played is interrupted as by `interrupt`. Any thread; a
        listener, the source and the sink may call it, the last two do not wait. In a
        forked child it does nothing.

        Args:
            timeout: Seconds to wait for the end of the threads.
        """
        if self._lifecycle.process.is_other_process:
            return
        deadline = Deadline(timeout)
        self._answering.stopping = True
        self._events.put(Signal.STOP)
        if self._is_own_thread():
            return
        if self._thread.ident is None:  # `start` has failed, or Ctrl-C interrupted it
            self._over = True
            self._close(deadline)
        elif not self._wait(deadline):
            self._give_up_if_blocked(_CHECK)
            self._sending.stop(Deadline(0.0))

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
        self._sending.mute()

    def unmute(self) -> None:
        """
        Send the source again. Without turn detection: interrupt the answer and begin an
        utterance.
        """
        if self._sending.muted and not self._session.vad:
            self.interrupt()
        self._sending.unmute()

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
            interruptions=self._answering.interruptions,
        )

    def _end(self) -> None:
        self.stop()

    def _is_own_thread(self) -> bool:
        return threading.current_thread() is self._thread or self._sending.is_current()

    def _wait(self, deadline: Deadline) -> bool:
        check = Deadline(_CHECK)
        while not self._thread.wait(deadline if deadline.is_before(check) else check):
            self._give_up_if_blocked(_BLOCKED)
            if self._over:
                return True
            if deadline.passed:
                return False
            check = Deadline(_CHECK)
        return True

    def _give_up_if_blocked(self, seconds: float) -> None:
        """
        End the call without its thread, if a method blocks it for so long.
        """
        source, sink = self._ends
        blocked = source.blocked(seconds) or sink.blocked(seconds)
        if blocked is None or self._over:
            return
        self.error = self.error or TimeoutError(
            f"{blocked} has not returned in time: the voice call has ended"
        )
        logger.error("The voice call has ended: %s does not return.", blocked)
        self._answering.stopping = self._over = True
        self._events.close()
        self._sending.stop(Deadline(_CHECK))

    # The thread of the call.

    def _run(self) -> None:
        try:
            self._answering.follow()
        except RealtimeError as error:
            self.error = error
        except BaseException as error:  # sys.exit() in a sink must not end the thread
            self.error = error
            logger.exception(
                "The voice call has ended with an exception (its sink: %s).",
                self._ends[1].name,
            )
        finally:
            self._end_thread()

    def _end_thread(self) -> None:
        """
        Stop the sound, and close source and sink.
        """
        if not self._over:  # else the client may have another call by now
            with suppress_foreign:  # of a user's sink, or the closed client
                self._answering.interrupt(by_speech=False)
        self._close(Deadline(_CLOSE_TIMEOUT))

    def _close(self, deadline: Deadline) -> None:
        self._events.close()
        self._sending.stop(deadline)
        self.error = self.error or self._sending.error
        for end in self._ends:
            end.close()
