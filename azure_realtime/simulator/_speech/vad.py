"""
Voice activity detection: finds the turns in a stream of speech by its level.

It replaces the service's `server_vad`. The rules:

1. The level is measured in frames of 20 ms, counted from the start of the detector.
   The result does not depend on how the stream is divided into pieces.
2. A frame's level is its RMS without its mean, so a DC offset counts as silence.
3. A frame is *active* if its level reaches the threshold. After an active frame the
   threshold is 4 dB lower, so that a varying level does not interrupt a run.
4. A run of three active frames (60 ms) is *speech*; a shorter run is a click and counts
   as silence. Sound of under 20 ms is never speech, sound of 80 ms always is.
5. A turn starts with the first run that is speech. It ends when *silence_duration_ms*
   have passed since the end of the last such run. During a run that may still become
   speech the decision is delayed, by 40 ms at most.
6. Times are milliseconds of received audio, not of a clock.

Only the level counts: music, and any noise above the threshold, is taken for speech.
"""

from __future__ import annotations

import math
import sys
from array import array
from dataclasses import dataclass
from operator import mul

FRAME_MS = 20
_SPEECH_FRAMES = 3

# A threshold of 0 to 1 is mapped to the usual levels of a recording: 0 detects sound
# just above a quiet room, 1 only loud speech; 0.5 is -40 dBFS. Noise at -50 dBFS is
# below both levels of every threshold from 0.35 on.
_QUIETEST_DBFS = -56.0
_SPAN_DB = 32.0
_HYSTERESIS_DB = 4.0


@dataclass(frozen=True)
class SpeechStarted:
    """
    The start of a turn.

    Attributes:
        at_ms: The start of the turn's audio on the session's audio clock, in
            milliseconds, including the padding.
    """

    at_ms: int


@dataclass(frozen=True)
class SpeechStopped:
    """
    The end of a turn.

    Attributes:
        at_ms: The end of the turn's audio on the session's audio clock, in
            milliseconds, including the silence that ended the turn.
    """

    at_ms: int


class Detector:
    """
    Detects the start and the end of speech. Not locked: one thread at a time.

    Args:
        threshold: The level of speech, 0 to 1 for -56 dBFS to -24 dBFS.
        prefix_padding_ms: The duration of audio before the speech that belongs to the
            turn.
        silence_duration_ms: The duration of silence that ends a turn.
        clock_ms: The present time of the session's audio clock.
        rate: The sample rate in Hz. Levels do not depend on it, so telephone audio need
            not be resampled, which would take nine times as long as the detection.
    """

    def __init__(
        self,
        threshold: float = 0.5,
        prefix_padding_ms: int = 300,
        silence_duration_ms: int = 500,
        *,
        clock_ms: int = 0,
        rate: int = 24_000,
    ) -> None:
        self._bytes_per_ms = 2 * rate // 1000
        self._frame_bytes = self._bytes_per_ms * FRAME_MS
        self.configure(threshold, prefix_padding_ms, silence_duration_ms)
        self._origin_ms = clock_ms
        self._frames = 0  # complete frames since _origin_ms
        self._remainder = b""
        self._earliest_ms = clock_ms  # audio before this belongs to an earlier turn
        self.reset()

    def __repr__(self) -> str:
        state = "speaking" if self._speaking else "silent"
        return f"<Detector {state} at {self.clock_ms} ms>"

    @property
    def speaking(self) -> bool:
        """
        Whether a turn has started and has not ended.
        """
        return self._speaking

    @property
    def clock_ms(self) -> int:
        """
        The time of the audio clock, in whole milliseconds.
        """
        return self._measured_ms + len(self._remainder) // self._bytes_per_ms

    @property
    def _measured_ms(self) -> int:
        return self._origin_ms + self._frames * FRAME_MS

    def configure(
        self,
        threshold: float = 0.5,
        prefix_padding_ms: int = 300,
        silence_duration_ms: int = 500,
    ) -> None:
        """
        Change the settings from the next frame on, also during a turn.
        """
        level = _QUIETEST_DBFS + _SPAN_DB * threshold
        samples = self._frame_bytes // 2
        self._enter_power = _scaled_power(level, samples)
        self._stay_power = _scaled_power(level - _HYSTERESIS_DB, samples)
        self._prefix_ms = prefix_padding_ms
        self._silence_ms = silence_duration_ms

    def reset(self) -> None:
        """
        End a turn without an event, as when the input buffer is cleared.

        The clock continues. The next turn does not start before the present time.
        """
        self._speaking = False
        self._active_frames = 0  # in a row, up to and including the last frame
        self._speech_end_ms = 0  # end of the last run that was speech
        self._earliest_ms = self.clock_ms

    def feed(self, pcm: bytes) -> list[SpeechStarted | SpeechStopped]:
        """
        Process the next audio; return the starts and ends of turns in it, in order.

        Args:
            pcm: PCM16, little-endian, mono; any number of bytes.
        """
        events: list[SpeechStarted | SpeechStopped] = []
        data = self._remainder + pcm
        size = self._frame_bytes
        whole_size = len(data) - len(data) % size
        self._remainder = data[whole_size:]
        for start in range(0, whole_size, size):
            power = _frame_power(data[start : start + size])
            self._frames += 1
            event = self._next_event(power)
            if event is not None:
                events.append(event)
        return events

    def _next_event(self, power: int) -> SpeechStarted | SpeechStopped | None:
        now = self._measured_ms
        if power >= (self._stay_power if self._active_frames else self._enter_power):
            self._active_frames += 1
        else:
            self._active_frames = 0

        if self._active_frames >= _SPEECH_FRAMES:
            self._speech_end_ms = now
            if not self._speaking:
                self._speaking = True
                onset = now - self._active_frames * FRAME_MS
                return SpeechStarted(max(self._earliest_ms, onset - self._prefix_ms))
        elif self._speaking and not self._active_frames:
            at_ms = self._speech_end_ms + self._silence_ms
            if now >= at_ms:
                self._speaking = False
                self._earliest_ms = at_ms
                return SpeechStopped(at_ms)
        return None


def _scaled_power(dbfs: float, samples: int) -> int:
    """
    Return the power at *dbfs* (RMS, full scale 32768) in the units of `_frame_power`,
    for a frame of so many samples.
    """
    rms = 32768 * math.pow(10, dbfs / 20)
    return round(math.pow(rms * samples, 2))


def _frame_power(frame: bytes) -> int:
    """
    Return the variance of a frame's samples, times the squared number of samples.

    Uses integers only, so that the same audio gives the same turns on every machine.
    """
    samples = array("h", frame)
    if sys.byteorder == "big":
        samples.byteswap()
    energy: int = sum(map(mul, samples, samples))
    return len(samples) * energy - sum(samples) ** 2
