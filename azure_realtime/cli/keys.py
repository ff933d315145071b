"""
Single keys of a terminal, without Enter.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
from types import TracebackType
from typing import Any

from .terminal import is_foreground

if sys.platform != "win32":
    import termios
    import tty


class Keys:
    """
    Context manager that reads single keys, and restores the terminal at its end.

    There are no keys if the standard input is not a terminal, and none while the
    process is a background job.
    """

    def __init__(self) -> None:
        self._descriptor = -1
        self._before: Any = None  # the mode to restore, if it was changed

    def __enter__(self) -> Keys:
        with contextlib.suppress(ValueError, OSError):
            descriptor = sys.stdin.fileno()
            if os.isatty(descriptor):
                self._descriptor = descriptor
        self._take_terminal()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if sys.platform != "win32" and self._before is not None:
            if is_foreground(self._descriptor):  # else the shell has set its own mode
                # Not TCSADRAIN, which waits: output may be halted by Ctrl-S.
                with contextlib.suppress(termios.error):  # it was hung up
                    termios.tcsetattr(self._descriptor, termios.TCSANOW, self._before)
            self._before = None

    def pressed(self) -> str:
        """
        Return the keys that were pressed since the last call. It does not wait.
        """
        if sys.platform == "win32":
            return _windows_keys()
        if not self._take_terminal():
            return ""
        keys = b""
        with contextlib.suppress(OSError):  # it was hung up
            while select.select([self._descriptor], [], [], 0)[0]:
                more = os.read(self._descriptor, 64)
                if not more:
                    break
                keys += more
        return keys.decode("utf-8", "replace")

    def _take_terminal(self) -> bool:
        """
        Set the mode for single keys, unless it is set. Return whether there are keys.

        A shell that continues the process may have set a mode of its own meanwhile.
        """
        if sys.platform == "win32" or self._descriptor < 0:
            return False
        if not is_foreground(self._descriptor):
            return False
        try:
            mode = termios.tcgetattr(self._descriptor)
            if mode[3] & (termios.ICANON | termios.ECHO):
                self._before = mode
                # Ctrl-C and Ctrl-Z remain signals
                tty.setcbreak(self._descriptor, termios.TCSANOW)
        except termios.error:  # it was hung up
            return False
        return True


def _windows_keys() -> str:
    if sys.platform != "win32" or not sys.stdin.isatty():
        return ""
    import msvcrt  # type: ignore[unreachable]

    keys = ""
    while msvcrt.kbhit():
        keys += msvcrt.getwch()
    return keys
