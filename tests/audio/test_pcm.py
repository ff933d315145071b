"""
Whatever people hold their samples in.
"""

from __future__ import annotations

import array
import base64
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azure_realtime.audio.pcm import audio_bytes


@given(data=st.binary(max_size=200))
def test_bytes_and_base64_are_the_same_audio(data: bytes) -> None:
    """
    Raw bytes in any buffer, and their base64 text, come out as the same bytes.
    """
    text = base64.b64encode(data).decode()
    for form in (data, bytearray(data), memoryview(data), text):
        assert audio_bytes(form) == data


def test_a_buffer_of_samples() -> None:
    """
    An array of samples is its bytes, also where the buffer is not contiguous.
    """
    samples = array.array("h", [0, 1, -1, 32767])
    assert audio_bytes(samples) == samples.tobytes()
    assert audio_bytes(memoryview(b"abcdef")[::2]) == b"ace"


@pytest.mark.parametrize("text", ["not base64!", "AAA", "\u00fcber", "AA\nAA", "===="])
def test_text_that_is_no_base64(text: str) -> None:
    """
    Text in place of audio is refused, with the word base64 in the sentence.
    """
    with pytest.raises(ValueError, match="must be base64"):
        audio_bytes(text)


class _FakeArray:
    """
    Looks like an array, of a library that is not NumPy.
    """

    dtype = "torch.float32"
    ndim = 1


@pytest.mark.parametrize("audio", [None, 5, 1.5, [0, 1], object(), _FakeArray()])
def test_other_types_than_audio_are_refused(audio: object) -> None:
    """
    Anything else is a TypeError that lists what will do.
    """
    with pytest.raises(TypeError, match="bytes, base64 text, or an array"):
        audio_bytes(audio)


def test_floats_in_a_plain_buffer_are_refused() -> None:
    """
    Floats would be heard as noise if their bytes were sent as samples.
    """
    with pytest.raises(TypeError, match="bytes, base64 text, or an array"):
        audio_bytes(array.array("f", [0.5]))


def test_numpy_arrays() -> None:
    """
    int16 goes out as it is, floats are scaled and clipped, in any order and layout.
    """
    np = pytest.importorskip("numpy")
    samples = np.array([0, 1, -1, 32767, -32768], dtype=np.int16)
    expected = b"\x00\x00\x01\x00\xff\xff\xff\x7f\x00\x80"
    for form in (
        samples,
        samples.astype(">i2"),
        samples.reshape(-1, 1),
        samples.reshape(1, -1),
        np.repeat(samples, 2)[::2],
    ):
        assert audio_bytes(form) == expected
    floats = [0.0, 1.0, -1.0, 2.0, -2.0, 0.5]
    scaled = np.array([0, 32767, -32767, 32767, -32767, 16384], "<i2").tobytes()
    for kind in ("f2", "f4", "f8", ">f4"):
        assert audio_bytes(np.array(floats, kind)) == scaled
    assert audio_bytes(np.array([], np.float32)) == b""


def test_numpy_arrays_that_are_no_samples() -> None:
    """
    Two channels, or numbers of another kind, are refused with what they are.
    """
    np = pytest.importorskip("numpy")
    with pytest.raises(ValueError, match=r"one channel.*\(2, 3\)"):
        audio_bytes(np.zeros((2, 3), np.int16))
    for kind in ("int32", "uint8", "complex64", "bool"):
        with pytest.raises(TypeError, match=f"not {kind}"):
            audio_bytes(np.zeros(3, kind))


@pytest.mark.slow
def test_numpy_is_never_imported() -> None:
    """
    Whoever has no NumPy, or does not use it, does not pay for it.
    """
    code = (
        "import sys; from azure_realtime.audio.pcm import audio_bytes; audio_bytes(b'aa');"
        "sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=30).returncode == 0
