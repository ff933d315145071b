"""
Replaces a session before it ends: a `ReplacementSession` is prepared while this one is
in use, and takes its place when nothing is under way.

A word that the user has just begun would be cut in two. So audio is held back for a
moment first. If the service still detects speech in what it has, the rest is sent to
the same session.

All of it belongs to the reader thread.
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
from .expiry import Expiry
from .replacement import Handover, ReplacementSession

_LISTEN = 0.5  # seconds in which the service may still hear speech
_LOOK_AGAIN = 0.25  # seconds between two looks whether it is quiet now


class Renewal:
    """
    The renewal of one session.

    Args:
        engine: Knows whether something is going on, and has the send queue.
        stream: The connection that is served.
        websocket_options: The options.
        control: What others ask.
        begin: Begins to make another session.

    Attributes:
        expiry: When the session ends.
        replacement: The session that is being made; None while there is none.
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
        self._listening: Deadline | None = None
        self._audio_at: float | None = None
        self.expiry = Expiry(websocket_options.expiry_warning)

    def note_audio(self) -> None:
        """
        Note that audio leaves.
        """
        self._audio_at = time.monotonic()

    def turn(self) -> Handover | None:
        """
        Go on as far as that goes without waiting; return what takes over now.
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
        elif self._is_calm(self.replacement):
            handover = self.replacement.take()
            if handover is not None:
                self.replacement = None
            return handover
        return None

    def next_deadline(self) -> float | None:
        """
        Return in how many seconds to `turn` again.
        """
        if self.replacement is None:
            if self._possible or not self.expiry.announced:
                return self.expiry.next_deadline()
            return None
        left = self._listening.remaining() if self._listening else None
        return _LOOK_AGAIN if left is None else min(left, _LOOK_AGAIN)

    def abandon(self) -> None:
        """
        Do without what is in the making.
        """
        if self.replacement is not None:
            self.replacement.abandon()
            self.replacement = None
            self._stay()

    @property
    def _possible(self) -> bool:
        return (
            self._wanted
            and self._engine.lifecycle.is_ready
            and not self._control.no_more_connections
        )

    def _is_calm(self, replacement: ReplacementSession) -> bool:
        """
        Whether nothing is lost by leaving now.
        """
        if not (
            replacement.ready
            and self._control.closing is None
            and self._stream.idle  # what was given to it would be lost with it
            and self._engine.quiet()
        ):
            self._stay()
            return False
        if self._listening is None:
            self._engine.queue.hold()
            since = time.monotonic() - (self._audio_at or 0.0)
            self._listening = Deadline(_LISTEN - since)
        return self._listening.passed

    def _stay(self) -> None:
        if self._listening is not None:
            self._listening = None
            self._engine.queue.release()
            self._engine.queue.wake()
