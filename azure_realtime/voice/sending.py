"""
The user's audio on its way from the source to the service: a thread of its own.

Rules:

1. This thread alone appends and commits, so a commit comes after the audio before it.
2. With turn detection, silence is sent while the call is muted, so that the service
   detects the end of the user's turn.
3. With turn detection, silence follows a source that has ended, until the service has
   detected the end of the speech: at least `_TAIL` seconds, and until `_NOTICE` seconds
   after the audio has arrived.
4. Without turn detection (push-to-talk), muting and the end of the source commit the
   audio and request a response.
5. A live source does not wait for the network: a block that cannot be sent at once is
   dropped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from .._concurrency.deadline import Deadline
from .._concurrency.thread import JoinableThread
from .._foreign import suppress_foreign
from .._logging import logger
from ..audio.formats import RATES, format_name
from ..errors import QueueFull, RealtimeError
from .interfaces import CallClient, SessionFacts, Signal
from .stats import level_of

_TAIL = 2.0  # seconds of silence after a source: more than turn detection waits
_NOTICE = 1.0  # seconds in which the service processes what has arrived
_BLOCK = 0.02  # seconds
_QUEUE_TIMEOUT = 0.5  # seconds between two checks whether the call has ended


class Sending:
    """
    Sends the audio of a source.

    Args:
        client: Where it is sent.
        session: The format, and whether the service detects turns.
        source: A source, or an iterable of PCM16 at the rate of the session.
        filters: Functions that each block passes through, in their order.
        in_speech: Returns whether the service detects speech.
        post: Takes a signal to the thread of the call.
        muted: Whether the call begins muted.

    Attributes:
        muted: Whether the source is not sent. Any thread may change it.
        level: Peak of the newest block.
        drops: Number of blocks that were not sent.
        error: What ended the thread early, if anything.
    """

    def __init__(
        self,
        client: CallClient,
        session: SessionFacts,
        source: Iterable[bytes],
        filters: list[Callable[[bytes], bytes]],
        in_speech: Callable[[], bool],
        post: Callable[[Signal], None],
        muted: bool,
    ) -> None:
        self._client = client
        self._session = session
        self._source: Any = source
        self._live = bool(getattr(source, "live", False))
        self._filters = filters
        self._in_speech = in_speech
        self._post = post
        self._stopped = False
        self._uncommitted = False  # whether the buffer has audio
        self._thread = JoinableThread(self._run, "azure-realtime-voice-input")
        self.muted = muted
        self.level = 0.0
        self.drops = 0
        self.error: BaseException | None = None

    def start(self) -> None:
        """
        Start the thread.
        """
        self._thread.start()

    def stop(self, deadline: Deadline) -> None:
        """
        End the thread and close the source. Any other thread.
        """
        self._stopped = True
        close = getattr(self._source, "close", None)
        if close is not None:
            with suppress_foreign:  # a generator that runs refuses it
                close()
        self._thread.wait(deadline)

    def _run(self) -> None:
        try:
            self._send_all()
        except RealtimeError as error:
            self.error = error  # the connection has ended, or the device is lost
        except BaseException as error:  # sys.exit() in it must not end the thread
            self.error = error
            logger.exception("The source of the voice call raised an exception.")
        finally:
            self._post(Signal.INPUT_OVER)

    def _send_all(self) -> None:
        for block in self._source:
            if self._stopped:
                return
            for feed in self._filters:
                block = feed(block)
            self._send(block)
        if self._stopped:
            return
        if self._session.vad:
            self._send_tail()
        else:
            self._commit()

    def _send(self, block: bytes) -> None:
        if self.muted:
            if not self._session.vad:
                self._commit()
                self.level = 0.0
                return
            block = bytes(len(block))
        self.level = level_of(block)
        name = format_name(self._session.input_format)
        rate = getattr(self._source, "rate", None) or RATES[name]
        self._append(block, None if (name, rate) == ("pcm16", RATES[name]) else rate)

    def _append(self, block: bytes, rate: int | None) -> None:
        if not block:
            return
        if self._live and not self._client.is_initialized:
            self.drops += 1
            return
        while not self._stopped:
            try:
                self._client.append_audio(
                    block, _QUEUE_TIMEOUT, block=not self._live, rate=rate
                )
                self._uncommitted = True
                return
            except QueueFull:
                if self._live:
                    self.drops += 1
                    return

    def _commit(self) -> None:
        """
        Commit the audio, if there is any, and request a response.
        """
        if not self._uncommitted:
            return
        self._uncommitted = False
        try:
            self._client.commit_audio()
        except ValueError:  # less than 100 ms: a key that was pressed by mistake
            return
        self._post(Signal.ASKED)
        self._client.create_response()

    def _send_tail(self) -> None:
        """
        Send silence until the service has detected the end of the speech (rule 3).
        """
        name = format_name(self._session.input_format)
        rate = RATES[name]
        block = bytes(round(rate * _BLOCK) * 2)
        given = None if name == "pcm16" else rate
        self.level = 0.0
        if not self._live:
            self._append(block * round(_TAIL / _BLOCK), given)
        # Changes nothing; its acknowledgement proves that the audio before it arrived.
        arrived = self._client.update_session()
        due = time.monotonic()
        until = due + (_TAIL if self._live else 0.0)
        while not self._stopped:
            now = time.monotonic()
            if not arrived.done() or self._in_speech():
                until = max(until, now + _NOTICE)
            if now >= until:
                return
            self._append(block, given)
            due += _BLOCK
            time.sleep(max(0.0, due - now))
