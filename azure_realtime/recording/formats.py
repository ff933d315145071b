"""
The audio formats of a session, followed through its messages.
"""

from __future__ import annotations

from typing import Any

from ..audio.formats import RATES, format_name
from ..events._names import canonical

_REPORTS = {"session.created", "session.updated"}


class AudioFormats:
    """
    The formats of both directions: ``pcm16``, ``g711_ulaw`` or ``g711_alaw``.

    Args:
        session: The session as the service reported it, in the shape of either
            protocol; None if it is not known yet.
    """

    def __init__(self, session: dict[str, Any] | None = None) -> None:
        self.names = {"user": "pcm16", "model": "pcm16"}
        self._read(session)

    def observe(self, message: dict[str, Any]) -> None:
        """
        Note the formats that a message of the service reports.
        """
        kind = message.get("type")
        if isinstance(kind, str) and canonical(kind) in _REPORTS:
            self._read(message.get("session"))

    def seconds(self, track: str, size: int) -> float:
        """
        Return the duration of *size* bytes of a track.
        """
        name = self.names[track]
        return size / RATES[name] / (2 if name == "pcm16" else 1)

    def _read(self, session: Any) -> None:
        if not isinstance(session, dict):
            return
        audio = session.get("audio")
        for track, side in (("user", "input"), ("model", "output")):
            value = session.get(f"{side}_audio_format")
            if value is None and isinstance(audio, dict):
                nested = audio.get(side)
                value = nested.get("format") if isinstance(nested, dict) else None
            if value is not None:
                self.names[track] = format_name(value)
