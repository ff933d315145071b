"""
The reader thread: it opens, reads, writes and closes one connection, for its whole
life.

Its turn: write what the socket takes, wait (socket, bell, next timer), read what has
come, look at the clock. No step blocks, no user code runs here, and no lock is held
across a call. What an event means is settled in this order: the state changes, then
waits are completed, then callbacks are queued; so whoever is woken sees the new state,
and a callback can wait for an event that is queued behind it.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import selectors
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from ._core import Core
from ._deadline import Deadline
from ._dial import Interrupted, Patience
from ._wire import Wire
from .enums import WebSocketState
from .errors import (
    ConnectionClosed,
    ConnectTimeout,
    RealtimeError,
    ServerError,
    fresh,
)
from .events import Disconnected, ErrorEvent, Init, ServerEvent, SessionUpdated
from .options import WebSocketOptions

logger = logging.getLogger("azure_realtime")

_MESSAGES_PER_TURN = 64
_GRACE = 0.3  # seconds in which somebody may ask why the connection never opened

Connect = Callable[[Patience], Wire]
"""Opens the connection; runs on the reader thread."""


class Reader:
    """
    The thread, and what others may ask of it.

    Args:
        core: The shared parts.
        connect: Opens the connection.
        hello: The first ``session.update``, encoded.
        options: The numbers.

    Attributes:
        ready: Completes when the session is configured; fails when it cannot be.
        error: Why it is over; None while it is not.
    """

    def __init__(
        self,
        core: Core,
        connect: Connect,
        hello: str,
        options: WebSocketOptions,
        name: str,
    ) -> None:
        self._core = core
        self._connect = connect
        self._hello = hello
        self._options = options
        self._pid = os.getpid()
        self._closing: Deadline | None = None
        self._goodbye: Deadline | None = None
        self._pinged = False
        self._noticed = threading.Event()
        self._ready_by = Deadline(options.connect_timeout)
        self._session_seen = False
        self.ready: Future[Any] = Future()
        self.error: RealtimeError | None = None
        self.initialized = False
        self.state = WebSocketState.CONNECTING
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        core.is_reader = lambda: threading.current_thread() is self._thread
        core.elsewhere = lambda: os.getpid() != self._pid
        core.dispatcher.attach(core.is_reader, core.outbox.wake)

    # What others may ask.

    def start(self) -> None:
        """
        Start the thread. The thread that makes the client.
        """
        _alive.add(self)
        self._thread.start()

    def notice(self) -> None:
        """
        Say that somebody hears of a failure, so that it need not be logged. Any thread.
        """
        self._noticed.set()

    @property
    def is_current(self) -> bool:
        """
        Whether the caller is the reader thread.
        """
        return threading.current_thread() is self._thread

    @property
    def elsewhere(self) -> bool:
        """
        Whether this is another process than the one that opened the connection.
        """
        return os.getpid() != self._pid

    def close(self, deadline: Deadline, noticed: bool = True) -> None:
        """
        Flush what is queued, say goodbye and end, all by *deadline*.

        Any thread, also a finalizer or a signal handler; never blocks.

        Args:
            deadline: When it shall be over.
            noticed: Whether whoever closes would know of a failure.
        """
        if self.elsewhere:
            return
        if self._closing is None:
            self._closing = deadline
        if self.state is WebSocketState.OPEN:
            self.state = WebSocketState.CLOSING
        if noticed:
            self._noticed.set()
        self._core.outbox.wake()

    def join(self, deadline: Deadline) -> bool:
        """
        Wait for the thread to end. Any thread; False at once on the thread itself.
        """
        if self.is_current or self.elsewhere:
            return False
        self._thread.join(deadline.remaining())
        return not self._thread.is_alive()

    # The thread. All of the rest belongs to it.

    def _run(self) -> None:
        wire: Wire | None = None
        error: RealtimeError
        try:
            wire = self._connect(self._patience())
            if self._closing is None:
                self.state = WebSocketState.OPEN
            logger.debug("connected")
            wire.send(self._hello)
            error = self._serve(wire)
        except Interrupted:
            error = ConnectionClosed(1000, "closed before it was open")
        except RealtimeError as failure:
            error = failure
        except BaseException as failure:
            logger.exception("The reader thread failed; this is a bug")
            error = ConnectionClosed(1006, f"internal error: {failure!r}")
            error.__cause__ = failure
        self._end(wire, error)

    def _patience(self) -> Patience:
        return Patience(
            self._ready_by, self._core.outbox, self._pointless, lambda: self._closing
        )

    def _pointless(self) -> bool:
        """
        Whether to stop dialling: closed, and nothing queued that could still leave.
        """
        closing = self._closing
        return closing is not None and (closing.passed or not self._core.outbox.waiting)

    def _serve(self, wire: Wire) -> RealtimeError:
        """
        Turn until it is over; return why.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(self._core.outbox, selectors.EVENT_READ)
            interest = wire.interest
            selector.register(wire, interest)
            while True:
                try:
                    self._write(wire)
                    if (end := self._over(wire)) is not None:
                        return end
                    if wire.interest != interest:
                        interest = wire.interest
                        selector.modify(wire, interest)
                    selector.select(0 if wire.unread else self._until_next_timer(wire))
                    self._core.outbox.hush()
                    self._core.dispatcher.turn()
                    for data in wire.read():
                        self._receive(data)
                except ConnectionClosed as closed:
                    return self._say_why(wire, closed)
                except UnicodeDecodeError:
                    return self._say_why(
                        wire,
                        ConnectionClosed(1007, "the peer sent text that is no UTF-8"),
                    )

    def _write(self, wire: Wire) -> None:
        for _ in range(_MESSAGES_PER_TURN):
            wire.write()
            if not wire.idle or self._goodbye is not None:
                return
            entry = self._core.outbox.take()
            if entry is None:
                break
            self._core.sent(entry.event_id)
            wire.send(entry.text)
        closing = self._closing
        if closing is not None and wire.idle and not self._core.outbox.waiting:
            wire.send_close()
            wire.write()
            left = closing.remaining()
            wait = self._options.close_wait
            self._goodbye = Deadline(wait if left is None else min(wait, left))

    def _over(self, wire: Wire) -> RealtimeError | None:
        """
        Return why it is over, or None while it is not.
        """
        if wire.closed_by_peer is not None:
            # one more turn for the answer to leave, if the socket takes it
            wire.write()
            return wire.closed_by_peer
        if self._goodbye is not None and self._goodbye.passed:
            return ConnectionClosed(1006, "the peer did not answer our close")
        if self._closing is not None and self._closing.passed:
            return ConnectionClosed(1006, "closed by us, out of time")
        if not self.ready.done() and self._ready_by.passed:
            missing = "session.updated" if self._session_seen else "session.created"
            return ConnectTimeout(
                f"The service accepted the connection but sent no {missing} within "
                f"{self._options.connect_timeout:g} s.",
                hint="Is this a realtime endpoint?",
            )
        return self._pulse(wire)

    def _pulse(self, wire: Wire) -> RealtimeError | None:
        interval, patience = self._options.ping_interval, self._options.ping_timeout
        if interval is None:
            return None
        silent = time.monotonic() - wire.heard_at
        if silent < interval:
            self._pinged = False
        elif not self._pinged:
            self._pinged = True
            wire.ping()
            wire.write()
        if patience is not None and silent >= interval + patience:
            return ConnectionClosed(
                1006, f"the peer is dead: nothing heard for {silent:.1f} s"
            )
        return None

    def _until_next_timer(self, wire: Wire) -> float | None:
        timers = [
            d.remaining() for d in (self._closing, self._goodbye) if d is not None
        ]
        if not self.ready.done():
            timers.append(self._ready_by.remaining())
        interval, patience = self._options.ping_interval, self._options.ping_timeout
        if interval is not None:
            silent = time.monotonic() - wire.heard_at
            if not self._pinged:
                timers.append(max(0.0, interval - silent))
            elif patience is not None:
                timers.append(max(0.0, interval + patience - silent))
        return min((timer for timer in timers if timer is not None), default=None)

    def _say_why(self, wire: Wire, error: ConnectionClosed) -> RealtimeError:
        """
        Tell a peer that broke the protocol, as far as one write carries.
        """
        if error.code in (1002, 1007, 1009):
            wire.send_close(error.code, error.reason)
            # it may have gone already; the first cause is the one to tell
            with contextlib.suppress(ConnectionClosed):
                wire.write()
        return error

    def _receive(self, data: bytes) -> None:
        events = self._core.codec.decode(data)
        happened: list[ServerEvent | None] = []
        for event in events:
            happened += [event, self._core.follow(event), self._configure(event)]
        for event in events:
            self._core.settle(event)
        self._core.emit(*happened)
        if self.initialized and not self.ready.done():
            self.ready.set_result(None)

    def _configure(self, event: ServerEvent) -> ServerEvent | None:
        """
        Follow the session; return the `Init` that follows the first configuration.
        """
        self._session_seen |= event.type == "session.created"
        if isinstance(event, SessionUpdated) and not self.initialized:
            self.initialized = True
            self._core.outbox.release()
            return Init(session=event.session, raw=event.raw)
        if isinstance(event, ErrorEvent) and not self.ready.done():
            # nothing but our first session.update has been sent so far
            refusal = ServerError(
                f"The service refused the session configuration: {event.error.message}",
                code=event.error.code,
                param=event.error.param,
                event=event,
            )
            self.ready.set_exception(refusal)
            self._core.outbox.release()
            logger.error("%s", refusal)
        return None

    def _end(self, wire: Wire | None, error: RealtimeError) -> None:
        if wire is not None:
            wire.close()
        self.error = error
        self.state = WebSocketState.CLOSED
        closed = self._closing is not None
        if isinstance(error, ConnectionClosed):
            error.unsent = self._core.outbox.waiting
        if not self.ready.done():
            self.ready.set_exception(fresh(error))
        self._core.outbox.close(error)
        self.initialized = False
        self._core.end(error, _farewell(error, by_us=closed))
        self._core.dispatcher.detach()
        logger.debug("disconnected: %s", error)
        if not closed:
            self._report(error)
        _alive.discard(self)

    def _report(self, error: RealtimeError) -> None:
        if isinstance(error, ConnectionClosed):
            if error.code != 1000:
                logger.warning("%s", error)
        # Whoever waits in connect(), or comes to wait now, gets the exception; a script
        # of callbacks only would never know.
        elif not self._noticed.wait(_GRACE):
            logger.error("No connection. %s", error)


def _farewell(error: RealtimeError, by_us: bool) -> Disconnected:
    if isinstance(error, ConnectionClosed):
        clean = error.clean or (by_us and error.code == 1000)
        return Disconnected(
            error=None if by_us and clean else error,
            code=error.code,
            reason=error.reason,
            clean=clean,
        )
    return Disconnected(error=error, code=None, reason=str(error), clean=False)


_alive: weakref.WeakSet[Reader] = weakref.WeakSet()


@atexit.register
def _flush_at_exit() -> None:
    """
    Give what is queued one second to leave. No thread is started, none is left.
    """
    deadline = Deadline(1.0)
    readers = list(_alive)
    for reader in readers:
        reader.close(deadline, noticed=False)
    for reader in readers:
        reader.join(deadline)
