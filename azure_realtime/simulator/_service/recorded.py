"""
A recording as the steps of its connections.

The local service and the client share no code but the one that reads the file.
"""

from __future__ import annotations

import os
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...recording.reader import Line

__all__ = ["IdMap", "Recorded", "Step", "Steps"]

Json = dict[str, Any]

_WORD = re.compile(r"[\w-]+")


@dataclass(frozen=True)
class Step:
    """
    A message of the recording.

    Attributes:
        is_event: Whether the service sent it.
        at: The time in seconds.
        message: The message; a string if it is no JSON object.
        audio_bytes: The length of its audio, decoded.
    """

    is_event: bool
    at: float
    message: Json | str
    audio_bytes: int

    @property
    def type(self) -> str:
        """
        The type of the message; "" without one.
        """
        kind = self.message.get("type") if isinstance(self.message, dict) else ""
        return kind if isinstance(kind, str) else ""


@dataclass(frozen=True)
class Steps:
    """
    The steps of one connection.

    Attributes:
        steps: The messages in order.
        session: The session as it was before them, if they do not begin with it.
        is_last: Whether no other connection followed.
    """

    steps: tuple[Step, ...]
    session: Json | None
    is_last: bool


class Recorded:
    """
    The connections of a recording.

    Args:
        path: The path of the recording.

    Raises:
        OSError: A file cannot be read.
        ValueError: The file is no recording, or has no messages.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # Imported here: the reader of the file is a part of the client's package.
        from ...recording.reader import read_recording

        header, lines = read_recording(path, silence=True)
        self.protocol = "ga" if header.api_version in (None, "v1") else "preview"
        messages = [line for line in lines if line.kind == "message"]
        if not messages:
            raise ValueError(f"{os.fspath(path)} has no messages to replay")
        numbers = sorted({line.generation for line in messages})
        self._connections = [
            _steps(
                [line for line in messages if line.generation == number],
                header.session,
                number == numbers[-1],
            )
            for number in numbers
        ]
        self._lock = threading.Lock()  # guards _next
        self._next = 0

    def next_connection(self) -> Steps:
        """
        Return the steps for the next client; after the last connection, the first's.
        """
        with self._lock:
            number, self._next = self._next, self._next + 1
        return self._connections[number % len(self._connections)]


def _steps(lines: list[Line], session: Json, is_last: bool) -> Steps:
    steps = tuple(
        Step(line.direction == "in", line.monotonic, line.message, line.audio_bytes)
        for line in lines
    )
    begins = any(step.is_event and step.type == "session.created" for step in steps)
    return Steps(steps, None if begins else session, is_last)


class IdMap:
    """
    The ids that a client chose in the recording, and those that it chooses now.
    """

    def __init__(self) -> None:
        self._now: dict[str, str] = {}

    def add(self, recorded: Any, now: Any, name: str = "") -> None:
        """
        Note the ids in a recorded command and in the one that was sent in its place.
        """
        if isinstance(recorded, dict) and isinstance(now, dict):
            for key in recorded.keys() & now.keys():
                self.add(recorded[key], now[key], key)
        elif isinstance(recorded, list) and isinstance(now, list):
            for one, other in zip(recorded, now, strict=False):
                self.add(one, other, name)
        elif (
            isinstance(recorded, str)
            and isinstance(now, str)
            and recorded
            and recorded != now
            and (name == "id" or name.endswith("_id"))
        ):
            self._now[recorded] = now

    def replaced(self, message: Any) -> Any:
        """
        Return an event with the ids of now.
        """
        if not self._now:
            return message
        if isinstance(message, str):
            if message in self._now:
                return self._now[message]
            return _WORD.sub(lambda word: self._now.get(word[0], word[0]), message)
        if isinstance(message, list):
            return [self.replaced(each) for each in message]
        if isinstance(message, dict):
            is_audio = str(message.get("type")).endswith("audio.delta")
            return {
                key: value if is_audio and key == "delta" else self.replaced(value)
                for key, value in message.items()
            }
        return message
