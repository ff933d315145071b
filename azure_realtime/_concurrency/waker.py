"""
The self-pipe that wakes a thread waiting for sockets.
"""

from __future__ import annotations

import io
import os
import socket
import sys

from .lock import OwnLock

_ONE = (1).to_bytes(8, sys.byteorder)  # an eventfd takes 8 bytes only (eventfd(2))
_READ_BYTES = 256


class Waker:
    """
    A self-pipe: `wake` makes the descriptor readable, `drain` empties it.

    It is an eventfd where the platform has one, else a pair of sockets. An eventfd
    halves the time of a wake-up, and needs one descriptor instead of two.

    Attributes:
        lock: Acquired by each `wake`. The owner acquires it to make a change of its own
            state and the `wake` one atomic step, so it guards that state as well.
        is_awaited: Whether the owner needs the next `wake`: it sets this, and may skip
            the call otherwise. Each `wake` clears it.
    """

    def __init__(self) -> None:
        # Purpose: no thread writes to a descriptor that was closed and whose number
        # may have been reused; and it guards the state of the owner.
        self.lock = OwnLock()
        self._reader, self._writer = _eventfd() or _socket_pair()
        self.is_awaited = False

    def wake(self) -> None:
        """
        Make the descriptor readable. Any thread; never blocks.
        """
        with self.lock:
            try:
                # One step with the next line, a call in C: a signal handler that runs
                # between them and queues a message would not wake the reader for it.
                self.is_awaited = False
                self._writer.write(_ONE)
            except (OSError, ValueError):  # closed: no thread waits any more
                return

    def fileno(self) -> int:
        """
        Return the descriptor that `wake` makes readable.
        """
        return self._reader.fileno()

    def drain(self) -> None:
        """
        Empty the pipe. The waiting thread, before it reads the changed state.
        """
        try:
            while len(self._reader.read(_READ_BYTES) or b"") == _READ_BYTES:
                pass
        except (OSError, ValueError):
            return

    def close(self) -> None:
        """
        Close the descriptors; later calls of `wake` do nothing. Any thread.
        """
        with self.lock:
            self._reader.close()
            self._writer.close()


def _eventfd() -> tuple[io.RawIOBase, io.RawIOBase] | None:
    if not hasattr(os, "eventfd"):
        return None
    try:
        descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    except OSError:  # a sandbox may forbid the system call
        return None
    file = io.FileIO(descriptor, "r+b")
    return file, file


def _socket_pair() -> tuple[io.RawIOBase, io.RawIOBase]:
    files = []
    for end in socket.socketpair():
        end.setblocking(False)
        files.append(end.makefile("rwb", buffering=0))
        end.close()  # closed with its file
    reader, writer = files
    return reader, writer
