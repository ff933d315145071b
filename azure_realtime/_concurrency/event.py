"""
An event that Ctrl-C cannot leave locked; see `condition`.
"""

from __future__ import annotations

from .condition import Condition
from .deadline import Deadline


class Event:
    """
    Takes the place of `threading.Event`, whose `set` and `wait` are Python code around
    a lock: Ctrl-C in one of them can block every other thread that uses the event.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._condition = Condition()

    def is_set(self) -> bool:
        """
        Whether `set` was called. Any thread.
        """
        return self._is_set

    def set(self) -> None:
        """
        Set the event and end all waits. Any thread.
        """
        self._is_set = True
        self._condition.notify_all()

    def clear(self) -> None:
        """
        Make later waits wait again. Any thread.
        """
        self._is_set = False

    def wait(self, timeout: float | None = None) -> bool:
        """
        Wait until the event is set; return False if it is not within *timeout* seconds.

        Any thread.
        """
        return self._condition.wait(self.is_set, Deadline(timeout))

    def _at_fork_reinit(self) -> None:
        """
        Do nothing: there is no lock. `threading` calls this in a forked child.
        """
