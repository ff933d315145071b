"""
Builds the frames that a WebSocket client sends (RFC 6455, 5).

Each frame has a fresh random masking key (RFC 6455, 5.3).
"""

import functools
import os
import struct
from collections.abc import Sequence

from .frames import CLOSE, TEXT

_WRITE_BUFFER = 64 << 10  # bytes that may be written before a queued control frame
_LONGEST_HEAD = 14  # bytes: opcode, length and masking key
_MASKED = 0x80
_CACHED_BYTES = 64 << 10  # the number for a longer payload is not cached


def text_frames(messages: Sequence[bytes]) -> list[bytes]:
    """
    Return *messages* as text frames, joined into buffers of at most 64 KiB.

    A larger frame gets a buffer of its own.
    """
    keys = os.urandom(4 * len(messages))
    buffers: list[bytes] = []
    parts: list[bytes] = []
    size = 0
    for index, message in enumerate(messages):
        longest = len(message) + _LONGEST_HEAD
        if parts and size + longest > _WRITE_BUFFER:
            buffers.append(b"".join(parts))
            parts, size = [], 0
        key = keys[4 * index : 4 * index + 4]
        parts += (_head(TEXT, len(message), key), mask(key, message))
        size += longest
    if parts:
        buffers.append(b"".join(parts))
    return buffers


def control_frame(opcode: int, payload: bytes = b"") -> bytes:
    """
    Return a ping, pong or close frame.
    """
    key = os.urandom(4)
    return _head(opcode, len(payload), key) + mask(key, payload)


def close_frame(code: int, reason: str) -> bytes:
    """
    Return a close frame. A long reason is cut between two characters.
    """
    if code == 1005:  # "no code": it must not be sent (RFC 6455, 7.4.1)
        return control_frame(CLOSE)
    text = reason.encode("utf-8", "replace")[:123].decode("utf-8", "ignore")
    return control_frame(CLOSE, struct.pack("!H", code) + text.encode("utf-8"))


def frame_size(size: int) -> int:
    """
    Return the size of our frame with a payload of *size* bytes.
    """
    return size + (6 if size < 126 else 8 if size < 1 << 16 else 14)


def _head(opcode: int, size: int, key: bytes) -> bytes:
    first = 0x80 | opcode
    if size < 126:
        return struct.pack("!BB4s", first, _MASKED | size, key)
    if size < 1 << 16:
        return struct.pack("!BBH4s", first, _MASKED | 126, size, key)
    return struct.pack("!BBQ4s", first, _MASKED | 127, size, key)


def mask(key: bytes, data: bytes) -> bytes:
    """
    Return *data*, XORed byte by byte with the repeated 4-byte *key*.
    """
    size = len(data)
    words = (size + 3) // 4
    # The key times 0x...00000001_00000001 is the repeated key. It takes a fifth less
    # time than repeating the bytes and converting them to a number.
    ones = _ones(words) if size <= _CACHED_BYTES else _make_ones(words)
    repeated = ones * int.from_bytes(key, "little")
    masked = int.from_bytes(data, "little") ^ repeated
    return masked.to_bytes(4 * words, "little")[:size]


def _make_ones(words: int) -> int:
    return int.from_bytes(b"\1\0\0\0" * words, "little")


_ones = functools.lru_cache(maxsize=32)(_make_ones)  # appends of audio have few sizes
