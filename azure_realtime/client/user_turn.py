"""
The commands that send the user's side of a turn: text, a recording, a picture.

A recording is sent through the input audio buffer, because the service transcribes only
committed audio. With VAD the service would split and answer it, so turn detection is
switched off before it and on after it; no command waits for an acknowledgement.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import attrs

from .._concurrency.deadline import Deadline
from ..audio.files import read_blocks
from ..audio.pcm import source_rate
from ..events import (
    ConversationItemCreate,
    InputAudioBufferClear,
    InputAudioBufferCommitted,
    SessionUpdate,
)
from ..models.content import InputAudio, InputImage, InputText, Part
from ..models.items import MessageItem, with_id
from ..models.session import SessionConfig
from ..models.turn_detection import ServerVad, TurnDetection
from ..voice.ends import SourceEnd
from ..voice.source_reader import SourceReader
from .audio_input import spoken
from .commands import Commands

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .._state.session import SessionState
    from .open_turn import OpenTurn

    Image = str | os.PathLike[str] | Buffer | BinaryIO
    """A picture: a path or a URL, the bytes of a file, or an open file."""
else:
    Image = Any  # `Buffer` is not in Python 3.10

_LONGEST_PATH = 4096
_CHECK = 0.1  # seconds between two checks whether the service has committed the input
_CLOSE_TIMEOUT = 0.5  # seconds that a source has to end

_IMAGES = (
    (b"\x89PNG", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF8", "gif"),
    (b"RIFF", "webp"),
)
"""First bytes of an image file -> the subtype of its media type."""


def send_user_turn(
    commands: Commands,
    session: SessionState,
    text: str | None,
    audio: Any,
    image: Any,
    timeout: float | None,
    turn: OpenTurn,
    undo: list[Callable[[], object]],
) -> Future[InputAudioBufferCommitted] | None:
    """
    Send the user's side of a turn. The caller's thread.

    Returns:
        The future of the commit, if there is one: it completes the question.

    Args:
        commands: The client, which sends.
        session: The state of the session: input format and turn detection.
        text: The question as text, or None.
        audio: The question as speech, or None.
        image: The picture, or None.
        timeout: Seconds for all of it.
        turn: Gets the items of the question; knows when the service has committed the
            input.
        undo: Gets what reverses each change that is not final yet, before the change is
            made. The caller calls these, the last one first, unless the question is
            completed.

    Raises:
        ValueError: The audio or the image has an unknown format, or the protocol in use
            does not support it.
        ServerError: The service refused the audio.
    """
    parts = _written(text, image)
    deadline = Deadline(timeout)
    samples = None
    if audio is not None and source_rate(audio) is None:
        samples = spoken(_recording(audio), session.input_format, deadline)
    if parts:
        item = with_id(MessageItem(role="user", content=tuple(parts)))
        create = ConversationItemCreate(item=item)
        turn.ask(item, partial(commands._command, create, bounded=False))
    if samples is not None:
        return _speak(commands, session, turn, samples, deadline, undo)
    if audio is not None:
        return _relay(commands, session, turn, audio, deadline, undo)
    return None


def _speak(
    commands: Commands,
    session: SessionState,
    turn: OpenTurn,
    samples: bytes,
    deadline: Deadline,
    undo: list[Callable[[], object]],
) -> Future[InputAudioBufferCommitted]:
    """
    Send a recording, and commit it.
    """
    vad = session.turn_detection is not None
    detection = session.turn_detection or ServerVad()
    if vad:
        undo.append(lambda: _detect(commands, detection))
        _detect(commands, None)
    undo.append(lambda: _clear(commands))
    turn.listen(_clear(commands))
    commands.append_audio(samples, timeout=deadline.remaining())
    committed = _commit(commands, turn)
    if vad:
        _reverse_first(undo)
    return committed


def _reverse_first(undo: list[Callable[[], object]]) -> None:
    undo[0]()
    del undo[0]


# These commands ignore the bound of the send queue: the time limit of the turn includes
# them, and after a failure the session must be as before.


def _detect(commands: Commands, detection: TurnDetection | None) -> Future[Any]:
    update = SessionUpdate(session=SessionConfig(turn_detection=detection))
    return commands._command(update, bounded=False)


def _clear(commands: Commands) -> Future[Any]:
    return commands._command(InputAudioBufferClear(), bounded=False)


def _commit(commands: Commands, turn: OpenTurn) -> Future[InputAudioBufferCommitted]:
    return turn.commit(partial(commands._commit, bounded=False))


def _append(
    commands: Commands, reader: SourceReader, turn: OpenTurn, deadline: Deadline
) -> None:
    """
    Send blocks until the service commits the input, or the blocks end.
    """
    while not deadline.passed:
        check = Deadline(_CHECK)
        block = reader.take(deadline if deadline.is_before(check) else check)
        if block is not None and block.pcm:
            commands.append_audio(block.pcm, deadline.remaining(), rate=block.rate)
        turn.check()
        if turn.spoken is not None or reader.ended:
            return
    raise TimeoutError("the question was not complete in time")


def _relay(
    commands: Commands,
    session: SessionState,
    turn: OpenTurn,
    source: Any,
    deadline: Deadline,
    undo: list[Callable[[], object]],
) -> Future[InputAudioBufferCommitted] | None:
    """
    Send a source until the service commits the input or the source ends.

    Turn detection stays on, but requests no response: the turn does that.
    """
    vad = session.turn_detection is not None
    detection = session.turn_detection or ServerVad()
    if vad:
        undo.append(lambda: _detect(commands, detection))
    undo.append(lambda: _clear(commands))
    sent = [_clear(commands)]
    if vad:  # after the clear, so that its acknowledgement proves that too
        sent.append(_detect(commands, attrs.evolve(detection, create_response=False)))
    turn.listen(*sent)
    _read(commands, source, turn, deadline)
    committed = None
    if turn.spoken is None:  # the source has ended: as a recording
        if vad:
            _detect(commands, None)
        try:
            committed = _commit(commands, turn)
        except ValueError:
            raise ValueError(
                "ask(audio=...): the source ended before it gave 100 ms of audio. "
                "Is it a new one? A source can be used once."
            ) from None
    if vad:
        _reverse_first(undo)
    return committed


def _read(commands: Commands, source: Any, turn: OpenTurn, deadline: Deadline) -> None:
    """
    Open a source, send it as `_append` does, and close it.
    """
    end = SourceEnd(source)
    reader = SourceReader(end)
    try:
        end.open()
        reader.start()
        _append(commands, reader, turn, deadline)
    finally:
        reader.close(Deadline(_CLOSE_TIMEOUT))


def question_item(
    session: SessionState, text: str | None, audio: Any, image: Any, deadline: Deadline
) -> MessageItem:
    """
    Return the user's side of a turn outside the conversation: one item, for the
    ``input`` of a response. Raises as `send_user_turn` does.
    """
    parts = _written(text, image)
    if audio is not None:
        if source_rate(audio) is not None and getattr(audio, "live", False):
            raise ValueError(
                "a question outside the conversation needs a complete recording, not a "
                "live source: the service detects no turns there"
            )
        samples = spoken(_recording(audio), session.input_format, deadline)
        parts.append(InputAudio(samples))
    return MessageItem(role="user", content=tuple(parts))


def check_text(text: Any) -> None:
    """
    Check the type of a question's text.

    Raises:
        TypeError: It is neither text nor None.
    """
    if not (text is None or isinstance(text, str)):
        kind = type(text).__name__
        raise TypeError(
            f"the text of a question must be a str, not {kind}; speech is given as "
            "audio=..., an item by create_conversation_item"
        )


def _written(text: str | None, image: Any) -> list[Part]:
    parts: list[Part] = []
    if image is not None:
        parts.append(InputImage(image_url=image_url(image)))
    if text is not None:
        parts.append(InputText(text=text))
    return parts


def image_url(image: Any) -> str:
    """
    Return *image* if it is a URL, else the data URL of a path, open file or bytes.

    Raises:
        ValueError: The image is neither PNG, JPEG, GIF nor WebP.
        TypeError: It has another type, or is a file that is open for text.
    """
    if isinstance(image, str) and image.startswith(("data:", "https://", "http://")):
        return image
    if isinstance(image, (str, os.PathLike)):
        data = Path(image).read_bytes()
    else:
        try:
            data = bytes(memoryview(image))  # first: an mmap has `read` as well
        except TypeError:
            if not callable(getattr(image, "read", None)):
                kind = type(image).__name__
                raise TypeError(
                    f"image must be a path, a URL or bytes, not {kind}"
                ) from None
            data = read_blocks(image)
    for beginning, subtype in _IMAGES:
        if data.startswith(beginning) and (subtype != "webp" or data[8:12] == b"WEBP"):
            encoded = base64.b64encode(data).decode("ascii")
            return f"data:image/{subtype};base64,{encoded}"
    raise ValueError("the image is neither PNG, JPEG, GIF nor WebP")


def _recording(audio: Any) -> Any:
    """
    Return *audio*; text becomes a path.
    """
    if not isinstance(audio, str):
        return audio
    if not audio:
        raise ValueError("audio is empty text: give the path of a WAV file")
    if audio.startswith(("data:", "http://", "https://")):
        raise ValueError(
            "audio given as text is the path of a WAV file, not a URL: give the file's "
            "bytes"
        )
    if len(audio) > _LONGEST_PATH:
        raise ValueError(
            "audio given as text is the path of a WAV file, and this text is too long: "
            "give samples as bytes (base64.b64decode)"
        )
    return Path(audio)
