"""
WebSocket frames and messages of the load server and the bare client.

Not a benchmark. It has the part of RFC 6455 that two conforming peers on one machine need: no
extensions, no fragmented messages.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import struct
from typing import Any

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
AUDIO = "response.output_audio.delta"
TRANSCRIPT = "response.output_audio_transcript.delta"
START = "benchmark.start"  # command: begin the load that it describes
LAST = "benchmark.last"  # command: nothing more is sent
FINISHED = "benchmark.finished"  # event: the load is over
RATE = 48_000  # bytes per second of pcm16 at 24 kHz
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_ones: dict[int, int] = {}


def accept_key(key: bytes) -> bytes:
    """
    Return the value of ``Sec-WebSocket-Accept`` for a client's key.
    """
    return base64.b64encode(hashlib.sha1(key + _GUID).digest())


def compact(message: dict[str, Any]) -> bytes:
    """
    Return JSON without spaces.
    """
    return json.dumps(message, separators=(",", ":")).encode()


def header(length: int, opcode: int = TEXT, mask: int = 0) -> bytes:
    """
    Return the header of a final frame, without a mask key. *mask* is 0 or 0x80.
    """
    if length < 126:
        return bytes((0x80 | opcode, mask | length))
    if length < 1 << 16:
        return struct.pack(">BBH", 0x80 | opcode, mask | 126, length)
    return struct.pack(">BBQ", 0x80 | opcode, mask | 127, length)


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """
    Return a server's frame.
    """
    return header(len(payload), opcode) + payload


def apply_mask(payload: bytes, key: bytes) -> bytes:
    """
    Mask or unmask: XOR with the repeated key, which one multiplication makes.
    """
    length = len(payload)
    words = (length + 3) // 4
    ones = _ones.get(words)
    if ones is None:
        ones = _ones[words] = int.from_bytes(b"\0\0\0\1" * words, "big")
    mask = int.from_bytes(key, "big") * ones
    if length & 3:
        mask >>= 8 * (4 * words - length)
    return (int.from_bytes(payload, "big") ^ mask).to_bytes(length, "big")


def masked_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """
    Return a client's frame, with a new random mask key.
    """
    key = os.urandom(4)
    return b"".join((header(len(payload), opcode, 0x80), key, apply_mask(payload, key)))


class FrameReader:
    """
    Splits a stream of bytes into frames.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._position = 0

    def feed(self, data: bytes) -> None:
        """
        Add received bytes.
        """
        if self._position:
            del self._buffer[: self._position]
            self._position = 0
        self._buffer += data

    def next(self, payload: bool = True) -> tuple[int, bytes] | None:
        """
        Return opcode and payload of the next complete frame; None if there is none yet.

        Args:
            payload: False omits the payload of a text frame, which is cheaper.
        """
        buffer, start = self._buffer, self._position
        if len(buffer) < start + 2:
            return None
        opcode, length = buffer[start] & 15, buffer[start + 1]
        masked, length = length & 0x80, length & 0x7F
        position = start + 2
        if length >= 126:
            code, size = (">H", 2) if length == 126 else (">Q", 8)
            if len(buffer) < position + size:
                return None
            (length,) = struct.unpack_from(code, buffer, position)
            position += size
        if masked:
            position += 4
        end = position + length
        if len(buffer) < end:
            return None
        self._position = end
        if opcode == TEXT and not payload:
            return opcode, b""
        data = bytes(buffer[position:end])
        if masked and data:
            data = apply_mask(data, bytes(buffer[position - 4 : position]))
        return opcode, data


def pack_stamp(when: float) -> bytes:
    """
    Return a time as 9 bytes, which are 12 characters of base64.
    """
    return struct.pack("<dx", when)


def unpack_stamp(audio: bytes) -> float:
    """
    Return the time from the first bytes of audio.
    """
    when: float = struct.unpack_from("<d", audio)[0]
    return when


def appended_audio(message: bytes, most: int | None = None) -> bytes:
    """
    Return the audio of an ``input_audio_buffer.append`` message.

    Args:
        message: JSON, with or without spaces.
        most: The number of characters to decode, a multiple of 4; None means all.
    """
    if b"input_audio_buffer.append" not in message:
        raise ValueError(f"not an append: {message[:80]!r}")
    start = message.index(b'"', message.index(b":", message.index(b'"audio"'))) + 1
    end = message.index(b'"', start)
    return base64.b64decode(message[start : end if most is None else start + most])


def delta(kind: str, number: int, content: str) -> bytes:
    """
    Return the JSON of a delta event of the service.
    """
    return compact(
        {
            "type": kind,
            "event_id": f"event_{number:06}",
            "response_id": "resp_0001",
            "item_id": "item_0001",
            "output_index": 0,
            "content_index": 0,
            "delta": content,
        }
    )


def percentile(values: list[float], share: float) -> float | None:
    """
    Return the value below which *share* of the values are; None without values.
    """
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def summary(delays: list[float]) -> dict[str, float | int | None]:
    """
    Return count, median, 99th percentile and maximum, in milliseconds.
    """
    found = {"p50": percentile(delays, 0.5), "p99": percentile(delays, 0.99)}
    found["max"] = max(delays, default=None)
    return {"count": len(delays)} | {
        name: None if value is None else round(value * 1000, 3)
        for name, value in found.items()
    }
