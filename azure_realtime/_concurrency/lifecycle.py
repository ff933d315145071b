"""
The state of one client: the one object in which all its parts look it up.

Rules:

1. Only the reader thread changes it; any thread may read it.
2. `ended` is set before any part drains its pending requests. A part that checks
   `ended` under its own lock either registers a request before the drain, which then
   fails that request, or sees `ended`: no request is pending for ever.
3. A session is configured if `configured` is the number of its connection.
"""

from __future__ import annotations

import threading
from enum import Enum

from ..errors import RealtimeError, copy_to_raise
from .process import current_process


class Phase(Enum):
    """
    The state of the connection.
    """

    CONNECTING = "connecting"  # dialling, or pausing before the next attempt
    OPEN = "open"
    LOST = "lost"  # the connection has ended, and no other follows
    ENDED = "ended"


class Lifecycle:
    """
    The state of one client.

    Attributes:
        phase: The state of the connection.
        generation: Number of the current or last connection; 0 before the first.
        configured: Number of the last connection whose session was configured.
        ended: The error that ended the client; None until then.
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
        Return `ended`, as a callable for the parts that need nothing else.
        """
        return self.ended

    # Threads and processes.

    def enter_reader_thread(self) -> None:
        """
        Register the calling thread as the reader thread.
        """
        self._reader = threading.get_ident()

    def is_reader_thread(self) -> bool:
        """
        Whether the caller is the reader thread.
        """
        return threading.get_ident() == self._reader

    def leave_reader_thread(self) -> None:
        """
        Unregister the reader thread as it ends: its identifier may be reused.
        """
        self._reader = None

    def check_process(self) -> None:
        """
        Check that this is the process that made the client.

        Raises:
            RuntimeError: This is another process, after a fork.
        """
        self.process.check()

    def check_open(self) -> None:
        """
        Check that the client has not ended, and that this is its process.

        Raises:
            RealtimeError: The error that ended the client.
            RuntimeError: This is another process, after a fork.
        """
        self.process.check()
        if self.ended is not None:
            raise copy_to_raise(self.ended)

    def check_may_wait(self) -> None:
        """
        Check that the calling thread may wait for the reader thread.

        Raises:
            RuntimeError: This is the reader thread itself, or another process.
        """
        self.process.check()
        if self.is_reader_thread():
            raise RuntimeError(
                "this runs on the reader thread (dispatch='reader'), which would wait "
                "for itself: use the default dispatch for listeners that wait"
            )
