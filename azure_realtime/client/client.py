"""
`AzureRealTimeAudio`: what people use.

The client is a handle. The threads know the parts it is made of and never the handle
itself, so one that is dropped can be collected, and its connection closes.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..errors import ConnectTimeout, copy_to_raise, warn
from ..events import RateLimit
from ..models.enums import ModelStatusEnum, WebSocketState
from ..models.session import Session
from ..models.stats import Stats
from ..models.usage import UsageTotals
from ..options import AzureRealTimeOptions, WebSocketOptions
from .listeners import Listening
from .pump import Pumping
from .turns import Asking
from .waiting import Pulling

if TYPE_CHECKING:
    from typing_extensions import Self

    from .._dispatch.factory import Dispatch
    from .._state.conversation import Conversation
    from .._transport.handshake import WebSocketImpl


class AzureRealTimeAudio(Listening, Pulling, Asking, Pumping):
    """
    A conversation with a realtime model.

    Making one starts to connect, in the background, and never blocks. Listeners that
    are added afterwards miss nothing, and commands that are given at once wait for the
    session to be configured. As a context manager it waits until the session is ready,
    or raises why it is not, and closes at the end.

    Every method may be called from any thread, also from a listener. After a fork, in
    the child, each raises RuntimeError, but for those that close.

    Args:
        options: What to connect to, and as whom; a mapping of the same shape will do.
        websocket_options: The numbers of the connection; a mapping will do.
        websocket_impl: A `websocket.WebSocket` subclass, or a function that returns
            such an object, to connect in a way of your own. It needs ``connect(url,
            **options)`` and, after that, ``sock`` and ``recv_frame``.
        dispatch: Where listeners run. ``"thread"``: on a thread of their own, where
            they may take their time and wait for events. ``"reader"``: on the thread
            that reads, at the lowest latency; they must be quick and cannot wait.
            ``"manual"``: where you call `pump` or `run_forever`. Or an executor, or a
            function like its ``submit``, which must not block.
        keep_audio: Keep what the model says, for ``conversation.audio(item_id)``:
            2.9 MB a minute.

    Raises:
        ValueError: Something is misspelled or contradicts itself; the sentence says
            what to change. Nothing has been dialled then.
    """

    def __init__(
        self,
        options: AzureRealTimeOptions | Mapping[str, Any],
        websocket_options: WebSocketOptions | Mapping[str, Any] | None = None,
        websocket_impl: WebSocketImpl | None = None,
        *,
        dispatch: Dispatch = "thread",
        keep_audio: bool = False,
    ) -> None:
        # What the threads run is loaded here, on the caller's thread: half of the
        # package, which a program needs only once it connects.
        from .._engine.shutdown import abandon
        from .assembly import assemble
        from .conversation_kind import conversation_kind
        from .turn_stream import TurnStream

        parts = assemble(
            conversation_kind(keep_audio),
            options,
            websocket_options,
            websocket_impl,
            dispatch,
        )
        session = parts.session
        version = parts.options.endpoint.api_version
        if version is not None:
            warn(
                f"api_version {version!r} chooses the preview protocol, which Azure "
                "retired on 2026-04-30: delete api_version to speak GA."
            )
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
        self._meter = session.usage
        self._toolbox = session.toolbox
        self._registrar = session.registrar
        self._tools = session.tools
        self._order = session.turns
        self._new_stream = TurnStream
        # the reader knows better why it takes so long: it has a little more time to say
        self._connect_timeout = parts.websocket_options.connect_timeout + 5.0
        self._finalizer = weakref.finalize(
            self, abandon, self._reader, self._dispatcher, self._tools.close
        )
        self._finalizer.atexit = False  # at exit, `at_exit` sends what is queued first
        self._dispatcher.start()
        self._reader.start()

    def __repr__(self) -> str:
        options = self._options
        return (
            f"<AzureRealTimeAudio {options.endpoint.host} {options.deployment!r} "
            f"{self.state.name} {self._engine.status.value.name}>"
        )

    # The connection.

    @classmethod
    def from_env(
        cls,
        websocket_options: WebSocketOptions | Mapping[str, Any] | None = None,
        websocket_impl: WebSocketImpl | None = None,
        *,
        dispatch: Dispatch = "thread",
        keep_audio: bool = False,
        **options: Any,
    ) -> Self:
        """
        Make a client with `AzureRealTimeOptions.from_env`, which gets *options*.

        Raises:
            ValueError: Names the variables that are missing.
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
        Wait until the session is configured; return it as the service reports it.

        Connecting began when the client was made. Calling it again does no harm. Keep
        the client: one that nobody refers to any more is closed.

        Args:
            timeout: Seconds to wait here; None leaves it to
                ``WebSocketOptions(connect_timeout=...)``. In a pause between two
                connections it waits for the next session.

        Raises:
            ConnectError: It never opened; the subclass and the text say what to do.
            ConnectTimeout: Not in time. With *timeout* the attempt goes on.
            ServerError: The service refused the session configuration.
            ConnectionClosed: It was closed meanwhile.
            RuntimeError: On the reader thread, or in another process.
        """
        self._lifecycle.check_may_wait()
        self._reader.notice()
        limit = self._connect_timeout if timeout is None else timeout
        try:
            failure = self._reader.ready.exception(limit)
        except TimeoutError as error:
            raise ConnectTimeout(
                f"The session was not ready within {limit:g} s."
            ) from error
        failure = failure or self._lifecycle.ended  # it may be over by now
        if failure is not None:
            raise copy_to_raise(failure)
        session = self._follower.session
        assert session is not None
        return session

    def close(self, timeout: float | None = 5.0) -> None:
        """
        Send what is queued, say goodbye, and end both threads.

        Legal anywhere, also in a listener, in a signal handler (which may have to leave
        the end to the call it interrupted), twice, and while connecting. A listener
        that still runs after *timeout* seconds is left to finish, and after one second
        where listeners are far behind; a listener that calls this does not wait for
        itself. After a fork, in the child, it does nothing.

        Args:
            timeout: Seconds after which it is over, whatever has not been sent; None
                waits for a slow network to take it all.
        """
        self._shutdown.close(timeout)

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
        CONNECTING, OPEN, CLOSING or CLOSED; CLOSED in a forked child.
        """
        return self._reader.state

    @property
    def is_initialized(self) -> bool:
        """
        Whether the service has confirmed the session's configuration.
        """
        return self._lifecycle.is_ready and not self._reader.is_other_process

    @property
    def session(self) -> Session | None:
        """
        The session as the service last reported it; None before it did.
        """
        self._lifecycle.check_process()
        return self._follower.session

    @property
    def stats(self) -> Stats:
        """
        Numbers: queues, bytes, reconnects; a snapshot.
        """
        self._lifecycle.check_process()
        return self._engine.stats()

    @property
    def conversation(self) -> Conversation:
        """
        What has been said so far, as far as events tell.
        """
        self._lifecycle.check_process()
        return self._conversation

    @property
    def usage(self) -> UsageTotals:
        """
        What the responses of this client have cost, in tokens.
        """
        self._lifecycle.check_process()
        return self._meter.totals

    @property
    def rate_limits(self) -> Mapping[str, RateLimit]:
        """
        The quotas as the service last told them, by name; Azure tells none.
        """
        self._lifecycle.check_process()
        return self._meter.rate_limits

    # The model.

    @property
    def status(self) -> ModelStatusEnum:
        """
        IDLE, LISTENING, THINKING or SPEAKING, as of the last event that was read.

        It may be ahead of the events your listeners see. Setting it emits
        ``status_changed`` if it is another.
        """
        self._lifecycle.check_process()
        return self._engine.status.value

    @status.setter
    def status(self, status: ModelStatusEnum | str) -> None:
        self._lifecycle.check_process()
        try:
            wanted = ModelStatusEnum(status)
        except ValueError:
            words = ", ".join(repr(known.value) for known in ModelStatusEnum)
            raise ValueError(f"status must be one of {words}, not {status!r}") from None
        self._emitter.emit(self._engine.status.set(wanted))

    def set_model_speak_done(self) -> None:
        """
        Say that the answer has been played to its end: SPEAKING becomes IDLE.
        """
        self._lifecycle.check_process()
        self._emitter.emit(self._engine.status.speak_done())
