"""
`Recording`: a recorded session, as typed events and what they add up to.
"""

from __future__ import annotations

import functools
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._protocol.codec import Codec
from .._state.conversation import Conversation
from .._state.conversation_state import ConversationState
from .._state.usage_meter import UsageMeter
from ..events import ClientEvent, ErrorEvent, Event, RawCommand, ServerEvent
from ..models.turn import Turn
from ..models.usage import UsageTotals
from . import format as f
from .exchanges import Exchange, exchanges
from .message import Mark, Message
from .payloads import decoded_size
from .reader import Header, Line, read_recording
from .timeline import Timeline, make_timeline

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Recording"]

_MAX_ERRORS = 5  # that a notebook shows


class Recording:
    """
    A recorded session; `load` makes it. It does not change. Any thread.

    Attributes:
        path: The path of the file.
        messages: All messages in order.
        marks: The notes of the application.
        dropped_audio: How many messages with audio were dropped, because the disk was
            slower than the network.
        dropped_messages: How many other messages were dropped.
        is_complete: Whether the recording was closed. Else it ends with the last line
            before the process was killed.
    """

    def __init__(self, path: Path, header: Header, lines: list[Line]) -> None:
        self.path = path
        self._header = header
        self.messages = tuple(_messages(header, lines))
        self.marks = tuple(
            Mark(
                seconds=line.monotonic - header.monotonic,
                name=str(line.message.get("name", "")),
                data=data if isinstance(data := line.message.get("data"), dict) else {},
            )
            for line in lines
            if line.kind == f.MARK
        )
        self.dropped_audio = _total(lines, "audio")
        self.dropped_messages = _total(lines, "messages")
        self.is_complete = any(line.kind == f.END for line in lines)
        self._seconds = lines[-1].monotonic - header.monotonic if lines else 0.0

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, max_bytes: int = f.MAX_FILE_BYTES
    ) -> Self:
        """
        Read a recording. Audio files that it names must be beside it.

        The file may come from a stranger: sizes are limited, and nothing in it is
        executed. It blocks on the disk, and takes about 20 microseconds per message.

        Args:
            path: The path of the file.
            max_bytes: The maximum size of each file.

        Raises:
            OSError: A file cannot be read.
            ValueError: The file is no recording, is damaged before its last line, has a
                newer format, or is too large. The message says which.
        """
        header, lines = read_recording(path, max_bytes=max_bytes)
        return cls(Path(path), header, lines)

    def __repr__(self) -> str:
        return (
            f"<Recording {self.path.name} {len(self.messages)} messages, "
            f"{self.seconds:.1f} s>"
        )

    def _repr_html_(self) -> str:
        """
        Return HTML for notebooks: a summary, and the last 100 turns with their latency.

        Recorded audio has players; of more than 10 MB of it the latest is embedded.
        """
        from .overview import as_html  # only for notebooks

        return as_html(self.timeline(), self.usage, self._facts(), self._problems())

    def __len__(self) -> int:
        return len(self.messages)

    def __iter__(self) -> Iterator[Message]:
        return iter(self.messages)

    @property
    def seconds(self) -> float:
        """
        The duration in seconds.
        """
        return self._seconds

    @property
    def began(self) -> float:
        """
        The time at which the recording began, in seconds since 1970, UTC.
        """
        return self._header.wall

    @property
    def api_version(self) -> str | None:
        """
        The version of the protocol: None for GA, a date for preview.
        """
        return self._header.api_version

    @property
    def audio(self) -> str:
        """
        What was done with audio: ``none``, ``inline`` or ``wav``.
        """
        return self._header.audio

    @property
    def session(self) -> dict[str, Any]:
        """
        The session at the beginning, in the shape of GA; empty if there was none yet.
        """
        return self._header.session

    @property
    def events(self) -> tuple[ServerEvent, ...]:
        """
        The events of the service in order.
        """
        return tuple(m.event for m in self.messages if isinstance(m.event, ServerEvent))

    @property
    def commands(self) -> tuple[ClientEvent, ...]:
        """
        The commands of the client in order.
        """
        return tuple(m.event for m in self.messages if isinstance(m.event, ClientEvent))

    @functools.cached_property
    def conversation(self) -> Conversation:
        """
        The conversation at the end, as far as it happened during the recording.
        """
        state = ConversationState(keep_audio=True)
        generation = None
        for message in self.messages:
            if generation not in (None, message.generation):
                state.lose(None)  # a session ends with its connection
            generation = message.generation
            if isinstance(message.event, ServerEvent):
                state.observe(message.event)
        return Conversation(state)

    @functools.cached_property
    def usage(self) -> UsageTotals:
        """
        The tokens of all responses.
        """
        meter = UsageMeter()
        for event in self.events:
            meter.observe(event)
        return meter.totals

    @property
    def turns(self) -> tuple[Turn, ...]:
        """
        The turns in order: each has all responses up to the next question.
        """
        return tuple(exchange.turn for exchange in self._exchanges)

    def timeline(self, turn: int | None = None) -> Timeline:
        """
        Return when what happened: speech, detection, answers, playback, latencies.

        Args:
            turn: The index of a turn in `turns`; None for the whole recording.

        Raises:
            IndexError: There is no such turn.
        """
        return make_timeline(
            self.messages,
            self.marks,
            self._exchanges,
            self.session,
            self.seconds,
            self.path.name,
            turn,
        )

    def _facts(self) -> Iterator[str]:
        if 0 <= self.began < 1 << 36:  # `gmtime` has its limits
            yield time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self.began))
        yield f"{self.seconds:.1f} s"
        yield f"{len(self.turns):,} turn{'' if len(self.turns) == 1 else 's'}"
        yield f"{len(self.messages):,} messages"
        version = self.api_version
        yield "GA protocol" if version is None else f"preview protocol {version}"
        yield str(self.session.get("model") or "")

    def _problems(self) -> Iterator[str]:
        errors = [event.error for event in self.events if isinstance(event, ErrorEvent)]
        for error in errors[:_MAX_ERRORS]:
            yield f"Error of the service: {error.message or error.code}"
        if more := errors[_MAX_ERRORS:]:
            yield f"And {len(more):,} more errors of the service."
        if dropped := self.dropped_audio + self.dropped_messages:
            yield f"{dropped:,} messages are missing: the disk was too slow."
        if not self.is_complete:
            yield "It was not closed: it ends where the process was killed."

    @functools.cached_property
    def _exchanges(self) -> tuple[Exchange, ...]:
        return exchanges(self.messages, self._header.session)


def _messages(header: Header, lines: list[Line]) -> Iterator[Message]:
    try:
        codec = Codec(header.api_version)
    except ValueError:
        raise ValueError(
            f"the recording is of an unknown protocol: {header.api_version!r}"
        ) from None
    for line in lines:
        if line.kind != f.MESSAGE:
            continue
        audio_bytes = line.audio_bytes
        for event in _events(codec, line):
            yield Message(
                seconds=line.monotonic - header.monotonic,
                wall=line.wall,
                generation=line.generation,
                direction=line.direction,
                event=event,
                audio_bytes=audio_bytes or _inline_bytes(event),
            )
            audio_bytes = 0  # one message may be two events


def _events(codec: Codec, line: Line) -> tuple[Event, ...]:
    message = line.message
    if line.direction == "in":
        text = message if isinstance(message, str) else json.dumps(message)
        return codec.decode(text, line.generation)
    if not isinstance(message, dict):
        return (RawCommand(type="", message={}),)
    try:
        return (codec.command(message),)
    except (TypeError, ValueError):  # sent by `send` with a field of its own
        kind = message.get("type")
        return (
            RawCommand(type=kind if isinstance(kind, str) else "", message=message),
        )


def _inline_bytes(event: Event) -> int:
    """
    Return the length of the audio of a delta or an append.
    """
    text = getattr(event, "delta" if isinstance(event, ServerEvent) else "audio", "")
    if not event.type.endswith(("audio.delta", "buffer.append")):
        return 0
    return decoded_size(text) if isinstance(text, str) else 0


def _total(lines: list[Line], name: str) -> int:
    counts = (line.message.get(name) for line in lines if line.kind == f.DROPPED)
    return sum(count for count in counts if isinstance(count, int))
