"""
``input_audio_buffer.*``: the user's audio before it becomes an item.
"""

from typing import ClassVar, Literal

import attrs

from ..audio.encoding import as_audio
from ._base import ClientEvent, ServerEvent

__all__ = [
    "InputAudioBufferAppend",
    "InputAudioBufferClear",
    "InputAudioBufferCleared",
    "InputAudioBufferCommit",
    "InputAudioBufferCommitted",
    "InputAudioBufferDtmfEventReceived",
    "InputAudioBufferSpeechStarted",
    "InputAudioBufferSpeechStopped",
    "InputAudioBufferTimeoutTriggered",
]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferAppend(ClientEvent):
    """
    Append audio to the buffer. The service does not acknowledge it.

    Attributes:
        audio: Base64 text in the session's input format, at most 15 MiB. Bytes are
            accepted and encoded; samples and WAV files are accepted as by
            `append_audio`, and converted to the session's format when they are sent.
    """

    type: "ClassVar[Literal['input_audio_buffer.append']]" = "input_audio_buffer.append"

    audio: str = attrs.field(converter=as_audio, repr=False)


class InputAudioBufferCommit(ClientEvent):
    """
    Make a user message of the buffer (at least 100 ms). Not needed with VAD.
    """

    __slots__ = ()

    type: "ClassVar[Literal['input_audio_buffer.commit']]" = "input_audio_buffer.commit"


class InputAudioBufferClear(ClientEvent):
    """
    Clear the buffer.
    """

    __slots__ = ()

    type: "ClassVar[Literal['input_audio_buffer.clear']]" = "input_audio_buffer.clear"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferCommitted(ServerEvent):
    """
    The buffer became the user message *item_id*.
    """

    type: "ClassVar[Literal['input_audio_buffer.committed']]" = (
        "input_audio_buffer.committed"
    )

    item_id: str = ""
    previous_item_id: str | None = None


class InputAudioBufferCleared(ServerEvent):
    """
    The buffer was cleared.
    """

    __slots__ = ()

    type: "ClassVar[Literal['input_audio_buffer.cleared']]" = (
        "input_audio_buffer.cleared"
    )


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferSpeechStarted(ServerEvent):
    """
    VAD detected the begin of speech.

    Attributes:
        audio_start_ms: The begin, in milliseconds of all audio appended in the session,
            minus the VAD's prefix padding.
        item_id: The id of the user message that the speech will become.
    """

    type: "ClassVar[Literal['input_audio_buffer.speech_started']]" = (
        "input_audio_buffer.speech_started"
    )

    audio_start_ms: int = 0
    item_id: str = ""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferSpeechStopped(ServerEvent):
    """
    VAD detected the end of speech.

    Attributes:
        audio_end_ms: The end, in milliseconds of all audio appended in the session.
        item_id: The id of the user message that the speech will become.
    """

    type: "ClassVar[Literal['input_audio_buffer.speech_stopped']]" = (
        "input_audio_buffer.speech_stopped"
    )

    audio_end_ms: int = 0
    item_id: str = ""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferTimeoutTriggered(ServerEvent):
    """
    There was no speech for ``idle_timeout_ms``; an empty item and a response follow.
    """

    type: "ClassVar[Literal['input_audio_buffer.timeout_triggered']]" = (
        "input_audio_buffer.timeout_triggered"
    )

    audio_start_ms: int = 0
    audio_end_ms: int = 0
    item_id: str = ""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferDtmfEventReceived(ServerEvent):
    """
    A key was pressed (telephone calls only; the event has no ``event_id``).

    Attributes:
        event: The key: ``0``-``9``, ``A``-``D``, ``*`` or ``#``.
        received_at: Unix time in seconds.
    """

    type: "ClassVar[Literal['input_audio_buffer.dtmf_event_received']]" = (
        "input_audio_buffer.dtmf_event_received"
    )

    event: str = ""
    received_at: int = 0
