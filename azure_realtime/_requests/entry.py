"""
The messages in the send queue.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Entry(NamedTuple):
    """
    One encoded message.

    Attributes:
        message: The text.
        event_id: The id by which `SendQueue.withdraw` finds it; None: it cannot be
            withdrawn.
        audio: Whether it may be dropped to make room.
        of_connection: Whether it means nothing to another connection. Nor does audio.
    """

    message: bytes
    event_id: str | None
    audio: bool = False
    of_connection: bool = False


def audio_bytes(entries: Iterable[Entry]) -> int:
    """
    Return the size of the audio in *entries*.
    """
    return sum(len(entry.message) for entry in entries if entry.audio)
