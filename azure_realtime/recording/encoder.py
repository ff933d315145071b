"""
Makes the lines of a recording.

A message is written as the text of the wire, byte by byte, but for its audio and its
secrets, which are taken out. Text that is not JSON is written as a JSON string.

One thread, except for the constructor.
"""

from __future__ import annotations

import binascii
import functools
import json
import time
from collections.abc import Iterator
from typing import Any

from .._version import __version__
from . import format as f
from .backlog import Dropped, Mark, Received
from .formats import AudioFormats
from .payloads import Path, Payload, decoded_size, payloads, put
from .secrets import Secrets
from .tracks import Track

_dumps = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_loads = json.JSONDecoder().decode
_LINE_FEEDS = bytes.maketrans(b"\r\n", b"  ")

#: Messages that are written without a search for secrets: their text comes in pieces.
_PIECES = (".delta", "input_audio_buffer.append")

_UNPLAYED_BYTES = 1 << 20  # of audio in one line


class Encoder:
    """
    Makes the lines of one recording.

    Args:
        mode: What is done with audio: ``none``, ``inline`` or ``wav``.
        tracks: The audio files by name; empty in the other modes.
        session: The session as last reported, in the shape of the wire.
    """

    def __init__(
        self, mode: f.AudioMode, tracks: dict[str, Track], session: dict[str, Any]
    ) -> None:
        self._mode = mode
        self._tracks = tracks
        self._session = session
        self._formats = AudioFormats(session)
        self._secrets = Secrets()
        # the difference of both clocks, which changes when the wall clock is set
        self._offset = time.time() - time.monotonic()

    def follow_clock(self) -> None:
        """
        Compare the clocks. Call it from time to time.
        """
        self._offset = time.time() - time.monotonic()

    def header(
        self, at: float, api_version: str | None, files: dict[str, str]
    ) -> bytes:
        """
        Return the first line.

        Args:
            at: The time at which the recording begins.
            api_version: None for the GA protocol.
            files: The names of the audio files.
        """
        session = self._secrets.removed({"session": self._session})["session"]
        fields = {
            "format": f.FORMAT,
            "version": f.VERSION,
            "library": __version__,
            "api_version": api_version,
            "audio": self._mode,
            "files": files,
            "session": session or None,
        }
        return self._line(f.HEADER, at, _encoded(fields)[1:-1])

    def message(self, entry: Received) -> Iterator[bytes]:
        """
        Yield the lines of a message: its own, and that of audio which it cuts off.
        """
        head = b'"direction":"%b","generation":%d,' % (
            entry.direction.encode(),
            entry.generation,
        )
        try:
            # The text of the wire is UTF-8; what is not is no JSON either.
            message = _loads(entry.text.decode())
        except (ValueError, RecursionError):
            text = _dumps(entry.text.decode("utf-8", "replace")).encode(
                "utf-8", "replace"
            )
            yield self._line(f.MESSAGE, entry.at, head + b'"text":' + text)
            return
        if not isinstance(message, dict):
            yield self._message_line(entry.at, head, entry.text)
            return
        if entry.direction == "in":
            self._formats.observe(message)
        kind = message.get("type")
        text, found = entry.text, payloads(message)
        if not (isinstance(kind, str) and kind.endswith(_PIECES)):
            cleaned = self._secrets.removed(message)
            if cleaned is not message:
                message, text = cleaned, _encoded(cleaned)
        if found and self._mode != "inline":
            text, references = self._take_out(message, text, found, entry.at)
            head += b'"audio":[%b],' % b",".join(references)
        yield self._message_line(entry.at, head, text)
        if _interrupts(message):
            yield from self._cut(entry.at)

    def mark(self, entry: Mark) -> bytes:
        """
        Return the line of a note of the application.
        """
        fields = {"name": entry.name, "data": entry.data}
        return self._line(f.MARK, entry.at, _encoded(fields)[1:-1])

    def dropped(self, entry: Dropped) -> bytes:
        """
        Return the line with the counts of dropped messages.
        """
        counts = b'"audio":%d,"messages":%d' % (entry.audio, entry.messages)
        return self._line(f.DROPPED, entry.at, counts)

    def end(self, at: float) -> bytes:
        """
        Return the last line.
        """
        return self._line(f.END, at, b"")

    def _take_out(
        self, message: dict[str, Any], text: bytes, found: list[Payload], at: float
    ) -> tuple[bytes, list[bytes]]:
        """
        Return the message without its audio, and references to this audio as JSON.
        """
        references: list[bytes] = []
        replaced = True
        for payload in found:
            source = b""
            if self._mode == "wav":
                start = self._stored(payload, at)
                if start is not None:
                    source = b',"track":"%b","start":%d' % (
                        payload.track.encode(),
                        start,
                    )
                elif payload.is_stream:
                    source = b',"base64":%b' % _encoded(payload.text)
                else:
                    continue  # it stays in the message
            size = decoded_size(payload.text)
            path = _path_json(payload.path)
            references.append(b'{"path":%b,"bytes":%d%b}' % (path, size, source))
            put(message, payload.path, "")
            if payload.text:
                quoted = b'"%b"' % payload.text.encode("ascii", "replace")
                shorter = text.replace(quoted, b'""', 1)
                replaced = replaced and len(shorter) < len(text)
                text = shorter
        return (text if replaced else _encoded(message)), references

    def _stored(self, payload: Payload, at: float) -> int | None:
        """
        Write a piece of a stream into its file. Return where it begins, or None.
        """
        if not payload.is_stream:
            return None
        try:
            data = binascii.a2b_base64(payload.text)
        except ValueError:
            return None
        if len(data) != decoded_size(payload.text):
            return None  # not what the encoder of the other side would have made
        audio_format = self._formats.names[payload.track]
        return self._tracks[payload.track].add(data, audio_format, at)

    def _cut(self, at: float) -> Iterator[bytes]:
        track = self._tracks.get("model")
        if track is None:
            return
        start, rest = track.cut(at)
        for position in range(0, len(rest), _UNPLAYED_BYTES):
            piece = rest[position : position + _UNPLAYED_BYTES]
            yield self._line(
                f.UNPLAYED,
                at,
                b'"track":"model","start":%d,"base64":"%b"'
                % (start + position, binascii.b2a_base64(piece, newline=False)),
            )

    def _message_line(self, at: float, head: bytes, text: bytes) -> bytes:
        # Line feeds in JSON can only stand between its values.
        if b"\n" in text or b"\r" in text:
            text = text.translate(_LINE_FEEDS)
        return self._line(f.MESSAGE, at, b'%b"message":%b' % (head, text))

    def _line(self, kind: str, at: float, rest: bytes) -> bytes:
        head = b'{"kind":"%b","monotonic":%.6f,"wall":%.6f' % (
            kind.encode(),
            at,
            at + self._offset,
        )
        return b"%b,%b}\n" % (head, rest) if rest else head + b"}\n"


def _encoded(value: Any) -> bytes:
    return _dumps(value).encode("utf-8", "replace")  # lone surrogates become "?"


@functools.lru_cache(maxsize=16)  # nearly all messages have one of two paths
def _path_json(path: Path) -> bytes:
    return _encoded(path)


def _interrupts(message: dict[str, Any]) -> bool:
    """
    Whether the rest of the answer is not played after this message.
    """
    kind = message.get("type")
    if kind in ("conversation.item.truncate", "output_audio_buffer.clear"):
        return True
    if kind != "response.done":
        return False
    response = message.get("response")
    return isinstance(response, dict) and response.get("status") == "cancelled"
