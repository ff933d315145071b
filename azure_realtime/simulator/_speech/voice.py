"""
Text to speech for the local service.

`espeak-ng` is used if it is installed. The fallback is a synthetic voice: one tone per
syllable with the vowel's formants, whose pitch falls towards the end of a sentence. It
is not intelligible, but it has the duration, the level and the pauses of speech, which
players, level meters and voice activity detection need.

Any thread may call the functions.
"""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import sys
import tempfile
import wave
import zlib
from array import array
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from ...audio.resampler import resample
from .audio import RATE

# A voice of the service -> the voice and the pitch (0-99) of espeak-ng, and the pitch
# of the synthetic voice in Hz. The voices differ from each other but do not imitate
# those of the service. espeak-ng ignores variants (+f2) that are not installed.
_VOICES = {
    "alloy": ("en-us+f2", 45, 165),
    "ash": ("en-us+m3", 40, 115),
    "ballad": ("en-gb", 45, 125),
    "cedar": ("en-us+m7", 35, 105),
    "coral": ("en-us+f3", 55, 190),
    "echo": ("en-us", 45, 120),
    "marin": ("en-us+f4", 50, 180),
    "sage": ("en-gb+f2", 50, 175),
    "shimmer": ("en-us+f5", 60, 200),
    "verse": ("en-gb-x-rp", 50, 130),
}
_WORDS_PER_MINUTE = 165
# In seconds. espeak-ng is a hundred times faster than speech; only a machine that hangs
# reaches this timeout.
_ESPEAK_TIMEOUT = 60.0

_PHRASE_END = re.compile(r"(?<=[.!?;:,])\s+|\n\s*")
_SENTENCE_END = re.compile(r"(?<=[.!?\n])\s+")
_WORD_OR_GAP = re.compile(r"[^\W_]+|[\W_]+")
# A syllable is a group of vowels, a digit, or up to two letters of another script.
_SYLLABLE = re.compile(r"[aeiouyà-öø-ýÿ]+|\d|[^\x00-\u024f]{1,2}")

# Of several marks between two words the longest pause counts. Together with the gap
# before the next sentence and the fading of the tones, every pause is below 200 ms, the
# shortest default silence that ends a turn.
_PAUSE_MS = {",": 90, ";": 110, ":": 110, ".": 140, "!": 140, "?": 140, "\n": 140}
_WORD_GAP_MS = 30
_SYLLABLE_MS = 170
_ATTACK = RATE * 25 // 1000
_DECAY = RATE * 45 // 1000
_PEAK = 12_000.0

# The first two formants of each vowel, and the width of both, in Hz.
_FORMANTS = {
    "a": (750, 1250),
    "e": (500, 1850),
    "i": (300, 2250),
    "o": (480, 900),
    "u": (330, 800),
    "y": (300, 1900),
}
_FORMANT_WIDTH = 130.0


def speak(text: str, voice: str = "alloy") -> bytes:
    """
    Return *text* as speech: PCM16, little-endian, mono, 24 kHz.

    The same text and voice give the same audio; the results of recent calls are cached.
    Blocks for about 20 ms per second of speech. To get the first audio of a long text
    early, convert its `phrases` one by one.

    Args:
        text: The text. Without a letter or digit in it the result is empty.
        voice: A voice of the service. An unknown name selects a pitch of its own.
    """
    if not any(map(str.isalnum, text)):
        return b""
    return _cached_speech(text, voice, shutil.which("espeak-ng"))


def phrases(text: str) -> list[str]:
    """
    Split *text* after its punctuation. The joined phrases equal the text.
    """
    cuts = [0, *(gap.end() for gap in _PHRASE_END.finditer(text)), len(text)]
    pieces = [text[start:end] for start, end in pairwise(cuts)]
    return [piece for piece in pieces if piece]


@lru_cache(maxsize=16)
def _cached_speech(text: str, voice: str, espeak: str | None) -> bytes:
    if espeak is not None:
        try:
            pcm = _espeak(espeak, text, voice)
        except (OSError, EOFError, ValueError, wave.Error, subprocess.SubprocessError):
            # With a broken installation of espeak-ng the synthetic voice is used.
            pcm = b""
        if pcm:
            return pcm
    return synthesize(text, voice)


def _espeak(program: str, text: str, voice: str) -> bytes:
    """
    Run espeak-ng and return its speech as PCM16 at 24 kHz.

    It writes to a file, since the WAV header that it writes to a pipe has a wrong
    length. It reads the text from stdin, so that the text is never read as an option.

    Raises:
        OSError, EOFError, ValueError, wave.Error, subprocess.SubprocessError: The
            program failed.
    """
    name, pitch, _ = _profile(voice)
    # espeak-ng reads control characters as commands and double brackets as phonemes.
    clean = re.sub(r"[\x00-\x1f\x7f]+", " ", text).replace("[[", "[ [")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "speech.wav")
        command = [program, "--stdin", "-b", "1", "-v", name, "-p", str(pitch)]
        command += ["-s", str(_WORDS_PER_MINUTE), "-w", str(path)]
        subprocess.run(
            command,
            input=clean.encode(errors="replace"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_ESPEAK_TIMEOUT,
            check=True,
        )
        with wave.open(str(path), "rb") as file:
            if (file.getsampwidth(), file.getnchannels()) != (2, 1):
                msg = "espeak-ng did not write mono PCM16"
                raise ValueError(msg)
            return resample(
                file.readframes(file.getnframes()), file.getframerate(), RATE
            )


def synthesize(text: str, voice: str = "alloy") -> bytes:
    """
    Return *text* in the synthetic voice: PCM16, little-endian, mono, 24 kHz.

    It has about four syllables per second, and pauses below 200 ms at punctuation.
    """
    _, _, pitch = _profile(voice)
    samples = array("h")
    for sentence in _SENTENCE_END.split(text.lower()):
        tokens = list(_syllables(sentence))
        # The pitch falls by a quarter over a sentence; a question rises at its end.
        for index, token in enumerate(tokens):
            if isinstance(token, int):
                samples.frombytes(bytes(2 * (RATE * token // 1000)))
                continue
            pitch_factor = 1.15 - 0.3 * index / len(tokens)
            if sentence.endswith("?") and index >= len(tokens) - 3:
                pitch_factor = 1.3
            samples.extend(_syllable(token, round(RATE / (pitch * pitch_factor))))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


def _profile(voice: str) -> tuple[str, int, int]:
    known = _VOICES.get(voice)
    if known is not None:
        return known
    number = zlib.crc32(voice.encode(errors="replace"))
    return "en-us", 30 + number % 40, 100 + number % 100


def _syllables(sentence: str) -> Iterator[str | int]:
    """
    Yield the vowel of each syllable, and the pauses between words in ms.
    """
    for token in _WORD_OR_GAP.findall(sentence):
        if not token.isalnum():
            yield max(_PAUSE_MS.get(mark, _WORD_GAP_MS) for mark in token)
            continue
        for vowels in _SYLLABLE.findall(token) or ["e"]:
            yield vowels[0] if vowels[0] in _FORMANTS else "aeiou"[ord(vowels[0]) % 5]


@lru_cache(maxsize=256)
def _syllable(vowel: str, period: int) -> array[int]:
    """
    Return one vowel that fades in and out. *period* is in samples.
    """
    count = RATE * _SYLLABLE_MS // 1000
    tone = (_period(vowel, period) * (count // period + 1))[:count]
    for i in range(_ATTACK):
        tone[i] *= i / _ATTACK
    for i in range(_DECAY):
        tone[-1 - i] *= i / _DECAY
    return array("h", map(round, tone))


def _period(vowel: str, period: int) -> list[float]:
    """
    Return one period of the harmonics below 4 kHz, which are loudest at the formants.
    """
    pitch = RATE / period
    waveform = [0.0] * period
    for harmonic in range(1, int(4000 / pitch) + 1):
        distances = [harmonic * pitch - formant for formant in _FORMANTS[vowel]]
        gain = sum(1 / (1 + (d / _FORMANT_WIDTH) ** 2) for d in distances)
        phase_step = 2 * math.pi * harmonic / period
        for i in range(period):
            waveform[i] += gain * math.sin(phase_step * i)
    scale = _PEAK / max(map(abs, waveform))
    return [scale * value for value in waveform]
