"""
A thread whose end can be waited for, though Ctrl-C comes in between; see `condition`.

Before Python 3.13 an exception in `threading.Thread.join` has a thread that runs taken
for one that has ended: the next `join` returns at once, and `is_alive` is false.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from .condition import Condition
from .deadline import Deadline


class JoinableThread(threading.Thread):
    """
    A daemon thread.

    Args:
        target: What it runs.
        name: Its name.

    Attributes:
        ended: Whether it has run *target* to its end.
    """

    def __init__(self, target: Callable[[], object], name: str) -> None:
        super().__init__(target=target, name=name, daemon=True)
        self.ended = False
        self._over = Condition()

    def run(self) -> None:
        """
        Run the target. The thread.
        """
        try:
            super().run()
        finally:
            self.ended = True
            self._over.notify_all()

    def wait(self, deadline: Deadline) -> bool:
        """
        Wait for its end; return False if it has not come by *deadline*.

        Any thread but itself.
        """
        if self._over.wait(lambda: self.ended, deadline):
            self.join()  # it has nothing left to do: this takes no time
        return self.ended
