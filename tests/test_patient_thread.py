"""
A thread whose end can be waited for, whatever comes in between.
"""

from __future__ import annotations

import signal
import threading
from typing import Any

import pytest
from peers import at_most

from azure_realtime._deadline import Deadline
from azure_realtime._patient_thread import PatientThread


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
def test_an_exception_in_the_wait_does_not_end_the_thread() -> None:
    """
    Ctrl-C while somebody waits for a thread: afterwards it is still known to run.
    """

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    go = threading.Event()
    thread = PatientThread(go.wait, "patient")
    thread.start()
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(KeyboardInterrupt):
            thread.wait(Deadline(10.0))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert not thread.wait(Deadline(0.01))
    assert not thread.ended
    go.set()
    with at_most(1.0):
        assert thread.wait(Deadline(10.0))
    assert not thread.is_alive()


def test_a_thread_that_fails_has_ended() -> None:
    """
    Who waits for it is not left waiting.
    """
    before, threading.excepthook = threading.excepthook, lambda _: None
    try:
        thread = PatientThread(lambda: 1 / 0, "failing")
        thread.start()

        assert thread.wait(Deadline(10.0))
    finally:
        threading.excepthook = before
