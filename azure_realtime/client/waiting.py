"""
The methods of a client that wait for events: `wait_for`, `expect`, `events`.
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

__all__ = ["EventStream", "Expectation"]

E = TypeVar("E", bound=ServerEvent)


class Expectation:
    """
    Context manager that collects events in its block and waits for one at its end.

    `AzureRealTimeAudio.expect` makes it.

    Attributes:
        event: The event; None inside the block.
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
            return  # in a forked child, so that the block's own error is raised
        self._lifecycle.check_process()
        try:
            if kind is None:
                self.event = self._mailbox.get(Deadline(self._timeout), self._where)
        finally:
            self._mailboxes.close(self._mailbox)


class EventStream(Iterator[Any]):
    """
    Iterator over the events that arrive after its creation.

    `AzureRealTimeAudio.events` makes it. It continues after a reconnect and ends when
    the client is closed. Iterate with ``for``; use it as a context manager, or call
    `close`, to stop collecting events earlier. Any thread but the reader's.
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
        Stop collecting events; those already collected can still be iterated over.
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
    Methods of a client: `wait_for`, `expect`, `events`. Any thread, also a listener.
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

        Only events that arrive after the call count; if a command of yours causes the
        event, use `expect`. ``session.created``, ``init`` and ``disconnected`` are
        states: one that has already arrived is returned at once.

        Args:
            event: An event type of the GA or the preview protocol, an event class, or
                ``"*"`` for any event. An unknown type issues a `ProtocolWarning`.
            where: A predicate, called on the calling thread with each such event; the
                first event for which it is true is returned. None accepts all.
            timeout: Seconds to wait; None waits without limit.

        Raises:
            TimeoutError: No such event arrived in time.
            ConnectionClosed: The connection ended first.
            TypeError: *event* is neither text nor an event class.
            RuntimeError: The caller is the reader thread, which would wait for itself,
                or a forked child.
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
        Wait at the end of a ``with`` block for an *event* that the block causes.

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
        Iterate over the events from this call until the client is closed.

        Events that arrive between two steps of the iteration are queued, up to 100,000
        events or 64 MiB. Their ``type`` is the GA name, also for a preview name given.

        Args:
            names: Event types or classes; none means all events.
            timeout: Seconds to wait for each event; None waits without limit.

        Raises:
            TimeoutError: From the iteration: no event arrived in time. The iteration
                can be continued.
            ConnectionClosed: From the iteration: the connection was lost for good.
            SlowConsumer: From the iteration: the queue was full.
            TypeError: A name is neither text nor an event class.
            RuntimeError: The caller is a forked child.
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
