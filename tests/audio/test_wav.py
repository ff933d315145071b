"""
WAV files of all sorts, and G.711.
"""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
import sys
import warnings
import wave
from array import array
from pathlib import Path

import pytest
from helpers.audio import pcm
from hypothesis import given
from hypothesis import strategies as st

from azure_realtime.audio.g711 import decode_alaw, decode_ulaw
from azure_realtime.audio.wav import WavAudio, read_wav, wav_bytes, write_wav
from azure_realtime.simulator._speech.audio import encode_audio

SAMPLES = [0, 1, -1, 257, -32768, 32767, 12345, -12345]
SUBFORMAT = bytes.fromhex("000000001000800000aa00389b71")


def riff(
    data: bytes,
    *,
    tag: int = 1,
    channels: int = 1,
    rate: int = 24_000,
    bits: int = 16,
    size: int | None = None,
    riff_size: int | None = None,
    before: bytes = b"",
    extensible: bool = False,
) -> bytes:
    """
    Return a WAV file, or nearly one.
    """
    frame = channels * bits // 8
    kind = 0xFFFE if extensible else tag
    layout = struct.pack("<HHIIHH", kind, channels, rate, rate * frame, frame, bits)
    if extensible:
        layout += struct.pack("<HHIH", 22, bits, 0, tag) + SUBFORMAT
    size = len(data) if size is None else size
    body = b"WAVEfmt " + struct.pack("<I", len(layout)) + layout + before
    body += b"data" + struct.pack("<I", size) + data
    total = len(body) if riff_size is None else riff_size
    return b"RIFF" + struct.pack("<I", total) + body


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    """
    A file to write to.
    """
    return tmp_path / "speech.wav"


def test_a_written_file_reads_the_same(file: Path) -> None:
    """
    Writing and reading gives the same samples, and Python's own reader agrees.
    """
    write_wav(file, pcm(SAMPLES), 16_000)

    assert read_wav(file) == WavAudio(pcm(SAMPLES), 16_000)
    assert read_wav(str(file)).seconds == len(SAMPLES) / 16_000
    with wave.open(str(file)) as other:
        assert other.getparams()[:4] == (1, 2, 16_000, len(SAMPLES))
        assert other.readframes(99) == pcm(SAMPLES)


@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_a_recording_in_memory_is_read(kind: type) -> None:
    """
    A recording that came over the network need not be saved first.
    """
    assert read_wav(kind(wav_bytes(pcm(SAMPLES), 24_000))).pcm == pcm(SAMPLES)

    with pytest.raises(ValueError, match=r"ffmpeg -i input\.wav"):
        read_wav(kind(b"RIFF"))


def test_half_a_sample_is_left_out(file: Path) -> None:
    """
    An odd byte at the end does not make a broken file.
    """
    write_wav(file, b"\1\2\3", 8_000)

    assert read_wav(file).pcm == b"\1\2"


def test_an_invalid_rate_is_refused() -> None:
    """
    Zero samples a second are refused.
    """
    with pytest.raises(ValueError, match=r"rate must be a whole number .* not 0"):
        wav_bytes(b"", 0)


def test_the_repr_does_not_print_the_samples() -> None:
    """
    A notebook cell that ends in it stays readable.
    """
    assert repr(WavAudio(bytes(1000), 24_000)) == "WavAudio(rate=24000)"


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("extensible", [False, True])
def test_every_width_is_read_as_16_bit(file: Path, bits: int, extensible: bool) -> None:
    """
    Recorders write 8 to 32 bits a sample; the upper 16 are what counts.
    """
    wide = {
        8: bytes((sample >> 8) + 128 for sample in SAMPLES),
        16: pcm(SAMPLES),
        24: b"".join(b"\x7f" + pcm([sample]) for sample in SAMPLES),
        32: b"".join(b"\xff\x7f" + pcm([sample]) for sample in SAMPLES),
    }
    expected = [s & ~0xFF for s in SAMPLES] if bits == 8 else SAMPLES
    file.write_bytes(riff(wide[bits], bits=bits, extensible=extensible))

    assert read_wav(file).pcm == pcm(expected)


def test_stereo_is_mixed_down(file: Path) -> None:
    """
    The mix has both channels, and loud ones do not overflow.
    """
    frames = [100, 300, -32768, -32768, 32767, 32767, 10, -10]
    file.write_bytes(riff(pcm(frames), channels=2))

    assert read_wav(file).pcm == pcm([200, -32768, 32767, 0])


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_file_that_was_cut_short_is_read_as_far_as_it_goes(
    file: Path, bits: int, channels: int
) -> None:
    """
    An interrupted recording is not lost.
    """
    whole = riff(bytes(4 * 8 * 12), bits=bits, channels=channels)
    for missing in range(12):
        file.write_bytes(whole[: len(whole) - missing])
        samples = (4 * 8 * 12 - missing) // (bits // 8 * channels)

        assert read_wav(file).pcm in (bytes(2 * samples), pcm([-32768] * samples))


@pytest.mark.parametrize(
    ("size", "riff_size"),
    [
        (0x7FFFF000, 0x7FFFF024),  # espeak --stdout
        (0xFFFFFFFF, 0xFFFFFFFF),  # ffmpeg to a pipe
        (0x7FFFFFFF, 0x80000023),  # sox to a pipe
        (0, 0),  # written before it was known
        (0, 36),
    ],
)
def test_headers_that_make_up_their_sizes_are_not_believed(
    file: Path, size: int, riff_size: int
) -> None:
    """
    What comes out of a pipe cannot know its length, and is read whole.
    """
    file.write_bytes(riff(pcm(SAMPLES), size=size, riff_size=riff_size))

    assert read_wav(file).pcm == pcm(SAMPLES)


def test_other_chunks_are_skipped(file: Path) -> None:
    """
    Titles and comments, of odd length too, are not taken for sound.
    """
    comment = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    file.write_bytes(riff(pcm(SAMPLES), before=comment) + comment)

    assert read_wav(file).pcm == pcm(SAMPLES)


def test_an_empty_file_is_silent(file: Path) -> None:
    """
    A WAV file without samples is one all the same.
    """
    write_wav(file, b"", 24_000)

    assert read_wav(file) == WavAudio(b"", 24_000)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is no WAV file"),
        (b"ID3\4" + bytes(100), "it is no WAV file but MP3"),
        (b"\xff\xfb\x90\0" + bytes(100), "it is no WAV file but MP3"),
        (b"RIFF\0\0\0\0AVI " + bytes(100), "it is no WAV file"),
        (riff(b"", tag=2), "its samples are ADPCM"),
        (riff(b"", tag=3, bits=16), "it has 2 bytes a frame"),
        (riff(b"", tag=1234), "its samples are of type 1234"),
        (riff(b"", channels=0), "it has 0 channels"),
        (riff(b"", channels=257), "it has 257 channels"),
        (riff(b"", bits=64), "it has 8 bytes a frame"),
        (riff(b"", rate=0), "0 frames a second"),
        (riff(b"")[:36], "it has no samples"),
        (b"RIFF\4\0\0\0WAVE", "it has no samples"),
        (b"RIFF\4\0\0\0WAVEdata\0\0\0\0", "it has samples before their format"),
        (b"RIFF\4\0\0\0WAVEfmt \2\0\0\0\1\0", "its format is cut short"),
    ],
)
def test_unreadable_files_are_refused_with_a_remedy(
    file: Path, content: bytes, why: str
) -> None:
    """
    The message says what is wrong, and which command makes it right.
    """
    file.write_bytes(content)

    with pytest.raises(ValueError, match=why) as caught:
        read_wav(file)

    assert f"ffmpeg -i {file} -ar 24000 -ac 1" in str(caught.value)


def test_a_missing_file_is_missing(file: Path) -> None:
    """
    The operating system's own error says which file is not there.
    """
    with pytest.raises(FileNotFoundError, match=r"speech\.wav"):
        read_wav(file)


@given(content=st.binary(max_size=80))
@pytest.mark.parametrize("head", [b"", b"RIFF\0\0\0\0WAVE", riff(b"")])
def test_a_damaged_file_raises_no_other_error(
    head: bytes, content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """
    Whatever is in it, a file is read or refused.
    """
    file = tmp_path_factory.getbasetemp() / "noise.wav"
    file.write_bytes(head + content)
    refused = ""
    try:
        audio = read_wav(file)
    except ValueError as exc:
        refused = str(exc)

    assert "Convert it" in refused or len(audio.pcm) % 2 == 0


@pytest.mark.parametrize("program", ["espeak-ng", "espeak"])
def test_the_output_of_espeak_is_read(program: str, file: Path) -> None:
    """
    ``espeak --stdout > question.wav`` makes a file that can be asked.
    """
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    completed = subprocess.run([path, "--stdout", "Hello"], stdout=subprocess.PIPE)
    file.write_bytes(completed.stdout)

    audio = read_wav(file)
    assert 0.3 < audio.seconds < 3.0
    assert any(audio.pcm)


# -- G.711 -----------------------------------------------------------------------

DECODERS = {"audio/pcmu": decode_ulaw, "audio/pcma": decode_alaw}


@pytest.mark.parametrize(
    ("decode", "codes", "expected"),
    [
        (decode_ulaw, b"\xff\x7f\xfe\x00\x80\xf0", [0, 0, 8, -32124, 32124, 120]),
        (decode_alaw, b"\xd5\x55\xd4\x2a\xaa\xc5", [8, -8, 24, -32256, 32256, 264]),
    ],
)
def test_known_codes_are_known_samples(
    decode: object, codes: bytes, expected: list[int]
) -> None:
    """
    Silence and the loudest sounds are those of the standard's tables.
    """
    assert decode(codes) == pcm(expected)  # type: ignore[operator]


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="audioop is gone from 3.13")
@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_g711_is_decoded_as_python_did(law: str) -> None:
    """
    All 256 codes mean what they meant to `audioop`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import audioop
    codes = bytes(range(256))
    decode = {"ulaw": decode_ulaw, "alaw": decode_alaw}[law]
    expected = getattr(audioop, f"{law}2lin")(codes, 2)
    if sys.byteorder == "big":
        expected = audioop.byteswap(expected, 2)

    assert decode(codes) == expected


@pytest.mark.parametrize("wire", sorted(DECODERS))
def test_both_g711_implementations_agree(wire: str) -> None:
    """
    Two independent implementations of G.711 understand each other.
    """
    chance = random.Random(1)
    sound = pcm([chance.randint(-3000, 3000) // 3 * 3 for _ in range(9)] * 2400)

    encoded = encode_audio(sound, wire)
    samples = array("h", DECODERS[wire](encoded))

    assert len(samples) == len(encoded)
    assert encode_audio(b"", wire) == b""
    assert DECODERS[wire](b"") == b""
    assert 0 < max(samples) < 4000


def test_decoding_is_quick() -> None:
    """
    A minute of telephone sound takes well under a second.
    """
    assert len(decode_ulaw(bytes(480_000))) == 960_000
