"""
From an address to a connected stream: name, TCP, proxy, TLS.

Everything here runs on the reader thread, on non-blocking sockets, under one deadline,
and can be interrupted at every step: a socket time-out alone bounds one call, not the
sum (a peer that drips a byte now and then outlives it). What can only block, a name
server or a user's token provider, runs on a thread of its own for that long.
"""

from __future__ import annotations

import base64
import errno
import os
import selectors
import socket
import ssl
import threading
import urllib.request
from collections.abc import Callable
from typing import Any, Protocol, TypeVar
from urllib.parse import unquote, urlsplit

from ._deadline import Deadline
from ._endpoint import Endpoint
from .errors import ConnectError, ConnectTimeout, redacted

T = TypeVar("T")

MAX_HEAD_BYTES = 64 << 10
"""What a proxy or a service may say before the connection is up."""


class Interrupted(Exception):
    """
    Somebody called ``close()`` while we were dialling.
    """


class Bell(Protocol):
    """
    What rings when the reader should look around: the outbox.
    """

    def fileno(self) -> int: ...

    def hush(self) -> None: ...

    def wake(self) -> None: ...


class Patience:
    """
    How long, and how attentively, the reader waits while it dials.

    Args:
        deadline: When to give up.
        bell: Rings when *interrupted* should be asked.
        interrupted: Whether to give up now.
        ask_again: When *interrupted* should be asked, bell or not.
    """

    def __init__(
        self,
        deadline: Deadline,
        bell: Bell,
        interrupted: Callable[[], bool],
        ask_again: Callable[[], Deadline | None] = lambda: None,
    ) -> None:
        self.deadline = deadline
        self.stage = "dialling"
        self._bell = bell
        self._interrupted = interrupted
        self._ask_again = ask_again

    def until(
        self, sock: socket.socket | None, event: int, deadline: Deadline | None = None
    ) -> None:
        """
        Wait for *sock* to be ready, or (None) for the bell.

        Raises:
            Interrupted: It is pointless now.
            ConnectTimeout: It took too long; the message names the stage.
        """
        deadline = deadline or self.deadline
        with selectors.DefaultSelector() as selector:
            selector.register(self._bell, selectors.EVENT_READ)
            if sock is not None:
                selector.register(sock, event)
            while True:
                self.check(deadline)
                ready = [
                    key.fileobj for key, _ in selector.select(self._patience(deadline))
                ]
                if self._bell in ready:
                    self._bell.hush()
                if sock is None or sock in ready:
                    return

    def _patience(self, deadline: Deadline) -> float | None:
        again = self._ask_again() or deadline
        left = [deadline.remaining(), again.remaining()]
        return min((seconds for seconds in left if seconds is not None), default=None)

    def check(self, deadline: Deadline | None = None) -> None:
        """
        Raise what `until` raises, without waiting for anything.
        """
        if self._interrupted():
            raise Interrupted
        if (deadline or self.deadline).passed:
            raise ConnectTimeout(f"No connection in time: {self.stage}.")

    def call(self, function: Callable[[], T], stage: str) -> T:
        """
        Run what can only block on a thread of its own, and wait for it.

        Given up, the thread is left to end by itself; it holds nothing of ours.
        """
        self.stage = stage
        outcome: list[tuple[Any, BaseException | None]] = []

        def run() -> None:
            try:
                outcome.append((function(), None))
            except BaseException as error:
                outcome.append((None, error))
            self._bell.wake()

        threading.Thread(target=run, name="azure-realtime-dial", daemon=True).start()
        while not outcome:
            self.until(None, selectors.EVENT_READ)
        result, error = outcome[0]
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]


def open_stream(
    endpoint: Endpoint,
    proxy: str | None,
    ssl_context: ssl.SSLContext | None,
    patience: Patience,
) -> socket.socket:
    """
    Return a connected, non-blocking socket to *endpoint*, with TLS where it asks so.

    Raises:
        ConnectError: With what to do about it.
        Interrupted: See `Patience`.
    """
    via = find_proxy(endpoint, proxy)
    if via is None:
        sock = _tcp(endpoint.host, endpoint.port, patience)
    else:
        sock = _tcp(via.host, via.port, patience, proxy=True)
    try:
        if via is not None:
            _tunnel(sock, endpoint, via, patience)
        if endpoint.secure:
            sock = _tls(sock, endpoint, ssl_context, patience)
        return sock
    except BaseException:
        sock.close()
        raise


def _tcp(
    host: str, port: int, patience: Patience, proxy: bool = False
) -> socket.socket:
    what = "proxy" if proxy else "host"
    try:
        addresses = patience.call(
            lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM),
            f"looking up the {what} {host}",
        )
    except ConnectTimeout:  # which is an OSError, too, here and below
        raise
    except (OSError, UnicodeError) as error:  # the latter: it cannot even be asked for
        reason = getattr(error, "strerror", None) or error
        raise ConnectError(
            f"The {what} {host} cannot be found ({reason}).",
            hint="Check the proxy setting."
            if proxy
            else "Check host_name for a typing error, and the network or VPN.",
        ) from error
    patience.stage = f"connecting to {host}:{port}"
    failure: OSError | None = None
    for left, (family, kind, number, _, address) in zip(
        range(len(addresses), 0, -1), addresses, strict=True
    ):
        total = patience.deadline.remaining()
        share = Deadline(None if total is None else total / left)
        try:
            sock = socket.socket(family, kind, number)
            return _connected(sock, address, patience, share)
        except ConnectTimeout:
            if left == 1:
                raise
        except OSError as error:
            failure = error
    raise ConnectError(
        f"The {what} {host}:{port} cannot be reached "
        f"({failure.strerror if failure else 'no address'}).",
        hint="Is a service listening there, and does a firewall let you through?",
    ) from failure


def _connected(
    sock: socket.socket, address: Any, patience: Patience, deadline: Deadline
) -> socket.socket:
    try:
        sock.setblocking(False)
        code = sock.connect_ex(address)
        if code not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
            raise OSError(code, os.strerror(code))
        patience.until(sock, selectors.EVENT_WRITE, deadline)
        if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(code, os.strerror(code))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return sock
    except BaseException:
        sock.close()
        raise


def _tls(
    sock: socket.socket,
    endpoint: Endpoint,
    context: ssl.SSLContext | None,
    patience: Patience,
) -> ssl.SSLSocket:
    patience.stage = f"waiting for the TLS handshake of {endpoint.host}"
    try:
        return _handshake(sock, endpoint.host, context, patience)
    except ConnectTimeout:
        raise
    except ssl.SSLCertVerificationError as error:
        raise ConnectError(
            f"The certificate of {endpoint.host} is not trusted "
            f"({error.verify_message}).",
            hint="If a company proxy re-signs traffic, pass its authority in "
            "WebSocketOptions(ssl_context=ssl.create_default_context(cafile=...)).",
        ) from error
    except OSError as error:
        reason = getattr(error, "reason", None)
        raise ConnectError(
            f"The TLS handshake with {endpoint.host}:{endpoint.port} failed "
            f"({reason or error.strerror or 'the connection was cut'}).",
            hint="This port does not speak TLS: use ws:// for a local service."
            if reason in _NOT_TLS
            else "Does this port speak TLS? A firewall may also have cut it off.",
        ) from error


_NOT_TLS = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"}


def _handshake(
    sock: socket.socket, host: str, context: ssl.SSLContext | None, patience: Patience
) -> ssl.SSLSocket:
    context = context or ssl.create_default_context()
    # wrap_socket() takes the descriptor over: from here on, this is what to close
    secure = context.wrap_socket(
        sock, server_hostname=host, do_handshake_on_connect=False
    )
    try:
        while True:
            try:
                secure.do_handshake()
                return secure
            except ssl.SSLWantReadError:
                patience.until(secure, selectors.EVENT_READ)
            except ssl.SSLWantWriteError:
                patience.until(secure, selectors.EVENT_WRITE)
    except BaseException:
        secure.close()
        raise


class Proxy:
    """
    An HTTP proxy that opens tunnels (``CONNECT``).
    """

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            self.host, self.port = parts.hostname or "", parts.port or 80
        except ValueError:
            parts, self.host = urlsplit("http:"), ""
        if not self.host:
            raise ConnectError(
                "The proxy setting is no address.",
                hint="Write it as http://host:port.",
            )
        if parts.scheme != "http":
            raise ConnectError(
                f"The proxy scheme {parts.scheme}:// is not supported.",
                hint="Use an http:// proxy, or websocket_impl for anything else.",
            )
        self.authorization = None
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            token = base64.b64encode(pair.encode()).decode("ascii")
            self.authorization = f"Basic {token}"


def find_proxy(endpoint: Endpoint, proxy: str | None) -> Proxy | None:
    """
    Return the proxy to use: the one given, the environment's, or none (``""``).

    The environment's is never used for this very machine: a proxy cannot reach it.
    """
    if proxy is None:
        host = endpoint.host
        if host == "localhost" or host.startswith("127.") or host == "::1":
            return None
        known = urllib.request.getproxies()
        proxy = known.get("https" if endpoint.secure else "http") or known.get("all")
        if proxy and urllib.request.proxy_bypass(host):
            return None
    return Proxy(proxy) if proxy else None


def _tunnel(
    sock: socket.socket, endpoint: Endpoint, proxy: Proxy, patience: Patience
) -> None:
    patience.stage = f"waiting for the proxy {proxy.host}:{proxy.port}"
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    target = f"{host}:{endpoint.port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    request = "\r\n".join([*lines, "", ""]).encode("latin-1")
    head = b""
    try:
        while request:
            patience.until(sock, selectors.EVENT_WRITE)
            request = request[sock.send(request) :]
        # byte by byte: what follows the head belongs to the tunnel
        while not head.endswith(b"\r\n\r\n") and len(head) < MAX_HEAD_BYTES:
            patience.until(sock, selectors.EVENT_READ)
            byte = sock.recv(1)
            if not byte:
                break
            head += byte
    except ConnectTimeout:
        raise
    except OSError as error:
        raise ConnectError(
            f"The proxy {proxy.host}:{proxy.port} hung up ({error.strerror}).",
            hint="Check the proxy setting.",
        ) from error
    answer = head.split(b"\r\n", 1)[0].decode("latin-1")
    status = answer.split(" ")[1:2]
    if status != ["200"]:
        raise ConnectError(
            f"The proxy {proxy.host}:{proxy.port} refused to open a tunnel to "
            f"{target} ({redacted(answer) or 'no answer'}).",
            status_code=int(status[0]) if status and status[0].isdigit() else None,
            hint="It wants a user and password: http://user:password@host:port."
            if status == ["407"]
            else "Ask its owner to allow the host, or set no_proxy.",
        )
