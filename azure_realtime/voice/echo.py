"""
Echo: the sound of the loudspeaker that the microphone records.

The service takes it for speech of the user and interrupts the model. Remedies, the best
first: a headset; the echo cancellation of the operating system; `WebRtcEchoCanceller`;
a microphone that is silent while the loudspeaker plays (``half_duplex=True``).
"""

from __future__ import annotations

import contextlib
import importlib
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from .._version import INSTALL_HINT
from .ends import add_note

__all__ = ["EchoCanceller", "WebRtcEchoCanceller"]

_FRAME_MS = 10
_MOST_BLOCKS = 15  # of 20 ms; two clocks that drift apart would add more


class EchoCanceller(Protocol):
    """
    Removes the sound of the loudspeaker from that of the microphone.

    It may have ``rate``, the sample rate in Hz that it needs; `AzureRealTimeAudio.talk`
    opens the default devices with it.
    """

    def process(self, near: bytes, far: bytes) -> bytes:
        """
        Process 10 ms: PCM16, mono, both of the same length. One thread at a time.

        Args:
            near: The audio of the microphone.
            far: The audio that was handed to the loudspeaker at about that time.

        Returns:
            *near* without the echo.
        """
        ...


class WebRtcEchoCanceller:
    """
    The echo canceller of WebRTC (AEC3): package `pywebrtc-audio`, extra ``aec``.

    Args:
        rate: Sample rate in Hz: 16,000, 32,000 or 48,000.

    Raises:
        ImportError: The package is not installed.
        ValueError: The canceller does not support *rate*.
    """

    def __init__(self, rate: int = 48_000) -> None:
        if rate not in (16_000, 32_000, 48_000):
            raise ValueError(
                f"the echo canceller takes 16,000, 32,000 or 48,000 Hz, not {rate:,}"
            )
        self.rate = rate
        try:
            library = importlib.import_module("pywebrtc_audio")
            self._numpy: Any = importlib.import_module("numpy")
        except ImportError:
            hint = INSTALL_HINT.format("aec")
            raise ImportError(
                f"WebRtcEchoCanceller needs pywebrtc-audio. {hint}"
            ) from None
        self._canceller: Any = library.EchoCanceller(sample_rate=rate)

    def process(self, near: bytes, far: bytes) -> bytes:
        """
        Process 10 ms; see `EchoCanceller`.
        """
        samples = self._numpy.frombuffer
        cleaned = self._canceller.process(samples(near, "<i2"), samples(far, "<i2"))
        return bytes(self._numpy.asarray(cleaned, "<i2").tobytes())


class EchoFilter:
    """
    Passes frames of both sides to a canceller. The thread that reads the microphone.

    Args:
        canceller: The canceller.
        source: The microphone.
        sink: The loudspeaker; it appends what it plays to its ``played_blocks``, and
            removes what it has dropped.

    Raises:
        ValueError: The sink has no ``played_blocks``.
    """

    def __init__(self, canceller: EchoCanceller, source: Any, sink: Any) -> None:
        if not hasattr(sink, "played_blocks"):
            raise ValueError(
                "echo_canceller needs a sink with `played_blocks`, such as Speaker"
            )
        self._canceller = canceller
        self._source = source
        self._sink = sink
        self._played: deque[bytes] = deque(maxlen=_MOST_BLOCKS)
        self._near = self._far = b""
        sink.played_blocks = self._played

    def feed(self, block: bytes) -> bytes:
        """
        Return *block* without the echo, in whole frames of 10 ms.

        Raises:
            ValueError: The devices have another sample rate than the canceller, or
                differ.
        """
        rate = self._source.rate
        wanted = getattr(self._canceller, "rate", rate)
        if not rate == self._sink.rate == wanted:
            raise ValueError(
                f"the echo canceller needs both devices at {wanted} Hz, but they have "
                f"{rate} and {self._sink.rate} Hz"
            )
        size = rate * _FRAME_MS // 1000 * 2
        self._near += block
        with contextlib.suppress(IndexError):  # silence, or the sink has dropped it
            while len(self._far) < len(self._near):
                self._far += self._played.popleft()
        whole = len(self._near) // size * size
        far = self._far[:whole].ljust(whole, b"\0")
        out = [
            self._process(self._near[at : at + size], far[at : at + size])
            for at in range(0, whole, size)
        ]
        self._near, self._far = self._near[whole:], self._far[whole:]
        return b"".join(out)

    def _process(self, near: bytes, far: bytes) -> bytes:
        name = type(self._canceller).__name__
        try:
            cleaned = self._canceller.process(near, far)
        except BaseException as error:
            add_note(error, f"raised by {name}.process()")
            raise
        if not isinstance(cleaned, (bytes, bytearray)):
            raise TypeError(
                f"{name}.process() must return bytes, not {type(cleaned).__name__}"
            )
        return cleaned


class HalfDuplex:
    """
    Replaces the microphone by silence while the loudspeaker plays, and a moment longer.

    Args:
        playing: Returns whether the loudspeaker plays.
        clock: Returns the time in seconds.
    """

    HOLD = 0.3  # seconds: the reverberation of a room

    def __init__(self, playing: Callable[[], bool], clock: Callable[[], float]) -> None:
        self._playing = playing
        self._clock = clock
        self._until = 0.0

    def feed(self, block: bytes) -> bytes:
        """
        Return *block*, or silence of its length.
        """
        if self._playing():
            self._until = self._clock() + self.HOLD
        return bytes(len(block)) if self._clock() < self._until else block
