"""
The methods of a client that wait for events: `wait_for`, `expect`, `events`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from .._concurrency.deadline import Deadline
from .._concurrency.lifecycle import Lifecycle
from .._concurrency.with_block import GuaranteedExit
from .._dispatch.event_keys import ANY, EventName, key_for, warn_if_unknown
from .._dispatch.functions import check_listener
from .._dispatch.mailbox import Mailbox, Mailboxes, Where
from ..errors import ConnectionClosed
from ..events import ServerEvent

if TYPE_CHECKING:
    from typing_extensions import Self

    from .._engine.control import Control

__all__ = ["EventStream", "Expectation"]

E_co = TypeVar("E_co", bound=ServerEvent, covariant=True)


class Expectation(GuaranteedExit, Generic[E_co]):
    """
    Context manager that collects events in its block and waits for one at its end.

    `AzureRealTimeAudio.expect` makes it.
    """

    def __init__(
        self,
        lifecycle: Lifecycle,
        mailboxes: Mailboxes,
        keys: frozenset[str],
        where: Where | None,
        timeout: float,
    ) -> None:
        super().__init__()
        self._lifecycle = lifecycle
        self._mailboxes = mailboxes
        self._where = where
        self._timeout = timeout
        _check(timeout, where)
        self._mailbox: Mailbox = mailboxes.open(keys)
        self._event: ServerEvent | None = None

    def __repr__(self) -> str:
        return f"<Expectation {self._mailbox!r}, came: {self._event!r}>"

    @property
    def event(self) -> E_co:
        """
        The event.

        Raises:
            RuntimeError: It has not been waited for yet: the block has not ended.
        """
        if self._event is None:
            raise RuntimeError(
                "the event is waited for at the end of the with block: read it after "
                "the block"
            )
        return cast("E_co", self._event)

    def __enter__(self) -> Self:
        if self._event is not None:
            raise RuntimeError(
                "an expectation is for one block: call expect() again for another one"
            )
        return self

    def _leave(self, kind: type[BaseException] | None) -> None:
        if kind is not None and self._lifecycle.process.is_other_process:
            return  # in a forked child, so that the block's own error is raised
        self._lifecycle.check_process()
        if kind is None:
            self._event = self._mailbox.get(Deadline(self._timeout), self._where)
        self._end()

    def _end(self) -> None:
        if not self._lifecycle.process.is_other_process:
            self._mailboxes.close(self._mailbox)


class EventStream(GuaranteedExit, Iterator[E_co], Generic[E_co]):
    """
    Iterator over the events that arrive after its creation.

    `AzureRealTimeAudio.events` makes it. It continues after a reconnect and ends when
    the client is closed. Iterate with ``for``; use it as a context manager, or call
    `close`, to stop collecting events earlier. Any thread but the reader's.

    Attributes:
        timeout: Seconds to wait for each event; None waits without limit. It may be
            changed between two steps.
    """

    def __init__(
        self,
        lifecycle: Lifecycle,
        control: Control,
        mailboxes: Mailboxes,
        keys: frozenset[str],
        timeout: float | None,
    ) -> None:
        super().__init__()
        self._lifecycle = lifecycle
        self._control = control
        self._mailboxes = mailboxes
        self.timeout = timeout
        _check(timeout)
        self._mailbox: Mailbox = mailboxes.open(keys, survives_reconnect=True)

    def __repr__(self) -> str:
        return f"<EventStream {self._mailbox!r}>"

    def __next__(self) -> E_co:
        self._lifecycle.check_may_wait()
        try:
            return cast("E_co", self._mailbox.get(Deadline(self.timeout)))
        except ConnectionClosed as closed:
            if closed.code == 1000 or self._control.is_closing():
                raise StopIteration from None
            raise

    def put(self, event: Any) -> None:
        """
        Add *event*, any object, behind those that wait: a message to the thread that
        iterates. Any thread. It has no effect after the end of the stream.
        """
        self._lifecycle.check_process()
        self._mailboxes.put(self._mailbox, event)

    def close(self) -> None:
        """
        Stop collecting events; those already collected can still be iterated over.
        """
        if self._lifecycle.process.is_other_process:
            return
        self._mailboxes.close(self._mailbox)
        self._mailbox.end(ConnectionClosed(1000, "the stream was closed"))

    def __enter__(self) -> Self:
        return self

    def _end(self) -> None:
        self.close()


def _check(timeout: float | None, where: Any = None) -> None:
    """
    Check the types of arguments that are used only later.

    Raises:
        TypeError: *timeout* is no number, or *where* no plain function of an event.
    """
    Deadline(timeout)
    if where is not None:
        check_listener(where, "where")


class Pulling:
    """
    Methods of a client: `wait_for`, `expect`, `events`. Any thread, also a listener.

    `overloads.pyi` has their types for each event.
    """

    _lifecycle: Lifecycle
    _control: Control
    _mailboxes: Mailboxes
    _warned_names: set[str]

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
            TypeError: *event* is neither text nor an event class, *timeout* is no
                number, or *where* is no plain function of an event.
            RuntimeError: The caller is the reader thread, which would wait for itself,
                or a forked child.
        """
        self._lifecycle.check_may_wait()
        _check(timeout, where)
        mailbox = self._mailboxes.open(self._keys((event,)))
        try:
            return mailbox.get(Deadline(timeout), where)
        finally:
            self._mailboxes.close(mailbox)

    def expect(
        self, event: EventName, *, where: Where | None = None, timeout: float = 30.0
    ) -> Expectation[Any]:
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

    def events(
        self, *names: EventName, timeout: float | None = None
    ) -> EventStream[Any]:
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
            warn_if_unknown(key, self._warned_names, "the call waits for it")
        return keys
