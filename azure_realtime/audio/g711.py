"""
G.711, the sound of telephones: one byte a sample, 8,000 a second.

Decoding only, as ITU-T G.711 defines it, into PCM16: little endian and twice as long.
Pure functions; any thread may call them.
"""

import functools
import struct


def decode_ulaw(data: bytes) -> bytes:
    """
    Return the PCM16 of *data*, which is in mu-law (North America, Japan).
    """
    return _decode(data, *_tables("ulaw"))


def decode_alaw(data: bytes) -> bytes:
    """
    Return the PCM16 of *data*, which is in A-law (the rest of the world).
    """
    return _decode(data, *_tables("alaw"))


def _decode(data: bytes, low: bytes, high: bytes) -> bytes:
    # Two translations in C, one for each byte of the samples.
    pcm = bytearray(2 * len(data))
    pcm[0::2] = data.translate(low)
    pcm[1::2] = data.translate(high)
    return bytes(pcm)


@functools.cache
def _tables(law: str) -> tuple[bytes, bytes]:
    """
    Return the low and the high byte of the sample that each byte stands for.
    """
    sample = _ulaw_sample if law == "ulaw" else _alaw_sample
    pcm = struct.pack("<256h", *map(sample, range(256)))
    return pcm[0::2], pcm[1::2]


def _ulaw_sample(code: int) -> int:
    code ^= 0xFF
    exponent, mantissa = code >> 4 & 7, code & 15
    magnitude = ((mantissa << 3) + 0x84 << exponent) - 0x84
    return -magnitude if code & 0x80 else magnitude


def _alaw_sample(code: int) -> int:
    code ^= 0x55
    exponent, mantissa = code >> 4 & 7, code & 15
    magnitude = (mantissa << 4) + 8
    if exponent:
        magnitude = magnitude + 0x100 << exponent - 1
    return magnitude if code & 0x80 else -magnitude
