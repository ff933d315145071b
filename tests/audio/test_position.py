"""
How many frames a loudspeaker has played.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from azure_realtime.audio import position
from azure_realtime.audio.position import Position

RATE, BLOCK = 24_000, 480
DELAY = 0.15


class Clock:
    """
    The clock of the process; that of the device is 1,000 seconds behind.
    """

    def __init__(self) -> None:
        self.now = 5000.0

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.during_sleep()

    def during_sleep(self) -> None:
        """
        What the device does in the pause: nothing, unless a test replaces this.
        """


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(position, "time", made)
    return made


def call(at: Position, number: int, clock: Clock, late: float, step: float = 0) -> None:
    """
    Make the callback of a number: due every 20 ms, and *late*, in seconds. The clock of
    the device was set by *step*.
    """
    due = 5000 + number * 0.02
    clock.now = due + late
    stamp = due - 1000 + step
    stamps = SimpleNamespace(currentTime=stamp, outputBufferDacTime=stamp + DELAY)
    at.note(number * BLOCK, clock.now, stamps)


def played(at: Position, clock: Clock) -> float:
    """
    Return the milliseconds since the first frame that are missing.
    """
    true = (clock.now - 5000 - DELAY) * RATE
    return (true - at.frames(10**6, RATE)) * 1000 / RATE


@pytest.mark.parametrize("late", [0.0, 0.004, 0.02, 0.05])
def test_a_late_callback_does_not_change_the_position(
    clock: Clock, late: float
) -> None:
    """
    An interruption while a listener computes reports what was played, not 20 ms less.
    """
    at = Position(0.1)
    for number in range(40):
        call(at, number, clock, late if number % 8 else 0.0005)
    clock.now = 5001.0
    assert 0 <= played(at, clock) < 6


def test_a_clock_that_was_set_never_claims_what_was_not_played(clock: Clock) -> None:
    """
    The wall clock of the device goes back or forward: what counts as played is never
    above what was played, and exact again a third of a second later.
    """
    for step in (-3600.0, -1.0, 1.0, 3600.0):
        at = Position(0.1)
        for number in range(60):
            call(at, number, clock, 0.001, step if number >= 30 else 0)
            if number > 10:
                assert 0 <= played(at, clock) < 7, (step, number)


def test_a_device_without_time_stamps_has_the_latency_of_its_opening(
    clock: Clock,
) -> None:
    """
    Some systems report zeros, or the same time for the callback and its sound.
    """
    at = Position(DELAY)
    clock.now = 5001.0
    at.note(
        50 * BLOCK, clock.now, SimpleNamespace(currentTime=0, outputBufferDacTime=0)
    )
    assert played(at, clock) == pytest.approx(5, abs=0.1)
    assert at.buffer == DELAY


def test_no_more_frames_count_as_played_than_were_handed_over(clock: Clock) -> None:
    """
    A device that stops asks for nothing, and plays nothing.
    """
    at = Position(0.1)
    assert at.frames(100, RATE) == 0
    call(at, 0, clock, 0)
    clock.now += 100
    assert at.frames(3 * BLOCK, RATE) == 3 * BLOCK
    at.restart()
    assert at.frames(3 * BLOCK, RATE) == 0


def test_the_buffer_is_what_a_started_stream_takes_at_once(clock: Clock) -> None:
    """
    The first sound is held until it fills the buffer: otherwise it would have a gap.
    """
    at = Position(0.1)
    for _ in range(2):
        for number in range(16):  # ten at once, then one each 20 ms
            clock.now = 5000 + max(0, number - 9) * 0.02 + number * 0.0001
            stamp = clock.now - 1000
            stamps = SimpleNamespace(currentTime=stamp, outputBufferDacTime=stamp)
            at.note(number * BLOCK, clock.now, stamps)
        assert at.buffer == pytest.approx(0.2, abs=0.003)
        at.restart()


def test_a_process_that_was_stopped_has_not_lost_its_loudspeaker(clock: Clock) -> None:
    """
    After Ctrl-Z and ``fg`` the chosen device goes on: the default one does not take its
    place.
    """
    at = Position(0.1)
    call(at, 0, clock, 0)
    assert not at.is_stalled()
    clock.now += 100
    assert at.is_stalled()
    clock.during_sleep = lambda: call(at, 6000, clock, 0)  # type: ignore[method-assign]
    assert not at.is_stalled()
