"""
G.711 telephone audio (ITU-T G.711): 8 bit samples at 8 kHz.

PCM16 is little-endian and has twice the length. Any thread.
"""

import functools
import struct

from .samples import Samples, pcm16, samples_of, view_of

__all__ = ["decode_alaw", "decode_ulaw", "encode_alaw", "encode_ulaw"]


def decode_ulaw(data: Samples) -> bytes:
    """
    Convert mu-law (North America, Japan) to PCM16.
    """
    return _decode(data, *_tables("ulaw"))


def decode_alaw(data: Samples) -> bytes:
    """
    Convert A-law (the rest of the world) to PCM16.
    """
    return _decode(data, *_tables("alaw"))


def encode_ulaw(pcm: Samples) -> bytes:
    """
    Convert PCM16 at 8 kHz to mu-law; an odd byte at the end is ignored.
    """
    return _encode(pcm, "ulaw")


def encode_alaw(pcm: Samples) -> bytes:
    """
    Convert PCM16 at 8 kHz to A-law; an odd byte at the end is ignored.
    """
    return _encode(pcm, "alaw")


def _encode(pcm: Samples, law: str) -> bytes:
    pcm = pcm16(pcm)
    samples = samples_of(pcm[: len(pcm) & ~1])
    return bytes(map(_codes(law).__getitem__, samples))


@functools.cache
def _codes(law: str) -> bytes:
    """
    Return the code of each sample, indexed by the sample (negative from the end).
    """
    code = _ulaw_code if law == "ulaw" else _alaw_code
    return bytes(map(code, (*range(32768), *range(-32768, 0))))


def _ulaw_code(sample: int) -> int:
    # On the 16 bit scale: truncating to 14 bits first, as `audioop` did, is less exact.
    magnitude = min(abs(sample), 32635) + 0x84
    exponent = magnitude.bit_length() - 8
    code = exponent << 4 | magnitude >> exponent + 3 & 15
    return (code | 0x80 if sample < 0 else code) ^ 0xFF


def _alaw_code(sample: int) -> int:
    magnitude = sample if sample >= 0 else ~sample
    exponent = max(0, magnitude.bit_length() - 8)
    code = exponent << 4 | magnitude >> max(4, exponent + 3) & 15
    return (code | 0x80 if sample >= 0 else code) ^ 0x55


def _decode(data: Samples, low: bytes, high: bytes) -> bytes:
    if not isinstance(data, bytes):
        codes = view_of(data)
        if codes is None or codes.itemsize != 1:
            raise TypeError(f"G.711 codes must be bytes, not {type(data).__name__}")
        data = codes.tobytes()
    # Two translations in C, one for each byte of a sample.
    pcm = bytearray(2 * len(data))
    pcm[0::2] = data.translate(low)
    pcm[1::2] = data.translate(high)
    return bytes(pcm)


@functools.cache
def _tables(law: str) -> tuple[bytes, bytes]:
    """
    Return two tables: the low and the high byte of the sample of each code.
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
