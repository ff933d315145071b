"""
``input_audio_buffer.*``: what the user says, before it is an item.
"""

from typing import ClassVar

import attrs

from ..audio.encoding import as_base64
from ._base import ClientEvent, ServerEvent


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferAppend(ClientEvent):
    """
    Add audio to the buffer. The service does not acknowledge it.

    Attributes:
        audio: base64 text in the session's input format, at most 15 MiB (raw bytes
            are accepted and encoded).
    """

    type: ClassVar[str] = "input_audio_buffer.append"

    audio: str = attrs.field(converter=as_base64, repr=False)


class InputAudioBufferCommit(ClientEvent):
    """
    Make the buffer (at least 100 ms) an item. Not needed where VAD is on.
    """

    __slots__ = ()

    type: ClassVar[str] = "input_audio_buffer.commit"


class InputAudioBufferClear(ClientEvent):
    """
    Forget what is in the buffer.
    """

    __slots__ = ()

    type: ClassVar[str] = "input_audio_buffer.clear"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferCommitted(ServerEvent):
    """
    The buffer has become the user item *item_id*.
    """

    type: ClassVar[str] = "input_audio_buffer.committed"

    item_id: str = ""
    previous_item_id: str | None = None


class InputAudioBufferCleared(ServerEvent):
    """
    The buffer is empty.
    """

    __slots__ = ()

    type: ClassVar[str] = "input_audio_buffer.cleared"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferSpeechStarted(ServerEvent):
    """
    The service hears speech.

    Attributes:
        audio_start_ms: On the clock of all audio appended in this session, less
            the VAD's prefix padding.
        item_id: The user item this speech will become.
    """

    type: ClassVar[str] = "input_audio_buffer.speech_started"

    audio_start_ms: int = 0
    item_id: str = ""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferSpeechStopped(ServerEvent):
    """
    The speech has ended.

    Attributes:
        audio_end_ms: On the clock of all audio appended in this session.
    """

    type: ClassVar[str] = "input_audio_buffer.speech_stopped"

    audio_end_ms: int = 0
    item_id: str = ""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferTimeoutTriggered(ServerEvent):
    """
    Nobody spoke for ``idle_timeout_ms``: an empty item follows, and an answer.
    """

    type: ClassVar[str] = "input_audio_buffer.timeout_triggered"

    audio_start_ms: int = 0
    audio_end_ms: int = 0
    item_id: str = ""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferDtmfEventReceived(ServerEvent):
    """
    A key was pressed (telephone calls only; it carries no ``event_id``).

    Attributes:
        event: The key: ``0``-``9``, ``A``-``D``, ``*`` or ``#``.
        received_at: Unix time in seconds.
    """

    type: ClassVar[str] = "input_audio_buffer.dtmf_event_received"

    event: str = ""
    received_at: int = 0
