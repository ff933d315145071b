"""
The requests of other threads to the reader thread.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal

from .._concurrency.deadline import Deadline
from .._concurrency.event import Event
from .._logging import logger
from ..errors import RealtimeError

Direction = Literal["in", "out"]

_LONGEST_TYPE = 100  # characters

MessageHook = Callable[[Direction, int, float, bytes], object]
"""Called with direction, number of the connection, monotonic time and wire text."""


class Control:
    """
    Requests to the reader thread. Each wakes it, and its next full turn checks them.

    Args:
        wake: Wakes the reader thread.

    Attributes:
        closing: When the client must be closed; None until `close` is called. A later
            call can only make it earlier.
        failure: The error to end the connection with; None without one.
        vetoed: Whether no other connection may follow.
        message_hook: Called on the reader thread with every received message, and with
            every message before it is sent; None costs one comparison. A hook that
            raises is logged and removed.
        logs_messages: Whether the program logs at DEBUG; read once per full turn, and
            before commands are sent.
    """

    def __init__(self, wake: Callable[[], object]) -> None:
        self.wake = wake
        self.closing: Deadline | None = None
        self.failure: RealtimeError | None = None
        self.vetoed = False
        self.message_hook: MessageHook | None = None
        self.logs_messages = False
        self._calls: deque[Callable[[], object]] = deque()

    def call(self, function: Callable[[], object]) -> None:
        """
        Have the reader thread call *function* in its next full turn. Any thread.

        For changes in several steps, which Ctrl-C on the caller's thread could
        separate.
        """
        self._calls.append(function)
        self.wake()

    def wait_for_turn(self, deadline: Deadline) -> None:
        """
        Wait until the reader thread has posted what it has read, or until *deadline*.

        Any thread but the reader thread.
        """
        ended = Event()
        self.call(ended.set)
        ended.wait(deadline.remaining())

    def run_calls(self) -> None:
        """
        Call the functions that `call` was given. Reader thread.
        """
        while self._calls:
            self._calls.popleft()()

    def close(self, deadline: Deadline) -> None:
        """
        Request that the client ends by *deadline*, or by an earlier one. Any thread.
        """
        if self.closing is None or deadline.is_before(self.closing):
            self.closing = deadline
        self.wake()

    def fail(self, error: RealtimeError) -> None:
        """
        Request that the connection ends with *error*. Any thread.
        """
        self.failure = error
        self.wake()

    def veto(self) -> None:
        """
        Request that no other connection follows. Any thread.
        """
        self.vetoed = True
        self.wake()

    def is_closing(self) -> bool:
        """
        Whether the user has closed the client. Any thread.
        """
        return self.closing is not None

    @property
    def no_more_connections(self) -> bool:
        """
        Whether no other connection may follow.
        """
        return self.closing is not None or self.vetoed

    def report(
        self, direction: Direction, generation: int, messages: Sequence[bytes]
    ) -> None:
        """
        Call the message hook, and log types and sizes at DEBUG. Reader thread.
        """
        if self.logs_messages:
            what = "Received" if direction == "in" else "Sent"
            for message in messages:
                logger.debug("%s %s, %d bytes", what, _type_of(message), len(message))
        hook = self.message_hook
        if hook is None:
            return
        now = time.monotonic()
        try:
            for message in messages:
                hook(direction, generation, now, message)
        except Exception:
            logger.exception("The message hook failed and was removed")
            self.message_hook = None


def _type_of(message: bytes) -> str:
    """
    Return the type of a message; "?" if it has none. Its content is not to be logged.
    """
    try:
        kind = json.loads(message)["type"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return "?"
    return kind if isinstance(kind, str) and len(kind) <= _LONGEST_TYPE else "?"
