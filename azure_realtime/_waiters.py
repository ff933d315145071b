"""
Who waits for which event.

The reader thread offers every event here before it is queued for callbacks, so that a
callback may wait for an event that is still behind it in the queue.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from .errors import fresh
from .events import Event


class Waiter:
    """
    One wait: the first event that *matches* completes the future.

    Args:
        matches: Called on the reader thread, without any lock; what it raises fails
            the wait. It may return an exception, which fails the wait as well.
        names: Wire types to look at; None looks at all.
    """

    __slots__ = ("future", "matches", "names")

    def __init__(
        self,
        matches: Callable[[Any], bool | BaseException],
        names: frozenset[str] | None = None,
    ) -> None:
        self.matches = matches
        self.names = names
        self.future: Future[Any] = Future()

    def offer(self, event: Event) -> bool:
        """
        Complete the wait if it is for *event*. Reader thread.
        """
        if self.names is not None and event.type not in self.names:
            return False
        try:
            verdict = self.matches(event)
        except Exception as error:
            verdict = error
        if not verdict:
            return False
        if self.future.set_running_or_notify_cancel():
            if isinstance(verdict, BaseException):
                self.future.set_exception(verdict)
            else:
                self.future.set_result(event)
        return True


class Waiters:
    """
    The registry of waits.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._waiters: list[Waiter] = []
        self._error: BaseException | None = None

    def add(self, waiter: Waiter) -> None:
        """
        Register a wait. Any thread; after the end it fails at once.
        """
        with self._lock:
            error = self._error
            if error is None:
                self._waiters.append(waiter)
        if error is not None and waiter.future.set_running_or_notify_cancel():
            waiter.future.set_exception(fresh(error))

    def discard(self, waiter: Waiter) -> None:
        """
        Forget a wait that nobody waits for any more. Any thread.
        """
        with self._lock:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def offer(self, event: Event) -> None:
        """
        Complete the waits for *event*. Reader thread.
        """
        if not self._waiters:  # the common case costs no lock; a wait that is added
            return  # just now was added after the event came
        with self._lock:
            waiters = list(self._waiters)
        done = {waiter for waiter in waiters if waiter.offer(event)}
        if done:
            with self._lock:
                self._waiters = [w for w in self._waiters if w not in done]

    def close(self, error: BaseException) -> None:
        """
        Fail every wait, and every later one. Reader thread.
        """
        with self._lock:
            waiters, self._waiters, self._error = self._waiters, [], error
        for waiter in waiters:
            if waiter.future.set_running_or_notify_cancel():
                waiter.future.set_exception(fresh(error))
