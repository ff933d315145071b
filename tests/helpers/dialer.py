"""
A stand-in for the reader thread while it dials.
"""

from __future__ import annotations

import threading

from azure_realtime._concurrency.deadline import Deadline
from azure_realtime._concurrency.waker import Waker
from azure_realtime._transport.attempt import ConnectAttempt


class DialerStub:
    """
    A connect attempt with a deadline, and a waker to interrupt it.
    """

    def __init__(self, seconds: float = 5.0) -> None:
        self.waker = Waker()
        self.interrupted = threading.Event()
        self.attempt = ConnectAttempt(
            Deadline(seconds), self.waker, self.interrupted.is_set
        )

    def interrupt(self) -> None:
        """
        Do what ``close()`` does to a reader that is dialling.
        """
        self.interrupted.set()
        self.waker.wake()

    def __enter__(self) -> DialerStub:
        return self

    def __exit__(self, *_: object) -> None:
        self.waker.close()
