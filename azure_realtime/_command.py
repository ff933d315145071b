"""
What all commands need: usable standard streams, and signals that end them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

INTERRUPTED = 130
"""Exit status after Ctrl-C, SIGTERM and SIGHUP: 128 + SIGINT."""

OUTPUT_CLOSED = 141
"""Exit status if the reader of the output has ended: 128 + SIGPIPE, as usual."""


@contextlib.contextmanager
def usable_streams() -> Iterator[None]:
    """
    Context manager that makes the standard streams usable, whatever they are.

    A stream that the shell has closed becomes the null device. Standard output replaces
    the characters that its encoding does not have. What cannot be written in the end is
    discarded: the interpreter would report it with a traceback.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # It takes the lowest free descriptor, which is that of the closed stream. A
            # socket would take it otherwise, and receive what C libraries print.
            descriptor = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(descriptor, mode, closefd=False))  # noqa: SIM115
    output: Any = sys.stdout
    errors = getattr(output, "errors", None)
    if hasattr(output, "reconfigure"):
        output.reconfigure(errors="replace")
    try:
        yield
    finally:
        for stream in (output, sys.stderr):
            _flush_or_discard(stream)
        if hasattr(output, "reconfigure"):
            output.reconfigure(errors=errors)


@contextlib.contextmanager
def flushed_output() -> Iterator[None]:
    """
    Context manager that flushes standard output at its end, ``--help`` included.

    Raises:
        OSError: It cannot be written: the reader has ended, the disk is full.
    """
    try:
        yield
    except SystemExit:  # of argparse
        sys.stdout.flush()
        raise
    sys.stdout.flush()


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """
    Context manager in which SIGTERM and SIGHUP raise KeyboardInterrupt, once. Main
    thread.

    So a command that is ended restores the terminal and completes its files. SIGHUP
    stays ignored under ``nohup``.
    """
    numbers = [
        number
        for name in ("SIGTERM", "SIGHUP")
        if (number := getattr(signal, name, None)) is not None
        and signal.getsignal(number) != signal.SIG_IGN
    ]

    def end(_: int, __: Any) -> None:
        # If a terminal is closed, the kernel and the shell both send SIGHUP: the second
        # one must not interrupt the clean-up.
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    previous = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _flush_or_discard(stream: Any) -> None:
    try:
        stream.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
            stream.flush()
