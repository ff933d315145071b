"""
Echo cancellation and half duplex: what of the microphone is sent.
"""

from __future__ import annotations

import sys
from array import array
from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest

from azure_realtime.voice import WebRtcEchoCanceller
from azure_realtime.voice.echo import EchoFilter, HalfDuplex

FRAME = 480  # bytes: 10 ms at 24,000 Hz


class Difference:
    """
    A canceller that subtracts the loudspeaker's samples from the microphone's.
    """

    rate = 24_000

    def process(self, near: bytes, far: bytes) -> bytes:
        assert len(near) == len(far) == FRAME
        pairs = zip(array("h", near), array("h", far), strict=True)
        return array("h", [a - b for a, b in pairs]).tobytes()


def sound(value: int, frames: float) -> bytes:
    """
    Return so many frames of samples of *value*.
    """
    return array("h", [value] * int(FRAME // 2 * frames)).tobytes()


def device(rate: int = 24_000) -> SimpleNamespace:
    """
    Return a source or a sink.
    """
    return SimpleNamespace(rate=rate, played_blocks=None)


def test_the_echo_of_what_is_played_is_removed() -> None:
    """
    Blocks of any length are cut into whole frames of both sides.
    """
    sink = device()
    echo = EchoFilter(Difference(), device(), sink)
    assert isinstance(sink.played_blocks, deque)
    sink.played_blocks.append(sound(100, 2))
    assert echo.feed(sound(130, 1.5)) == sound(30, 1)
    assert echo.feed(sound(130, 0.5)) == sound(30, 1)


def test_without_playback_the_microphone_passes_unchanged() -> None:
    """
    Silence is what the loudspeaker plays then.
    """
    echo = EchoFilter(Difference(), device(), device())
    assert echo.feed(sound(130, 3)) == sound(130, 3)


def test_a_loudspeaker_that_runs_ahead_is_dropped_to_a_limit() -> None:
    """
    Two devices have two clocks: their difference must not add up to a delay.
    """
    sink = device()
    echo = EchoFilter(Difference(), device(), sink)
    for value in range(40):
        sink.played_blocks.append(sound(value, 2))
    assert echo.feed(sound(0, 2)) == sound(-25, 2)


@pytest.mark.parametrize(("near", "far"), [(48_000, 24_000), (24_000, 16_000)])
def test_devices_with_another_rate_are_refused(near: int, far: int) -> None:
    """
    The error has all three rates.
    """
    echo = EchoFilter(Difference(), device(near), device(far))
    with pytest.raises(ValueError, match=f"24000 Hz, but they have {near} and {far}"):
        echo.feed(bytes(FRAME))


def test_a_sink_that_hides_what_it_plays_is_refused() -> None:
    """
    There would be nothing to compare with.
    """
    with pytest.raises(ValueError, match="needs a sink"):
        EchoFilter(Difference(), device(), SimpleNamespace(rate=24_000))


def test_a_canceller_of_an_unknown_rate_is_refused() -> None:
    """
    WebRTC processes three rates.
    """
    with pytest.raises(ValueError, match="not 24,000"):
        WebRtcEchoCanceller(24_000)


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The error says how to install it.
    """
    monkeypatch.setitem(__import__("sys").modules, "pywebrtc_audio", None)
    with pytest.raises(ImportError, match=r"\.\[aec\]"):
        WebRtcEchoCanceller()


def test_half_duplex_silences_the_microphone_during_playback_and_a_moment_longer() -> (
    None
):
    """
    The moment is for the echo of the room.
    """
    now, playing = [0.0], [True]
    half_duplex = HalfDuplex(lambda: playing[0], lambda: now[0])
    spoken = sound(5, 1)
    assert half_duplex.feed(spoken) == bytes(FRAME)
    playing[0] = False
    now[0] = half_duplex.HOLD - 0.01
    assert half_duplex.feed(spoken) == bytes(FRAME)
    now[0] = half_duplex.HOLD
    assert half_duplex.feed(spoken) == spoken


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions have no notes")
def test_a_canceller_that_raises_is_named() -> None:
    """
    The note of the error names the method of the canceller.
    """

    class Broken(Difference):
        def process(self, near: bytes, far: bytes) -> bytes:
            raise OSError("out of order")

    echo = EchoFilter(Broken(), device(), device())
    with pytest.raises(OSError, match="out of order") as raised:
        echo.feed(sound(1, 1))
    assert raised.value.__notes__ == ["raised by Broken.process()"]


def test_a_canceller_that_returns_no_bytes_is_named() -> None:
    """
    The error that ends the call names the method of the canceller.
    """

    class Arrays(Difference):
        def process(self, near: bytes, far: bytes) -> Any:
            return array("h", near)

    echo = EchoFilter(Arrays(), device(), device())
    with pytest.raises(TypeError, match=r"Arrays\.process\(\) must return bytes"):
        echo.feed(sound(1, 1))
