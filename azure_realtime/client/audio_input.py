"""
Conversion of the audio in commands to the session's format. The caller's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import attrs

from .._concurrency.deadline import Deadline
from ..audio.convert import AudioStream, converted
from ..audio.encoding import encode
from ..audio.files import no_check
from ..audio.formats import MIN_COMMIT_MS, bytes_per_ms, format_name
from ..audio.pcm import LinearAudio, pieces_of, read_audio, source_rate
from ..events import (
    ClientEvent,
    ConversationItemCreate,
    InputAudioBufferAppend,
    ResponseCreate,
)
from ..models.content import InputAudio
from ..models.items import MessageItem
from ..models.responses import ResponseConfig

C = TypeVar("C", bound=ClientEvent)


def within(deadline: Deadline) -> Callable[[], None]:
    """
    Return a function that raises TimeoutError once *deadline* has passed.
    """

    def check() -> None:
        if deadline.passed:
            raise TimeoutError(
                "the audio was not read and converted in time; give a longer timeout, "
                "or audio in the format of the session"
            )

    return check


def spoken(audio: Any, input_format: str, deadline: Deadline) -> bytes:
    """
    Convert a whole recording to the session's format.

    Args:
        audio: What `read_audio` takes, or an iterable of such pieces.
        input_format: The session's input format.
        deadline: The time limit for reading and converting.

    Raises:
        TimeoutError: The deadline passed.
        TypeError: As `read_audio`.
        ValueError: As `read_audio`; or the recording is shorter than 100 ms.
    """
    name, check = format_name(input_format), within(deadline)
    pieces = pieces_of(audio)
    if pieces is None:
        data = converted(read_audio(audio, check=check), name, check)
    else:
        data = _joined(pieces, source_rate(audio), name, check)
    milliseconds = len(data) / bytes_per_ms(name)
    if milliseconds < MIN_COMMIT_MS:
        raise ValueError(
            f"ask(audio=...) was given {milliseconds:.0f} ms of audio; "
            f"{MIN_COMMIT_MS} ms are needed. Is the recording empty?"
        )
    return data


def _joined(
    pieces: Any, rate: int | None, name: str, check: Callable[[], None]
) -> bytes:
    stream, out = AudioStream(), []
    for piece in pieces:
        check()
        data, held = stream.feed(read_audio(piece, rate, check), name, check)
        stream = held or AudioStream()
        out.append(data)
    return b"".join([*out, stream.rest(name)])


def with_audio_for(command: C, input_format: str) -> C:
    """
    Return *command* with its audio samples converted to the session's input format.
    """
    changes: dict[str, Any] = {}
    if isinstance(command, InputAudioBufferAppend):
        if isinstance(command.audio, LinearAudio):
            changes = {"audio": _text(command.audio, input_format)}
    elif isinstance(command, ConversationItemCreate):
        changes = {"item": _item(command.item, input_format)}
    elif isinstance(command, ResponseCreate) and command.response is not None:
        items = command.response.input
        if isinstance(items, tuple):
            items = tuple(_item(item, input_format) for item in items)
            response = attrs.evolve(command.response, input=items)
            changes = {"response": response}
    return attrs.evolve(command, **changes) if changes else command


def response_command(response: ResponseConfig, input_format: str) -> ResponseCreate:
    """
    Return the command that requests *response*, its audio converted likewise.
    """
    empty = response == ResponseConfig()
    command = ResponseCreate(response=None if empty else response)
    return with_audio_for(command, input_format)


def _item(item: Any, input_format: str) -> Any:
    if not isinstance(item, MessageItem):
        return item
    return attrs.evolve(
        item, content=tuple(_part(part, input_format) for part in item.content)
    )


def _part(part: Any, input_format: str) -> Any:
    if isinstance(part, InputAudio) and isinstance(part.audio, LinearAudio):
        return attrs.evolve(part, audio=_text(part.audio, input_format))
    return part


def _text(audio: LinearAudio, input_format: str) -> str:
    name = format_name(input_format)
    return encode(converted(read_audio(audio), name, no_check))
