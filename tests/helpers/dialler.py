"""
A stand-in for the reader thread while it dials.
"""

from __future__ import annotations

import threading

from azure_realtime._concurrency.deadline import Deadline
from azure_realtime._requests.send_queue import Outbox
from azure_realtime._transport.attempt import Patience
from azure_realtime.errors import ConnectionClosed


class Dialler:
    """
    The reader's place while it dials: its deadline, its bell, and a way to ring it.
    """

    def __init__(self, seconds: float = 5.0) -> None:
        self.bell = Outbox(1000)
        self.interrupted = threading.Event()
        self.patience = Patience(Deadline(seconds), self.bell, self.interrupted.is_set)

    def interrupt(self) -> None:
        """
        Do what ``close()`` does to a reader that is dialling.
        """
        self.interrupted.set()
        self.bell.wake()

    def __enter__(self) -> Dialler:
        return self

    def __exit__(self, *_: object) -> None:
        self.bell.close(ConnectionClosed())
