"""
The reader thread of a client. It serves one connection after the other.

It opens, reads, writes and closes all sockets; no other thread uses them. User code
runs on it only if the client was made with ``dispatch="reader"``.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from .._concurrency.deadline import Deadline
from .._concurrency.lifecycle import Lifecycle, Phase
from .._concurrency.thread import JoinableThread
from .._logging import logger
from .._transport.attempt import ConnectInterrupted
from ..errors import ConnectionClosed, ConnectTimeout, RealtimeError
from ..events import Closed
from ..models.enums import WebSocketState
from ..options import WebSocketOptions
from .at_exit import ExitSteps, drain, exit_deadline, register, unfinished
from .connection import Connection
from .control import Control
from .dialer import Connect, Dialer
from .disconnect import CLOSED, EXITED, cause_of, disconnected_event, final_error
from .engine import Engine
from .event_pipeline import EventPipeline
from .handover import Handover
from .internal_errors import internal_error, run_all
from .reconnect import Backoff
from .renewal.replacement import ReplacementSession
from .sender import Sender
from .session_setup import SessionSetup

_CLOSE_TIMEOUT = 1.0  # seconds to close a connection after a veto
_NOTICE_TIMEOUT = 0.3  # seconds for a caller to get a failure to connect raised


class Reader:
    """
    The reader thread, and the methods that other threads may call.

    Args:
        engine: The shared parts.
        sender: Queues commands.
        pipeline: Handles the events.
        control: The requests of other threads.
        connect: Opens a connection.
        setup: Follows each session until it is configured.
        websocket_options: The options.
        backoff: Decides whether and when to reconnect.
        name: Name of the thread.
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
            setup.opening,
            self.veto,
        )
        # set when a caller gets a failure raised; waited for before one is logged
        self._noticed = setup.noticed
        self._close_reason = CLOSED
        self._thread = JoinableThread(self._run, name)

    # Called by other threads.

    def start(self) -> None:
        """
        Start the reader thread. The thread that makes the client.
        """
        self._thread.start()
        register(self.exit_steps)

    @property
    def ready(self) -> Future[Any]:
        """
        A future that completes when the session is configured, or fails. Any thread.
        """
        return self._setup.ready

    @property
    def state(self) -> WebSocketState:
        """
        The state of the connection; CLOSED in another process. Any thread.
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
        Note that a caller gets a failure raised: it is not logged then. Any thread.
        """
        self._noticed.set()

    @property
    def is_other_process(self) -> bool:
        """
        Whether this is another process than the one that made the client.
        """
        return self._lifecycle.process.is_other_process

    def close(self, deadline: Deadline, reason: str = CLOSED) -> None:
        """
        Start to close: refuse later messages, send those in the queue and a close
        frame, and end the thread.

        Any thread, also in a finalizer or a signal handler; never blocks.

        Args:
            deadline: When the thread must end; an earlier deadline stays in force.
            reason: Why, for the errors of later calls. If the program ends, a failure
                to connect is logged.
        """
        if self.is_other_process:
            return
        if not self._control.is_closing():
            self._close_reason = reason
        if reason is not EXITED:
            self._noticed.set()
        self._control.close(deadline)  # first: after Ctrl-C here the client ends
        self._engine.queue.refuse(ConnectionClosed(1000, self._close_reason))

    def exit_steps(self) -> ExitSteps | None:
        """
        Return the steps that close this client at exit; None in another process.
        """
        if self.is_other_process:
            return None
        dispatcher = self._engine.dispatcher
        return ExitSteps(
            self.exit_deadline(),
            partial(drain, self._control, self._engine),
            lambda: unfinished(self._control, self._engine),
            lambda deadline: self.close(deadline, EXITED),
            self.join,
            dispatcher.finish,
            dispatcher.join,
        )

    def exit_deadline(self) -> Deadline:
        """
        Return when a client must have ended whose end no thread waits for. Any thread.
        """
        return exit_deadline(self._engine, self._websocket_options.connect_timeout)

    def veto(self) -> None:
        """
        Prevent a reconnect; close a client that has reconnected already. Any thread.
        """
        self._control.veto()
        if self.state is WebSocketState.OPEN:
            self.close(Deadline(_CLOSE_TIMEOUT))

    def join(self, deadline: Deadline) -> bool:
        """
        Wait for the thread to end. Any thread; on the reader thread it returns False.
        """
        if self._lifecycle.is_reader_thread() or self.is_other_process:
            return False
        return self._thread.wait(deadline)

    # The rest runs on the reader thread.

    def _run(self) -> None:
        self._lifecycle.enter_reader_thread()
        try:
            run_all([partial(self._end, self._serve())], self._lifecycle.process)
        finally:
            self._lifecycle.leave_reader_thread()

    def _serve(self) -> RealtimeError:
        """
        Serve one connection after the other. Return the error that ends the client.
        """
        handover: Handover | None = None
        try:
            error: RealtimeError = ConnectionClosed(1000)
            handover = self._dialer.dial()
            while handover is not None:
                self._engine.counters.serve(handover.stream)
                connection = self._open(handover)
                ended = connection.run()
                handover.stream.close_gracefully()
                self._engine.counters.serve(None)
                self._backoff.session_ended(connection.lasted)
                if isinstance(ended, Handover):
                    handover = ended
                    continue
                handover, error = None, ended
                reconnects = self._lifecycle.configured > 0 and not connection.fatal
                if connection.ready or self._lifecycle.generation == 1:
                    self._lose(error, connection, reconnects)
                elif self._control.closing is None:  # a reconnect without a session
                    self._lifecycle.phase = Phase.CONNECTING
                if not reconnects or self._control.no_more_connections:
                    break
                handover, error = self._dialer.redial(error, connection.expired)
                if handover is None and self._control.closing is not None:
                    # the user closed the client: the last failure is only the cause
                    last, error = error, ConnectionClosed(1006, self._close_reason)
                    error.__cause__ = last
        except ConnectInterrupted:
            error = ConnectionClosed(1000, "closed before it was open")
        except RealtimeError as failure:
            error = failure
        except BaseException as failure:
            if self.is_other_process:  # the child of a listener that forked
                raise
            error = internal_error(failure)
        if handover is not None:
            handover.stream.close()
        return error

    def _open(self, handover: Handover) -> Connection:
        generation = self._lifecycle.generation = self._lifecycle.generation + 1
        self._lifecycle.phase = Phase.OPEN
        if self._control.vetoed and not self._control.is_closing():  # while it dialled
            self.close(Deadline(_CLOSE_TIMEOUT))
        request_id = handover.stream.request_id
        logger.info("Connected: connection %d, request id %s", generation, request_id)
        return Connection(
            self._setup,
            self._begin_replacement,
            self._engine,
            self._pipeline,
            self._sender.mark_sent,
            handover,
            self._websocket_options,
            self._control,
            generation,
            self._dialer.ready_by,
        )

    def _begin_replacement(self) -> ReplacementSession:
        """
        Start to prepare the next session while this one is served.
        """
        return ReplacementSession(
            self._connect,
            self._setup,
            self._sender.codec,
            self._lifecycle.generation + 1,
            self._websocket_options.connect_timeout,
            self._control,
        )

    # The end of a connection and of the client.

    def _lose(
        self, error: RealtimeError, connection: Connection, reconnects: bool
    ) -> None:
        """
        Fail the requests of an ended connection, and emit its end.
        """
        closing = self._control.closing is not None
        generation = self._lifecycle.generation
        cause = cause_of(error, by_us=closing, expired=connection.expired)
        reconnects = reconnects and not self._control.no_more_connections
        reconnects = reconnects and self._backoff.would_retry(error, connection.expired)
        self._lifecycle.phase = Phase.CONNECTING if reconnects else Phase.LOST
        self._setup.lose(reconnects)
        if isinstance(error, ConnectionClosed):
            error.reconnecting = reconnects  # commands stay queued then
            queued = self._engine.queue.waiting
            error.unsent = 0 if reconnects else queued + connection.undelivered
        if not reconnects:
            # before a waiting thread wakes up: its next call must raise as well
            self._lifecycle.ended = self._final(error)
        self._engine.lose(
            self._lifecycle.ended or error,
            disconnected_event(error, cause, reconnects, generation),
        )
        self._control.run_calls()  # a reconnect may take long
        logger.info("Connection %d ended: %s", generation, error)

    def _final(self, error: RealtimeError) -> RealtimeError:
        close_reason = self._close_reason if self._control.closing is not None else None
        return final_error(error, close_reason, self._engine.queue.waiting)

    def _end(self, error: RealtimeError) -> None:
        closed = self._control.closing is not None
        generation = self._lifecycle.generation
        # a lost connection that no other follows has set it already
        ended = self._lifecycle.ended = self._lifecycle.ended or self._final(error)
        if not isinstance(error, ConnectTimeout):  # only `connect` raises that
            error = ended
        self._lifecycle.phase = Phase.ENDED
        steps: list[Callable[[], object]] = [partial(self._setup.end, error)]
        steps.append(self._engine.queue.close)
        if generation == 0:
            cause = cause_of(error, by_us=closed, expired=False)
            lost = disconnected_event(error, cause, False, 0)
            steps.append(partial(self._engine.lose, ended, lost))
        closed_event = Closed(error=error, generation=generation)
        steps.append(partial(self._engine.end, ended, closed_event))
        steps += [self._control.run_calls, self._engine.dispatcher.detach]
        if not closed:
            steps.append(partial(self._report, error))
        run_all(steps, self._lifecycle.process)

    def _report(self, error: RealtimeError) -> None:
        """
        Log the end of the client if no caller is known to get the error raised.
        """
        if self._lifecycle.configured:
            if not isinstance(error, ConnectionClosed) or error.code != 1000:
                logger.warning("%s", error)
        # A thread that is in connect(), or calls it now, gets the exception. A script
        # that has callbacks only would not notice the failure.
        elif not self._noticed.wait(_NOTICE_TIMEOUT):
            logger.error("The client could not connect. %s", error)
