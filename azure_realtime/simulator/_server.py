"""
The service: listens, answers handshakes, and keeps the list of connections.
"""

from __future__ import annotations

import logging
import operator
import os
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, cast

from .._spelling import checks_names
from ._network.faults import HttpRefusal, ServiceFaults
from ._network.handshake import http_response, request_headers, select_subprotocol
from ._network.listener import Listener, close_shutdown_pipe
from ._network.transport import Transport
from ._service.client_session import ClientSession
from ._service.connection import Connection
from ._service.connection_list import ConnectionList
from ._service.conversation_kind import CONVERSATION
from ._service.replay import Replay
from ._service.script import Replies, Reply, Script, require_number
from ._service.session_kind import SessionKind, route
from ._service.settings import Settings
from ._with_block import StoppedAtExit

if TYPE_CHECKING:
    from typing_extensions import Self
    from websockets.http11 import Request, Response
    from websockets.sync.server import ServerConnection
    from websockets.typing import Subprotocol

    from ._network.handshake import Route

__all__ = ["Simulator"]

# The largest valid append is 15 MiB of audio, which is 20 MiB of base64.
_MAX_MESSAGE_BYTES = 24 << 20

# Port scans and broken handshakes are expected and are not logged.
_websockets_logger = logging.getLogger(f"{__name__}.websockets")
_websockets_logger.setLevel(logging.CRITICAL)


@checks_names
class Simulator(StoppedAtExit, ServiceFaults):
    """
    A local Realtime service for the GA and the preview protocol, on one port.

    Args:
        port: The port to listen on; 0 selects a free port.
        host: The address to listen on.
        ssl_context: A server-side context; enables ``wss://``.
        credentials: The keys and tokens to accept: one, several, or a function that
            returns whether it accepts a credential. None accepts any non-empty one.
        replies: A list of `Reply` or text, which all connections use up in order, or a
            function that returns one for a `Request`. When the list is empty or the
            function returns None, the service makes up an answer.
        deployments: The deployment that exists, or several. None means every name
            except those that contain ``missing``.
        prefix: A path in front of the service's paths, as behind a gateway.
        session_seconds: The maximum duration of a session, in seconds.
        pace: Factor for the pauses between deltas; 0 sends as fast as possible. With
            *recording*, the factor for all its pauses.
        idle_scale: Factor for ``idle_timeout_ms``, whose smallest valid value is 5 s.
        rate_limits: Whether to send ``rate_limits.updated``.
        record: Whether to record the events of each connection. False also removes
            closed connections from `connections`, for a service that runs for days.
        on_connection: Called with each `Connection` after its handshake, before any
            event is sent, e.g. to switch on faults. Runs on the connection's thread.
        recording: The path of a recording to replay instead of a service of its own:
            its connections in order, then again from the first.

    Raises:
        OSError, ValueError: The recording cannot be read.
        TypeError: A reply is neither a `Reply` nor text, or an argument is no number.
        ValueError: *port* is not a number up to 65535.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        ssl_context: ssl.SSLContext | None = None,
        credentials: str | Collection[str] | Callable[[str], bool] | None = None,
        replies: Replies = None,
        deployments: str | Collection[str] | None = None,
        prefix: str = "",
        session_seconds: float = 3600.0,
        pace: float = 1.0,
        idle_scale: float = 1.0,
        rate_limits: bool = True,
        record: bool = True,
        on_connection: Callable[[Connection], None] | None = None,
        recording: str | os.PathLike[str] | None = None,
    ) -> None:
        if not hasattr(port, "__index__"):
            raise TypeError(f"port must be a whole number, not {port!r:.60}")
        if not 0 <= operator.index(port) <= 65535:
            raise ValueError(f"port must be a number up to 65535, not {port}")
        require_number("session_seconds", session_seconds)
        require_number("pace", pace)
        require_number("idle_scale", idle_scale)
        super().__init__()
        self.host = host
        self.port = port
        # The first kind that accepts or refuses a URL serves it.
        self.kinds: tuple[SessionKind[Any, Any], ...] = (CONVERSATION,)
        self.script = Script(replies)
        self.session_seconds = session_seconds
        self.pace = pace
        self.idle_scale = idle_scale
        self.rate_limits = rate_limits
        self.record = record
        self._replay = None if recording is None else Replay(recording)
        self._ssl_context = ssl_context
        self._credentials = (
            {credentials} if isinstance(credentials, str) else credentials
        )
        self._deployments = (
            {deployments} if isinstance(deployments, str) else deployments
        )
        self._prefix = prefix
        self._on_connection = on_connection
        self._connections = ConnectionList()
        self._lock = threading.Lock()  # guards the attributes below
        self._transports: weakref.WeakSet[Transport] = weakref.WeakSet()
        self._stopping = False
        self._listener: Listener | None = None

    def __repr__(self) -> str:
        return f"<Simulator {self._address()} {len(self._connections)} connections>"

    # ------------------------------------------------ start and stop

    def start(self) -> Self:
        """
        Listen and serve on background threads.

        Raises:
            OSError: The address or the port is not available.
            RuntimeError: It has been started before.
        """
        if self._listener is not None:
            raise RuntimeError("it is already started: make another Simulator")
        from websockets.sync.server import serve

        self._listener = listener = Listener(self.host, self.port)
        try:
            self.port = listener.port
            server = serve(
                self._serve,
                sock=listener.socket,
                # No ssl argument: `Transport` does TLS itself.
                create_connection=cast(Any, self._create_connection),
                process_request=self._process_request,
                process_response=self._process_response,
                subprotocols=[cast("Subprotocol", "realtime")],
                select_subprotocol=select_subprotocol,
                compression=None,
                ping_interval=None,
                close_timeout=1.0,
                max_size=_MAX_MESSAGE_BYTES,
                logger=_websockets_logger,
            )
            close_shutdown_pipe(server)
            listener.start(server.handler, self._end)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """
        Close every connection with code 1001 and end all threads. Waits two seconds at
        most: a thread that runs a function of the user ends when the function returns.

        Any thread. It may be called again, also after Ctrl-C has interrupted it: the
        service ends in any case, and a later call waits for that. In a forked child it
        does nothing.
        """
        if self._listener is not None:
            self._listener.stop(2.0)

    def _end(self) -> None:
        """
        End the connections. The listener's thread, once.
        """
        with self._lock:
            self._stopping = True
            connections = self._connections.copy()
            transports = list(self._transports)
        assert self._listener is not None
        deadline = time.monotonic() + 1.8
        self._faults.stop()
        for connection in connections:
            connection.close(1001, "")
        flush_deadline = time.monotonic() + 0.2
        for transport in transports:
            transport.flush(max(0.0, flush_deadline - time.monotonic()))
        for transport in transports:
            transport.kill()
        self._listener.join(deadline)
        for connection in connections:
            connection.join(deadline)
        for transport in transports:
            transport.join(deadline)

    def serve_forever(self) -> None:
        """
        Block until Ctrl-C, then stop. Main thread only.
        """
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            pass
        finally:
            self.stop()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:  # Ctrl-C after the last line of `start`
            self.stop()
            raise

    # ------------------------------------------------ for tests

    @property
    def url(self) -> str:
        """
        The address for a client, such as ``ws://127.0.0.1:8123``.

        Raises:
            RuntimeError: The port is not known before `start`.
        """
        if self.port == 0:
            raise RuntimeError("a free port is selected by start(): start() it first")
        return self._address()

    def _address(self) -> str:
        if self._ssl_context is not None:
            # Test certificates are usually issued for names, not for addresses.
            host = "localhost" if self.host == "127.0.0.1" else self.host
            return f"wss://{host}:{self.port}"
        return f"ws://{self.host}:{self.port}"

    @property
    def connections(self) -> list[Connection]:
        """
        The connections so far, oldest first.
        """
        return self._connections.copy()

    def wait_for_connection(self, timeout: float = 5.0) -> Connection:
        """
        Return the oldest connection not yet returned here, or wait for the next.

        Raises:
            TimeoutError: No client connected within *timeout* seconds.
        """
        return self._connections.wait_next(timeout)

    def add_reply(self, reply: Reply | str) -> None:
        """
        Append a reply to the list of replies. Any thread.
        """
        self.script.add(reply)

    # ------------------------------------------------ what websockets calls

    def _create_connection(
        self, sock: socket.socket, *args: Any, **kwargs: Any
    ) -> ServerConnection:
        from websockets.sync.server import ServerConnection

        transport = Transport(sock, self._ssl_context)
        with self._lock:
            if self._stopping:
                raise ConnectionAbortedError("the simulator is stopping")
            self._transports.add(transport)
        transport.start()
        return ServerConnection(cast(socket.socket, transport), *args, **kwargs)

    def _process_request(
        self, connection: ServerConnection, request: Request
    ) -> Response | None:
        transport = cast(Transport, connection.socket)
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        answer = self._faults.next_refusal(transport) or route(
            request.path,
            headers,
            self.kinds,
            prefix=self._prefix,
            credentials=self._credentials,
            deployments=self._deployments,
        )
        if isinstance(answer, HttpRefusal):
            return http_response(answer, headers)
        transport.route = answer
        return None

    def _process_response(
        self, _: ServerConnection, request: Request, response: Response
    ) -> None:
        if response.status_code == 101:
            for name, value in request_headers(request.headers).items():
                response.headers[name] = value

    def _serve(self, websocket: ServerConnection) -> None:
        transport = cast(Transport, websocket.socket)
        kind, accepted = cast("tuple[SessionKind[Any, Any], Route]", transport.route)
        settings = Settings(
            session_seconds=self.session_seconds,
            pace=self.pace,
            idle_scale=self.idle_scale,
            rate_limits=self.rate_limits,
            record=self.record,
        )
        session = (
            ClientSession(kind, transport, accepted, settings, self.script)
            if self._replay is None
            else self._replay.new_session(transport, accepted, settings)
        )
        connection = session.connection
        if self._on_connection is not None:
            # Flushed first: the faults must not affect the answer to the handshake.
            transport.flush(1.0)
            self._on_connection(connection)
        self._connections.add(connection)
        try:
            session.run(websocket)
        finally:
            if not self.record:
                self._connections.remove(connection)
