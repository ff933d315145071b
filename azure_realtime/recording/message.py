"""
The messages of a recording, and the notes in it.
"""

from typing import Any

import attrs

from ..events import Event

__all__ = ["Mark", "Message"]


@attrs.frozen
class Message:
    """
    A recorded message.

    Attributes:
        seconds: The time since the beginning of the recording.
        wall: The time in seconds since 1970, UTC.
        generation: Number of the connection; a reconnect adds one.
        direction: ``in`` (from the service) or ``out``.
        event: The event or command. Its audio is empty if the recording has none.
        audio_bytes: The length of the audio in the message, also if the recording does
            not have the audio.
    """

    seconds: float
    wall: float
    generation: int
    direction: str
    event: Event
    audio_bytes: int = 0


@attrs.frozen
class Mark:
    """
    A note that the application added by `Recorder.mark`.

    Attributes:
        seconds: The time since the beginning of the recording.
        name: The name of the note.
        data: The further values.
    """

    seconds: float
    name: str
    data: dict[str, Any]
