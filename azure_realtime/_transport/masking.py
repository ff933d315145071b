"""
Masks the payloads of a WebSocket client (RFC 6455, 5.3).
"""

import functools

_CACHED_BYTES = 64 << 10  # the number for a longer payload is not cached


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
