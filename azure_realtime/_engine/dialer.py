"""
How the reader thread comes by a connection, and by another one: pause and dial, as long
as there is a point in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from .._concurrency.deadline import Deadline
from .._concurrency.lifecycle import Lifecycle
from .._concurrency.poller import READ, Poller
from .._dispatch.dispatcher import Dispatcher
from .._dispatch.emitter import Emitter
from .._logging import logger
from .._requests.send_queue import SendQueue
from .._transport.attempt import ConnectAttempt, ConnectInterrupted
from .._transport.websocket import WebSocketStream
from ..errors import RealtimeError
from ..events import Reconnecting
from ..options import WebSocketOptions
from .control import Control
from .reconnect import Backoff

Connect = Callable[[ConnectAttempt], WebSocketStream]
"""Opens a connection, as patiently as it is told."""


class Dialer:
    """
    Dials. All of it belongs to the reader thread.

    Args:
        queue: Wakes this thread, and tells whether something waits to be sent.
        dispatcher: Has work for this thread where listeners run on it.
        emitter: Announces attempts.
        lifecycle: Knows the number of the last connection.
        connect: Opens a connection.
        control: What others ask.
        websocket_options: The options.
        backoff: Decides whether to dial again, and when.
        veto: What a listener can call to have no other connection.

    Attributes:
        ready_by: When the connection that was dialled last must be of use.
    """

    def __init__(
        self,
        queue: SendQueue,
        dispatcher: Dispatcher,
        emitter: Emitter,
        lifecycle: Lifecycle,
        connect: Connect,
        control: Control,
        websocket_options: WebSocketOptions,
        backoff: Backoff,
        veto: Callable[[], None],
    ) -> None:
        self._queue = queue
        self._dispatcher = dispatcher
        self._emitter = emitter
        self._lifecycle = lifecycle
        self._connect = connect
        self._control = control
        self._seconds = websocket_options.connect_timeout
        self._backoff = backoff
        self._veto = veto
        self.ready_by = Deadline(0)

    def dial(self) -> WebSocketStream:
        """
        Dial once.

        Raises:
            RealtimeError: Why there is no connection.
            ConnectInterrupted: There is no point any more.
        """
        self.ready_by = Deadline(self._seconds)
        attempt = ConnectAttempt(
            self.ready_by,
            self._queue,
            self._should_stop,
            lambda: self._control.closing,
        )
        return self._connect(attempt)

    def redial(
        self, error: RealtimeError, expired: bool
    ) -> tuple[WebSocketStream | None, RealtimeError]:
        """
        Pause and dial until it works or is pointless; return the wire, or why not.

        Args:
            error: Why the connection ended.
            expired: Whether its session had expired.
        """
        while True:
            delay = self._backoff.pause(error, expired)
            if delay is None:
                return None, error
            self._emitter.emit(
                Reconnecting(
                    attempt=self._backoff.attempts,
                    delay=delay,
                    cause=error,
                    generation=self._lifecycle.generation,
                    stop=self._veto,
                )
            )
            attempts = self._backoff.attempts
            logger.info("Connecting again in %.1f s, attempt %d", delay, attempts)
            if not self._pause(delay):
                return None, error
            try:
                return self.dial(), error
            except ConnectInterrupted:
                return None, error
            except RealtimeError as failure:
                error, expired = failure, False

    def _should_stop(self) -> bool:
        """
        Whether to stop dialling: vetoed, or closed and nothing queued could leave.
        """
        if self._control.vetoed:
            return True
        closing = self._control.closing
        return closing is not None and (
            closing.passed or not self._queue.waiting or self._lifecycle.generation > 0
        )

    def _pause(self, seconds: float) -> bool:
        """
        Wait; return False if there is no point any more.
        """
        deadline = Deadline(seconds)
        poller = Poller()
        poller.watch({self._queue.fileno(): READ})
        while not deadline.passed and not self._control.no_more_connections:
            left = deadline.remaining() or 0.0
            if poller.wait(math.ceil(left * 1000)):
                self._queue.drain()
                self._dispatcher.turn()
        return not self._control.no_more_connections
