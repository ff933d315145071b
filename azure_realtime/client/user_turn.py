"""
What a turn begins with: text, a recording, a picture, made into commands.

A recording goes through the input buffer, for only there the service writes down what
was said. Where the service would find turns by itself, that is switched off for as long
as it takes: the commands are sent in one row, so nothing waits.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from .._concurrency.deadline import Deadline
from .._state.session import SessionState
from ..models.content import InputAudio, InputImage, InputText, Part
from ..models.items import MessageItem
from ..models.turn_detection import ServerVad
from .audio_input import spoken
from .commands import Commands

_LONGEST_PATH = 4096

_IMAGES = (
    (b"\x89PNG", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF8", "gif"),
    (b"RIFF", "webp"),
)
"""How a picture's file begins -> the subtype of its media type."""


def send_user_turn(
    commands: Commands,
    session: SessionState,
    text: str | None,
    audio: Any,
    image: Any,
    timeout: float | None,
    watch: Callable[[Future[Any]], None],
    undo: list[Callable[[], object]],
) -> str | None:
    """
    Send the user's side of a turn. The caller's thread.

    Args:
        commands: Where to.
        session: What it is like.
        text: What to write.
        audio: What to say.
        image: What to show.
        timeout: Seconds for all of it.
        watch: Is given the answers that are not waited for here.
        undo: Gets what reverses each change that is not final yet, before it is made:
            the caller calls these, the last one first, if this is interrupted.

    Returns:
        The id of the spoken item; None where nothing was said.

    Raises:
        ValueError: There is nothing to ask, or it cannot be said so.
        ServerError: The service refused it.
    """
    parts = _written(text, image)
    deadline = Deadline(timeout)
    samples = None
    if audio is not None:
        samples = spoken(_recording(audio), session.input_format, deadline)
    if parts:
        item = MessageItem(role="user", content=tuple(parts))
        watch(commands.create_conversation_item(item))
    return (
        None if samples is None else _speak(commands, session, samples, deadline, undo)
    )


def _speak(
    commands: Commands,
    session: SessionState,
    samples: bytes,
    deadline: Deadline,
    undo: list[Callable[[], object]],
) -> str | None:
    """
    Send a recording; return the id of its item.
    """
    vad, detection = session.vad, session.field("turn_detection") or ServerVad()
    if vad:
        undo.append(lambda: commands.update_session(turn_detection=detection))
        commands.update_session(turn_detection=None)
    undo.append(commands.clear_audio_buffer)
    commands.clear_audio_buffer()
    commands.append_audio(samples, timeout=deadline.remaining())
    committed = commands.commit_audio()
    undo.pop()
    if vad:
        undo[-1]()
        undo.pop()
    return committed.result(deadline.remaining()).item_id


def question_item(
    session: SessionState, text: str | None, audio: Any, image: Any, deadline: Deadline
) -> MessageItem:
    """
    Return the user's side of a turn outside the conversation: one item, for the
    ``input`` of a response. Raises as `send_user_turn` does.
    """
    parts = _written(text, image)
    if audio is not None:
        samples = spoken(_recording(audio), session.input_format, deadline)
        parts.append(InputAudio(samples))
    return MessageItem(role="user", content=tuple(parts))


def _written(text: str | None, image: Any) -> list[Part]:
    parts: list[Part] = []
    if image is not None:
        parts.append(InputImage(image_url=image_url(image)))
    if text is not None:
        parts.append(InputText(text=text))
    return parts


def image_url(image: Any) -> str:
    """
    Return the URL of a picture: one that it is, or a data URL of a file or bytes.

    Raises:
        ValueError: It is no PNG, JPEG, GIF or WebP.
    """
    if isinstance(image, str) and image.startswith(("data:", "https://", "http://")):
        return image
    data = Path(image).read_bytes() if isinstance(image, (str, Path)) else bytes(image)
    for beginning, subtype in _IMAGES:
        if data.startswith(beginning) and (subtype != "webp" or data[8:12] == b"WEBP"):
            encoded = base64.b64encode(data).decode("ascii")
            return f"data:image/{subtype};base64,{encoded}"
    raise ValueError("the image is neither PNG, JPEG, GIF nor WebP")


def _recording(audio: Any) -> Any:
    """
    Return *audio*; text is the path of a WAV file.
    """
    if not isinstance(audio, str):
        return audio
    if len(audio) > _LONGEST_PATH:
        raise ValueError(
            "text is the path of a recording here: give samples as bytes "
            "(base64.b64decode)"
        )
    return Path(audio)
