"""
The reader thread: one connection after the other, for the life of the client.

It opens, reads, writes and closes them; nobody else touches a socket. User code runs
here only where the client was made with ``dispatch="reader"``.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from ._connection import Connection, Control, Opening, Renewal
from ._core import Core
from ._deadline import Deadline
from ._farewell import alive, farewell
from ._futures import PatientFuture
from ._patience import Interrupted, Patience
from ._reconnect import Backoff, cause_of
from ._wire import Wire
from .enums import WebSocketState
from .errors import ConnectionClosed, RealtimeError, ServerError, fresh
from .events import (
    Closed,
    Init,
    Reconnected,
    Reconnecting,
    ServerEvent,
    SessionUpdated,
)
from .options import WebSocketOptions

logger = logging.getLogger("azure_realtime")

_GOODBYE = 1.0  # seconds for the goodbye of a connection that nobody wants any more
_GRACE = 0.3  # seconds in which somebody may ask why the connection never opened

Connect = Callable[[Patience], Wire]
"""Opens a connection; runs on the reader thread."""


class Reader:
    """
    The thread, and what others may ask of it.

    Args:
        core: The shared parts.
        connect: Opens a connection.
        opening: Returns what is said first: on the first connection, and on others.
        numbers: The options.
        backoff: Decides whether to connect again.
        name: Of the thread.

    Attributes:
        ready: Completes when the session is configured; fails when it cannot be.
        error: Why it is over; None while it is not.
    """

    def __init__(
        self,
        core: Core,
        connect: Connect,
        opening: Callable[[bool], Opening],
        numbers: WebSocketOptions,
        backoff: Backoff,
        name: str,
    ) -> None:
        self._core = core
        self._connect = connect
        self._opening = opening
        self._numbers = numbers
        self._backoff = backoff
        self._pid = os.getpid()
        self._control = Control()
        self._noticed = threading.Event()
        self._generation = 0
        self._lost_at: float | None = None
        self._ready_by = Deadline(0)
        self._vetoed = False
        self.ready: Future[Any] = PatientFuture()
        self.error: RealtimeError | None = None
        self.initialized = False
        self._state = WebSocketState.CONNECTING
        self._worked = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        core.is_reader = lambda: self.is_current
        core.elsewhere = lambda: self.elsewhere
        core.closing = lambda: self._control.closing is not None
        core.dispatcher.attach(core.is_reader, core.outbox.wake)
        core.dispatcher.backlog.on_stuck = self._give_up

    # What others may ask.

    def start(self) -> None:
        """
        Start the thread. The thread that makes the client.
        """
        alive.add(self)
        self._thread.start()

    @property
    def state(self) -> WebSocketState:
        """
        The state of the connection. Only the thread changes it; closing is a wish.
        """
        if self._state is WebSocketState.OPEN and self._control.closing is not None:
            return WebSocketState.CLOSING
        return self._state

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
        if self._control.closing is None:
            self._control.closing = deadline
        if noticed:
            self._noticed.set()
        self._core.outbox.wake()

    def _give_up(self, error: RealtimeError) -> None:
        """
        End the connection because of *error*. Any thread.
        """
        self._control.failure = error
        self._core.outbox.wake()

    def veto(self) -> None:
        """
        Do not connect again; where it has happened already, close. Any thread.
        """
        self._vetoed = True
        if self.state is WebSocketState.OPEN:
            self.close(Deadline(_GOODBYE))
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
        error: RealtimeError = ConnectionClosed(1000)
        wire: Wire | None = None
        try:
            wire = self._connect(self._patience())
            while wire is not None:
                connection = self._open(wire)
                renewed, ended = self._serve(connection)
                self._part(wire, connection)
                wire = renewed
                if ended is None:
                    continue
                error = ended
                self._lose(error, connection)
                if not self._may_reconnect(connection):
                    break
                wire, error = self._reconnect(error)
        except Interrupted:
            error = ConnectionClosed(1000, "closed before it was open")
        except RealtimeError as failure:
            error = failure
        except BaseException as failure:
            logger.exception("The reader thread failed; this is a bug")
            error = ConnectionClosed(1006, f"internal error: {failure!r}")
            error.__cause__ = failure
        if wire is not None:
            wire.close()
        self._end(error)

    def _open(self, wire: Wire) -> Connection:
        self._generation += 1
        self._core.generation = self._generation
        if self._control.closing is None:
            self._state = WebSocketState.OPEN
            if self._vetoed:  # while it was dialled
                self.close(Deadline(_GOODBYE))
        logger.debug("connected, generation %d", self._generation)
        return Connection(
            self._core,
            wire,
            self._numbers,
            self._control,
            self._generation,
            self._opening(self._generation > 1),
            self._ready_by,
            self._on_ready,
            self._on_refused,
        )

    def _patience(self) -> Patience:
        self._ready_by = Deadline(self._numbers.connect_timeout)
        return Patience(
            self._ready_by,
            self._core.outbox,
            self._pointless,
            lambda: self._control.closing,
        )

    def _pointless(self) -> bool:
        """
        Whether to stop dialling: vetoed, or closed and nothing queued could leave.
        """
        if self._vetoed:
            return True
        closing = self._control.closing
        return closing is not None and (
            closing.passed or not self._core.outbox.waiting or self._generation > 0
        )

    def _on_ready(self, event: SessionUpdated) -> ServerEvent:
        self.initialized = self._worked = True
        self._backoff.worked()
        self._core.outbox.release()
        first = self._generation == 1
        if self.ready.done():
            if self.ready.exception() is not None:  # refused at first, and mended
                self.ready = PatientFuture()
                self.ready.set_result(None)
        else:
            self.ready.set_result(None)
        if first:
            return Init(session=event.session, raw=event.raw, generation=1)
        lost_at, self._lost_at = self._lost_at, None
        self._core.acks.restored(event)
        self._core.follow_up(self._core.gate.restored())
        self._core.counters.reconnects += 1
        return Reconnected(
            session=event.session,
            restored=self._numbers.restore,
            seconds_lost=0.0 if lost_at is None else time.monotonic() - lost_at,
            generation=self._generation,
        )

    def _on_refused(self, refusal: ServerError) -> Opening | None:
        """
        Settle that the configuration was refused; return what to say instead.

        On a later connection it may be for a change that the last one had not answered.
        If it is not, there is no session like the one that was lost, and it is over.
        """
        if self._generation == 1:
            self.ready.set_exception(refusal)
            self._core.outbox.release()
        elif refused := self._core.acks.refuse_updates(refusal):
            for event_id in refused:
                self._core.outbox.withdraw(event_id)
            return self._opening(True)
        else:
            self._control.failure = refusal
        logger.error("%s", refusal)
        return None

    # Between two connections.

    def _lose(self, error: RealtimeError, connection: Connection) -> None:
        """
        Settle what ends with a connection, and tell of its end.
        """
        closing = self._control.closing is not None
        cause = cause_of(error, by_us=closing, expired=connection.expired)
        again = self._may_reconnect(connection) and self._backoff.would_retry(error)
        self._lost_at = time.monotonic()
        self.initialized = False
        if not closing:
            self._state = WebSocketState.CONNECTING if again else WebSocketState.CLOSED
        if isinstance(error, ConnectionClosed):
            error.unsent = self._core.outbox.waiting
        self._core.lose(error, farewell(error, cause, again, self._generation))
        logger.debug("disconnected: %s", error)

    def _may_reconnect(self, connection: Connection) -> bool:
        never = self._control.closing is not None or self._vetoed or connection.fatal
        return self._worked and not never

    def _reconnect(self, error: RealtimeError) -> tuple[Wire | None, RealtimeError]:
        """
        Pause and dial until it works or is pointless; return the wire, or why not.
        """
        while True:
            delay = self._backoff.pause(error)
            if delay is None:
                return None, error
            self._core.emit(
                Reconnecting(
                    attempt=self._backoff.attempts,
                    delay=delay,
                    cause=error,
                    generation=self._generation,
                    stop=self.veto,
                )
            )
            if not self._rest(delay):
                return None, error
            try:
                return self._connect(self._patience()), error
            except Interrupted:
                return None, error
            except RealtimeError as failure:
                error = failure

    def _rest(self, seconds: float) -> bool:
        """
        Wait; return False if there is no point any more.
        """
        deadline = Deadline(seconds)
        with selectors.DefaultSelector() as selector:
            selector.register(self._core.outbox, selectors.EVENT_READ)
            while not deadline.passed:
                if self._control.closing is not None or self._vetoed:
                    return False
                if selector.select(deadline.remaining()):
                    self._core.outbox.hush()
                    self._core.dispatcher.turn()
        return self._control.closing is None and not self._vetoed

    def _serve(
        self, connection: Connection
    ) -> tuple[Wire | None, RealtimeError | None]:
        """
        Run a connection until it ends, or a new one takes its place.

        What is appended while the new one is dialled waits in the outbox; the old one
        is closed when the new one is open.
        """
        while True:
            try:
                return None, connection.run()
            except Renewal:
                try:
                    renewed = self._connect(self._patience())
                except Interrupted:
                    connection.postpone_renewal()
                except RealtimeError as error:
                    logger.warning("The session could not be renewed: %s", error)
                    connection.postpone_renewal()
                else:
                    self._core.outbox.hold()
                    return renewed, None

    def _part(self, wire: Wire, connection: Connection) -> None:
        """
        Close a wire; say goodbye first, as far as one write carries.
        """
        wire.send_close()
        with contextlib.suppress(ConnectionClosed):
            wire.write()
        wire.close()
        connection.count()

    def _end(self, error: RealtimeError) -> None:
        self.error = error
        closed = self._control.closing is not None
        self._state = WebSocketState.CLOSED
        if not self.ready.done():
            self.ready.set_exception(fresh(error))
        unsent = self._core.outbox.waiting
        if isinstance(error, ConnectionClosed):
            error.unsent = max(error.unsent, unsent)
            if closed and not error.reason:
                error.reason = "you closed it; make a new client to go on"
        self._core.outbox.close(error)
        self.initialized = False
        if self._generation == 0:
            cause = cause_of(error, by_us=closed, expired=False)
            self._core.lose(error, farewell(error, cause, False, 0))
        self._core.end(error, Closed(error=error, generation=self._generation))
        self._core.dispatcher.detach()
        if not closed:
            self._report(error)
        alive.discard(self)

    def _report(self, error: RealtimeError) -> None:
        """
        Log an end that nobody may hear of otherwise.
        """
        if self._worked:
            if not isinstance(error, ConnectionClosed) or error.code != 1000:
                logger.warning("%s", error)
        # Whoever waits in connect(), or comes to wait now, gets the exception; a script
        # of callbacks only would never know.
        elif not self._noticed.wait(_GRACE):
            logger.error("No connection. %s", error)
