"""
The user's audio on its way from the source to the service: a thread of its own, which
gets the blocks from that of `SourceReader`.

Rules:

1. This thread alone appends and commits, so a commit comes after the audio before it.
2. With turn detection, silence is sent while the call is muted, also if the source
   yields nothing, so that the service detects the end of the user's turn.
3. With turn detection, silence follows a source that has ended, until the service has
   detected the end of the speech: at least `_TAIL` seconds, and until `_NOTICE` seconds
   after the audio has arrived.
4. Without turn detection (push-to-talk), muting and the end of the source commit the
   audio and request a response. An utterance that a lost connection has cut is dropped;
   if it was the last one, the call ends with the error.
5. A live source does not wait for the network: a block that cannot be sent at once is
   dropped.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .._concurrency.deadline import Deadline
from .._concurrency.thread import JoinableThread
from .._logging import logger
from ..audio.formats import RATES, format_name
from ..audio.samples import peak
from ..errors import QueueFull, RealtimeError
from .ends import SourceEnd
from .interfaces import CallClient, CallCommands, SessionFacts, Signal
from .source_reader import SourceReader

_TAIL = 2.0  # seconds of silence after a source: more than turn detection waits
_NOTICE = 1.0  # seconds in which the service processes what has arrived
_BLOCK = 0.02  # seconds
_PAUSE = 0.2  # seconds without a block, after which a muted call sends silence
_QUEUE_TIMEOUT = 0.5  # seconds between two checks whether the call has ended


class Sending:
    """
    Sends the audio of a source.

    Args:
        client: Where it is sent.
        commands: Commit and clear it.
        session: The format, and whether the service detects turns.
        source: The source.
        filters: Functions that each block passes through, in their order.
        in_speech: Returns whether the service detects speech.
        post: Takes a signal to the thread of the call.
        muted: Whether the call begins muted.

    Attributes:
        muted: Whether the source is not sent; changed by `mute` and `unmute`.
        level: Peak of the newest block.
        drops: Number of blocks that were not sent.
        error: What ended the thread early, if anything.
    """

    def __init__(
        self,
        client: CallClient,
        commands: CallCommands,
        session: SessionFacts,
        source: SourceEnd,
        filters: list[Callable[[bytes], bytes]],
        in_speech: Callable[[], bool],
        post: Callable[[Signal], None],
        muted: bool,
    ) -> None:
        self._client = client
        self._commands = commands
        self._session = session
        self._source = source
        self._reader = SourceReader(source)
        self._live = source.live
        self._filters = filters
        self._in_speech = in_speech
        self._post = post
        self._stopped = False
        self._uncommitted = False  # whether the buffer has audio
        self._utterance_over = False  # set by `mute`, cleared by this thread
        self._thread = JoinableThread(self._run, "azure-realtime-voice-input")
        self.muted = muted
        self.level = 0.0
        self.drops = 0
        self.error: BaseException | None = None

    def start(self) -> None:
        """
        Start the threads.
        """
        self._reader.start()
        self._thread.start()

    def stop(self, deadline: Deadline) -> None:
        """
        End the threads and close the source. Any other thread.
        """
        self._stopped = True
        self._reader.close(deadline)
        self._thread.wait(deadline)

    def mute(self) -> None:
        """
        Stop sending the source, and end the utterance. Any thread.
        """
        self.muted = self._utterance_over = True

    def unmute(self) -> None:
        """
        Send the source again. Any thread.
        """
        self.muted = False

    def is_current(self) -> bool:
        """
        Whether the caller is the source, or a filter.
        """
        current = threading.current_thread() is self._thread
        return current or self._reader.is_current()

    def _run(self) -> None:
        end = Signal.STOP
        try:
            self._send_all()
            end = Signal.INPUT_OVER
        except RealtimeError as error:
            self.error = error  # the connection has ended, or the device is lost
        except BaseException as error:  # sys.exit() in it must not end the thread
            self.error = error
            logger.exception(
                "The voice call ends: its source (%s) or a filter has failed.",
                self._source.name,
            )
        finally:
            self._post(end)

    def _send_all(self) -> None:
        while not self._stopped:
            block = self._reader.take(Deadline(_PAUSE))
            if self._utterance_over:
                self._utterance_over = False
                if not self._session.vad:
                    self._commit()
            if block is not None:
                self._send(block.pcm, block.rate)
            elif self._reader.ended:
                break
            elif self.muted:
                self._send_silence(bytes(round(self._rate * _PAUSE) * 2), None)
        if self._stopped:
            return
        if self._session.vad:
            self._send_tail()
            return
        try:
            self._request_answer()
        except RealtimeError:
            self._commands.clear()  # of the rest of the cut utterance
            raise

    @property
    def _rate(self) -> int:
        return RATES[format_name(self._session.input_format)]

    def _send(self, block: bytes, rate: int | None) -> None:
        for feed in self._filters:
            block = feed(block)
        if self.muted:
            self._send_silence(bytes(len(block)), rate)
        else:
            self.level = peak(block)
            self._append(block, rate)

    def _send_silence(self, silence: bytes, rate: int | None) -> None:
        self.level = 0.0
        if self._session.vad and self._client.is_initialized:
            self._append(silence, rate)

    def _append(self, block: bytes, rate: int | None) -> None:
        """
        Append PCM16 at a rate; None is the session's.
        """
        if not block:
            return
        name = format_name(self._session.input_format)
        usual = name == "pcm16" and rate in (None, RATES[name])
        given = None if usual else rate or RATES[name]
        if self._live and not self._client.is_initialized:
            self.drops += 1
            return
        while not self._stopped:
            try:
                self._client.append_audio(
                    block, _QUEUE_TIMEOUT, block=not self._live, rate=given
                )
                self._uncommitted = True
                return
            except QueueFull:
                if self._live:
                    self.drops += 1
                    return

    def _commit(self) -> None:
        """
        End an utterance; others may follow.
        """
        try:
            self._request_answer()
        except RealtimeError as error:
            self._commands.clear()  # raises if the client has ended
            logger.warning("An utterance of the voice call was dropped: %s", error)

    def _request_answer(self) -> None:
        """
        Commit the audio, if there is any, and request a response.

        Raises:
            RealtimeError: A part of it was lost with a connection.
        """
        if not self._uncommitted:
            return
        self._uncommitted = False
        try:
            self._commands.commit()
        except ValueError:  # less than 100 ms: a key that was pressed by mistake
            return
        self._post(Signal.ASKED)
        self._client.create_response()

    def _send_tail(self) -> None:
        """
        Send silence until the service has detected the end of the speech (rule 3).
        """
        block = bytes(round(self._rate * _BLOCK) * 2)
        self.level = 0.0
        if not self._live:
            self._append(block * round(_TAIL / _BLOCK), None)
        # Changes nothing; its acknowledgement proves that the audio before it arrived.
        arrived = self._commands.confirm()
        due = time.monotonic()
        until = due + (_TAIL if self._live else 0.0)
        while not self._stopped:
            now = time.monotonic()
            if not arrived.done() or self._in_speech():
                until = max(until, now + _NOTICE)
            if now >= until:
                return
            self._append(block, None)
            due += _BLOCK
            time.sleep(max(0.0, due - now))
