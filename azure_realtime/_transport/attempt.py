"""
The waits of one attempt to connect: bounded by one deadline, and interruptible.

A socket timeout bounds one call, not the sum of the calls: against a server that sends
one byte now and then, a timeout of 0.3 s took 3.3 s. A call that can only block, such
as name resolution or a user's token provider, runs on a thread of its own.
"""

from __future__ import annotations

import math
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from .._concurrency.deadline import Deadline
from .._concurrency.poller import READ, Poller
from .._logging import text_of
from .._redaction import redacted, without_secrets
from ..errors import ConnectError, ConnectTimeout

T = TypeVar("T")

MAX_HEAD_BYTES = 64 << 10
"""The longest answer that is read from a proxy or a service before the upgrade."""


class ConnectInterrupted(Exception):
    """
    The attempt was stopped, for example by ``close()``.
    """


class Waker(Protocol):
    """
    Wakes the thread that dials: the send queue, or a `Waker` of `_concurrency`.
    """

    def fileno(self) -> int: ...

    def drain(self) -> None: ...

    def wake(self) -> None: ...


class BlockingCall(Generic[T]):
    """
    A call of a blocking function, on a thread of its own.

    The call cannot be stopped. If its caller gives up, the thread ends when the
    function returns; a later caller waits for the same call, and starts no other.

    Args:
        function: Called at once.

    Attributes:
        outcome: The function's result and exception; None while it runs.
        wakers: Woken when the function has ended. A waiting thread adds its waker
            before it reads `outcome`.
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
            # Python 3.12 starts no threads while the interpreter ends, and queued
            # messages are still to be sent. The exit hook bounds its wait for us.
            self._run()

    def _run(self) -> None:
        try:
            self.outcome = (self._function(), None)
        except BaseException as error:
            self.outcome = (None, error)
        for waker in tuple(self.wakers):
            waker.wake()


def failed(what: str, error: BaseException) -> ConnectError:
    """
    Return the `ConnectError` for what foreign code has raised in an attempt.

    Args:
        what: What failed, the beginning of a sentence.
        error: It is chained, unless its traceback could show a credential.
    """
    cause = without_secrets(error)
    chained = "is chained to this one" if cause else "is hidden: it has a credential"
    failure = ConnectError(
        f"{what} ({type(error).__name__}: {redacted(text_of(error))[:200]}).",
        hint=f"The error itself {chained}.",
    )
    failure.__cause__ = cause
    return failure


class ConnectAttempt:
    """
    One attempt to connect: its deadline, its stage, and its waits.

    Args:
        deadline: When to give up.
        waker: Woken when the result of *interrupted* may have changed.
        interrupted: Returns whether to give up now.
        next_check: Returns when to call *interrupted* again without a wake-up.

    Attributes:
        stage: The current step, for the text of a `ConnectTimeout`.
    """

    def __init__(
        self,
        deadline: Deadline,
        waker: Waker,
        interrupted: Callable[[], bool],
        next_check: Callable[[], Deadline | None] = lambda: None,
    ) -> None:
        self.deadline = deadline
        self.stage = "dialling"
        self._poller = Poller()
        self._waker = waker
        self._interrupted = interrupted
        self._next_check = next_check

    def report(self, step: str, result: Any) -> None:
        """
        Do nothing: overridden by ``azure-realtime doctor``, which shows each step.

        Args:
            step: What was done: ``credential``, ``proxy``, ``name``, ``tcp``,
                ``tunnel`` or ``tls``.
            result: What it has given: the name of the header (None: one of the user),
                the `Proxy` or None, the addresses, a connected socket.
        """

    def until(
        self, sock: socket.socket | None, event: int, deadline: Deadline | None = None
    ) -> None:
        """
        Wait until *sock* is ready for *event*, or for one wake-up if it is None.

        Raises:
            ConnectInterrupted: The attempt was stopped.
            ConnectTimeout: The deadline has passed; the message names the stage.
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
            interest: The events to wait for, READ or WRITE, by descriptor.
            deadline: When to return without one of them.

        Returns:
            The descriptors that are ready.
        """
        wakeups = self._waker.fileno()
        self._poller.watch({wakeups: READ, **interest})
        check_at = self._next_check() or deadline
        timeouts = [
            deadline.remaining(),
            check_at.remaining(),
            self.deadline.remaining(),
        ]
        least = min(
            (seconds for seconds in timeouts if seconds is not None), default=None
        )
        milliseconds = None if least is None else math.ceil(least * 1000)
        ready = {descriptor for descriptor, _ in self._poller.wait(milliseconds)}
        if wakeups in ready:
            self._waker.drain()
        return ready - {wakeups}

    def check(self, deadline: Deadline | None = None) -> None:
        """
        Raise the errors of `until` without waiting.
        """
        if self._interrupted():
            raise ConnectInterrupted
        if (deadline or self.deadline).passed:
            raise ConnectTimeout(
                f"Could not connect in time (stage: {self.stage}). "
                "Check network, proxy and firewall."
            )

    def call(self, function: Callable[[], T], stage: str) -> T:
        """
        Call a blocking *function* on a thread of its own, and wait for its result.
        """
        return self.wait_for(BlockingCall(function), stage)

    def wait_for(self, call: BlockingCall[T], stage: str) -> T:
        """
        Wait for a running call. Return its result, or raise its error.
        """
        self.stage = stage
        call.wakers.add(self._waker)
        while call.outcome is None:
            self.until(None, READ)
        result, error = call.outcome
        if error is not None:
            raise error
        return result  # type: ignore[return-value]
