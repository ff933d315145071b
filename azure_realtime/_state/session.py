"""
What the session is like now: what was asked for, and what the service made of it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import attrs

from .._requests.future import CommandFuture
from ..events import ErrorEvent, ServerEvent, SessionCreated, SessionUpdated
from ..models._shape import SESSION_PATHS, flatten, overlaid
from ..models._unset import UNSET
from ..models.session import Session, SessionConfig
from ..models.tools import ToolSpec

_FIELDS = {field.name for field in attrs.fields(Session)} - {"raw", "problems"}


class SessionState:
    """
    Follows the session. Any thread may ask.

    What the service reports counts; what it leaves out of its report (not every
    compatible service reports all) is taken from what was asked for.

    There is no lock. Callers add to `_pending`; only the reader thread takes from it,
    and replaces `_confirmed`.

    Args:
        config: What is asked for first.

    Attributes:
        handles: The classes of events that `observe` is for.
        session: As the service last reported it; None before it did.
    """

    handles = frozenset({SessionCreated, SessionUpdated, ErrorEvent})

    def __init__(self, config: SessionConfig) -> None:
        self._confirmed = config
        self._pending: list[tuple[SessionConfig, CommandFuture[Any]]] = []
        self._refused: SessionConfig | None = None
        self._reported: dict[str, Any] = {}
        self.session: Session | None = None

    def ask(self, config: SessionConfig, answer: CommandFuture[Any]) -> None:
        """
        Note what else is asked for, and where the service's answer will be. Any thread.
        """
        self._pending.append((config, answer))

    @property
    def requested(self) -> SessionConfig:
        """
        All that was asked for and not refused: what a new session is to be like.
        """
        while True:
            config, pending = self._confirmed, tuple(self._pending)
            if config is self._confirmed:  # else an old change might undo a later one
                break
        # a change that was granted right before is laid over itself: no difference
        for change, answer in pending:
            if not answer.failed:
                config = overlaid(config, change)
        return config

    def _settle(self) -> None:
        """
        Take over what was answered. Reader thread.
        """
        while self._pending and self._pending[0][1].done():
            config, answer = self._pending[0]
            if answer.failed:
                self._refused = config
            else:
                self._confirmed = overlaid(self._confirmed, config)
            self._pending.pop(0)  # last: `requested` finds the change in one of the two

    def _grant(self, told: dict[str, Any]) -> None:
        """
        Believe the service's report more than an error that seemed to be a refusal.
        """
        refused = self._refused
        if refused is None or refused.extra:  # what is extra is not reported
            return
        wanted = attrs.asdict(refused, recurse=False)
        given = {n: v for n, v in wanted.items() if v is not UNSET and n != "extra"}
        if given and given.items() <= told.items():
            self._confirmed, self._refused = overlaid(self._confirmed, refused), None

    def observe(self, event: ServerEvent) -> None:
        """
        Take note of what the service reports. Reader thread.
        """
        self._settle()  # also at an error: refused changes do not pile up
        if not isinstance(event, (SessionCreated, SessionUpdated)):
            return
        told: dict[str, Any] = {
            name: getattr(event.session, name)
            for name in flatten(event.session.raw, SESSION_PATHS)
            if name in _FIELDS
        }
        if isinstance(event, SessionCreated):
            self.session, self._reported = event.session, {}
            return
        self._reported |= told
        self._grant(told)
        if self.session is None:
            self.session = event.session
        else:
            told |= {"raw": event.session.raw, "problems": event.session.problems}
            self.session = attrs.evolve(self.session, **told)

    def field(self, name: str) -> Any:
        """
        Return a field of `SessionConfig` as it is now; UNSET if nobody said.
        """
        reported = self._reported
        return reported[name] if name in reported else getattr(self.requested, name)

    def drop_tools(self, tools: Collection[ToolSpec]) -> None:
        """
        Do not ask for these any more. Reader thread, while no change is pending.
        """
        left = tuple(tool for tool in self.asked_tools if tool not in tools)
        self._confirmed = attrs.evolve(self._confirmed, tools=left)

    @property
    def asked_tools(self) -> tuple[ToolSpec, ...]:
        """
        The tools that were asked for last.
        """
        tools = self.requested.tools
        return tools if isinstance(tools, tuple) else ()

    @property
    def input_format(self) -> str:
        """
        The short name of the format of audio that is appended now: behind changes that
        the service has not answered yet.
        """
        for config, answer in reversed(tuple(self._pending)):
            if config.input_audio_format is not UNSET and not answer.failed:
                return _name(config.input_audio_format)
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
