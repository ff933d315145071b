"""
Waits that a signal can interrupt, and deadlines that the kernel can count.
"""

from __future__ import annotations

from queue import Empty

import pytest
from helpers.timing import at_most

from azure_realtime._concurrency import condition as _condition
from azure_realtime._concurrency.condition import Condition
from azure_realtime._concurrency.deadline import Deadline
from azure_realtime._concurrency.lock import OwnLock


@pytest.mark.parametrize("seconds", [None, 60.0, 0.1])
def test_a_wait_is_made_of_short_waits(
    seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Ctrl-C may be handled only at the end of the wait for a lock: that is soon.
    """
    timeouts: list[float] = []

    class Queue:
        def get(self, timeout: float) -> None:
            timeouts.append(timeout)
            raise Empty

    monkeypatch.setattr(_condition, "SimpleQueue", Queue)

    assert Condition().wait(lambda: len(timeouts) == 3, Deadline(seconds))
    assert 0.0 <= min(timeouts) <= max(timeouts) <= min(0.2, seconds or 0.2)


@pytest.mark.parametrize("seconds", [1e7, 1e300, float("inf")])
def test_a_long_timeout_fits_into_32_bits_of_milliseconds(seconds: float) -> None:
    """
    A poll with a longer timeout raises OverflowError.
    """
    remaining = Deadline(seconds).remaining()

    assert remaining is not None
    assert 86_400 < remaining < 2**31 / 1000
    assert not Deadline(seconds).passed


def test_a_negative_timeout_has_passed() -> None:
    """
    It counts as zero, and no deadline at all never passes.
    """
    assert Deadline(-5.0).remaining() == 0.0
    assert Deadline(-5.0).passed
    assert Deadline(None).remaining() is None
    assert not Deadline(None).passed
    assert Deadline(1.0).is_before(Deadline(None))
    assert Deadline(1.0).is_before(Deadline(60.0))
    assert not Deadline(None).is_before(Deadline(1.0))


def test_a_wait_in_a_handler_of_a_signal_within_a_locked_call_is_an_error() -> None:
    """
    The lock is released after the handler has returned, so the wait could last for
    ever. The error leaves no wait behind.
    """
    condition = Condition()
    with OwnLock():
        assert condition.wait(lambda: True, Deadline(None))
        with at_most(2.0), pytest.raises(RuntimeError, match="set a flag"):
            condition.wait(lambda: False, Deadline(60.0))

    assert condition.wait(lambda: True, Deadline(None))
    assert not condition.wait(lambda: False, Deadline(0.3))
