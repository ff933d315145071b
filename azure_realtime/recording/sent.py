"""
A stretch of audio that the user sent without a pause.
"""

from __future__ import annotations

import binascii

from ..audio.formats import as_pcm


class Sent:
    """
    One stretch of audio.

    It ends when its last piece was sent. What is sent faster than it is spoken, such as
    a file, counts as spoken before that.

    Args:
        audio_format: The format of the samples.

    Attributes:
        seconds: Its duration.
        last: When its last piece was sent.
    """

    def __init__(self, audio_format: str) -> None:
        self._format = audio_format
        self._pieces: list[bytes] = []
        self.seconds = 0.0
        self.last = 0.0

    def add(self, base64: str, seconds: float, at: float) -> None:
        """
        Add a piece.

        Args:
            base64: Its samples; "" if they were not recorded.
            seconds: Its duration.
            at: When it was sent.
        """
        self.seconds += seconds
        self.last = at
        try:
            self._pieces.append(binascii.a2b_base64(base64))
        except ValueError:
            return

    @property
    def audio(self) -> tuple[bytes, int] | None:
        """
        The samples as PCM16, and their rate; None if they were not recorded.
        """
        data = b"".join(self._pieces)
        return as_pcm(data, self._format) if data else None
