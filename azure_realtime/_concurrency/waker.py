"""
What wakes a thread that waits for sockets.
"""

from __future__ import annotations

import io
import os
import socket
import sys

from .lock import OwnLock

_ONE = (1).to_bytes(8, sys.byteorder)  # what an eventfd takes; a socket takes anything
_READ_BYTES = 4096


class Waker:
    """
    A self-pipe: `wake` makes the descriptor readable, `drain` empties it.

    An eventfd where there is one, else a pair of sockets: half the time of a wake-up,
    and one descriptor instead of two.

    Attributes:
        lock: Held for each `wake`. The owner takes it to make one step of a change and
            its `wake`: it guards what the owner has as well.
    """

    def __init__(self) -> None:
        # Purpose: nobody writes into a descriptor that has been closed, and belongs to
        # somebody else by then; and what the owner guards by it.
        self.lock = OwnLock()
        self._reader, self._writer = _eventfd() or _socket_pair()

    def wake(self) -> None:
        """
        Make the descriptor readable. Any thread; never blocks.
        """
        with self.lock:
            try:
                self._writer.write(_ONE)
            except (OSError, ValueError):  # closed: nobody waits any more
                return

    def fileno(self) -> int:
        """
        Return the descriptor that is readable after `wake`.
        """
        return self._reader.fileno()

    def drain(self) -> None:
        """
        Make the descriptor unreadable. The waiting thread, before it looks for changes.
        """
        try:
            while len(self._reader.read(_READ_BYTES) or b"") == _READ_BYTES:
                pass
        except (OSError, ValueError):
            return

    def close(self) -> None:
        """
        Close the descriptors; later calls of `wake` do nothing.
        """
        with self.lock:
            self._reader.close()
            self._writer.close()


def _eventfd() -> tuple[io.RawIOBase, io.RawIOBase] | None:
    if not hasattr(os, "eventfd"):
        return None
    try:
        descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    except OSError:  # a sandbox may not have it
        return None
    file = io.FileIO(descriptor, "r+b")
    return file, file


def _socket_pair() -> tuple[io.RawIOBase, io.RawIOBase]:
    files = []
    for end in socket.socketpair():
        end.setblocking(False)
        files.append(end.makefile("rwb", buffering=0))
        end.close()  # with its file
    reader, writer = files
    return reader, writer
