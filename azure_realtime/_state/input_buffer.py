"""
The client's view of the input audio buffer: appends in whole samples, and their size.

Rules:

1. Audio is not corrupted: half a sample waits for its other half; audio with another
   rate is resampled as one stream until a commit or a clear.
2. One append is small enough that a pong never waits long behind it.
3. The service refuses a commit of less than 100 ms (protocol reference,
   ``input_audio_buffer_commit_empty``). `check` raises for it on the caller's thread.
4. With a lost session the part of an utterance in its buffer is lost. The rest is
   incomplete, and a commit of it is refused.
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

# Appends whose sizes are kept. That many appends of one sample each are 100 ms at
# 24 kHz, which is enough for a commit.
_MAX_SIZES = 2400

_EMPTY_STREAM = AudioStream()


class InputBuffer:
    """
    The sizes of the appends since the last commit or clear.

    Audio with samples cut in half or with another rate must come from one thread.

    There is no lock. After an append was queued, its size is added to `_sizes`, in one
    atomic step. A commit or clear replaces `_sizes` before its command is queued. So a
    size that is still added to the old object belongs to audio queued before that
    command.

    Args:
        session: Provides the format, and whether the service detects turns.
        queue: Counts the dropped audio.

    Attributes:
        handles: The classes of events for which `observe` must be called.
    """

    handles = frozenset({InputAudioBufferCommitted})

    def __init__(self, session: SessionState, queue: SendQueue) -> None:
        self._session = session
        self._queue = queue
        self._dropped_before = 0  # `queue.audio_dropped` at the last commit or clear
        self._lost_ms = 0.0
        self._stream: AudioStream | None = None  # audio held back (rule 1)
        self._sizes: deque[int] = deque(maxlen=_MAX_SIZES)  # bytes of each append

    def is_ready(self, data: bytes) -> bool:
        """
        Whether *data* can be sent unchanged, as audio of a microphone can. Any thread.
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
        Convert *audio* into appends of whole samples in the format of the session.

        The caller calls `note` after the appends were queued. Any thread.

        Args:
            audio: The audio to append.
            check: Called repeatedly during the conversion; may raise to end it.

        Returns:
            The audio of each append, and the stream with the audio held back.
        """
        before = self._stream or _EMPTY_STREAM
        data, stream = before.feed(audio, self._format, check)
        pieces = [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]
        return pieces, stream

    def note(self, pieces: list[bytes], stream: AudioStream | None) -> None:
        """
        Count the queued *pieces*, and keep *stream*. Any thread.
        """
        self._stream = stream
        if pieces:
            self._sizes.append(sum(map(len, pieces)))

    def rest(self) -> list[bytes]:
        """
        Return the audio held back, which must be appended before a commit. Any thread.
        """
        rest = self._stream.rest(self._format) if self._stream else b""
        return [rest] if rest else []

    @property
    def _format(self) -> str:
        return format_name(self._session.input_format)

    def count(self, text: str) -> None:
        """
        Count the base64 *text* of an append command that the user sent. Any thread.
        """
        if text:
            self._sizes.append(len(text) * 3 // 4)

    def pending(self) -> bool:
        """
        Whether audio waits for a commit by the user, as in push-to-talk. Any thread.
        """
        return bool(self._sizes) and not self._session.vad

    @property
    def milliseconds(self) -> float:
        """
        Duration of the audio since the last commit or clear, held-back audio included.

        A lower bound after more than 2400 appends; it is then at least 100 ms.
        """
        size = sum(self._sizes.copy()) + sum(map(len, self.rest()))
        return size / bytes_per_ms(self._format)

    def check(self) -> None:
        """
        Raise if a commit would fail. Any thread.

        Raises:
            ValueError: There is less audio than a commit needs (rule 3).
            RealtimeError: A part of the audio was lost with a session (rule 4).
        """
        if self._lost_ms:
            raise RealtimeError(
                f"The connection was lost during this utterance: {self._lost_ms:.0f} "
                "ms of its audio are lost, and the rest was not committed. "
                "Call clear_audio_buffer() and send the utterance again."
            )
        if self.milliseconds < MIN_COMMIT_MS:
            advice = (
                " With turn detection the service commits by itself: do not call "
                "commit_audio(), or set turn_detection=None."
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
        Reset the counts; return the old sizes and stream, for `put_back`. Any thread.

        Called before the commit or clear is queued, so that appends of other threads
        behind that command are counted.
        """
        previous = self._sizes, self._stream
        self._sizes, self._stream = deque(maxlen=_MAX_SIZES), None
        self._dropped_before, self._lost_ms = self._queue.audio_dropped, 0.0
        return previous

    def put_back(self, counted: deque[int], stream: AudioStream | None) -> None:
        """
        Undo `clear`, because its command could not be queued. Any thread.
        """
        self._sizes.extend(counted)
        self._stream = self._stream or stream

    def lose(self, _: object) -> None:
        """
        Reset the counts for a new session, and record the lost audio (rule 4).

        Reader thread, after the queue dropped its audio.
        """
        lost_ms = 0.0 if self._session.vad else self._lost_ms + self.milliseconds
        if lost_ms:
            dropped = self._queue.audio_dropped - self._dropped_before
            self._queue.audio_dropped += max(0, len(self._sizes) - dropped)
        self.clear()
        self._lost_ms = lost_ms

    def observe(self, event: ServerEvent) -> None:
        """
        Reset the sizes after a commit by the service itself. Reader thread.
        """
        if isinstance(event, InputAudioBufferCommitted) and self._session.vad:
            self._sizes = deque(maxlen=_MAX_SIZES)
