"""
Commands in a terminal.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import threading
import time

import pytest

from helpers.timing import SCALE

pty = pytest.importorskip("pty")
termios = pytest.importorskip("termios")

COMMAND = (sys.executable, "-m", "azure_realtime")
_OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp("sh", ["sh", "-mc", sys.argv[1]])
"""
SHELL = (sys.executable, "-c", _OWN_TERMINAL)


class Terminal:
    """
    A command in a pseudo-terminal.

    Args:
        arguments: The arguments of the command.
        script: Commands for a shell with job control instead, whose terminal it is.
    """

    def __init__(self, *arguments: str, script: str = "") -> None:
        self.parent, self.child = pty.openpty()
        self.before = termios.tcgetattr(self.child)
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
        self.process = subprocess.Popen(
            [*SHELL, script] if script else [*COMMAND, *arguments],
            stdin=self.child,
            stdout=self.child,
            stderr=self.child,
            env=environment,
            start_new_session=True,
        )
        self.text = ""

    def until(self, words: str, timeout: float = 20.0) -> None:
        """
        Read until *words* are shown.
        """
        deadline = time.monotonic() + timeout * SCALE
        while words not in self.text:
            assert time.monotonic() < deadline, self.text[-2000:]
            if select.select([self.parent], [], [], 0.1)[0]:
                self.text += os.read(self.parent, 65536).decode("utf-8", "replace")

    def press(self, keys: str) -> None:
        """
        Type *keys*.
        """
        os.write(self.parent, keys.encode())

    @property
    def is_raw(self) -> bool:
        """
        Whether the mode of the terminal was changed.
        """
        return termios.tcgetattr(self.child)[3] != self.before[3]

    def until_raw(self) -> None:
        """
        Wait until the mode of the terminal is changed: keys are read.
        """
        deadline = time.monotonic() + 20 * SCALE
        while not self.is_raw:
            assert time.monotonic() < deadline, self.text[-2000:]

    def end(self, timeout: float) -> int:
        """
        Wait for the end of the command; return its exit status.

        The terminal has its first mode then.
        """
        reader = threading.Thread(target=self._read_on, daemon=True)
        reader.start()
        try:
            code = self.process.wait(timeout * SCALE)
        finally:
            self.process.kill()
            self.process.wait()
        assert termios.tcgetattr(self.child) == self.before
        os.close(self.child)
        reader.join(5)
        os.close(self.parent)
        return code

    def _read_on(self) -> None:
        with contextlib.suppress(OSError):
            while more := os.read(self.parent, 65536):
                self.text += more.decode("utf-8", "replace")
