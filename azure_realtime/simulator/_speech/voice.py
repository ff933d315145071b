"""
Give the local service a voice.

`espeak-ng` speaks if it is installed. Otherwise a synthetic voice does: it hums one
tone per syllable, with the vowel's formants, falling towards the end of a sentence.
Nobody understands it, but it has the length, the level and the pauses of speech,
which is what players, meters and voice detectors need.

All functions may be called from any thread.
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

from ...audio.resample import resample
from .audio import RATE

# A voice of the service -> espeak-ng's voice and pitch (0-99), and the pitch of our
# own voice in Hz. They differ so that a listener can tell the names apart; they do
# not try to sound like the originals. Variants (+f2) that are not installed are
# ignored by espeak-ng.
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
# Text to speech runs a hundred times faster than speech: this is for a machine that
# has come to a stop, and a minute of it is better than a test that never ends.
_ESPEAK_TIMEOUT = 60.0

_PHRASE_END = re.compile(r"(?<=[.!?;:,])\s+|\n\s*")
_SENTENCE_END = re.compile(r"(?<=[.!?\n])\s+")
_WORD_OR_GAP = re.compile(r"[^\W_]+|[\W_]+")
# Vowels in a row are one syllable, as are a digit and two letters of another script.
_SYLLABLE = re.compile(r"[aeiouyà-öø-ýÿ]+|\d|[^\x00-\u024f]{1,2}")

# The longest of the marks between two words counts. With the next sentence's gap and
# the fading of the tones, all stay below 200 ms, the shortest silence that ends a turn
# by default anywhere.
_PAUSE_MS = {",": 90, ";": 110, ":": 110, ".": 140, "!": 140, "?": 140, "\n": 140}
_WORD_GAP_MS = 30
_SYLLABLE_MS = 170
_ATTACK = RATE * 25 // 1000
_DECAY = RATE * 45 // 1000
_PEAK = 12_000.0

# First two formants in Hz, and the width that both are given.
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
    Say *text*: PCM16 little-endian, mono, 24 kHz. The same words sound the same.

    Recent speech is remembered. Blocks for about 20 ms per second of speech; for an
    early start on a long text, speak its `phrases` one after the other.

    Args:
        text: what to say; nothing is spoken if there is no letter or digit in it.
        voice: a voice of the service; an unknown name gets a pitch of its own.
    """
    if not any(map(str.isalnum, text)):
        return b""
    return _cached_speech(text, voice, shutil.which("espeak-ng"))


def phrases(text: str) -> list[str]:
    """
    Cut *text* after its punctuation; joined, the pieces are the text again.
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
            # A broken installation should cost the voice, not the answer.
            pcm = b""
        if pcm:
            return pcm
    return synthesize(text, voice)


def _espeak(program: str, text: str, voice: str) -> bytes:
    """
    Let espeak-ng speak into a file.

    A file, since the header that it writes to a pipe gives a made-up length. The text
    goes through stdin, where it cannot be taken for an option.

    Raises:
        OSError, EOFError, ValueError, wave.Error, subprocess.SubprocessError: if the
            program does not do its work.
    """
    name, pitch, _ = _profile(voice)
    # Control characters mean commands to it, and double brackets phonemes.
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
                msg = "espeak-ng wrote something else than mono PCM16"
                raise ValueError(msg)
            return resample(
                file.readframes(file.getnframes()), file.getframerate(), RATE
            )


def synthesize(text: str, voice: str = "alloy") -> bytes:
    """
    Hum *text* in our own voice: PCM16 little-endian, mono, 24 kHz.

    About four syllables a second, and pauses below 200 ms at punctuation.
    """
    _, _, pitch = _profile(voice)
    samples = array("h")
    for sentence in _SENTENCE_END.split(text.lower()):
        tokens = list(_syllables(sentence))
        # Speech falls by a third over a sentence; a question rises at its end.
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
    Yield the vowel of each syllable, and the pauses between the words in ms.
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
    Hum one vowel, its period given in samples, fading in and out.
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
    Add up the harmonics below 4 kHz, the louder the nearer to a formant.
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
