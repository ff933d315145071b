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


class Keys:
    """
    Context manager that reads single keys, and restores the terminal at its end.

    It does nothing if the standard input is not a terminal.
    """

    def __init__(self) -> None:
        self._descriptor = -1
        self._before: Any = None

    def __enter__(self) -> Keys:
        with contextlib.suppress(ImportError, ValueError, OSError):
            import termios
            import tty

            descriptor = sys.stdin.fileno()
            if os.isatty(descriptor):
                self._before = termios.tcgetattr(descriptor)
                self._descriptor = descriptor
                tty.setcbreak(descriptor)  # Ctrl-C remains a signal
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._before is not None:
            import termios

            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def pressed(self) -> str:
        """
        Return the keys that were pressed since the last call. It does not wait.
        """
        if self._before is None:
            return self._on_windows()
        keys = b""
        while select.select([self._descriptor], [], [], 0)[0]:
            more = os.read(self._descriptor, 64)
            if not more:
                break
            keys += more
        return keys.decode("utf-8", "replace")

    def _on_windows(self) -> str:
        if sys.platform != "win32" or not sys.stdin.isatty():
            return ""
        import msvcrt  # type: ignore[unreachable]

        keys = ""
        while msvcrt.kbhit():
            keys += msvcrt.getwch()
        return keys
