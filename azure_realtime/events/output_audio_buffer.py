"""
``output_audio_buffer.*``: playback by the service (WebRTC and telephone only).
"""

from typing import ClassVar

import attrs

from ._base import ClientEvent, ServerEvent


@attrs.frozen(kw_only=True, eq=False, repr=False)
class OutputAudioBufferClear(ClientEvent):
    """
    Stop playing. Over a WebSocket the player is yours: stop it yourself.
    """

    type: ClassVar[str] = "output_audio_buffer.clear"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class OutputAudioBufferStarted(ServerEvent):
    """
    The service has begun to play a response.
    """

    type: ClassVar[str] = "output_audio_buffer.started"

    response_id: str = ""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class OutputAudioBufferStopped(ServerEvent):
    """
    The service has played all of a response.
    """

    type: ClassVar[str] = "output_audio_buffer.stopped"

    response_id: str = ""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class OutputAudioBufferCleared(ServerEvent):
    """
    Playing was cut short, by the user's speech or by command.
    """

    type: ClassVar[str] = "output_audio_buffer.cleared"

    response_id: str = ""
