"""
Files that come in pieces.
"""

from __future__ import annotations

import array
import struct

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from azure_realtime.audio import wav_bytes
from azure_realtime.audio.containers import file_format
from azure_realtime.audio.file_pieces import whole_files

PCM = struct.pack("<6000h", *range(6000))
WAV = wav_bytes(PCM, 16_000)
UNSIZED = WAV[:40] + b"\xff\xff\xff\xff" + WAV[44:]
MP3 = (b"\xff\xfb\x90\x64" + bytes(413)) * 5


def cut(data: bytes, *ends: int) -> list[bytes]:
    """
    Cut *data* at these places.
    """
    return [
        data[a:b] for a, b in zip((0, *ends), (*ends, len(data)), strict=True) if a < b
    ]


@given(ends=st.lists(st.integers(0, len(WAV)), max_size=8).map(sorted))
@pytest.mark.parametrize("file", [WAV, UNSIZED])
def test_a_file_cut_anywhere_is_whole(file: bytes, ends: list[int]) -> None:
    """
    The pieces are joined, wherever the network cuts the file.
    """
    assert [file] == list(whole_files(cut(file, *ends)))


@given(pieces=st.lists(st.binary(max_size=40), max_size=8))
def test_samples_are_unchanged(pieces: list[bytes]) -> None:
    """
    No byte is lost or moved, also if a piece is short or empty.
    """
    assume(file_format(b"".join(pieces)) is None)
    assert b"".join(pieces) == b"".join(whole_files(pieces))


def test_files_and_samples_of_one_stream_are_separated() -> None:
    """
    Each file ends where its header says, or where the next one begins.
    """
    samples = array.array("h", [1, 2])
    rest = cut(WAV, 10, 2000)
    assert [WAV, WAV, PCM] == list(whole_files([WAV, *rest, PCM]))
    assert [UNSIZED, WAV] == list(whole_files([*cut(UNSIZED, 50), WAV]))
    assert [UNSIZED, samples, PCM] == list(whole_files([UNSIZED, samples, PCM]))
    assert [samples, WAV] == list(whole_files([samples, *rest]))


@pytest.mark.parametrize("size", [1, 100, 417, 1000])
def test_a_file_of_another_format_is_recognised(size: int) -> None:
    """
    The first pieces are joined until three frames of an MP3 file have begun.
    """
    first = next(whole_files(cut(MP3, *range(size, len(MP3), size))))
    assert file_format(first) == "MP3"


def test_samples_are_not_held_back() -> None:
    """
    The samples of a live source are sent at once.
    """

    def live() -> object:
        yield bytes(960)
        raise AssertionError("the first block was held back")

    assert bytes(960) == next(whole_files(live()))  # type: ignore[arg-type]
