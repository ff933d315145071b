"""
A thread whose `start` and `wait` Ctrl-C can interrupt; see `condition`.

`threading.Thread.start` waits until the new thread sets a `threading.Event`. Ctrl-C in
that wait can leave the event locked, and the new thread then blocks in it for good.

Before Python 3.13, an exception in `threading.Thread.join` marks a running thread as
ended: the next `join` returns at once, and `is_alive` returns False.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from .condition import Condition
from .deadline import Deadline
from .event import Event


class JoinableThread(threading.Thread):
    """
    A daemon thread.

    Args:
        target: The function that the thread runs.
        name: Name of the thread.

    Attributes:
        ended: Whether *target* has returned or raised.
    """

    def __init__(self, target: Callable[[], object], name: str) -> None:
        super().__init__(target=target, name=name, daemon=True)
        self._started = Event()
        self.ended = False
        self._end_condition = Condition()

    def run(self) -> None:
        """
        Run the target. The thread itself.
        """
        try:
            super().run()
        finally:
            self.ended = True
            self._end_condition.notify_all()

    def wait(self, deadline: Deadline) -> bool:
        """
        Wait for the thread to end. Return False if it has not by *deadline*, and at
        once if it has not begun to run: Ctrl-C has interrupted `start`.

        Any other thread.
        """
        if self.ident is None:
            return False
        if self._end_condition.wait(lambda: self.ended, deadline):
            self.join()  # the target has ended: this takes no time
        return self.ended
