"""
The user's audio on its way out: whole samples, in pieces, and how much of it.

Rules:

1. Nothing is corrupted: half a sample waits for its other half; audio of another
   rate is one stream until a commit or a clear.
2. One append is small enough that a pong never waits long behind it.
3. A commit of less than 100 ms is refused by the service; it is refused here, where
   the mistake is (``input_audio_buffer_commit_empty``, protocol reference).
4. A session that is lost takes with it what it has of an utterance. The rest is no
   utterance: it cannot be committed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..audio.containers import file_format
from ..audio.convert import AudioStream
from ..audio.formats import MIN_COMMIT_MS, bytes_per_ms, format_name
from ..audio.pcm import AudioInput
from ..errors import RealtimeError
from ..events import InputAudioBufferCommitted, ServerEvent
from .session import SessionState

if TYPE_CHECKING:
    from .._requests.send_queue import SendQueue

CHUNK = 192 << 10
"""Bytes of audio in one append; a whole number of samples in every format."""

_COUNTED = 2400  # appends: of a sample each, they are as long as a commit must be

_NOTHING_HELD = AudioStream()


class InputBuffer:
    """
    What was appended since the last commit or clear.

    Samples cut in half, and those of another rate, come from one thread.

    There is no lock. What is appended is noted, in one step in C, after it was queued;
    and where a commit or a clear begins, before its command is queued, the notes are
    replaced as a whole. So a note that still goes to the old ones is of audio that was
    queued before that command.

    Args:
        session: Knows the format, and whether the service finds turns by itself.
        queue: Counts the audio that is dropped.

    Attributes:
        handles: The classes of events that `observe` is for.
    """

    handles = frozenset({InputAudioBufferCommitted})

    def __init__(self, session: SessionState, queue: SendQueue) -> None:
        self._session = session
        self._queue = queue
        self._dropped_before = 0  # by the queue, before the first of `_sizes`
        self._lost_ms = 0.0
        self._stream: AudioStream | None = None  # what is held back
        self._sizes: deque[int] = deque(maxlen=_COUNTED)  # in bytes, of each append

    def is_ready(self, data: bytes) -> bool:
        """
        Whether *data* can be sent as it is, which is what a microphone gives, whatever
        the format. Any thread.
        """
        return (
            0 < len(data) <= CHUNK
            and not len(data) & 1
            and self._stream is None
            and file_format(data) is None
        )

    def cut(
        self, audio: AudioInput, check: Callable[[], object]
    ) -> tuple[list[bytes], AudioStream | None]:
        """
        Return what to append now, in pieces of whole samples in the format of the
        session, and what is held back. Any thread; `note` it when it is queued.

        Args:
            audio: What to append.
            check: Is called again and again meanwhile; what it raises ends it.
        """
        before = self._stream or _NOTHING_HELD
        data, stream = before.feed(audio, self._format, check)
        pieces = [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]
        return pieces, stream

    def note(self, pieces: list[bytes], stream: AudioStream | None) -> None:
        """
        Count what has been queued. Any thread.
        """
        self._stream = stream
        if pieces:
            self._sizes.append(sum(map(len, pieces)))

    def rest(self) -> list[bytes]:
        """
        Return what is held back, to be appended before a commit. Any thread.
        """
        rest = self._stream.rest(self._format) if self._stream else b""
        return [rest] if rest else []

    @property
    def _format(self) -> str:
        return format_name(self._session.input_format)

    def count(self, text: str) -> None:
        """
        Note that base64 *text* is appended without our help. Any thread.
        """
        if text:
            self._sizes.append(len(text) * 3 // 4)

    def pending(self) -> bool:
        """
        Whether audio waits to be committed by the user, as in push-to-talk. Any thread.
        """
        return bool(self._sizes) and not self._session.vad

    @property
    def milliseconds(self) -> float:
        """
        How much was appended since the last commit or clear, also what is held back;
        at least so much where that is more than can be committed.
        """
        size = sum(self._sizes.copy()) + sum(map(len, self.rest()))
        return size / bytes_per_ms(self._format)

    def check(self) -> None:
        """
        Refuse a commit of too little. Any thread.

        Raises:
            ValueError: There is not enough to commit.
            RealtimeError: The beginning was lost with a session.
        """
        if self._lost_ms:
            raise RealtimeError(
                f"The connection was lost during this utterance: {self._lost_ms:.0f} "
                "ms of its audio went with the session; the rest was not committed. "
                "Call clear_audio_buffer() and send the utterance again."
            )
        if self.milliseconds < MIN_COMMIT_MS:
            advice = (
                " With turn detection on the service commits by itself: leave "
                "commit_audio() out, or set turn_detection=None."
                if self._session.vad
                else ""
            )
            raise ValueError(
                f"nothing to commit: {self.milliseconds:.0f} ms of audio were "
                "appended since the last commit or clear; "
                f"{MIN_COMMIT_MS} ms are needed.{advice}"
            )

    def clear(self) -> tuple[deque[int], AudioStream | None]:
        """
        Begin anew; return what counted, for `put_back`. Any thread.

        Before the command that does so is queued: what another thread appends behind
        it counts already.
        """
        counted = self._sizes, self._stream
        self._sizes, self._stream = deque(maxlen=_COUNTED), None
        self._dropped_before, self._lost_ms = self._queue.audio_dropped, 0.0
        return counted

    def put_back(self, counted: deque[int], stream: AudioStream | None) -> None:
        """
        Count again what was cleared for nothing. Any thread.
        """
        self._sizes.extend(counted)
        self._stream = self._stream or stream

    def lose(self, _: object) -> None:
        """
        Begin with a new session. Reader thread, after the queue dropped its audio.
        """
        lost_ms = 0.0 if self._session.vad else self._lost_ms + self.milliseconds
        if lost_ms:
            dropped = self._queue.audio_dropped - self._dropped_before
            self._queue.audio_dropped += max(0, len(self._sizes) - dropped)
        self.clear()
        self._lost_ms = lost_ms

    def observe(self, event: ServerEvent) -> None:
        """
        Begin anew where the service has committed by itself. Reader thread.
        """
        if isinstance(event, InputAudioBufferCommitted) and self._session.vad:
            self._sizes = deque(maxlen=_COUNTED)
