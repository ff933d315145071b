"""
Opens the first connection, and the next ones with a pause before each attempt.
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
from .._transport.attempt import ConnectAttempt, ConnectInterrupted, failed
from .._transport.websocket import WebSocketStream
from ..errors import RealtimeError
from ..events import Reconnecting
from ..options import WebSocketOptions
from .control import Control
from .handover import Handover
from .reconnect import Backoff
from .session_kind import OpeningMessages

Connect = Callable[[ConnectAttempt], WebSocketStream]
"""Opens a connection within the limits of an attempt."""


class Dialer:
    """
    Opens connections. All of it runs on the reader thread.

    Args:
        queue: The send queue; it wakes this thread.
        dispatcher: Runs listeners on this thread if the user chose so.
        emitter: Emits ``reconnecting``.
        lifecycle: Has the number of the last connection.
        connect: Opens a connection.
        control: The requests of other threads.
        websocket_options: The options.
        backoff: Decides whether and when to dial again.
        opening: Returns the opening messages of the first connection (False), or of a
            later one (True).
        veto: Passed to listeners of ``reconnecting``, which may stop it.

    Attributes:
        ready_by: When the session of the last dialled connection must be configured.
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
        opening: Callable[[bool], OpeningMessages],
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
        self._opening = opening
        self._veto = veto
        self.ready_by = Deadline(0)

    def dial(self) -> Handover:
        """
        Open a connection in one attempt. Return it with its opening messages.

        Raises:
            RealtimeError: The connection could not be opened.
            ConnectInterrupted: No connection is wanted any more.
        """
        self.ready_by = Deadline(self._seconds)
        attempt = ConnectAttempt(
            self.ready_by,
            self._queue,
            self._should_stop,
            lambda: self._control.closing,
        )
        stream = self._connect(attempt)
        try:
            return Handover(stream, self._opening(self._lifecycle.generation > 0), [])
        except BaseException as error:
            stream.close()
            failure = failed("The opening messages could not be made", error)
            raise failure from failure.__cause__

    def redial(
        self, error: RealtimeError, expired: bool
    ) -> tuple[Handover | None, RealtimeError]:
        """
        Pause and dial until a connection is open, or no attempt may follow.

        Args:
            error: Why the connection ended.
            expired: Whether its session had expired.

        Returns:
            The connection or None, and the last error.
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
        Whether to stop dialling: after a veto, or after a close if no queued message
        could be sent.
        """
        if self._control.vetoed:
            return True
        closing = self._control.closing
        return closing is not None and (
            closing.passed or not self._queue.waiting or self._lifecycle.generation > 0
        )

    def _pause(self, seconds: float) -> bool:
        """
        Wait so many seconds. Return False if no other connection may follow.
        """
        deadline = Deadline(seconds)
        poller = Poller()
        poller.watch({self._queue.fileno(): READ})
        while not deadline.passed and not self._control.no_more_connections:
            remaining = deadline.remaining() or 0.0
            if poller.wait(math.ceil(remaining * 1000)):
                self._queue.drain()
                self._dispatcher.turn()
        return not self._control.no_more_connections
