"""
What other threads ask of the reader thread.
"""

from __future__ import annotations

from collections.abc import Callable

from .._concurrency.deadline import Deadline
from ..errors import RealtimeError


class Control:
    """
    Requests to the reader thread. Each wakes it; it looks once a turn.

    Args:
        wake: Wakes the reader thread.

    Attributes:
        closing: When the client is to be closed; None while nobody wants that. It may
            be brought forward.
        failure: Why the connection is to end.
        vetoed: Whether no other connection is to follow.
    """

    def __init__(self, wake: Callable[[], object]) -> None:
        self._wake = wake
        self.closing: Deadline | None = None
        self.failure: RealtimeError | None = None
        self.vetoed = False

    def close(self, deadline: Deadline) -> None:
        """
        Ask for the end by *deadline*, or sooner if that was asked for. Any thread.
        """
        if self.closing is None or deadline.is_before(self.closing):
            self.closing = deadline
        self._wake()

    def fail(self, error: RealtimeError) -> None:
        """
        Ask for the end of the connection because of *error*. Any thread.
        """
        self.failure = error
        self._wake()

    def veto(self) -> None:
        """
        Ask for no other connection. Any thread.
        """
        self.vetoed = True
        self._wake()

    def is_closing(self) -> bool:
        """
        Whether the user has closed the client. Any thread.
        """
        return self.closing is not None

    @property
    def no_more_connections(self) -> bool:
        """
        Whether no other connection is wanted.
        """
        return self.closing is not None or self.vetoed
