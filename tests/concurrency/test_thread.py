"""
A thread whose end can be waited for, whatever comes in between.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import Any

import pytest
from helpers.timing import at_most

from azure_realtime._concurrency.deadline import Deadline
from azure_realtime._concurrency.thread import JoinableThread


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
def test_an_exception_in_the_wait_does_not_end_the_thread() -> None:
    """
    Ctrl-C in a wait for a thread: afterwards the thread is still known to run.
    """

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    def wait_for_ctrl_c() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        thread.wait(Deadline(10.0))

    go = threading.Event()
    thread = JoinableThread(go.wait, "patient")
    thread.start()
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        # it is set in here: where it is not caught, it would end the whole test run
        with pytest.raises(KeyboardInterrupt):
            wait_for_ctrl_c()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert not thread.wait(Deadline(0.01))
    assert not thread.ended
    go.set()
    with at_most(1.0):
        assert thread.wait(Deadline(10.0))
    assert not thread.is_alive()


def test_ctrl_c_in_the_start_does_not_block_the_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    `Thread.start` waits for the new thread, and Ctrl-C may come in that wait.
    """
    enter = threading.Condition.__enter__

    def interrupted(condition: threading.Condition) -> bool:
        entered = enter(condition)
        if threading.get_ident() == threading.main_thread().ident:
            raise KeyboardInterrupt
        return entered

    thread = JoinableThread(lambda: None, "interrupted")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Condition, "__enter__", interrupted)
        with contextlib.suppress(KeyboardInterrupt):
            thread.start()
    assert thread.wait(Deadline(5.0))


def test_a_thread_that_fails_has_ended() -> None:
    """
    Who waits for it is not left waiting.
    """
    before, threading.excepthook = threading.excepthook, lambda _: None
    try:
        thread = JoinableThread(lambda: 1 / 0, "failing")
        thread.start()

        assert thread.wait(Deadline(10.0))
    finally:
        threading.excepthook = before
