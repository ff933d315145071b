"""
The user's audio on its way out: whole samples, in pieces, and how much of it.

Rules:

1. Nothing is corrupted: half a sample waits for its other half.
2. One append is small enough that a pong never waits long behind it.
3. A commit of less than 100 ms is refused by the service; it is refused here, where
   the mistake is (``input_audio_buffer_commit_empty``, protocol reference).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from ._deadline import Deadline
from ._session_follower import SessionFollower
from .errors import QueueFull
from .events import ServerEvent

CHUNK = 192 << 10
"""Bytes of audio in one append; a whole number of samples in every format."""

MIN_COMMIT_MS = 100

BYTES_PER_MS = {"pcm16": 48, "g711_ulaw": 8, "g711_alaw": 8}


class InputAudio:
    """
    What was appended since the last commit or clear.

    The lock keeps the pieces of one append together and in order.

    Args:
        session: Knows the format, and whether the service finds turns by itself.
    """

    def __init__(self, session: SessionFollower) -> None:
        self.lock = threading.RLock()
        self._session = session
        self._half = b""
        self._bytes = 0

    @contextlib.contextmanager
    def held(self, deadline: Deadline) -> Iterator[None]:
        """
        Hold the lock. Any thread.

        Raises:
            QueueFull: Until *deadline* another append waited for room.
        """
        left = deadline.remaining()
        if not self.lock.acquire(timeout=-1 if left is None else left):
            raise QueueFull("another append waits for room in the send queue")
        try:
            yield
        finally:
            self.lock.release()

    def pieces(self, data: bytes) -> list[bytes]:
        """
        Return what to append now: whole samples. Any thread, with `lock` held.

        Raises:
            ValueError: It is a file, not samples.
        """
        if data[:4] == b"RIFF":
            raise ValueError(
                "this is a WAV file, not samples: use client.ask(audio=...), or take "
                "the samples out with wave.open(...).readframes(...)"
            )
        if self._session.input_format == "pcm16":
            data = self._half + data
            whole = len(data) & ~1
            data, self._half = data[:whole], data[whole:]
        self._bytes += len(data)
        return [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]

    def count(self, text: str) -> None:
        """
        Note that base64 *text* is appended without our help. Any thread, with `lock`
        held.
        """
        self._bytes += len(text) * 3 // 4

    @property
    def milliseconds(self) -> float:
        """
        How much was appended since the last commit or clear.
        """
        return self._bytes / BYTES_PER_MS.get(self._session.input_format, 48)

    def commit(self) -> None:
        """
        Begin anew, if there is enough to commit. Any thread, with `lock` held.

        Raises:
            ValueError: There is not.
        """
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
        self.clear()

    def clear(self) -> None:
        """
        Begin anew. Any thread, with `lock` held.
        """
        self._half, self._bytes = b"", 0

    def lose(self, _: object) -> None:
        """
        Begin anew with a new session. Reader thread.
        """
        # without the lock: who waits for room holds it, and waits for the reader
        self.clear()

    def observe(self, event: ServerEvent) -> None:
        """
        Begin anew where the service has committed by itself. Reader thread.
        """
        if event.type == "input_audio_buffer.committed" and self._session.vad:
            self._bytes = 0
