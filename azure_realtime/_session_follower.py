"""
What the session is like now: what was asked for, and what the service made of it.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any

from ._session_shape import SESSION_PATHS, flatten
from ._unset import overlaid
from .events import ServerEvent, SessionCreated, SessionUpdated
from .session import Session, SessionConfig
from .tool_specs import Tool


class SessionFollower:
    """
    Follows the session. Any thread may ask.

    What the service reports counts; what it leaves out of its report (not every
    compatible service reports all) is taken from what was asked for.

    Args:
        config: What is asked for first.

    Attributes:
        session: As the service last reported it; None before it did.
    """

    def __init__(self, config: SessionConfig) -> None:
        self._lock = threading.RLock()
        self._granted = config
        self._pending: list[tuple[SessionConfig, Future[Any]]] = []
        self._reported: dict[str, Any] = {}
        self.session: Session | None = None

    def ask(self, config: SessionConfig, answer: Future[Any]) -> None:
        """
        Note what else is asked for, and where the service's answer will be. Any thread.
        """
        with self._lock:
            self._pending.append((config, answer))

    @property
    def asked(self) -> SessionConfig:
        """
        All that was asked for and not refused: what a new session is to be like.
        """
        with self._lock:
            while self._pending and self._pending[0][1].done():
                config, answer = self._pending.pop(0)
                if not answer.cancelled() and answer.exception() is None:
                    self._granted = overlaid(self._granted, config)
            config = self._granted
            for change, answer in self._pending:
                failed = answer.done() and (
                    answer.cancelled() or answer.exception() is not None
                )
                if not failed:
                    config = overlaid(config, change)
            return config

    def observe(self, event: ServerEvent) -> None:
        """
        Take note of what the service reports. Reader thread.
        """
        if isinstance(event, (SessionCreated, SessionUpdated)):
            self.session = event.session
        if isinstance(event, SessionUpdated):  # before, it is not ours yet
            told = flatten(event.session.raw, SESSION_PATHS)
            self._reported = {
                name: getattr(event.session, name)
                for name in told
                if hasattr(event.session, name)
            }

    def field(self, name: str) -> Any:
        """
        Return a field of `SessionConfig` as it is now; UNSET if nobody said.
        """
        reported = self._reported
        return reported[name] if name in reported else getattr(self.asked, name)

    @property
    def asked_tools(self) -> tuple[Tool, ...]:
        """
        The tools that were asked for last.
        """
        tools = self.asked.tools
        return tools if isinstance(tools, tuple) else ()

    @property
    def input_format(self) -> str:
        """
        The short name of the format of the user's audio.
        """
        return _name(self.field("input_audio_format"))

    @property
    def output_format(self) -> str:
        """
        The short name of the format of the model's audio.
        """
        return _name(self.field("output_audio_format"))

    @property
    def vad(self) -> bool:
        """
        Whether the service finds the user's turns; it does unless told not to.
        """
        return self.field("turn_detection") is not None

    @property
    def transcribes(self) -> bool:
        """
        Whether the service writes down what the user says.
        """
        return bool(self.field("input_audio_transcription"))


def _name(audio_format: object) -> str:
    return audio_format if isinstance(audio_format, str) else "pcm16"
