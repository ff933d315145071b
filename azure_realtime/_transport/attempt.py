"""
How the reader thread waits while it dials: attentively.

Under one deadline, and interrupted at every step: a socket time-out alone bounds one
call, not the sum (a peer that drips a byte now and then outlives it). What can only
block, a name server or a user's token provider, runs on a thread of its own for that
long.
"""

from __future__ import annotations

import math
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

from .._concurrency.deadline import Deadline
from .._concurrency.poller import READ, Poller
from ..errors import ConnectTimeout

T = TypeVar("T")

MAX_HEAD_BYTES = 64 << 10
"""What a proxy or a service may say before the connection is up."""


class ConnectInterrupted(Exception):
    """
    Somebody called ``close()`` while we were dialling.
    """


class Waker(Protocol):
    """
    What rings when the reader should look around: the outbox.
    """

    def fileno(self) -> int: ...

    def drain(self) -> None: ...

    def wake(self) -> None: ...


class BlockingCall(Generic[T]):
    """
    What can only block, on a thread of its own.

    Given up, it is left to end by itself: nothing can be done about it but to wait for
    the same one again, instead of starting another.

    Args:
        function: What is called, at once.

    Attributes:
        outcome: What it returned, or raised; None as long as it runs.
        wakers: Ring when it is over. Who waits adds his own before he looks.
    """

    def __init__(self, function: Callable[[], T]) -> None:
        self.outcome: tuple[T | None, BaseException | None] | None = None
        self.wakers: set[Waker] = set()
        self._function = function
        thread = threading.Thread(
            target=self._run, name="azure-realtime-dial", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            # The interpreter is ending and starts no threads any more (3.12); what is
            # queued shall leave all the same. Nobody waits for this thread for long.
            self._run()

    def _run(self) -> None:
        try:
            self.outcome = (self._function(), None)
        except BaseException as error:
            self.outcome = (None, error)
        for waker in tuple(self.wakers):
            waker.wake()


class ConnectAttempt:
    """
    How long, and how attentively, the reader waits while it dials.

    Args:
        deadline: When to give up.
        waker: Rings when *interrupted* should be asked.
        interrupted: Whether to give up now.
        ask_again: When *interrupted* should be asked, bell or not.
    """

    def __init__(
        self,
        deadline: Deadline,
        waker: Waker,
        interrupted: Callable[[], bool],
        ask_again: Callable[[], Deadline | None] = lambda: None,
    ) -> None:
        self.deadline = deadline
        self.stage = "dialling"
        self._poller = Poller()
        self._waker = waker
        self._interrupted = interrupted
        self._ask_again = ask_again

    def until(
        self, sock: socket.socket | None, event: int, deadline: Deadline | None = None
    ) -> None:
        """
        Wait for *sock* to be ready, or (None) for the bell.

        Raises:
            ConnectInterrupted: It is pointless now.
            ConnectTimeout: It took too long; the message names the stage.
        """
        interest = {} if sock is None else {sock.fileno(): event}
        while True:
            self.check(deadline)
            ready = self.wait(interest, deadline or self.deadline)
            if sock is None or ready:
                return

    def wait(self, interest: Mapping[int, int], deadline: Deadline) -> set[int]:
        """
        Wait for descriptors, a wake-up or *deadline*, whichever comes first.

        Args:
            interest: What to wait for, READ or WRITE, by descriptor.
            deadline: When to return in any case.

        Returns:
            The descriptors that are ready.
        """
        wakeups = self._waker.fileno()
        self._poller.watch({wakeups: READ, **interest})
        again = self._ask_again() or deadline
        left = [deadline.remaining(), again.remaining(), self.deadline.remaining()]
        least = min((seconds for seconds in left if seconds is not None), default=None)
        milliseconds = None if least is None else math.ceil(least * 1000)
        ready = {descriptor for descriptor, _ in self._poller.wait(milliseconds)}
        if wakeups in ready:
            self._waker.drain()
        return ready - {wakeups}

    def check(self, deadline: Deadline | None = None) -> None:
        """
        Raise what `until` raises, without waiting for anything.
        """
        if self._interrupted():
            raise ConnectInterrupted
        if (deadline or self.deadline).passed:
            raise ConnectTimeout(f"No connection in time: {self.stage}.")

    def call(self, function: Callable[[], T], stage: str) -> T:
        """
        Run what can only block on a thread of its own, and wait for it.
        """
        return self.wait_for(BlockingCall(function), stage)

    def wait_for(self, call: BlockingCall[T], stage: str) -> T:
        """
        Wait for a call that runs already.
        """
        self.stage = stage
        call.wakers.add(self._waker)
        while call.outcome is None:
            self.until(None, READ)
        result, error = call.outcome
        if error is not None:
            raise error
        return result  # type: ignore[return-value]
