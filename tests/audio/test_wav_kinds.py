"""
WAV files of the less usual kinds, and files that are none.
"""

from __future__ import annotations

import io
import math
import struct
from pathlib import Path
from typing import Any

import pytest
from helpers.audio import pcm

from azure_realtime.audio import decode_alaw, decode_ulaw, read_wav, wav_bytes
from azure_realtime.audio.containers import file_format

VALUES = [0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -3.0, math.nan, math.inf, -math.inf, 1e-9]
AS_PCM = [0, 16384, -16384, 32767, -32767, 32767, -32767, 0, 32767, -32767, 0]
GUID = bytes.fromhex("000000001000800000aa00389b71")


def wav(
    data: bytes,
    tag: int = 1,
    channels: int = 1,
    bits: int = 16,
    *,
    rate: int = 24_000,
    align: int | None = None,
    extensible: bool = False,
    before: bytes = b"",
) -> bytes:
    """
    Return a WAV file of little-endian chunks.
    """
    frame = channels * bits // 8 if align is None else align
    kind = 0xFFFE if extensible else tag
    fmt = struct.pack(
        "<HHIIHH", kind, channels, rate, rate * frame & 0xFFFFFFFF, frame, bits
    )
    if extensible:
        fmt += struct.pack("<HHIH", 22, bits, 0, tag) + GUID
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + before
    body += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(("bits", "code"), [(32, "f"), (64, "d")])
@pytest.mark.parametrize("extensible", [False, True])
def test_floats_are_scaled_and_clipped(bits: int, code: str, extensible: bool) -> None:
    """
    Floats are scaled and clipped; what is no number is silence.
    """
    data = struct.pack(f"<{len(VALUES)}{code}", *VALUES)
    found = read_wav(wav(data, 3, bits=bits, extensible=extensible))
    assert pcm(AS_PCM) == found.pcm


def test_invalid_floats_are_silence_at_any_level() -> None:
    """
    Something that is no number is silence there, too.
    """
    data = struct.pack("<4f", 0.5, math.nan, -1.0, 1.0)
    assert pcm([16384, 0, -32767, 32767]) == read_wav(wav(data, 3, bits=32)).pcm


@pytest.mark.parametrize(("tag", "decode"), [(6, decode_alaw), (7, decode_ulaw)])
@pytest.mark.parametrize("bits", [8, 16])  # some programs write those of the PCM
def test_telephone_codes_are_decoded(tag: int, decode: Any, bits: int) -> None:
    """
    mu-law and A-law are decoded.
    """
    codes = bytes(range(256))
    assert decode(codes) == read_wav(wav(codes, tag, bits=bits, align=1)).pcm


@pytest.mark.parametrize("channels", [2, 3, 6, 8])
@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_channels_are_mixed_down(channels: int, bits: int) -> None:
    """
    Each sample is the mean of all channels, none is left out.
    """
    frames = [[(-1) ** c * 1024 * (c + f) for c in range(channels)] for f in range(9)]
    width = bits // 8
    data = b"".join(
        bytes([(value >> 8) + 128])
        if width == 1
        else (value << bits - 16).to_bytes(width, "little", signed=True)
        for frame in frames
        for value in frame
    )
    found = struct.unpack("<9h", read_wav(wav(data, 1, channels, bits)).pcm)
    for frame, value in zip(frames, found, strict=True):
        assert abs(sum(frame) / channels - value) < 1


def test_the_mean_of_channels_is_of_clipped_floats() -> None:
    """
    The mean is computed from the clipped floats.
    """
    data = struct.pack("<6f", 0.5, -0.5, 0.25, 0.5, 0.5, 0.5)
    found = struct.unpack("<2h", read_wav(wav(data, 3, 3, 32)).pcm)
    assert [2731, 16384] == list(found)


@pytest.mark.parametrize(
    ("bits", "align", "width"),
    [
        (16, 4, 2),  # written by broken tools, as are the next ones
        (16, 0, 2),
        (16, 1, 2),
        (16, 3, 2),
        (8, 2, 1),
        (24, 2, 3),
        (32, 2, 4),
        (24, 4, 4),  # 24 bits in 32
        (20, 3, 3),
        (20, 4, 4),
        (12, 2, 2),
        (0, 2, 2),
    ],
)
def test_a_contradictory_block_align_skips_no_sample(
    bits: int, align: int, width: int
) -> None:
    """
    No sample is skipped or cut in two.
    """
    values = [0, 256, -256, 32512, -32768]
    data = b"".join(
        bytes([(value >> 8) + 128])
        if width == 1
        else (value << 8 * width - 16).to_bytes(width, "little", signed=True)
        for value in values
    )
    assert pcm(values) == read_wav(wav(data, bits=bits, align=align)).pcm


@pytest.mark.parametrize("magic", [b"RF64", b"BW64"])
@pytest.mark.parametrize("known", [True, False])
def test_rf64_files_are_read_to_the_end_of_their_sound(
    magic: bytes, known: bool
) -> None:
    """
    The sizes of a long file are in a chunk of their own; what follows is no sound.
    """
    data = pcm([1, 2, 3])
    after = b"LIST" + struct.pack("<I", 4) + b"abcd" if known else b""
    ds64 = struct.pack("<QQQI", 0, 6 if known else 0, 3, 0)
    fmt = struct.pack("<HHIIHH", 1, 1, 48_000, 96_000, 2, 16)
    file = magic + b"\xff\xff\xff\xffWAVEds64" + struct.pack("<I", 28) + ds64
    file += b"fmt " + struct.pack("<I", 16) + fmt + b"data\xff\xff\xff\xff"
    found = read_wav(file + data + after)
    assert (data, 48_000) == (found.pcm, found.rate)


@pytest.mark.parametrize(("tag", "bits"), [(1, 16), (1, 24), (1, 32), (3, 32)])
def test_big_endian_files_are_read(tag: int, bits: int) -> None:
    """
    RIFX is RIFF the other way round.
    """
    values = [1, -2, 12345, -32768]
    if tag == 3:
        data = struct.pack(">4f", *(value / 32767 for value in values))
        values[-1] = -32767
    else:
        data = b"".join(
            (v << bits - 16).to_bytes(bits // 8, "big", signed=True) for v in values
        )
    fmt = struct.pack(">HHIIHH", tag, 1, 16_000, 16_000 * bits // 8, bits // 8, bits)
    body = b"WAVEfmt " + struct.pack(">I", 16) + fmt
    body += b"data" + struct.pack(">I", len(data)) + data
    found = read_wav(b"RIFX" + struct.pack(">I", len(body)) + body)
    assert (pcm(values), 16_000) == (found.pcm, found.rate)


def test_an_odd_chunk_needs_no_padding() -> None:
    """
    Some programs forget the byte; the sound is found all the same.
    """
    title = b"LIST" + struct.pack("<I", 5) + b"title"
    assert pcm([7, 8]) == read_wav(wav(pcm([7, 8]), before=title)).pcm
    assert pcm([7, 8]) == read_wav(wav(pcm([7, 8]), before=title + b"\0")).pcm


def test_two_chunks_of_sound_are_read_in_order() -> None:
    """
    Both are read, in order.
    """
    more = b"data" + struct.pack("<I", 4) + pcm([1, 2])
    assert pcm([1, 2, 3]) == read_wav(wav(pcm([3]), before=more)).pcm


@pytest.mark.parametrize("rate", [0, 1, 999, 768_001, 4_294_967_295])
def test_a_rate_of_no_sound_is_refused(rate: int) -> None:
    """
    A broken header would take hours and gigabytes to follow.
    """
    with pytest.raises(ValueError, match=f"{rate} frames a second.*ffmpeg"):
        read_wav(wav(bytes(100), rate=rate))


def test_an_open_file_is_read_as_its_path(tmp_path: Path) -> None:
    """
    A file that is open for reading is as good as its path.
    """
    file = wav_bytes(pcm([1, 2]), 8_000)
    (tmp_path / "a.wav").write_bytes(file)
    assert pcm([1, 2]) == read_wav(io.BytesIO(file)).pcm
    with (tmp_path / "a.wav").open("rb") as opened:
        assert pcm([1, 2]) == read_wav(opened).pcm


def mp3_frames(count: int) -> bytes:
    """
    Return frames of MPEG 1, layer 3, 128 kb/s, 44,100 Hz: 144 * 128000 // 44100 bytes.
    """
    return (b"\xff\xfb\x90\x64" + bytes(413)) * count


def aac_frames(count: int) -> bytes:
    """
    Return ADTS frames of 200 bytes: 13 bits of size, from bit 30 on.
    """
    head = bytes([0xFF, 0xF1, 0x50, 0x80, 200 >> 3, (200 & 7) << 5 | 0x1F, 0xFC])
    return (head + bytes(193)) * count


FILES = [
    ("MP3", b"ID3\x04\x00\x00\x00\x00\x02\x01" + bytes(300)),
    ("MP3", mp3_frames(3)),
    ("MP3", mp3_frames(5)[:1800]),
    ("AAC", aac_frames(3)),
    ("OGG", b"OggS\0\2" + bytes(100)),
    ("FLAC", b"fLaC\0\0\0\x22" + bytes(100)),
    ("MP4", b"\0\0\0\x20ftypM4A " + bytes(100)),
    ("AIFF", b"FORM\0\0\1\0AIFF" + bytes(100)),
    ("AU", b".snd\0\0\0\x18" + bytes(100)),
    ("WebM", b"\x1aE\xdf\xa3" + bytes(100)),
]


@pytest.mark.parametrize(("kind", "data"), FILES)
def test_other_files_are_refused_by_name(kind: str, data: bytes) -> None:
    """
    What they are, and the command that makes a WAV file of them.
    """
    with pytest.raises(ValueError, match=rf"{kind}.*ffmpeg -i input\.{kind.lower()} "):
        read_wav(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"\xff\xfb" * 480,  # samples of -1025
        b"\xff\xfb\x90\x64" + bytes(900),  # one header is no proof
        b"ID3\x80\x80\x80\x80\x80\x80\x80" + bytes(100),
        b"\xff" * 160,  # silence in mu-law
        bytes(960),
        b"\0\0\0\0ftyq" + bytes(50),
        b"RIFF" + bytes(50),  # a RIFF file says which kind it is
        b"BW64" + bytes(50),
        b"U" * 320,  # near silence in A-law
        b"TUVWQPRS" * 40,
        b"xyz" * 107,  # near silence in mu-law
    ],
)
def test_samples_are_not_taken_for_a_file(data: bytes) -> None:
    """
    Bare samples may begin with almost anything.
    """
    assert file_format(data) is None
