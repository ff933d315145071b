"""
The reader thread: one connection after the other, for the life of the client.

It opens, reads, writes and closes them; nobody else touches a socket. User code runs
here only where the client was made with ``dispatch="reader"``.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from .._concurrency.deadline import Deadline
from .._concurrency.lifecycle import Lifecycle, Phase
from .._concurrency.thread import JoinableThread
from .._logging import logger, repr_of
from .._redaction import without_secrets
from .._transport.attempt import ConnectInterrupted
from .._transport.websocket import WebSocketStream
from ..errors import ConnectionClosed, RealtimeError
from ..events import Closed
from ..models.enums import WebSocketState
from ..options import WebSocketOptions
from .at_exit import ExitSteps, register
from .connection import Connection
from .control import Control
from .dialer import Connect, Dialer
from .disconnect import cause_of, disconnected_event, final_error
from .engine import Engine
from .event_pipeline import EventPipeline
from .reconnect import Backoff
from .renewal.replacement import Handover, ReplacementSession
from .sender import Sender
from .session_setup import SessionSetup

_CLOSED = "you closed it; make a new client to go on"
_EXITED = "the program is ending"
_GOODBYE = 1.0  # seconds for the goodbye of a connection that nobody wants any more
_GRACE = 0.3  # seconds in which somebody may ask why the connection never opened


class Reader:
    """
    The thread, and what others may ask of it.

    Args:
        engine: The shared parts.
        sender: The way out.
        pipeline: The way in.
        control: What other threads ask.
        connect: Opens a connection.
        setup: Makes the session of each connection ready.
        websocket_options: The options.
        backoff: Decides whether to connect again.
        name: Of the thread.
    """

    def __init__(
        self,
        engine: Engine,
        sender: Sender,
        pipeline: EventPipeline,
        control: Control,
        connect: Connect,
        setup: SessionSetup,
        websocket_options: WebSocketOptions,
        backoff: Backoff,
        name: str,
    ) -> None:
        self._engine = engine
        self._sender = sender
        self._pipeline = pipeline
        self._control = control
        self._lifecycle: Lifecycle = engine.lifecycle
        self._connect = connect
        self._setup = setup
        self._websocket_options = websocket_options
        self._backoff = backoff
        self._dialer = Dialer(
            engine.queue,
            engine.dispatcher,
            engine.emitter,
            engine.lifecycle,
            connect,
            control,
            websocket_options,
            backoff,
            self.veto,
        )
        # set when a caller gets a failure raised, and waited for before one is logged
        self._noticed = setup.noticed
        self._closed_why = _CLOSED
        self._thread = JoinableThread(self._run, name)

    @property
    def _generation(self) -> int:
        return self._lifecycle.generation

    # What others may ask.

    def start(self) -> None:
        """
        Start the thread. The thread that makes the client.
        """
        self._thread.start()
        register(self.exit_steps)

    @property
    def ready(self) -> Future[Any]:
        """
        Completes when the session is configured; fails when it cannot be. Any thread.
        """
        return self._setup.ready

    @property
    def state(self) -> WebSocketState:
        """
        The state of the connection; CLOSED in another process.
        """
        if self.is_other_process:
            return WebSocketState.CLOSED
        phase, closing = self._lifecycle.phase, self._control.is_closing()
        if phase is Phase.CONNECTING:
            return WebSocketState.CONNECTING
        if phase is Phase.OPEN or (phase is Phase.LOST and closing):
            return WebSocketState.CLOSING if closing else WebSocketState.OPEN
        return WebSocketState.CLOSED

    def notice(self) -> None:
        """
        Say that somebody hears of a failure, so that it need not be logged. Any thread.
        """
        self._noticed.set()

    @property
    def is_other_process(self) -> bool:
        """
        Whether this is another process than the one that opened the connection.
        """
        return self._lifecycle.process.is_other_process

    def close(self, deadline: Deadline, at_exit: bool = False) -> None:
        """
        Flush what is queued, say goodbye and end, all by *deadline*.

        Any thread, also a finalizer or a signal handler; never blocks.

        Args:
            deadline: When it shall be over, if nobody has asked for less time.
            at_exit: Whether the program ends, and nobody would know of a failure.
        """
        if self.is_other_process:
            return
        if at_exit and not self._control.is_closing():
            self._closed_why = _EXITED
        if not at_exit:
            self._noticed.set()
        self._control.close(deadline)

    def exit_steps(self) -> ExitSteps | None:
        """
        Return how this client is ended when the program ends; None in another process.
        """
        if self.is_other_process:
            return None
        dispatcher = self._engine.dispatcher
        return ExitSteps(
            dispatcher.drain,
            self._report_outstanding,
            lambda deadline: self.close(deadline, at_exit=True),
            self.join,
            dispatcher.finish,
            dispatcher.join,
        )

    def _report_outstanding(self) -> None:
        """
        Log that the program ends while answers are to come: a script of callbacks does,
        where its last line waits for none.
        """
        if self._control.closing is None and not self._engine.responses.quiet:
            logger.warning(
                "The program ended while an answer was outstanding. End a script of "
                "callbacks with client.run_forever() or client.wait_closed()."
            )

    def veto(self) -> None:
        """
        Do not connect again; where it has happened already, close. Any thread.
        """
        self._control.veto()
        if self.state is WebSocketState.OPEN:
            self.close(Deadline(_GOODBYE))

    def join(self, deadline: Deadline) -> bool:
        """
        Wait for the thread to end. Any thread; False at once on the thread itself.
        """
        if self._lifecycle.is_reader_thread() or self.is_other_process:
            return False
        return self._thread.wait(deadline)

    # The thread. All of the rest belongs to it.

    def _run(self) -> None:
        self._lifecycle.enter_reader_thread()
        try:
            self._end(self._serve())
        finally:
            self._lifecycle.leave_reader_thread()

    def _serve(self) -> RealtimeError:
        """
        Serve one connection after the other; return why there is no other.
        """
        error: RealtimeError = ConnectionClosed(1000)
        stream: WebSocketStream | None = None
        try:
            stream = self._dialer.dial()
            handover: Handover | None = None
            while stream is not None:
                self._engine.counters.serve(stream)
                connection = self._open(stream, handover)
                ended = connection.run(handover)
                stream.leave()
                self._engine.counters.serve(None)
                self._backoff.session_ended(connection.lasted)
                if isinstance(ended, Handover):
                    stream, handover = ended.stream, ended
                    continue
                handover, error = None, ended
                again = self._lifecycle.configured > 0 and not connection.fatal
                if connection.ready or self._generation == 1:
                    self._lose(error, connection, again)
                elif self._control.closing is None:  # a way back that led nowhere
                    self._lifecycle.phase = Phase.CONNECTING
                if not again or self._control.no_more_connections:
                    break
                stream, error = self._dialer.redial(error, connection.expired)
                if stream is None and self._control.closing is not None:
                    # what was met last is no more than the occasion
                    met, error = error, ConnectionClosed(1006, self._closed_why)
                    error.__cause__ = met
        except ConnectInterrupted:
            error = ConnectionClosed(1000, "closed before it was open")
        except RealtimeError as failure:
            error = failure
        except BaseException as failure:
            if self.is_other_process:  # the child of a listener's fork comes back here
                raise
            cause = without_secrets(failure)
            logger.error("The reader thread failed; this is a bug", exc_info=cause)
            error = ConnectionClosed(1006, f"internal error: {repr_of(failure)}")
            error.__cause__ = cause
        if stream is not None:
            stream.close()
        return error

    def _open(self, stream: WebSocketStream, handover: Handover | None) -> Connection:
        self._lifecycle.generation += 1
        self._lifecycle.phase = Phase.OPEN
        if self._control.vetoed and not self._control.is_closing():  # while it dialled
            self.close(Deadline(_GOODBYE))
        logger.info(
            "Connected: connection %d, request id %s",
            self._generation,
            stream.request_id,
        )
        again = self._generation > 1
        return Connection(
            self._setup,
            self._begin_replacement,
            self._engine,
            self._pipeline,
            self._sender.mark_sent,
            stream,
            self._websocket_options,
            self._control,
            self._generation,
            self._setup.opening(again) if handover is None else handover.opening,
            self._dialer.ready_by,
        )

    def _begin_replacement(self) -> ReplacementSession:
        """
        Begin to make the next session, while this one is served.
        """
        return ReplacementSession(
            self._connect,
            self._setup,
            self._sender.codec,
            self._generation + 1,
            self._websocket_options.connect_timeout,
            self._control,
        )

    # Its end.

    def _lose(self, error: RealtimeError, connection: Connection, again: bool) -> None:
        """
        Settle what ends with a connection, and tell of its end.
        """
        closing = self._control.closing is not None
        cause = cause_of(error, by_us=closing, expired=connection.expired)
        again = again and not self._control.no_more_connections
        again = again and self._backoff.would_retry(error, connection.expired)
        self._lifecycle.phase = Phase.CONNECTING if again else Phase.LOST
        self._setup.lose(again)
        if isinstance(error, ConnectionClosed):
            error.reconnecting = again  # what waits then goes to the next session
            error.unsent = 0 if again else self._undelivered(connection)
        self._engine.lose(
            error, disconnected_event(error, cause, again, self._generation)
        )
        logger.info("Connection %d ended: %s", self._generation, error)

    def _undelivered(self, connection: Connection) -> int:
        return self._engine.queue.waiting + connection.undelivered

    def _end(self, error: RealtimeError) -> None:
        closed = self._control.closing is not None
        why = self._closed_why if closed else None
        error = final_error(error, why, self._engine.queue.waiting)
        self._lifecycle.ended = error
        self._lifecycle.phase = Phase.ENDED
        self._setup.end(error)
        self._engine.queue.close()
        if self._generation == 0:
            cause = cause_of(error, by_us=closed, expired=False)
            self._engine.lose(error, disconnected_event(error, cause, False, 0))
        self._engine.end(error, Closed(error=error, generation=self._generation))
        self._engine.dispatcher.detach()
        if not closed:
            self._report(error)

    def _report(self, error: RealtimeError) -> None:
        """
        Log an end that nobody may hear of otherwise.
        """
        if self._lifecycle.configured:
            if not isinstance(error, ConnectionClosed) or error.code != 1000:
                logger.warning("%s", error)
        # Whoever waits in connect(), or comes to wait now, gets the exception; a script
        # of callbacks only would never know.
        elif not self._noticed.wait(_GRACE):
            logger.error("No connection. %s", error)
