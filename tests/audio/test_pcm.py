"""
Whatever people hold their samples in.
"""

from __future__ import annotations

import array
import base64
import ctypes
import io
import math
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from azure_realtime.audio import wav_bytes
from azure_realtime.audio.containers import file_format
from azure_realtime.audio.pcm import AudioInput, read_audio


@given(data=st.binary(max_size=200))
def test_bytes_and_base64_are_the_same_audio(data: bytes) -> None:
    """
    Raw bytes in any buffer, and their base64 text, come out as the same bytes.
    """
    assume(file_format(data) is None)
    text = base64.b64encode(data).decode()
    for form in (data, bytearray(data), memoryview(data), text):
        assert read_audio(form).data == data


def test_a_buffer_of_samples_is_its_bytes() -> None:
    """
    An array of samples is its bytes, also where the buffer is not contiguous.
    """
    samples = array.array("h", [0, 1, -1, 32767])
    assert read_audio(samples).data == samples.tobytes()
    assert read_audio(memoryview(b"abcdef")[::2]).data == b"ace"


@pytest.mark.parametrize("text", ["not base64!", "AAA", "\u00fcber", "AA\nAA", "===="])
def test_text_that_is_no_base64_is_refused(text: str) -> None:
    """
    Text in place of audio is refused, with the word base64 in the sentence.
    """
    with pytest.raises(ValueError, match="must be base64"):
        read_audio(text)


class _Foreign:
    """
    An array of another library, which NumPy can read: of torch or pandas, say.
    """

    dtype = "torch.int16"

    def __array__(self) -> Any:
        return pytest.importorskip("numpy").array([[1], [2]], "i2")


def test_arrays_of_other_libraries_are_taken() -> None:
    """
    What can be made a NumPy array is taken as one.
    """
    assert read_audio(_Foreign()) == AudioInput(b"\1\0\2\0", True, typed=True)


def test_wav_files_are_recognised_and_other_files_are_samples(tmp_path: Path) -> None:
    """
    A WAV file is recognised as a path, as bytes, as base64 text, and open; what else is
    in an open file is samples, also those of a pipe.
    """
    wav = wav_bytes(b"\1\0\2\0", 8_000)
    wanted = AudioInput(b"\1\0\2\0", True, 8_000, typed=True, whole=True)
    path = tmp_path / "a.wav"
    path.write_bytes(wav)
    text = base64.b64encode(wav).decode()
    for form in (path, wav, bytearray(wav), memoryview(wav), text):
        assert read_audio(form) == wanted
        assert read_audio(form, rate=16_000) == wanted
    assert read_audio(io.BytesIO(wav)) == wanted
    with path.open("rb", buffering=0) as file:
        assert read_audio(file) == wanted
    assert read_audio(io.BytesIO(b"abcd")) == AudioInput(b"abcd")
    with pytest.raises(TypeError, match=r"mode 'rb'.*str"):
        read_audio(io.StringIO("abcd"))
    for empty in (wav_bytes(b"", 8_000), io.BytesIO(wav_bytes(b"", 8_000))):
        with pytest.raises(ValueError, match="no samples"):
            read_audio(empty)


def test_a_file_that_is_read_takes_no_longer_than_it_may() -> None:
    """
    Between two blocks of a long file, the clock is looked at.
    """

    def check() -> None:
        raise TimeoutError

    assert read_audio(io.BytesIO(bytes(1000)), check=check).data == bytes(1000)
    with pytest.raises(TimeoutError):
        read_audio(io.BytesIO(bytes(1 << 20)), check=check)
    with pytest.raises(TimeoutError):
        read_audio(wav_bytes(bytes(1 << 20), 8_000), check=check)


@pytest.mark.parametrize(
    ("rate", "error"),
    [
        ("16000", TypeError),
        (True, TypeError),
        (0, ValueError),
        (-8000, ValueError),
        (44_100.5, ValueError),
        (math.nan, ValueError),
        (math.inf, ValueError),
        (10**12, ValueError),
    ],
)
def test_invalid_rates_are_refused(rate: Any, error: type[Exception]) -> None:
    """
    What is no rate of audio is refused with the word rate in the sentence.
    """
    with pytest.raises(error, match="rate must be a"):
        read_audio(b"", rate=rate)


def test_bytes_with_a_rate_are_pcm16() -> None:
    """
    Any whole number will do; bytes that have a rate are PCM16.
    """
    assert read_audio(b"ab", rate=44_100.0) == AudioInput(b"ab", True, 44_100)


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
        read_audio(audio)


FLOATS = [0.0, 0.5, -0.5, 1.0, -1.5, math.inf, math.nan]
SCALED = struct.pack("<7h", 0, 16384, -16384, 32767, -32767, 32767, 0)


@pytest.mark.parametrize("code", ["f", "d", "e", "<f", ">f", "=d", "!d"])
def test_floats_in_a_plain_buffer_are_scaled_and_clipped(code: str) -> None:
    """
    Floats of any width and order are scaled and clipped; what is no number is silence.
    """
    buffer = typed(struct.pack(f"{code[:-1]}7{code[-1]}", *FLOATS), code)
    assert read_audio(buffer) == AudioInput(SCALED, True, typed=True)


@pytest.mark.parametrize("code", ["h", "<h", ">h", "!h", "@h"])
def test_integers_in_a_plain_buffer_leave_in_little_endian_order(code: str) -> None:
    """
    Samples of 16 bits leave in the wire's order.
    """
    data = struct.pack(f"{code[:-1]}3h", 1, -2, 12345)
    wanted = struct.pack("<3h", 1, -2, 12345)
    assert read_audio(typed(data, code)) == AudioInput(wanted, True, typed=True)


@pytest.mark.parametrize("code", "HiIlLqQ")
def test_other_numbers_in_a_plain_buffer_are_refused(code: str) -> None:
    """
    Their bytes would be noise if they were sent as samples.
    """
    with pytest.raises(TypeError, match="bytes, base64 text, or an array"):
        read_audio(array.array(code, [1]))


def test_buffers_of_ctypes_are_taken_as_arrays() -> None:
    """
    What comes from a C library is taken like an array.
    """
    assert read_audio((ctypes.c_int16 * 2)(1, -2)).data == b"\1\0\xfe\xff"
    assert read_audio((ctypes.c_float * 2)(0.5, -2.0)).data == b"\0\x40\1\x80"
    assert read_audio((ctypes.c_char * 2)(b"a", b"b")).data == b"ab"


def typed(data: bytes, code: str) -> Any:
    """
    Return a buffer with items of *code*, of any order.
    """
    if code[0] in "<>=!":
        numpy = pytest.importorskip("numpy")
        return memoryview(numpy.frombuffer(data, code.replace("!", ">")))
    if code[-1] == "e":
        numpy = pytest.importorskip("numpy")
        return memoryview(numpy.frombuffer(data, "f2"))
    return memoryview(data).cast(code[-1])


def test_numpy_arrays_of_int16_are_sent_and_floats_are_scaled() -> None:
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
        samples.reshape(1, -1, 1),
        np.ma.array(samples),
        np.repeat(samples, 2)[::2],
    ):
        assert read_audio(form).data == expected
    floats = [0.0, 1.0, -1.0, 2.0, -2.0, 0.5]
    scaled = np.array([0, 32767, -32767, 32767, -32767, 16384], "<i2").tobytes()
    for kind in ("f2", "f4", "f8", ">f4"):
        assert read_audio(np.array(floats, kind)).data == scaled
    for shape in ((0,), (0, 1), (1, 0)):
        assert read_audio(np.zeros(shape, np.float32)).data == b""
        assert read_audio(memoryview(np.zeros(shape, np.int16))).data == b""
    frozen = np.array([0.5, np.nan])
    frozen.flags.writeable = False
    assert read_audio(frozen).data == b"\0\x40\0\0"


def test_numpy_arrays_of_other_types_are_refused() -> None:
    """
    Two channels, or numbers of another kind, are refused with what they are.
    """
    np = pytest.importorskip("numpy")
    with pytest.raises(ValueError, match=r"one channel.*\(2, 3\)"):
        read_audio(np.zeros((2, 3), np.int16))
    for wrong in (np.zeros((0, 2), np.int16), memoryview(np.zeros((4, 2), np.float32))):
        with pytest.raises(ValueError, match="one channel"):
            read_audio(wrong)
    with pytest.raises(TypeError, match="a single number"):
        read_audio(np.int16(5))
    for kind in ("int32", "uint8", "complex64", "bool", "object"):
        with pytest.raises(TypeError, match=f"not {kind}"):
            read_audio(np.zeros(3, kind))


@pytest.mark.slow
def test_numpy_is_never_imported() -> None:
    """
    Whoever has no NumPy, or does not use it, does not pay for it.
    """
    code = (
        "import sys; from azure_realtime.audio.pcm import read_audio; read_audio(b'aa');"
        "sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=30).returncode == 0
