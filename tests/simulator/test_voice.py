"""
The local service's voices: espeak-ng's, and our own where it is absent.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import wave
from array import array
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azure_realtime.simulator._speech import voice as _voice
from azure_realtime.simulator._speech.voice import phrases, speak, synthesize

needs_espeak = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="espeak-ng is not installed"
)


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    _voice._cached_speech.cache_clear()
    yield
    _voice._cached_speech.cache_clear()


@pytest.fixture(name="espeak")
def _espeak(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[list[str]]]:
    """
    Put a double in espeak-ng's place, which does what the test wants.
    """

    def install(
        channels: int = 1,
        rate: int = 24000,
        data: bytes = b"\x01\x00\x02\x00",
        error: Exception | None = None,
    ) -> list[list[str]]:
        calls = []

        def run(command: list[str], **options: Any) -> None:
            calls.append([*command, options["input"].decode()])
            if error is not None:
                raise error
            with wave.open(command[-1], "wb") as file:
                file.setnchannels(channels)
                file.setsampwidth(2)
                file.setframerate(rate)
                file.writeframes(data)

        monkeypatch.setattr(subprocess, "run", run)
        monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
        return calls

    return install


def seconds(pcm: bytes) -> float:
    return len(pcm) / 48_000


def loudest(pcm: bytes) -> int:
    samples = array("h", pcm)
    if sys.byteorder == "big":
        samples.byteswap()
    return max(map(abs, samples))


class TestSpeak:
    @pytest.mark.parametrize(
        "text", ["", " \n", "...", "?!", "\N{SPEAKING HEAD IN SILHOUETTE}"]
    )
    def test_text_without_letters_makes_no_sound(self, text: str) -> None:
        """
        Text without a letter or digit makes no sound.
        """
        assert b"" == speak(text)

    def test_without_espeak_our_own_voice_speaks(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Where espeak-ng is absent, our own voice speaks.
        """
        monkeypatch.setattr(shutil, "which", lambda _: None)

        assert synthesize("Good morning", "sage") == speak("Good morning", "sage")

    @pytest.mark.parametrize(
        "broken",
        [
            {"error": OSError("cannot execute")},
            {"error": subprocess.CalledProcessError(1, "espeak-ng")},
            {"error": subprocess.TimeoutExpired("espeak-ng", 60)},
            {"channels": 2},
            {"data": b""},
        ],
        ids=["not executable", "fails", "hangs", "stereo", "mute"],
    )
    def test_a_broken_espeak_costs_its_voice_only(
        self, broken: dict[str, Any], espeak: Callable[..., list[list[str]]]
    ) -> None:
        """
        A broken espeak-ng costs its voice, not the answer.
        """
        calls = espeak(**broken)

        assert synthesize("Good morning") == speak("Good morning")
        assert 1 == len(calls)

    def test_the_rate_of_the_voice_is_converted(
        self, espeak: Callable[..., list[list[str]]]
    ) -> None:
        """
        The voice's rate is converted to the service's.
        """
        espeak(rate=8000, data=b"\x01\x00" * 100)

        assert 600 == len(speak("hm"))

    @pytest.mark.parametrize(
        ("text", "cleaned"),
        [
            ("-w /etc/passwd", "-w /etc/passwd"),
            ("a\x00b\x01c\nd", "a b c d"),
            ("[[h@l'oU]]", "[ [h@l'oU]]"),
            ("\ud800x", "?x"),
        ],
        ids=["options", "control characters", "phonemes", "half a character"],
    )
    def test_a_text_never_commands_espeak(
        self, text: str, cleaned: str, espeak: Callable[..., list[list[str]]]
    ) -> None:
        """
        Nothing in a text commands the program: it goes through stdin, cleaned.
        """
        calls = espeak()
        speak(text)

        assert cleaned == calls[0][-1]
        assert text not in calls[0][:-1]

    def test_the_last_texts_are_not_synthesized_again(
        self, espeak: Callable[..., list[list[str]]]
    ) -> None:
        """
        The last texts are not synthesized again; another voice is another sound.
        """
        calls = espeak()
        speak("Hello")
        speak("Hello")
        speak("Hello", "echo")

        assert 2 == len(calls)

    @needs_espeak
    def test_espeak_speaks_a_sentence_at_a_good_level(self) -> None:
        """
        Espeak-ng says a sentence in a few seconds, at a good level.
        """
        pcm = speak("The quick brown fox jumps over the lazy dog.")

        assert 2 < seconds(pcm) < 6
        assert loudest(pcm) > 5000

    @pytest.mark.slow
    @needs_espeak
    def test_each_espeak_voice_sounds_different(self) -> None:
        """
        Each voice sounds different, each time the same; unknown ones speak, too.
        """
        names = [*_voice._VOICES, "custom", "custom-too"]
        voices = [speak("One two", name) for name in names]
        _voice._cached_speech.cache_clear()

        assert voices == [speak("One two", name) for name in names]
        assert len(names) == len(set(voices))


class TestSynthesize:
    def test_twice_the_text_takes_twice_the_time(self) -> None:
        """
        Twice the text takes twice the time, at the pace of speech.
        """
        once = seconds(synthesize("one two three four, "))
        twice = seconds(synthesize("one two three four, " * 2))

        assert twice == pytest.approx(2 * once)
        assert 0.8 < once < 2

    def test_each_voice_sounds_different(self) -> None:
        """
        Each voice sounds different, each time the same; unknown ones speak, too.
        """
        names = [*_voice._VOICES, "custom", "custom-too"]
        voices = [synthesize("One two", name) for name in names]

        assert voices == [synthesize("One two", name) for name in names]
        assert len(names) == len(set(voices))

    def test_a_question_rises(self) -> None:
        """
        A question does not sound like a statement.
        """
        assert synthesize("You go there.") != synthesize("You go there?")

    @pytest.mark.parametrize(
        "text", ["42", "hm", "日本語です", "Привет, мир", "Élève à l'école", "ß_ß"]
    )
    def test_any_script_has_a_sound(self, text: str) -> None:
        """
        Numbers, other scripts and words without vowels have a sound.
        """
        pcm = synthesize(text)

        assert 0.15 < seconds(pcm) < 3
        assert 8000 < loudest(pcm) <= 12_000

    def test_pcm_is_little_endian_on_a_big_endian_machine(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        PCM is little-endian on a big-endian machine, too.
        """
        expected = array("h", synthesize("Hello"))
        expected.byteswap()
        other = "little" if sys.byteorder == "big" else "big"

        monkeypatch.setattr(sys, "byteorder", other)

        assert expected.tobytes() == synthesize("Hello")


class TestPhrases:
    def test_a_text_is_cut_where_a_speaker_breathes(self) -> None:
        """
        A text is cut where a speaker would breathe, but not inside a number.
        """
        text = "Paris, of course. It has 2.1 million people;\nsee it!  Soon..."
        expected = [
            "Paris, ",
            "of course. ",
            "It has 2.1 million people;\n",
            "see it!  ",
            "Soon...",
        ]

        assert expected == phrases(text)

    @pytest.mark.slow
    @given(st.text() | st.text(alphabet="ab .,!?\n"))
    def test_no_word_of_a_cut_text_is_lost(self, text: str) -> None:
        """
        The phrases of any text, joined, are the text.
        """
        assert text == "".join(phrases(text))
