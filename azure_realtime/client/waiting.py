"""
``wait_for``, ``expect``, ``events``: events for those who would rather ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from .._concurrency.deadline import Deadline
from .._concurrency.lifecycle import Lifecycle
from .._dispatch.event_keys import ANY, EventName, key_for, warn_if_unknown
from .._dispatch.mailbox import Mailbox, Mailboxes, Where
from ..errors import ConnectionClosed
from ..events import ServerEvent

if TYPE_CHECKING:
    from .._engine.control import Control

E = TypeVar("E", bound=ServerEvent)


class Expectation:
    """
    A wait that began before what it waits for was set off.

    Attributes:
        event: What came; None inside the block.
    """

    def __init__(
        self,
        lifecycle: Lifecycle,
        mailboxes: Mailboxes,
        keys: frozenset[str],
        where: Where | None,
        timeout: float,
    ) -> None:
        self._lifecycle = lifecycle
        self._mailboxes = mailboxes
        self._where = where
        self._timeout = timeout
        self._mailbox: Mailbox = mailboxes.open(keys)
        self.event: Any = None

    def __repr__(self) -> str:
        return f"<Expectation {self._mailbox!r}, came: {self.event!r}>"

    def __enter__(self) -> Expectation:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None and self._lifecycle.process.is_other_process:
            return  # left in a child, where nothing is to be closed
        self._lifecycle.check_process()
        try:
            if kind is None:
                self.event = self._mailbox.get(Deadline(self._timeout), self._where)
        finally:
            self._mailboxes.close(self._mailbox)


class EventStream(Iterator[Any]):
    """
    Events as they come, from the moment it was made.

    It goes on after a reconnect and ends when the client is closed. Use it in a
    ``for``, and as a context manager where it shall end before it is forgotten.
    """

    def __init__(
        self,
        lifecycle: Lifecycle,
        control: Control,
        mailboxes: Mailboxes,
        keys: frozenset[str],
        timeout: float | None,
    ) -> None:
        self._lifecycle = lifecycle
        self._control = control
        self._mailboxes = mailboxes
        self._timeout = timeout
        self._mailbox: Mailbox = mailboxes.open(keys, lasting=True)

    def __repr__(self) -> str:
        return f"<EventStream {self._mailbox!r}>"

    def __next__(self) -> Any:
        self._lifecycle.check_may_wait()
        try:
            return self._mailbox.get(Deadline(self._timeout))
        except ConnectionClosed as closed:
            if closed.code == 1000 or self._control.is_closing():
                raise StopIteration from None
            raise

    def close(self) -> None:
        """
        Collect no more events. What has come can still be taken.
        """
        if self._lifecycle.process.is_other_process:
            return
        self._mailboxes.close(self._mailbox)
        self._mailbox.end(ConnectionClosed(1000, "the stream was closed"))

    def __enter__(self) -> EventStream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Pulling:
    """
    The methods of a client that wait for events. Any thread, also a listener.
    """

    _lifecycle: Lifecycle
    _control: Control
    _mailboxes: Mailboxes
    _warned_names: set[str]

    @overload
    def wait_for(
        self,
        event: type[E],
        *,
        where: Callable[[E], Any] | None = None,
        timeout: float | None = 30.0,
    ) -> E: ...

    @overload
    def wait_for(
        self, event: str, *, where: Where | None = None, timeout: float | None = 30.0
    ) -> Any: ...

    def wait_for(
        self,
        event: EventName,
        *,
        where: Where | None = None,
        timeout: float | None = 30.0,
    ) -> Any:
        """
        Wait for the next *event* and return it.

        It must come after this call; if your own command sets it off, use `expect`.
        ``session.created``, ``init`` and ``disconnected`` are states: one that has
        come already is returned at once.

        Args:
            event: A wire name of either generation, an event class, or ``"*"``.
            where: Asked, on this thread, whether an event is the one.
            timeout: Seconds; None waits for ever.

        Raises:
            TimeoutError: It did not come.
            ConnectionClosed: The connection ended first.
            RuntimeError: On the reader thread, which would wait for itself.
        """
        self._lifecycle.check_may_wait()
        mailbox = self._mailboxes.open(self._keys((event,)))
        try:
            return mailbox.get(Deadline(timeout), where)
        finally:
            self._mailboxes.close(mailbox)

    def expect(
        self, event: EventName, *, where: Where | None = None, timeout: float = 30.0
    ) -> Expectation:
        """
        Wait, at the end of a ``with`` block, for an *event* that the block sets off.

            with client.expect("input_audio_buffer.cleared") as expected:
                client.clear_audio_buffer()
            print(expected.event)

        The arguments and errors are those of `wait_for`; *timeout* counts from the end
        of the block.
        """
        self._lifecycle.check_may_wait()
        return Expectation(
            self._lifecycle, self._mailboxes, self._keys((event,)), where, timeout
        )

    def events(self, *names: EventName, timeout: float | None = None) -> EventStream:
        """
        Iterate over events, from this call on, until the client is closed.

        Nothing is lost while you are busy between two events: up to 100,000 events are
        kept, or 64 MiB with all they hold. Their ``type`` is the GA name, whichever you
        gave.

        Args:
            names: Which; all of them where none is named.
            timeout: Seconds to wait for each; None waits for ever.

        Raises:
            TimeoutError: From the iteration: none came in time. The stream goes on.
            ConnectionClosed: From the iteration: the connection was lost.
            SlowConsumer: From the iteration: too much was waiting to be taken.
            RuntimeError: In another process than the one that made the client.
        """
        self._lifecycle.check_process()
        return EventStream(
            self._lifecycle,
            self._control,
            self._mailboxes,
            self._keys(names or (ANY,)),
            timeout,
        )

    def _keys(self, names: tuple[EventName, ...]) -> frozenset[str]:
        keys = frozenset(map(key_for, names))
        for key in keys:
            warn_if_unknown(key, self._warned_names)
        return keys
