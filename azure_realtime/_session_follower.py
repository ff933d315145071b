"""
What the session is like now: what was asked for, and what the service made of it.
"""

from __future__ import annotations

from ._unset import Unset
from .events import ServerEvent, SessionCreated, SessionUpdated
from .session import Session, SessionConfig
from .turn_detection import TurnDetection


class SessionFollower:
    """
    Follows the session. Written by the reader thread, read by any.

    Args:
        config: What is asked for first.

    Attributes:
        session: As the service last reported it; None before it did.
    """

    def __init__(self, config: SessionConfig) -> None:
        self._asked = config
        self._configured = False
        self.session: Session | None = None

    def observe(self, event: ServerEvent) -> None:
        """
        Take note of the session. Reader thread.
        """
        if isinstance(event, (SessionCreated, SessionUpdated)):
            self.session = event.session
            self._configured |= isinstance(event, SessionUpdated)

    @property
    def _now(self) -> Session | SessionConfig:
        # until the service has confirmed it, what is asked for is what will be
        return self.session if self.session and self._configured else self._asked

    @property
    def input_format(self) -> str:
        """
        The short name of the format of the user's audio.
        """
        return _name(self._now.input_audio_format)

    @property
    def output_format(self) -> str:
        """
        The short name of the format of the model's audio.
        """
        return _name(self._now.output_audio_format)

    @property
    def vad(self) -> bool:
        """
        Whether the service finds the user's turns; it does unless told not to.
        """
        return self._now.turn_detection is not None

    @property
    def turn_detection(self) -> TurnDetection | None | Unset:
        """
        How the service finds the user's turns; None if it does not.
        """
        return self._now.turn_detection

    @property
    def transcribes(self) -> bool:
        """
        Whether the service writes down what the user says.
        """
        return bool(self._now.input_audio_transcription)


def _name(audio_format: object) -> str:
    return audio_format if isinstance(audio_format, str) else "pcm16"
