"""
What wakes somebody who waits in a selector.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any


class Bell:
    """
    A pair of connected sockets: who rings writes a byte, who waits reads them all.

    Its lock covers its life: without it somebody could ring with a descriptor that has
    been closed, and is somebody else's by then.

    Args:
        lock: A re-entrant one, if the owner has it already. Re-entrant because a
            finalizer may ring from within a garbage collection that its holder set off.
    """

    def __init__(self, lock: Any = None) -> None:
        self._lock = lock or threading.RLock()
        self._ear, self._clapper = socket.socketpair()
        self._ear.setblocking(False)
        self._clapper.setblocking(False)

    def wake(self) -> None:
        """
        Make the descriptor readable. Any thread; never blocks.
        """
        # full: it rings already; closed: nobody listens any more
        with self._lock, contextlib.suppress(OSError):
            self._clapper.send(b"\0")

    def fileno(self) -> int:
        """
        Return the descriptor that is readable while it rings.
        """
        return self._ear.fileno()

    def hush(self) -> None:
        """
        Swallow what rang. The one who waits, before looking for what is new.
        """
        with contextlib.suppress(OSError):
            while len(self._ear.recv(4096)) == 4096:
                pass

    def close(self) -> None:
        """
        Close both ends.
        """
        with self._lock:
            self._ear.close()
            self._clapper.close()
