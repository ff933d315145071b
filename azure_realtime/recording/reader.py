"""
Reads the file of a recording, which may come from a stranger.

Rules:

1. The length of a line and the sizes of the files are limited.
2. Audio files are beside the recording and have bare names. Links are not followed.
3. A last line that was cut is ignored. Any other line that is no JSON object, or lacks
   what its kind requires, makes the file invalid. Lines of unknown kinds are ignored.
4. Nothing in the file is executed, imported or unpickled.
"""

from __future__ import annotations

import binascii
import contextlib
import json
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from . import format as f
from .formats import AudioFormats
from .lines import invalid, objects, opened
from .payloads import put
from .tracks import TrackReader, Unplayed

_NAME = re.compile(r"[^/\\:\0]{1,255}")


@attrs.frozen
class Header:
    """
    The first line of a recording.

    Attributes:
        monotonic: The time at which it begins, in seconds of the monotonic clock.
        wall: The same time in seconds since 1970, UTC.
        api_version: None for the GA protocol, a date for the preview protocol.
        audio: ``none``, ``inline`` or ``wav``.
        session: The session as last reported before, in the shape of GA; may be empty.
        library: The version of this package that wrote the file.
    """

    monotonic: float
    wall: float
    api_version: str | None
    audio: str
    session: dict[str, Any] = attrs.field(repr=False)
    library: str


@attrs.frozen
class Line:
    """
    Another line of a recording.

    Attributes:
        number: The number of the line, from 1.
        kind: ``message``, ``mark``, ``dropped`` or ``end``.
        monotonic: The time in seconds of the monotonic clock.
        wall: The time in seconds since 1970, UTC.
        direction: ``in`` or ``out``; "" for other kinds than messages.
        generation: The number of the connection; 0 for other kinds than messages.
        message: The message with its audio, or the fields of another kind. A message
            that is no JSON object is a string.
        audio_bytes: The length of the audio in the message, decoded.
    """

    number: int
    kind: str
    monotonic: float
    wall: float
    direction: str
    generation: int
    message: Any = attrs.field(repr=False)
    audio_bytes: int


def read_recording(
    path: str | os.PathLike[str],
    *,
    max_bytes: int = f.MAX_FILE_BYTES,
    silence: bool = False,
) -> tuple[Header, list[Line]]:
    """
    Read a recording and its audio files.

    Args:
        path: The path of the recording.
        max_bytes: The maximum size of each of its files.
        silence: Put silence in place of audio that the recording does not have.

    Raises:
        OSError: A file cannot be read.
        ValueError: The file is no recording, has a newer format, is too large, or
            names an audio file that is not beside it. The message has the line.
    """
    path = Path(path)
    with contextlib.ExitStack() as cleanup:
        file = cleanup.enter_context(opened(path, max_bytes, follow=True))
        found = objects(file, path.name)
        _, first = next(found, (1, {}))
        header = _header(first, path.name)
        lines: list[Line] = []
        unplayed: dict[str, list[Unplayed]] = {track: [] for track in f.TRACKS}
        waiting: list[tuple[Line, list[dict[str, Any]]]] = []
        for number, value in found:
            kind = value["kind"]
            try:
                if kind == f.UNPLAYED:
                    unplayed[value["track"]].append(_unplayed(number, value))
                    continue
                line, audio = _line(number, value)
            except (KeyError, TypeError, ValueError) as error:
                raise invalid(path.name, number, f"{kind}: {error!r}") from None
            if line is not None:
                lines.append(line)
                if audio:
                    waiting.append((line, audio))
        files = _files(first.get("files"), path.name)
        tracks = {
            track: TrackReader(
                cleanup.enter_context(
                    opened(path.with_name(name), max_bytes, follow=False)
                ),
                unplayed[track],
            )
            for track, name in files.items()
        }
        silent = _silence_of(lines, header) if silence else {}
        left = f.MAX_FILE_BYTES  # a few small lines may name much audio
        for line, audio in waiting:
            left -= line.audio_bytes
            if left < 0:
                raise invalid(path.name, line.number, "too much audio in all")
            try:
                _restore(line, audio, tracks, silent)
            except (KeyError, TypeError, ValueError) as error:
                raise invalid(path.name, line.number, repr(error)) from None
    return header, lines


def read_objects(path: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """
    Yield the lines of a recording as they are in the file, the header first.

    Raises:
        OSError: The file cannot be read.
        ValueError: The file is no recording, or a line before the last one is damaged.
    """
    path = Path(path)
    with opened(path, f.MAX_FILE_BYTES, follow=True) as file:
        found = objects(file, path.name)
        _, first = next(found, (1, {}))
        _header(first, path.name)
        yield first
        for _, value in found:
            yield value


def _header(value: dict[str, Any], name: str) -> Header:
    version = value.get("version")
    if value.get("kind") != f.HEADER or value.get("format") != f.FORMAT:
        raise ValueError(f"{name} is no recording: its first line is no header")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise invalid(name, 1, f"version {version!r}")
    if version > f.VERSION:
        raise ValueError(
            f"{name} has format version {version}, this version of the package reads "
            f"{f.VERSION}: update azure_realtime"
        )
    api_version, session = value.get("api_version"), value.get("session")
    try:
        return Header(
            monotonic=_number(value, "monotonic"),
            wall=_number(value, "wall"),
            api_version=api_version if isinstance(api_version, str) else None,
            audio=str(value.get("audio")),
            session=session if isinstance(session, dict) else {},
            library=str(value.get("library", "")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise invalid(name, 1, repr(error)) from None


def _line(
    number: int, value: dict[str, Any]
) -> tuple[Line | None, list[dict[str, Any]]]:
    """
    Return a line, and the references to its audio; None for a line of another kind.
    """
    kind, direction, generation, audio = value["kind"], "", 0, []
    if kind == f.MESSAGE:
        direction, generation = value["direction"], value["generation"]
        if direction not in ("in", "out"):
            raise ValueError(f"direction {direction!r}")
        if not isinstance(generation, int) or generation < 0:
            raise ValueError(f"generation {generation!r}")
        audio = value.get("audio", [])
        message = value["message"] if "message" in value else value["text"]
        if not isinstance(message, dict):
            message = message if isinstance(message, str) else json.dumps(message)
    elif kind in (f.MARK, f.DROPPED, f.END):
        message = {k: v for k, v in value.items() if k not in _OF_EVERY_LINE}
    else:
        return None, []
    line = Line(
        number=number,
        kind=kind,
        monotonic=_number(value, "monotonic"),
        wall=_number(value, "wall"),
        direction=direction,
        generation=generation,
        message=message,
        audio_bytes=sum(_size(reference, "bytes") for reference in audio),
    )
    return line, audio


_OF_EVERY_LINE = ("kind", "monotonic", "wall")


def _number(value: dict[str, Any], key: str) -> float:
    number = value[key]
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise TypeError(f"{key} is no number")
    if not math.isfinite(number) or abs(number) > 1e12:
        raise ValueError(f"{key} is {number}")
    return float(number)


def _size(value: dict[str, Any], key: str) -> int:
    size = value[key]
    if isinstance(size, bool) or not isinstance(size, int):
        raise TypeError(f"{key} is no whole number")
    if not 0 <= size <= f.MAX_FILE_BYTES:
        raise ValueError(f"{key} is {size}")
    return size


def _unplayed(number: int, value: dict[str, Any]) -> Unplayed:
    data = binascii.a2b_base64(value["base64"])
    return Unplayed(number, _size(value, "start"), data)


def _files(value: Any, name: str) -> dict[str, str]:
    """
    Return the names of the audio files by track.
    """
    files: dict[str, str] = {}
    for track, file in value.items() if isinstance(value, dict) else ():
        if track not in f.TRACKS:
            continue
        if (
            not isinstance(file, str)
            or not _NAME.fullmatch(file)
            or file in (".", "..")
            or file == name
        ):
            raise invalid(name, 1, f"{file!r} is no bare name of an audio file")
        files[track] = file
    return files


def _restore(
    line: Line,
    audio: list[dict[str, Any]],
    tracks: dict[str, TrackReader],
    silent: dict[int, bytes],
) -> None:
    """
    Put the audio back into a message, or silence where there is none.
    """
    for reference in audio:
        size, text = _size(reference, "bytes"), reference.get("base64")
        reader = tracks.get(reference.get("track", ""))
        data: bytes | None = None
        if reader is not None:
            data = reader.read(line.number, _size(reference, "start"), size)
        if data is None and line.number in silent:
            data = silent[line.number] * size
        if data is not None and not isinstance(text, str):
            text = binascii.b2a_base64(data, newline=False).decode()
        if isinstance(text, str):
            put(line.message, reference.get("path"), text)


def _silence_of(lines: list[Line], header: Header) -> dict[int, bytes]:
    """
    Return the byte of silence in the format in use, for each line with audio.
    """
    formats = AudioFormats(header.session)
    found = {}
    for line in lines:
        if line.direction == "in" and isinstance(line.message, dict):
            formats.observe(line.message)
        if line.audio_bytes:
            track = "model" if line.direction == "in" else "user"
            found[line.number] = _SILENCE.get(formats.names[track], b"\0")
    return found


_SILENCE = {"g711_ulaw": b"\xff", "g711_alaw": b"\xd5"}
