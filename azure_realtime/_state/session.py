"""
The state of the session: the requested configuration and the one the service reported.
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
    The configuration of the session. Any thread may read it.

    A field has the value that the service reported. A field that is missing in the
    report (some compatible services omit fields) has the requested value.

    There is no lock. Callers append to `_pending`; only the reader thread removes from
    it, and replaces `_confirmed`.

    Args:
        config: The configuration of the session's setup.

    Attributes:
        handles: The classes of events for which `observe` must be called.
        session: The session as last reported; None before the first report.
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
        Add a requested change, and the future of its acknowledgement. Any thread.
        """
        self._pending.append((config, answer))

    @property
    def requested(self) -> SessionConfig:
        """
        The configuration with all changes that were not refused. Any thread.

        It is the configuration of the next session.
        """
        while True:
            config, pending = self._confirmed, tuple(self._pending)
            # unless both are consistent, an old change could override a later one
            if config is self._confirmed:
                break
        # a change that is already in `config` is applied twice, which has no effect
        for change, answer in pending:
            if not answer.failed:
                config = overlaid(config, change)
        return config

    def with_type(self, change: SessionConfig) -> SessionConfig:
        """
        Return *change* with the type of this session, unless it has one: the service
        refuses an update for another type. Any thread.
        """
        if change.type is not UNSET or self._confirmed.type is UNSET:
            return change
        return attrs.evolve(change, type=self._confirmed.type)

    def _settle(self) -> None:
        """
        Move the acknowledged changes to `_confirmed`. Reader thread.
        """
        while self._pending and self._pending[0][1].done():
            config, answer = self._pending[0]
            if answer.failed:
                self._refused = config
            else:
                self._confirmed = overlaid(self._confirmed, config)
            self._pending.pop(0)  # last, so that `requested` never misses the change

    def _confirm_refused(self, reported: dict[str, Any]) -> None:
        """
        Confirm the refused change if the service reports exactly its values.

        The error that was taken for its refusal was about another command.
        """
        refused = self._refused
        if refused is None or refused.extra:  # a report does not contain `extra`
            return
        fields = attrs.asdict(refused, recurse=False)
        wanted = {n: v for n, v in fields.items() if v is not UNSET and n != "extra"}
        if wanted and wanted.items() <= reported.items():
            self._confirmed, self._refused = overlaid(self._confirmed, refused), None

    def observe(self, event: ServerEvent) -> None:
        """
        Apply a report of the service. Reader thread.
        """
        self._settle()  # after an error, too: refused changes must not accumulate
        if not isinstance(event, (SessionCreated, SessionUpdated)):
            return
        reported: dict[str, Any] = {
            name: getattr(event.session, name)
            for name in flatten(event.session.raw, SESSION_PATHS)
            if name in _FIELDS
        }
        if isinstance(event, SessionCreated):
            self.session, self._reported = event.session, {}
            return
        self._reported |= reported
        self._confirm_refused(reported)
        if self.session is None:
            self.session = event.session
        else:
            reported |= {"raw": event.session.raw, "problems": event.session.problems}
            self.session = attrs.evolve(self.session, **reported)

    def field(self, name: str) -> Any:
        """
        Return the current value of a field of `SessionConfig`; UNSET if unknown.
        """
        reported = self._reported
        return reported[name] if name in reported else getattr(self.requested, name)

    def drop_tools(self, tools: Collection[ToolSpec]) -> None:
        """
        Remove tools from the configuration. Reader thread, while no change is pending.
        """
        kept = tuple(tool for tool in self.asked_tools if tool not in tools)
        self._confirmed = attrs.evolve(self._confirmed, tools=kept)

    @property
    def asked_tools(self) -> tuple[ToolSpec, ...]:
        """
        The requested tools.
        """
        tools = self.requested.tools
        return tools if isinstance(tools, tuple) else ()

    @property
    def input_format(self) -> str:
        """
        The short name of the format of audio appended now.

        Changes that are not acknowledged yet are included: audio is sent after them.
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
        Whether the service detects the user's turns, which is its default.
        """
        return self.field("turn_detection") is not None

    @property
    def turn_detection(self) -> Any:
        """
        The turn detection of audio that is appended now; None if it is off.

        Changes that are not acknowledged yet are included: audio is sent after them.
        """
        requested = self.requested.turn_detection
        return self.field("turn_detection") if requested is UNSET else requested

    @property
    def transcribes(self) -> bool:
        """
        Whether the service transcribes the user's speech.
        """
        return bool(self.field("input_audio_transcription"))


def _name(audio_format: object) -> str:
    return audio_format if isinstance(audio_format, str) else "pcm16"
