"""
`AzureRealTimeAudio`: what people use.

The client is a handle. The threads know the parts it is made of and never the handle
itself, so one that is dropped can be collected, and its connection closes.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Mapping
from functools import partial
from types import TracebackType
from typing import Any

from .._dispatch.backlog import Backlog
from .._dispatch.factory import Dispatch, make_dispatcher
from .._dispatch.subscriptions import Subscriptions
from .._engine.engine import Core
from .._engine.reader import Reader
from .._engine.reconnect import Backoff
from .._engine.renewal.pending_work import LooseEnds
from .._engine.restore import Opener
from .._engine.shutdown import Ending, abandon
from .._protocol.codec import Codec
from .._requests.acknowledgements import PendingCommands
from .._requests.response_queue import ResponseQueue
from .._requests.send_queue import Outbox
from .._state.conversation import Conversation
from .._state.input_buffer import InputAudio
from .._state.session import SessionFollower
from .._state.usage_meter import UsageMeter
from .._tools.loop import ToolLoop
from .._tools.tool import Toolbox
from .._transport.connector import Connector, weakly
from .._transport.handshake import WebSocketImpl
from ..errors import ConnectTimeout, fresh, warn
from ..events import RateLimit, SessionUpdate
from ..models.enums import ModelStatusEnum, WebSocketState
from ..models.items import FunctionCallOutputItem
from ..models.session import DEFAULT_SESSION_CONFIG, Session, as_session_config
from ..models.stats import Stats
from ..models.usage import UsageTotals
from ..options import AzureRealTimeOptions, WebSocketOptions, options_from
from .pump import Pumping
from .turn_order import TurnOrder
from .turns import Asking

_numbers = itertools.count(1)


class AzureRealTimeAudio(Asking, Pumping):
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
        options = options_from(AzureRealTimeOptions, options)
        numbers = options_from(WebSocketOptions, websocket_options or {})
        if websocket_impl is not None and not callable(websocket_impl):
            raise TypeError("websocket_impl must be a class or a function")
        options.check_credential(numbers)
        self._options = options
        self._doubted: set[str] = set()
        version = options.endpoint.api_version
        if version is not None:
            warn(
                f"api_version {version!r} chooses the preview protocol, which Azure "
                "retired on 2026-04-30: delete api_version to speak GA."
            )
        number = next(_numbers)
        config = as_session_config(options.session_config or DEFAULT_SESSION_CONFIG)
        codec = Codec(version)
        codec.encode(SessionUpdate(session=config))  # a mistake opens nothing
        self._subscriptions = Subscriptions()
        self._follower = SessionFollower(config)
        self._input = InputAudio(self._follower)
        self._conversation = Conversation(keep_audio)
        self._meter = UsageMeter()
        self._core = core = Core(
            codec=codec,
            dispatcher=make_dispatcher(
                dispatch,
                self._subscriptions,
                f"azure-realtime-callbacks-{number}",
                Backlog(
                    numbers.max_callback_queue_bytes,
                    numbers.slow_consumer == "disconnect",
                ),
            ),
            outbox=Outbox(
                numbers.max_send_queue_bytes, numbers.audio_overflow == "drop_oldest"
            ),
            # the first preview version has no metadata to mark
            gate=ResponseQueue(
                lambda: core.ended,
                use_markers=version != "2024-10-01-preview",
                returns_markers=options.endpoint.is_azure,
            ),
            acks=PendingCommands(
                lambda: core.ended, asks_again=numbers.restore != "none"
            ),
            retry_response=numbers.retry_response,
            audio_overflow=numbers.audio_overflow,
        )
        self._toolbox = Toolbox()
        self._order = TurnOrder()
        self._tools = ToolLoop(
            core, self._toolbox, self._follower, numbers.restore == "conversation"
        )
        core.observers = [
            self._follower,
            self._input,
            self._conversation,
            self._meter,
            self._tools,
            ends := LooseEnds(self._follower, self._tools.answers),
        ]
        core.busy = [self._input.pending, self._tools.busy, ends.busy]
        core.on_loss = [
            self._input.lose,
            self._tools.lose,
            ends.lose,
            self._conversation.lose,
        ]
        core.on_end = [self._order.end]
        # the reader knows better why it takes so long: it has a little more time to say
        self._patience = numbers.connect_timeout + 5.0
        self._connector = Connector(options, numbers, websocket_impl)
        self._reader = Reader(
            core,
            weakly(self._connector),
            Opener(
                core,
                config,
                self._follower,
                self._conversation,
                partial(_owed, self._tools, ends),
                numbers.restore,
            ),
            numbers,
            Backoff(
                numbers.max_reconnect_attempts,
                numbers.reconnect_interval,
                fresh_tokens=bool(options.token_provider or options.credential),
            ),
            f"azure-realtime-reader-{number}",
        )
        self._ending = Ending(
            core,
            self._reader,
            self._tools.close,
            (
                self._tools,
                self._subscriptions,
                self._follower,
                self._input,
                self._conversation,
                self._meter,
                self._toolbox,
            ),
        )
        self._finalizer = weakref.finalize(
            self, abandon, self._reader, core.dispatcher, self._tools.close
        )
        self._finalizer.atexit = False  # the reader has its own way to flush at exit
        core.dispatcher.start()
        self._reader.start()

    def __repr__(self) -> str:
        options = self._options
        return (
            f"<AzureRealTimeAudio {options.endpoint.host} {options.deployment!r} "
            f"{self.state.name} {self._core.status.value.name}>"
        )

    # The connection.

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
        self._core.check_may_wait()
        self._reader.notice()
        limit = self._patience if timeout is None else timeout
        try:
            failure = self._reader.ready.exception(limit)
        except TimeoutError as error:
            raise ConnectTimeout(
                f"The session was not ready within {limit:g} s."
            ) from error
        failure = failure or self._reader.error  # it may be over by now
        if failure is not None:
            raise fresh(failure)
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
        self._ending.close(timeout)

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
        return self._reader.initialized and not self._reader.elsewhere

    @property
    def session(self) -> Session | None:
        """
        The session as the service last reported it; None before it did.
        """
        self._core.check_process()
        return self._follower.session

    @property
    def stats(self) -> Stats:
        """
        Numbers: queues, bytes, reconnects; a snapshot.
        """
        self._core.check_process()
        return self._core.stats()

    @property
    def conversation(self) -> Conversation:
        """
        What has been said so far, as far as events tell.
        """
        self._core.check_process()
        return self._conversation

    @property
    def usage(self) -> UsageTotals:
        """
        What the responses of this client have cost, in tokens.
        """
        self._core.check_process()
        return self._meter.totals

    @property
    def rate_limits(self) -> Mapping[str, RateLimit]:
        """
        The quotas as the service last told them, by name; Azure tells none.
        """
        self._core.check_process()
        return self._meter.rate_limits

    # The model.

    @property
    def status(self) -> ModelStatusEnum:
        """
        IDLE, LISTENING, THINKING or SPEAKING, as of the last event that was read.

        It may be ahead of the events your listeners see. Setting it emits
        ``status_changed`` if it is another.
        """
        self._core.check_process()
        return self._core.status.value

    @status.setter
    def status(self, status: ModelStatusEnum | str) -> None:
        self._core.check_process()
        try:
            wanted = ModelStatusEnum(status)
        except ValueError:
            words = ", ".join(repr(known.value) for known in ModelStatusEnum)
            raise ValueError(f"status must be one of {words}, not {status!r}") from None
        self._core.emit(self._core.status.set(wanted))

    def set_model_speak_done(self) -> None:
        """
        Say that the answer has been played to its end: SPEAKING becomes IDLE.
        """
        self._core.check_process()
        self._core.emit(self._core.status.speak_done())


def _owed(
    tools: ToolLoop, ends: LooseEnds
) -> tuple[list[FunctionCallOutputItem], set[str]]:
    """
    Return the outputs that nobody has taken yet, and the calls that will have some.
    """
    lost, waiting = tools.owed()
    return lost, waiting | ends.calls
