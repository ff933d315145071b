"""
`AzureRealTimeAudio`: what people use.

The client is a handle. The threads know the parts it is made of and never the handle
itself, so one that is dropped can be collected, and its connection closes.
"""

from __future__ import annotations

import itertools
import uuid
import warnings
import weakref
from collections.abc import Mapping
from concurrent.futures import TimeoutError as FutureTimeoutError
from types import TracebackType
from typing import Any

import attrs

from ._callbacks import CallbackThread
from ._codec import Codec
from ._commands import Commands
from ._connect import Connector
from ._deadline import Deadline
from ._listening import Listening
from ._outbox import Entry, Outbox
from ._reader import Core, Reader
from ._state import ModelStatus
from ._subscriptions import Subscriptions
from ._waiters import Waiters
from ._wire import WebSocketImpl
from .enums import ModelStatusEnum, WebSocketState
from .errors import ConnectTimeout, ProtocolWarning, fresh
from .events import ClientEvent, SessionUpdate
from .options import AzureRealTimeOptions, WebSocketOptions, options_from
from .session import DEFAULT_SESSION_CONFIG, Session, as_session_config

_numbers = itertools.count(1)


class AzureRealTimeAudio(Listening, Commands):
    """
    A conversation with a realtime model.

    Making one starts to connect, in the background, and never blocks. Listeners that
    are added afterwards miss nothing, and commands that are given at once wait for the
    session to be configured. As a context manager it waits until the session is ready,
    or raises why it is not, and closes at the end.

    Every method may be called from any thread, also from a listener.

    Args:
        options: What to connect to, and as whom; a mapping of the same shape will do.
        websocket_options: The numbers of the connection; a mapping will do.
        websocket_impl: A `websocket.WebSocket` subclass, or a function that returns
            such an object, to connect in a way of your own. It needs ``connect(url,
            **options)`` and, after that, ``sock`` and ``recv_frame``.

    Raises:
        ValueError: Something is misspelled or contradicts itself; the sentence says
            what to change. Nothing has been dialled then.
    """

    def __init__(
        self,
        options: AzureRealTimeOptions | Mapping[str, Any],
        websocket_options: WebSocketOptions | Mapping[str, Any] | None = None,
        websocket_impl: WebSocketImpl | None = None,
    ) -> None:
        options = options_from(AzureRealTimeOptions, options)
        numbers = options_from(WebSocketOptions, websocket_options or {})
        if websocket_impl is not None and not callable(websocket_impl):
            raise TypeError("websocket_impl must be a class or a function")
        options.check_credential(numbers)
        self._options = options
        self._host = options.endpoint.host
        version = options.endpoint.api_version
        if version is not None:
            warnings.warn(
                f"api_version {version!r} chooses the preview protocol, which Azure "
                "retired on 2026-04-30: delete api_version to speak GA.",
                ProtocolWarning,
                stacklevel=2,
            )
        self._codec = Codec(version)
        self._ids = itertools.count(1)
        self._id_prefix = f"event_{uuid.uuid4().hex[:12]}_"
        self._doubted: set[str] = set()

        config = options.session_config
        hello = SessionUpdate(
            event_id=self._next_id(),
            session=DEFAULT_SESSION_CONFIG
            if config is None
            else as_session_config(config),
        )
        number = next(_numbers)
        self._subscriptions = Subscriptions()
        self._core = Core(
            codec=self._codec,
            outbox=Outbox(numbers.max_send_queue_bytes),
            waiters=Waiters(),
            status=ModelStatus(),
            callbacks=CallbackThread(
                self._subscriptions, f"azure-realtime-callbacks-{number}"
            ),
        )
        self._reader = Reader(
            self._core,
            Connector(options, numbers, websocket_impl),
            self._codec.encode(hello),
            numbers,
            f"azure-realtime-reader-{number}",
        )
        self._finalizer = weakref.finalize(
            self, _abandon, self._reader, self._core.callbacks
        )
        self._finalizer.atexit = False  # the reader has its own way to flush at exit
        self._core.callbacks.start()
        self._reader.start()

    def __repr__(self) -> str:
        return (
            f"<AzureRealTimeAudio {self._host} {self._options.deployment!r} "
            f"{self.state.name} {self.status.name}>"
        )

    # The connection.

    def connect(self, timeout: float | None = None) -> Session:
        """
        Wait until the session is configured; return it as the service reports it.

        Connecting began when the client was made. Calling it again does no harm.

        Args:
            timeout: Seconds to wait here; None leaves it to
                ``WebSocketOptions(connect_timeout=...)``.

        Raises:
            ConnectError: It never opened; the subclass and the text say what to do.
            ConnectTimeout: Not in time. With *timeout* the attempt goes on.
            ServerError: The service refused the session configuration.
            ConnectionClosed: It was closed meanwhile.
            RuntimeError: On the reader thread, or in another process.
        """
        self._check_caller()
        if self._reader.is_current:
            raise RuntimeError("connect() cannot wait on the reader thread")
        self._reader.notice()
        try:
            session: Session = self._reader.ready.result(timeout)
            return session
        except (TimeoutError, FutureTimeoutError) as error:
            if self._reader.ready.done():
                failure = self._reader.ready.exception()
                assert failure is not None
                raise fresh(failure) from None
            raise ConnectTimeout(
                f"The session was not ready within {timeout} s."
            ) from error

    def close(self, timeout: float = 5.0) -> None:
        """
        Send what is queued, say goodbye, and end both threads.

        Legal anywhere, also in a listener, twice, and while connecting. A listener that
        still runs after *timeout* seconds is left to finish; a listener that calls this
        does not wait for itself.

        Args:
            timeout: Seconds after which it is over, whatever has not been sent.
        """
        deadline = Deadline(timeout)
        self._reader.close(deadline)
        # the reader enforces the same deadline; after it, it has one last turn to take
        self._reader.join(Deadline(timeout + 1.0))
        self._core.callbacks.finish()
        self._core.callbacks.join(deadline)

    def __enter__(self) -> AzureRealTimeAudio:
        try:
            self.connect()
        except BaseException:
            self.close(1.0)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def state(self) -> WebSocketState:
        """
        CONNECTING, OPEN, CLOSING or CLOSED.
        """
        return self._reader.state

    @property
    def is_initialized(self) -> bool:
        """
        Whether the service has confirmed the session's configuration.
        """
        return self._reader.initialized

    @property
    def session(self) -> Session | None:
        """
        The session as the service last reported it; None before it did.
        """
        session: Session | None = self._reader.session
        return session

    # The model.

    @property
    def status(self) -> ModelStatusEnum:
        """
        IDLE, LISTENING, THINKING or SPEAKING, as of the last event that was read.

        It may be ahead of the events your listeners see. Setting it emits
        ``status_changed`` if it is another.
        """
        return self._core.status.value

    @status.setter
    def status(self, status: ModelStatusEnum | str) -> None:
        self._core.emit(self._core.status.set(ModelStatusEnum(status)))

    def set_model_speak_done(self) -> None:
        """
        Say that the answer has been played to its end: SPEAKING becomes IDLE.
        """
        self._core.emit(self._core.status.speak_done())

    def _send(self, event: ClientEvent, deadline: Deadline | None = None) -> None:
        self._check_caller()
        if event.event_id is None:
            event = attrs.evolve(event, event_id=self._next_id())
        text = self._codec.encode(event)
        if self._reader.is_current:
            deadline = Deadline(0)  # waiting here would keep what we wait for
        self._core.outbox.put(Entry(text, event.event_id), deadline or Deadline(10.0))

    def _next_id(self) -> str:
        return f"{self._id_prefix}{next(self._ids)}"

    def _check_caller(self) -> None:
        if self._reader.elsewhere:
            raise RuntimeError(
                "this client belongs to the process that made it; after a fork, "
                "make a new one in the child"
            )


def _abandon(reader: Reader, callbacks: CallbackThread) -> None:
    """
    End what a client that was dropped has left running. Never blocks.
    """
    reader.close(Deadline(1.0))
    callbacks.finish()
