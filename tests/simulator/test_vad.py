"""
Where turns start and stop: on tones, noise, clicks and real speech.
"""

from __future__ import annotations

import math
import random
import shutil
import sys
import wave
from array import array
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azure_realtime.simulator._speech.audio import encode_audio, samples_in
from azure_realtime.simulator._speech.vad import Detector, SpeechStarted, SpeechStopped
from azure_realtime.simulator._speech.voice import speak, synthesize

QUESTION = "What is the capital of France and what should I see there?"
SAMPLE = Path(__file__).parents[2] / "samples" / "question.wav"
# threshold, prefix padding, silence: our default, the schema's and the server's own.
SETTINGS = [(0.4, 300, 600), (0.5, 300, 500), (0.5, 300, 200)]

Events = list[SpeechStarted | SpeechStopped]


def pcm(values: list[int]) -> bytes:
    samples = array("h", [min(max(v, -32768), 32767) for v in values])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


def silence(ms: int) -> bytes:
    return bytes(48 * ms)


def tone(ms: int, dbfs: float = -20.0, offset: int = 0) -> bytes:
    peak = 32768 * 10 ** (dbfs / 20) * math.sqrt(2)
    step = 2 * math.pi * 300 / 24000
    return pcm([round(peak * math.sin(step * i)) + offset for i in range(24 * ms)])


@cache
def noise(ms: int, dbfs: float) -> bytes:
    chance = random.Random(1)
    rms = 32768 * 10 ** (dbfs / 20)
    return pcm([round(chance.gauss(0, rms)) for _ in range(24 * ms)])


def mix(audio: bytes, other: bytes) -> bytes:
    a, b = array("h", audio), array("h", other)
    if sys.byteorder == "big":
        a.byteswap()
        b.byteswap()
    return pcm([x + y for x, y in zip(a, b, strict=True)])


@cache
def sample() -> bytes:
    if not SAMPLE.exists():
        pytest.skip("samples/question.wav is not part of this installation")
    with wave.open(str(SAMPLE), "rb") as file:
        return file.readframes(file.getnframes())


def spoken(source: str) -> bytes:
    """
    Return a question of a few seconds without silence around it, from *source*.
    """
    if source == "sample":
        return sample()
    if source == "synthetic":
        return synthesize(QUESTION)
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
    return speak(QUESTION, source)


def turns(events: Events) -> list[tuple[int, int]]:
    """
    Pair starts with stops, and insist that they alternate.
    """
    kinds = [type(event) for event in events]
    assert [SpeechStarted, SpeechStopped] * (len(events) // 2) == kinds
    return [
        (start.at_ms, stop.at_ms)
        for start, stop in zip(events[::2], events[1::2], strict=True)
    ]


class TestTurns:
    @pytest.mark.slow
    def test_a_turn_starts_before_the_sound_and_stops_after_the_silence(self) -> None:
        """
        A turn starts before the sound by the padding and stops after the silence.
        """
        events = Detector().feed(silence(1000) + tone(800) + silence(1000))

        assert [(700, 2300)] == turns(events)

    def test_padding_and_silence_are_those_of_the_settings(self) -> None:
        """
        Padding and silence are those that were asked for.
        """
        detector = Detector(prefix_padding_ms=100, silence_duration_ms=210)

        events = detector.feed(silence(1000) + tone(800) + silence(1000))

        assert [(900, 2010)] == turns(events)

    def test_a_silence_of_0_ms_stops_a_turn_with_its_sound(self) -> None:
        """
        With a silence of 0 ms a turn stops with its sound.
        """
        detector = Detector(silence_duration_ms=0)

        events = detector.feed(silence(400) + tone(100) + silence(20))

        assert [(100, 500)] == turns(events)

    def test_speech_from_the_first_sample_starts_at_0(self) -> None:
        """
        Speech from the first sample on starts at 0, not before the session.
        """
        assert [SpeechStarted(0)] == Detector().feed(tone(500))

    def test_two_turns_share_no_audio(self) -> None:
        """
        Two turns do not share audio, even where the padding would reach back.
        """
        detector = Detector(prefix_padding_ms=400)

        events = detector.feed(tone(400) + silence(600) + tone(400) + silence(600))

        assert [(0, 900), (900, 1900)] == turns(events)

    def test_a_pause_is_not_the_end(self) -> None:
        """
        Pauses shorter than the silence asked for do not end a turn.
        """
        words = (tone(200) + silence(480)) * 4

        assert [(0, 2740)] == turns(Detector().feed(words + silence(500)))

    def test_a_word_at_the_last_moment_continues_the_turn(self) -> None:
        """
        A word that begins just before the silence is complete keeps the turn alive.
        """
        audio = tone(200) + silence(490) + tone(200) + silence(600)

        assert [(0, 1400)] == turns(Detector().feed(audio))

    def test_events_come_as_the_audio_does(self) -> None:
        """
        A start is reported within 80 ms of sound, a stop when its silence is complete.
        """
        detector = Detector()
        reported = []
        for _ in range(50):
            reported += [(detector.clock_ms, e) for e in detector.feed(tone(20))]
        for _ in range(50):
            reported += [(detector.clock_ms, e) for e in detector.feed(silence(20))]

        assert [(60, SpeechStarted(0)), (1500, SpeechStopped(1500))] == reported

    def test_the_detector_reports_speech_and_position(self) -> None:
        """
        The detector reports whether there is speech and how much it has received.
        """
        detector = Detector()
        assert (False, 0) == (detector.speaking, detector.clock_ms)

        detector.feed(tone(105))
        assert (True, 105) == (detector.speaking, detector.clock_ms)
        assert "<Detector speaking at 105 ms>" == repr(detector)

        detector.feed(silence(600))
        assert (False, 705) == (detector.speaking, detector.clock_ms)
        assert "<Detector silent at 705 ms>" == repr(detector)

    def test_reset_forgets_the_turn_and_keeps_the_clock(self) -> None:
        """
        Clearing the buffer forgets the turn; the clock and what follows it go on.
        """
        detector = Detector()
        detector.feed(tone(1000))

        detector.reset()

        assert (False, 1000) == (detector.speaking, detector.clock_ms)
        assert [SpeechStarted(1000)] == detector.feed(silence(100) + tone(100))

    def test_a_detector_continues_the_sessions_clock(self) -> None:
        """
        A detector that starts in mid-session goes on with the session's clock.
        """
        detector = Detector(clock_ms=5000)

        assert [SpeechStarted(5100)] == detector.feed(silence(400) + tone(100))
        assert 5500 == detector.clock_ms

    def test_new_settings_do_not_end_the_turn(self) -> None:
        """
        New settings count from now on, without breaking the turn under way.
        """
        detector = Detector(silence_duration_ms=2000)
        detector.feed(tone(400) + silence(400))

        detector.configure(silence_duration_ms=500)

        assert [SpeechStopped(900)] == detector.feed(silence(100))


class TestLevels:
    @pytest.mark.parametrize(
        ("threshold", "dbfs", "is_speech"),
        [
            (0.0, -55.5, True),
            (0.0, -56.5, False),
            (0.5, -39.5, True),
            (0.5, -40.5, False),
            (1.0, -23.5, True),
            (1.0, -24.5, False),
        ],
    )
    def test_a_higher_threshold_needs_louder_speech(
        self, threshold: float, dbfs: float, is_speech: bool
    ) -> None:
        """
        The higher the threshold, the louder one must speak.
        """
        detector = Detector(threshold)

        detector.feed(tone(200, dbfs))

        assert is_speech is detector.speaking

    def test_fading_speech_is_still_speech(self) -> None:
        """
        A voice that sinks a little below the threshold is still speech.
        """
        detector = Detector(0.5)

        events = detector.feed(tone(200, -39) + tone(1000, -43) + silence(500))

        assert [(0, 1700)] == turns(events)

    @pytest.mark.parametrize(
        "quiet",
        [
            silence(3000),
            noise(3000, -50),
            pcm([6000] * 72_000),
            tone(3000, -60, offset=-9000),
        ],
        ids=["digital silence", "noise", "dc", "hum on dc"],
    )
    @pytest.mark.parametrize("threshold", [0.4, 0.5])
    def test_silence_is_no_speech(self, threshold: float, quiet: bytes) -> None:
        """
        Silence, noise at -50 dBFS and a DC offset are no speech.
        """
        assert [] == Detector(threshold).feed(quiet)

    @pytest.mark.parametrize("ms", [1, 5, 20])
    @pytest.mark.parametrize("at", range(0, 20, 3))
    def test_clicks_start_no_turn(self, ms: int, at: int) -> None:
        """
        Clicks of up to 20 ms start no turn, however often they come.
        """
        click = silence(100 + at) + tone(ms, -6) + silence(80)

        assert [] == Detector().feed(click * 10)

    def test_clicks_do_not_prolong_a_turn(self) -> None:
        """
        A turn ends in time although there is the sound of a keyboard.
        """
        typing = (silence(90) + tone(10, -6)) * 20

        assert [(0, 900)] == turns(Detector().feed(tone(400) + typing))

    @pytest.mark.parametrize("at", range(0, 20, 3))
    def test_a_short_word_is_speech(self, at: int) -> None:
        """
        A sound of 80 ms is speech wherever it falls.
        """
        detector = Detector()

        detector.feed(silence(at) + tone(80))

        assert detector.speaking


class TestSpeech:
    @pytest.mark.parametrize("settings", SETTINGS)
    def test_the_sample_is_one_turn(self, settings: tuple[float, int, int]) -> None:
        """
        The question in samples/ is one turn, whatever the usual settings.
        """
        question = sample()
        found = turns(Detector(*settings).feed(question + silence(1000)))

        ((start, stop),) = found
        assert 0 < start < 100
        assert abs(len(question) / 48 - 100 + settings[2] - stop) < 100

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "source", ["sample", "synthetic", "alloy", "echo", "marin"]
    )
    def test_a_spoken_question_is_one_turn(self, source: str) -> None:
        """
        A spoken question is one turn in clean, noisy, offset and telephone audio.
        """
        clean = silence(700) + spoken(source) + silence(1000)
        for settings in SETTINGS[:2]:  # those of the service last
            ((start, stop),) = turns(Detector(*settings).feed(clean))
            assert 300 <= start <= 800

        length = len(clean) // 48
        phone = samples_in(encode_audio(clean, "audio/pcmu"), "audio/pcmu")
        for other, rate in (
            (mix(clean, noise(length + 1, -50)[: len(clean)]), 24_000),
            (mix(clean, pcm([3000] * (len(clean) // 2))), 24_000),
            (phone, 8000),
        ):
            detector = Detector(*settings, rate=rate)
            ((other_start, other_stop),) = turns(detector.feed(other))

            assert abs(start - other_start) <= 60
            assert abs(stop - other_stop) <= 120

    def test_the_synthetic_voice_makes_no_long_pause(self) -> None:
        """
        The synthetic voice never pauses for the 200 ms that end a turn on some servers.
        """
        text = "Well... one: two; three. (Is it four?!)\n\n- Yes! - Good, 'five'."
        audio = synthesize(text) + silence(1000)

        assert 1 == len(turns(Detector(0.5, 300, 200).feed(audio)))

    def test_two_questions_are_two_turns(self) -> None:
        """
        Two questions with a second of silence between them are two turns.
        """
        question = synthesize(QUESTION) + silence(1000)

        assert 2 == len(turns(Detector().feed(question * 2)))


class TestChunks:
    @pytest.mark.slow
    @given(sizes=st.lists(st.integers(0, 60_000), max_size=12))
    def test_any_cut_gives_the_same_turns(self, sizes: list[int]) -> None:
        """
        Ten seconds in one append or in any pieces: the same turns.
        """
        audio = conversation()
        detector = Detector()
        events: Events = []
        at = 0
        for size in sizes:
            events += detector.feed(audio[at : at + size])
            at += size
        events += detector.feed(audio[at:])

        assert expected_events() == events

    @pytest.mark.parametrize("size", [960, 959, 4800, 100])
    def test_small_pieces_give_the_same_turns(self, size: int) -> None:
        """
        Appends of 20 ms, of 100 ms, of odd and of tiny size: the same turns.
        """
        audio = conversation()
        detector = Detector()
        events: Events = []
        for at in range(0, len(audio), size):
            events += detector.feed(audio[at : at + size])

        assert expected_events() == events
        assert len(audio) // 48 == detector.clock_ms

    def test_pcm_is_little_endian_on_a_big_endian_machine(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        PCM is little-endian on a big-endian machine, too.
        """
        other = "little" if sys.byteorder == "big" else "big"
        swapped = array("h", conversation())
        swapped.byteswap()

        monkeypatch.setattr(sys, "byteorder", other)

        assert expected_events() == Detector().feed(swapped.tobytes())


@cache
def conversation() -> bytes:
    audio = synthesize(QUESTION) + silence(777) + tone(10) + silence(333)
    audio += tone(500) + noise(1500, -50) + synthesize("And you, my friend?")
    return (audio + silence(10_000))[: 48 * 10_000]


@cache
def expected_events() -> Events:
    events = Detector().feed(conversation())
    assert 3 == len(turns(events))
    return events
