"""
The terminal of a job: who may change it, and Ctrl-Z.
"""

from __future__ import annotations

import os
import signal
from types import TracebackType
from typing import Any


def is_foreground(descriptor: int) -> bool:
    """
    Return whether this process may change the terminal *descriptor*.

    The kernel stops a background job that does (SIGTTOU) or that reads keys (SIGTTIN).
    """
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except (AttributeError, OSError):  # Windows; not the terminal of this session
        return True


class StopKey:
    """
    Context manager that notes Ctrl-Z (SIGTSTP), so that the program can restore the
    terminal before it stops. Main thread.

    Attributes:
        pressed: Whether the program should call `stop`.
    """

    def __init__(self) -> None:
        self._number: int | None = getattr(signal, "SIGTSTP", None)
        self._previous: Any = None
        self.pressed = False

    def __enter__(self) -> StopKey:
        if self._number is not None:
            self._previous = signal.getsignal(self._number)
            if self._previous == signal.SIG_DFL:  # else the parent wants it ignored
                signal.signal(self._number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._number is not None and self._previous is not None:
            signal.signal(self._number, self._previous)

    def stop(self) -> None:
        """
        Stop the process until SIGCONT.
        """
        self.pressed = False
        if self._number is not None:
            signal.signal(self._number, signal.SIG_DFL)
            signal.raise_signal(self._number)
            signal.signal(self._number, self._note)

    def _note(self, _: int, __: Any) -> None:
        self.pressed = True
