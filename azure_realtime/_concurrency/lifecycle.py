"""
Where one client is in its life: the one object that tells all its parts.

Rules:

1. Only the reader thread advances it; any thread may ask.
2. `ended` is set before any part drains what waits in it. A part that checks `ended`
   under its own lock either registers before the drain, and is drained, or sees
   `ended`: nothing can wait for ever.
3. A session is configured where `configured` is the number of its connection.
"""

from __future__ import annotations

import threading
from enum import Enum

from ..errors import RealtimeError
from .process import current_process


class Phase(Enum):
    """
    What the reader thread is at.
    """

    CONNECTING = "connecting"  # dialling, or pausing before the next attempt
    OPEN = "open"
    LOST = "lost"  # the connection is gone, and no other follows
    ENDED = "ended"


class Lifecycle:
    """
    The life of one client.

    Attributes:
        phase: What the reader thread is at.
        generation: Number of the connection there is, or was last; 0 before the first.
        configured: Number of the last connection whose session was configured.
        ended: Why nothing more is sent or received; None while the client lives.
        process: The process that made the client.
    """

    def __init__(self) -> None:
        self.phase = Phase.CONNECTING
        self.generation = 0
        self.configured = 0
        self.ended: RealtimeError | None = None
        self.process = current_process()
        self._reader: int | None = None

    @property
    def is_ready(self) -> bool:
        """
        Whether there is a connection whose session is configured.
        """
        return self.phase is Phase.OPEN and self.configured == self.generation

    def why_ended(self) -> RealtimeError | None:
        """
        Return `ended`: for the parts that only need to know this.
        """
        return self.ended

    # Threads and processes.

    def enter_reader_thread(self) -> None:
        """
        Note that the caller is the reader thread, as its first step.
        """
        self._reader = threading.get_ident()

    def is_reader_thread(self) -> bool:
        """
        Whether the caller is the reader thread.
        """
        return threading.get_ident() == self._reader

    def leave_reader_thread(self) -> None:
        """
        Note that the reader thread ends: its number may be given to another thread.
        """
        self._reader = None

    def check_process(self) -> None:
        """
        Refuse to touch, in a child process, what belongs to its parent.

        Raises:
            RuntimeError: This is another process than the one that made the client.
        """
        self.process.check()

    def check_may_wait(self) -> None:
        """
        Refuse to wait where waiting would block what is waited for.

        Raises:
            RuntimeError: On the reader thread, or in another process.
        """
        self.process.check()
        if self.is_reader_thread():
            raise RuntimeError(
                "this runs on the reader thread (dispatch='reader'), which would wait "
                "for itself: use the default dispatch for listeners that wait"
            )
