"""
`AzureRealTimeAudio`: the client of a conversation session.

The client is a handle. The library's threads refer to its parts and never to the handle
itself, so an unreferenced client is garbage-collected and its connection is closed.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from .._concurrency.deadline import Deadline
from .._concurrency.with_block import GuaranteedExit
from .._dispatch.dispatcher import Dispatch
from .._spelling import checks_names
from .._state.conversation import Conversation
from .._websocket_options import WebSocketImpl
from ..errors import ConnectTimeout, copy_to_raise
from ..events import RateLimit
from ..models.enums import ModelStatusEnum, WebSocketState
from ..models.fields import Unpack
from ..models.session import Session
from ..models.stats import Stats
from ..models.usage import UsageTotals
from ..options import AzureRealTimeOptions, OptionFields, WebSocketOptions
from .display import Displaying
from .pump import Pumping
from .talking import Talking

if TYPE_CHECKING:
    from .overloads import Listening, Pulling
else:  # type checkers read a stub with one overload per event instead
    from .listeners import Listening
    from .waiting import Pulling


__all__ = ["AzureRealTimeAudio"]

C = TypeVar("C", bound="AzureRealTimeAudio")  # `Self` is not in Python 3.10


@checks_names
class AzureRealTimeAudio(
    Listening, Pulling, Talking, Pumping, Displaying, GuaranteedExit
):
    """
    A conversation with a realtime model over one WebSocket connection.

    The constructor starts to connect in the background and does not block. Listeners
    that are registered afterwards miss no event, and commands wait in the send queue
    until the session is configured. As a context manager the client waits until the
    session is ready, or raises the error of the attempt, and is closed at the end.

    A method that sends a command does not wait for the service. If the service
    acknowledges the command, the method returns a future, which may be ignored: its
    result is the acknowledgement, its exception a `ServerError`, `ResponseError` or
    `ConnectionClosed`. The method itself raises `QueueFull` if the send queue has no
    room in time, and after the client has ended the error that ended it.

    Methods may be called from any thread and from listeners, unless their description
    says otherwise. In a forked child they raise RuntimeError, except those that close.

    Args:
        options: Address, deployment, credential and session configuration; an
            `AzureRealTimeOptions` or a mapping with its fields.
        websocket_options: Timeouts, limits, proxy, TLS and reconnect policy; a
            `WebSocketOptions` or a mapping with its fields. None means the defaults.
        websocket_impl: A subclass of `websocket.WebSocket`, or a function that returns
            such an object, which replaces the built-in handshake. It must have
            ``connect(url, **options)`` and, once connected, ``sock`` and
            ``recv_frame``.
        dispatch: The thread that runs listeners:

            - ``"thread"``: a callback thread; listeners may block and wait for events.
            - ``"reader"``: the reader thread, for the lowest latency; listeners must be
              quick and cannot wait.
            - ``"manual"``: the thread that calls `pump`, `run_forever` or
              `wait_closed`.
            - an executor, or a function like its ``submit`` that does not block.
        keep_audio: Keep the model's audio for ``conversation.audio(item_id)``; it takes
            2.9 MB of memory per minute.

    Raises:
        ValueError: An option is misspelled, contradicts another one or is missing; the
            message says what to change. No connection has been attempted.
        TypeError: An option has the wrong type.
    """

    _instead = ": pass its options on, and make a client there"

    def __init__(
        self,
        options: AzureRealTimeOptions | Mapping[str, Any],
        websocket_options: WebSocketOptions | Mapping[str, Any] | None = None,
        websocket_impl: WebSocketImpl | None = None,
        *,
        dispatch: Dispatch = "thread",
        keep_audio: bool = False,
    ) -> None:
        # Imported here and not at the top: half of the package, which a program needs
        # only once it connects. The caller's thread imports it, the others never do.
        from .._state.turn_recorder import TurnRecorder
        from .assembly import assemble
        from .conversation_kind import conversation_kind

        parts = assemble(
            conversation_kind(keep_audio),
            options,
            websocket_options,
            websocket_impl,
            dispatch,
        )
        super().__init__()
        session = parts.session
        self._warned_names: set[str] = set()
        self._options = parts.options
        self._connector = parts.connector  # the reader has a weak reference only
        self._lifecycle = parts.lifecycle
        self._control = parts.control
        self._dispatcher = parts.dispatcher
        self._subscriptions = parts.subscriptions
        self._mailboxes = parts.mailboxes
        self._emitter = parts.emitter
        self._sender = parts.sender
        self._engine = parts.engine
        self._reader = parts.reader
        self._shutdown = parts.shutdown
        self._follower = session.session
        self._input = session.input
        self._conversation = session.conversation
        self._conversation_view = Conversation(session.conversation)
        self._meter = session.usage
        self._toolbox = session.toolbox
        self._registrar = session.registrar
        self._tools = session.tools
        self._order, self._turns = session.order, session.turns
        self._new_recorder = TurnRecorder
        # 5 s more than the reader has: its own error names the stage that took too long
        self._connect_timeout = parts.websocket_options.connect_timeout + 5.0
        self._finalizer = weakref.finalize(self, parts.abandon)
        self._finalizer.atexit = False  # at exit, `at_exit` sends what is queued first
        try:
            self._dispatcher.start()
            self._reader.start()
        except RuntimeError:  # no more threads: that of the reader closes nothing
            self._finalizer()
            self._engine.queue.close()
            raise

    def __repr__(self) -> str:
        options = self._options
        return (
            f"<AzureRealTimeAudio {options.endpoint.host} {options.deployment!r} "
            f"{self.state.name} {self._engine.status.value.name}>"
        )

    @classmethod
    def from_env(
        cls: type[C],
        websocket_options: WebSocketOptions | Mapping[str, Any] | None = None,
        websocket_impl: WebSocketImpl | None = None,
        *,
        dispatch: Dispatch = "thread",
        keep_audio: bool = False,
        **options: Unpack[OptionFields],
    ) -> C:
        """
        Make a client from environment variables (`AzureRealTimeOptions.from_env`).

        Args:
            websocket_options: As for the constructor.
            websocket_impl: As for the constructor.
            dispatch: As for the constructor.
            keep_audio: As for the constructor.
            options: Fields of `AzureRealTimeOptions` that replace the environment's.

        Raises:
            ValueError: A variable is missing; the message names it.
        """
        return cls(
            AzureRealTimeOptions.from_env(**options),
            websocket_options,
            websocket_impl,
            dispatch=dispatch,
            keep_audio=keep_audio,
        )

    def connect(self, timeout: float | None = None) -> Session:
        """
        Wait until the session is configured; return it as the service reported it.

        The constructor has already started to connect; this call only waits, and may be
        repeated. While the client reconnects it waits for the next session. Keep a
        reference to the client: an unreferenced client is closed.

        Args:
            timeout: Seconds to wait; None means
                ``WebSocketOptions.connect_timeout`` plus 5.

        Raises:
            ConnectError: The connection could not be opened; the subclass and the
                message say what to do.
            ConnectTimeout: The session was not ready in time. If *timeout* was given,
                the attempt goes on in the background.
            ServerError: The service refused the session configuration.
            ConnectionClosed: The connection was closed during the wait.
            RuntimeError: The caller is the reader thread, or a forked child.
        """
        self._lifecycle.check_may_wait()
        self._reader.notice()
        limit = self._connect_timeout if timeout is None else timeout
        Deadline(limit)  # checks the type, also if there is nothing to wait for
        try:
            failure = self._reader.ready.exception(limit)
        except TimeoutError as error:
            raise ConnectTimeout(
                f"The session was not ready within {limit:g} s."
            ) from error
        failure = failure or self._lifecycle.ended  # the client may have ended since
        if failure is not None:
            raise copy_to_raise(failure)
        session = self._follower.session
        assert session is not None
        return session

    def close(self, timeout: float | None = 5.0) -> None:
        """
        Send the queued commands, perform the closing handshake and end both threads.

        It may be called more than once, while connecting, in a listener and in a signal
        handler (which may have to leave the work to the call that it interrupted). A
        listener that still runs after *timeout* seconds is not waited for; if listeners
        are far behind, the wait is one second. A listener that calls this does not wait
        for itself. In a forked child it does nothing.

        Args:
            timeout: Seconds after which the connection is closed, whether or not the
                queue has been sent; None waits until a slow network has taken it all.
        """
        with self._recording():
            self._shutdown.close(timeout)

    def __enter__(self: C) -> C:
        try:
            self.connect()
        except BaseException:
            self.close(1.0)
            self._has_left = True
            raise
        return self

    def _leave(self, kind: type[BaseException] | None) -> None:  # noqa: ARG002
        self.close()

    def _end(self) -> None:
        self.close(1.0)

    @property
    def state(self) -> WebSocketState:
        """
        State of the connection: CONNECTING, OPEN, CLOSING or CLOSED.

        In a forked child it is CLOSED.
        """
        return self._reader.state

    @property
    def is_initialized(self) -> bool:
        """
        Whether the service has confirmed the session configuration.
        """
        return self._lifecycle.is_ready and not self._reader.is_other_process

    @property
    def session(self) -> Session | None:
        """
        The session as the service last reported it; None before the first report.
        """
        self._lifecycle.check_process()
        return self._follower.session

    @property
    def stats(self) -> Stats:
        """
        Snapshot of the counters: queues, bytes, messages, reconnects.
        """
        self._lifecycle.check_process()
        return self._engine.stats()

    @property
    def conversation(self) -> Conversation:
        """
        The items of the conversation, as known from the events so far.
        """
        self._lifecycle.check_process()
        return self._conversation_view

    @property
    def usage(self) -> UsageTotals:
        """
        Token totals of all responses of this client.
        """
        self._lifecycle.check_process()
        return self._meter.totals

    @property
    def rate_limits(self) -> Mapping[str, RateLimit]:
        """
        Rate limits by name, from the last ``rate_limits.updated`` event.

        Azure sends none, so the mapping stays empty there.
        """
        self._lifecycle.check_process()
        return self._meter.rate_limits

    @property
    def status(self) -> ModelStatusEnum:
        """
        What the model does: IDLE, LISTENING, THINKING or SPEAKING.

        It follows the last event that was read, so it may be ahead of the events that
        listeners have received. Assigning a different value emits ``status_changed``.

        Raises:
            ValueError: The assigned value is not one of these.
        """
        self._lifecycle.check_process()
        return self._engine.status.value

    @status.setter
    def status(self, status: ModelStatusEnum | str) -> None:
        self._lifecycle.check_process()
        try:
            value = ModelStatusEnum(status)
        except ValueError:
            words = ", ".join(repr(each.value) for each in ModelStatusEnum)
            raise ValueError(f"status must be one of {words}, not {status!r}") from None
        self._emitter.emit(self._engine.status.set(value))

    def set_model_speak_done(self) -> None:
        """
        Report that the answer has been played to its end: SPEAKING becomes IDLE.
        """
        self._lifecycle.check_process()
        self._emitter.emit(self._engine.status.speak_done())
