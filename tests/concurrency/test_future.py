"""
Futures that Ctrl-C cannot leave locked.
"""

from __future__ import annotations

import concurrent.futures
import gc
import itertools
import sys
import threading
from types import FrameType
from typing import Any

import pytest
from helpers.timing import SCALE

from azure_realtime._concurrency.future import InterruptibleFuture


def interrupted_at(step: int, futures: list[InterruptibleFuture[int]]) -> bool:
    """
    Wait for *futures*, and interrupt the wait at a step of the standard library.

    A step is the entry of a function or the return of one in C: there CPython handles
    signals.

    Returns:
        Whether the wait has so many steps.
    """
    left = step

    def profile(frame: FrameType, event: str, _: Any) -> None:
        nonlocal left
        if event in ("call", "c_return") and frame.f_code.co_filename != __file__:
            left -= 1
            if left == 0:
                raise KeyboardInterrupt

    gc.disable()  # a finalizer must not get the interrupt
    try:
        sys.setprofile(profile)
        concurrent.futures.wait(futures, 0.001)
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(None)
        gc.enable()
    return False


@pytest.mark.slow
@pytest.mark.timeout(60 * SCALE)
def test_an_interrupted_foreign_wait_blocks_no_thread() -> None:
    """
    `concurrent.futures.wait` holds locks of its futures, and of the event for which it
    waits. Ctrl-C can leave any of them acquired; the reader thread completes the
    futures nevertheless.
    """
    for step in itertools.count(1):
        futures = [InterruptibleFuture[int]() for _ in range(2)]
        if not interrupted_at(step, futures):
            assert step > 20
            return

        def complete(futures: list[InterruptibleFuture[int]] = futures) -> None:
            futures[0].set_result(1)
            futures[1].set_exception(ValueError("no"))

        reader = threading.Thread(target=complete, daemon=True)
        reader.start()
        reader.join(5 * SCALE)
        assert not reader.is_alive(), f"blocked after an interrupt at step {step}"
        assert futures[0].result(0) == 1
        assert isinstance(futures[1].exception(0), ValueError)
        assert concurrent.futures.wait(futures, 5).not_done == set()


def test_a_foreign_wait_ends_with_the_last_future() -> None:
    """
    The event for which it waits is another one than that of the standard library.
    """
    futures = [InterruptibleFuture[int]() for _ in range(3)]
    found: list[int] = []

    def wait() -> None:
        concurrent.futures.wait(futures)
        found.extend(f.result(0) for f in concurrent.futures.as_completed(futures))

    waiting = threading.Thread(target=wait)
    waiting.start()
    for number, future in enumerate(futures):
        assert waiting.is_alive()
        future.set_result(number)
    waiting.join(5 * SCALE)
    assert not waiting.is_alive()
    assert sorted(found) == [0, 1, 2]
