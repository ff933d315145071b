"""
G.711 in the other direction: samples become codes.
"""

from __future__ import annotations

import struct
import sys
import warnings

import pytest

from azure_realtime.audio import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw

ALL = range(-32768, 32768)
EVERY_SAMPLE = struct.pack("<65536h", *ALL)


@pytest.mark.parametrize(
    ("encode", "samples", "codes"),
    [
        # decision values of table 2a of G.711, on the 16 bit scale
        (encode_ulaw, [0, 3, 4, -4, 123, 124, 32767, -32768], "fffffe7ef0ef8000"),
        (encode_ulaw, [379, 380, 891, 892, 16251, 16252], "e0dfd0cf908f"),
        # and of table 1a
        (encode_alaw, [0, -1, 15, 16, 511, 512, 32767, -32768], "d555d5d4caf5aa2a"),
        (encode_alaw, [1023, 1024, 16383, 16384, -16, -17], "fae5baa55554"),
    ],
)
def test_known_samples_are_known_codes(
    encode: object, samples: list[int], codes: str
) -> None:
    """
    The standard's decision values fall on the right side, silence and extremes too.
    """
    found = encode(struct.pack(f"<{len(samples)}h", *samples))  # type: ignore[operator]
    assert bytes.fromhex(codes) == found


@pytest.mark.parametrize(
    ("encode", "decode"), [(encode_ulaw, decode_ulaw), (encode_alaw, decode_alaw)]
)
def test_every_code_comes_back(encode: object, decode: object) -> None:
    """
    Decoded and encoded again, telephone audio is the same (mu-law has two zeros).
    """
    codes = bytes(range(256))
    again = encode(decode(codes))  # type: ignore[operator]
    other_zero = {0x7F: 0xFF} if encode is encode_ulaw else {}
    assert bytes(other_zero.get(code, code) for code in codes) == again


@pytest.mark.parametrize(
    ("encode", "decode", "missed"),
    [(encode_ulaw, decode_ulaw, 508), (encode_alaw, decode_alaw, 498)],
)
def test_samples_come_back_at_the_nearest_level(
    encode: object, decode: object, missed: int
) -> None:
    """
    A sample comes back as the level nearest to it, but beside the ends of segments,
    where the standard's decision values are not in the middle.
    """
    levels = sorted({*struct.unpack("<256h", decode(bytes(range(256))))})  # type: ignore[operator]
    found = struct.unpack("<65536h", decode(encode(EVERY_SAMPLE)))  # type: ignore[operator]
    at, further = 0, []
    for sample, level in zip(ALL, found, strict=True):
        while at + 1 < len(levels) and abs(levels[at + 1] - sample) < abs(
            levels[at] - sample
        ):
            at += 1
        further.append(abs(level - sample) - abs(levels[at] - sample))
    assert missed == sum(map(bool, further))
    assert max(further) <= 256  # a quarter of the widest step


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="audioop is gone from 3.13")
def test_alaw_is_encoded_as_python_did() -> None:
    """
    All 65,536 samples have the code that `audioop` gave them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import audioop
    samples = EVERY_SAMPLE
    if sys.byteorder == "big":
        samples = audioop.byteswap(samples, 2)
    assert audioop.lin2alaw(samples, 2) == encode_alaw(EVERY_SAMPLE)


def test_half_a_sample_is_left_out() -> None:
    """
    An odd byte at the end makes no error.
    """
    assert b"\xff" == encode_ulaw(b"\0\0\1")
    assert b"" == encode_alaw(b"\1")
