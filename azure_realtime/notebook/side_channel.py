"""
A WebSocket server of the kernel, for the page of its notebook.

A kernel that runs a cell does not receive the comm messages of its page. This server
has threads of its own, so the page reaches it nevertheless.

Rules:

1. It listens on the loopback only. The page connects directly, or through
   jupyter-server-proxy.
2. A client presents the token of the channel in the path, and comes from the page. The
   token has 128 bits. It is sent in a comm message, so it is in no notebook file.
3. There is one client at a time, whose messages have a limited size.
4. `close` ends all threads and closes all descriptors.
"""

from __future__ import annotations

import hmac
import logging
import os
import secrets
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .._concurrency.condition import Condition
from .._concurrency.deadline import Deadline
from .._concurrency.thread import JoinableThread

if TYPE_CHECKING:
    from websockets.http11 import Request, Response
    from websockets.sync.server import ServerConnection

HOST = "127.0.0.1"
MAX_MESSAGE_BYTES = 1 << 14  # four times 40 ms at 48 kHz
_OPEN_TIMEOUT = 2.0  # seconds that a client has for its handshake
_PING_SECONDS = 5.0  # a page that was closed makes room for the next one
_CLOSE_TIMEOUT = 1.0  # seconds that a client has to answer a close
_LOOPBACK = ("localhost", HOST, "::1")

# A cell shows neither who else connects to the port, nor paths, which have the token.
_logger = logging.getLogger("azure_realtime.notebook.websockets")
_logger.addHandler(logging.NullHandler())
_logger.propagate = False


class SideChannel:
    """
    The server.

    Args:
        receive: Called with each message, on a thread of the server. A ValueError ends
            the connection.

    Attributes:
        token: What the path of a client is.
        port: The port on the loopback; 0 before `start`.
        origin: The origin of the page, once the page has reported it to the kernel.
            Until then, pages of this machine are accepted, and behind a proxy those of
            the proxy's host, as Jupyter Server does.
        accepted: Number of connections so far.
    """

    def __init__(self, receive: Callable[[bytes | str], None]) -> None:
        self.token = secrets.token_hex(16)
        self.port = 0
        self.origin: str | None = None
        self.accepted = 0
        self._receive = receive
        self._free = deque([True])  # empty while there is a client
        self._connection: ServerConnection | None = None
        self._connected = Condition()
        self._server: Any = None
        self._thread: JoinableThread | None = None

    def start(self) -> None:
        """
        Listen.

        Raises:
            OSError: No port is free.
        """
        from websockets.sync.server import serve

        self._server = serve(
            self._serve,
            HOST,
            0,
            process_request=self._refusal,
            compression=None,
            open_timeout=_OPEN_TIMEOUT,
            ping_interval=_PING_SECONDS,
            ping_timeout=_PING_SECONDS,
            close_timeout=_CLOSE_TIMEOUT,
            max_size=MAX_MESSAGE_BYTES,
            logger=_logger,
        )
        self.port = self._server.socket.getsockname()[1]
        # Threads that a daemon thread starts are daemons as well: an open page does not
        # prevent the end of the kernel.
        self._thread = JoinableThread(
            self._server.serve_forever, "azure-realtime-notebook"
        )
        self._thread.start()

    def close(self) -> None:
        """
        Disconnect the page and stop listening. Not on a thread of the server.
        """
        server, self._server = self._server, None
        if server is None:
            return
        server.shutdown()
        if (connection := self._connection) is not None:
            connection.close()  # `shutdown` does not, up to websockets 16
        if self._thread is None or not self._thread.wait(Deadline(_CLOSE_TIMEOUT)):
            return
        for name in ("shutdown_watcher", "shutdown_notifier"):
            pipe = getattr(server, name, None)
            if isinstance(pipe, int):
                os.close(pipe)  # up to websockets 16, nothing else closes them

    @property
    def is_connected(self) -> bool:
        """
        Whether the page is connected. Any thread.
        """
        return self._connection is not None

    def wait_connected(self, deadline: Deadline) -> bool:
        """
        Wait for the page; return whether it is connected. Any other thread.
        """
        return self._connected.wait(lambda: self.is_connected, deadline)

    def _refusal(
        self, connection: ServerConnection, request: Request
    ) -> Response | None:
        """
        Return the answer to a client that is refused; None accepts it.
        """
        path = request.path.encode("utf-8", "replace")
        if not hmac.compare_digest(path, f"/{self.token}".encode()):
            return connection.respond(403, "The token is missing or wrong.\n")
        if not self._is_from_page(request.headers):
            return connection.respond(403, "The page is another one.\n")
        if not self._free:
            return connection.respond(409, "A page is connected already.\n")
        return None

    def _is_from_page(self, headers: Any) -> bool:
        origins, hosts = headers.get_all("Origin"), headers.get_all("Host")
        if len(origins) != 1 or len(hosts) != 1:
            return False
        if self.origin is not None:
            return bool(origins[0] == self.origin)
        page, host = urlsplit(origins[0]), hosts[0]
        if host == f"{HOST}:{self.port}":
            return page.hostname in _LOOPBACK
        # A proxy forwards the host of the page's request. A page whose name was changed
        # to the loopback's address (DNS rebinding) requests our port by that name.
        return bool(page.netloc == host) and not host.endswith(f":{self.port}")

    def _serve(self, connection: ServerConnection) -> None:
        """
        Receive the messages of a client. A thread of the server.
        """
        from websockets.exceptions import ConnectionClosed

        try:
            self._free.pop()
        except IndexError:  # two clients at the same moment
            connection.close(1013, "a page is connected already")
            return
        try:
            self.accepted += 1
            self._connection = connection
            self._connected.notify_all()
            for message in connection:
                self._receive(message)
        except ValueError:
            connection.close(1007)
        except ConnectionClosed:
            pass
        finally:
            self._connection = None
            self._free.append(True)
