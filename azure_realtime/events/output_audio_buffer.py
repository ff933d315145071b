"""
``output_audio_buffer.*``: playback by the service (WebRTC and telephone only).
"""

from typing import ClassVar

import attrs

from ._base import ClientEvent, ServerEvent


class OutputAudioBufferClear(ClientEvent):
    """
    Stop playing. Over a WebSocket the player is yours: stop it yourself.
    """

    __slots__ = ()

    type: ClassVar[str] = "output_audio_buffer.clear"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _OfPlayback(ServerEvent):
    response_id: str = ""


class OutputAudioBufferStarted(_OfPlayback):
    """
    The service has begun to play a response.
    """

    __slots__ = ()

    type: ClassVar[str] = "output_audio_buffer.started"


class OutputAudioBufferStopped(_OfPlayback):
    """
    The service has played all of a response.
    """

    __slots__ = ()

    type: ClassVar[str] = "output_audio_buffer.stopped"


class OutputAudioBufferCleared(_OfPlayback):
    """
    Playing was cut short, by the user's speech or by command.
    """

    __slots__ = ()

    type: ClassVar[str] = "output_audio_buffer.cleared"
