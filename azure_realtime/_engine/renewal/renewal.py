"""
Replaces a session before it expires: a `ReplacementSession` is prepared while this one
is in use, and takes over when no activity is under way.

The handover must not split a word of the user between two sessions. So audio is held in
the send queue for a moment first. If the service then detects speech in the audio it
has, the held audio is sent to the old session.

All of it runs on the reader thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ..._concurrency.deadline import Deadline
from ..._logging import logger
from ..._transport.websocket import WebSocketStream
from ...options import WebSocketOptions
from ..control import Control
from ..engine import Engine
from ..handover import Handover
from .expiry import Expiry
from .replacement import ReplacementSession

_LISTEN = 0.5  # seconds after the last audio in which the service may detect speech
_LOOK_AGAIN = 0.25  # seconds between two checks whether the session can be replaced


class Renewal:
    """
    The renewal of one session.

    Args:
        engine: The shared parts.
        stream: The connection that is served.
        websocket_options: The options.
        control: The requests of other threads.
        begin: Starts to prepare another session.

    Attributes:
        expiry: When the session expires.
        replacement: The session in preparation; None without one.
    """

    def __init__(
        self,
        engine: Engine,
        stream: WebSocketStream,
        websocket_options: WebSocketOptions,
        control: Control,
        begin: Callable[[], ReplacementSession],
    ) -> None:
        self._engine = engine
        self._stream = stream
        self._wanted = websocket_options.renew == "idle"
        self._control = control
        self._begin = begin
        self.replacement: ReplacementSession | None = None
        self._hand_over_at: Deadline | None = None
        self._audio_at: float | None = None
        self.expiry = Expiry(websocket_options.expiry_warning)

    def note_audio(self) -> None:
        """
        Record that audio is sent now.
        """
        self._audio_at = time.monotonic()

    def turn(self) -> Handover | None:
        """
        Make progress without blocking. Return the session that takes over now, or None.
        """
        if self.replacement is None:
            if self._possible and self.expiry.renewable:
                self.replacement = self._begin()
            return None
        self.replacement.turn()
        if self.replacement.failure is not None:
            logger.warning(
                "The session could not be renewed: %s", self.replacement.failure
            )
            self.expiry.postpone()
            self.abandon()
        elif self._can_hand_over(self.replacement):
            handover = self.replacement.take()
            if handover is not None:
                self.replacement = None
            return handover
        return None

    def next_deadline(self) -> float | None:
        """
        Return in how many seconds `turn` is to be called again; None for never.
        """
        if self.replacement is None:
            if self._possible or not self.expiry.announced:
                return self.expiry.next_deadline()
            return None
        remaining = self._hand_over_at.remaining() if self._hand_over_at else None
        return _LOOK_AGAIN if remaining is None else min(remaining, _LOOK_AGAIN)

    def abandon(self) -> None:
        """
        Discard the session in preparation, if there is one.
        """
        if self.replacement is not None:
            self.replacement.abandon()
            self.replacement = None
            self._resume_audio()

    @property
    def _possible(self) -> bool:
        return (
            self._wanted
            and self._engine.lifecycle.is_ready
            and not self._control.no_more_connections
        )

    def _can_hand_over(self, replacement: ReplacementSession) -> bool:
        """
        Return whether the replacement can take over now without losing anything.
        """
        if not (
            replacement.ready
            and self._control.closing is None
            and self._stream.idle  # unsent frames would be lost with the stream
            and self._engine.is_idle()
        ):
            self._resume_audio()
            return False
        if self._hand_over_at is None:
            self._engine.queue.pause()
            since = time.monotonic() - (self._audio_at or 0.0)
            self._hand_over_at = Deadline(_LISTEN - since)
        return self._hand_over_at.passed

    def _resume_audio(self) -> None:
        if self._hand_over_at is not None:
            self._hand_over_at = None
            self._engine.queue.resume()
            self._engine.queue.wake()
