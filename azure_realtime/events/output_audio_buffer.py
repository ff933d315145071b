"""
``output_audio_buffer.*``: playback by the service (WebRTC and telephone only).
"""

from typing import ClassVar, Literal

import attrs

from ._base import ClientEvent, ServerEvent

__all__ = [
    "OutputAudioBufferClear",
    "OutputAudioBufferCleared",
    "OutputAudioBufferStarted",
    "OutputAudioBufferStopped",
]


class OutputAudioBufferClear(ClientEvent):
    """
    Stop the playback by the service. Over a WebSocket the application plays the audio.
    """

    __slots__ = ()

    type: "ClassVar[Literal['output_audio_buffer.clear']]" = "output_audio_buffer.clear"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _OfPlayback(ServerEvent):
    response_id: str = ""


class OutputAudioBufferStarted(_OfPlayback):
    """
    The service started to play a response.
    """

    __slots__ = ()

    type: "ClassVar[Literal['output_audio_buffer.started']]" = (
        "output_audio_buffer.started"
    )


class OutputAudioBufferStopped(_OfPlayback):
    """
    The service played a response to its end.
    """

    __slots__ = ()

    type: "ClassVar[Literal['output_audio_buffer.stopped']]" = (
        "output_audio_buffer.stopped"
    )


class OutputAudioBufferCleared(_OfPlayback):
    """
    The playback was stopped by the user's speech or by a command.
    """

    __slots__ = ()

    type: "ClassVar[Literal['output_audio_buffer.cleared']]" = (
        "output_audio_buffer.cleared"
    )
