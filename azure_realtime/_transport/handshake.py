"""
The WebSocket handshake, by websocket-client or by a similar object of the user.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import websocket
from websocket._handshake import CookieJar

from .._foreign import suppress_foreign
from .._logging import text_of
from .._redaction import redacted
from .._websocket_options import WebSocketImpl
from ..errors import ConnectError, ConnectTimeout
from .attempt import ConnectAttempt, ConnectInterrupted, failed
from .dial import tls_hint
from .http import HandshakeStream, Refusal
from .proxy import Proxy
from .websocket import WebSocketStream


class _Redaction(logging.Filter):
    """
    Redacts credentials in websocket-client's own log, which a user may turn on.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redacted(record.getMessage()), ()
        return True


logging.getLogger("websocket").addFilter(_Redaction())


def upgrade(
    sock: socket.socket,
    url: str,
    headers: list[str],
    attempt: ConnectAttempt,
    max_message_bytes: int,
) -> WebSocketStream:
    """
    Make the WebSocket handshake on a connected stream. Reader thread.

    Raises:
        ConnectError: The service refused, or does not speak WebSocket.
    """
    attempt.stage = "waiting for the service to answer the WebSocket handshake"
    stream = HandshakeStream(sock, attempt)
    handle = websocket.WebSocket(enable_multithread=False, skip_utf8_validation=True)
    try:
        _handshake(handle, url, headers, socket=stream)
    except (websocket.WebSocketException, OSError, ValueError, TypeError) as error:
        stream.drain(1.0)
        refusal = Refusal.parse(bytes(stream.received))
        if refusal is not None and refusal.status != 101:
            raise refusal.error() from None
        attempt.check()  # websocket-client turns our ConnectTimeout into its own error
        raise ConnectError(
            "The service did not answer as a WebSocket service does "
            f"({redacted(text_of(error))[:200]}).",
            hint=tls_hint(error)
            or "Check host and port; a ws:// address may need to be wss://.",
        ) from None
    _check_negotiated(handle.getheaders() or {}, headers)
    handle.sock = sock
    return WebSocketStream(handle, max_message_bytes, stream.rest())


def _check_negotiated(answer: Mapping[str, str], headers: list[str]) -> None:
    """
    Refuse any extension, and a subprotocol that was not offered (RFC 6455, 4.1).

    The frames of an extension, such as compressed ones, would be misread as messages.

    Raises:
        ConnectError: The service chose one of them.
    """
    offered = [
        name.strip()
        for line in headers
        if line.lower().startswith("sec-websocket-protocol:")
        for name in line.partition(":")[2].split(",")
    ]
    extension = answer.get("sec-websocket-extensions")
    protocol = answer.get("sec-websocket-protocol")
    if extension or (protocol and protocol not in offered):
        what = f"extension {extension!r}" if extension else f"subprotocol {protocol!r}"
        raise ConnectError(
            f"The service chose the WebSocket {redacted(what)}, which was not offered.",
            hint="A proxy or gateway may have added it: disable it there.",
        )


def dial_with(
    make: WebSocketImpl,
    url: str,
    headers: list[str],
    attempt: ConnectAttempt,
    max_message_bytes: int,
    context: ssl.SSLContext | None,
    via: Proxy | None,
) -> WebSocketStream:
    """
    Connect with the user's own WebSocket, such as a tunnel or a test double.

    The object must have ``connect(url, **options)`` and, after that call, a ``sock``
    with ``recv``, ``send``, ``fileno``, ``setblocking`` and ``close``. Frames are read
    through its ``recv_frame``. Its ``connect`` may block, so it runs on a thread of its
    own. Reader thread.

    Raises:
        ConnectError: The object did not connect, or the service refused.
        ConnectInterrupted: The attempt was stopped.
    """
    handle: Any = None
    remaining = attempt.deadline.remaining()
    # What happened first, "connected" or "abandoned". `setdefault` is atomic; the
    # thread that comes second closes the connection.
    first: dict[str, str] = {}

    def connect() -> None:
        nonlocal handle
        handle = make()
        options: dict[str, Any] = {} if context is None else {"context": context}
        # websocket-client uses the TLS options of its constructor, not of connect()
        with contextlib.suppress(AttributeError):
            handle.sock_opt.sslopt = {**options, **handle.sock_opt.sslopt}
        _handshake(
            handle, url, headers, timeout=remaining, sslopt=options, **_through(via)
        )
        if first.setdefault("event", "connected") == "abandoned":
            handle.sock.close()

    try:
        attempt.call(connect, "waiting for websocket_impl to connect")
    except websocket.WebSocketBadStatusException as error:
        body = error.resp_body
        raise Refusal(
            error.status_code,
            {str(k).lower(): str(v) for k, v in (error.resp_headers or {}).items()},
            body if isinstance(body, bytes) else str(body or "").encode(),
        ).error() from None
    except (ConnectInterrupted, ConnectTimeout):
        _shut(handle, close=False)  # before the other thread may close it
        if first.setdefault("event", "abandoned") == "connected":
            _shut(handle, close=True)
        raise
    except BaseException as error:  # also sys.exit(), which must not end our thread
        attempt.check()
        if (refusal := _refusal_of(handle)) is not None:
            raise refusal.error() from None
        failure = failed("websocket_impl did not connect", error)
        raise failure from failure.__cause__
    try:
        if (refusal := _refusal_of(handle)) is not None:
            raise refusal.error()
        return WebSocketStream(handle, max_message_bytes)
    except BaseException:
        _shut(handle, close=True)
        raise


def _through(via: Proxy | None) -> dict[str, Any]:
    """
    Return the options of websocket-client for a proxy, or for none.
    """
    if via is None:
        return {"http_no_proxy": ["*"]}  # else it would read the environment again
    return {
        "http_proxy_host": via.host,
        "http_proxy_port": via.port,
        "http_proxy_auth": via.username and (via.username, via.password or ""),
        "proxy_type": via.scheme,
    }


def _refusal_of(handle: Any) -> Refusal | None:
    """
    Return the HTTP answer of *handle* if it is not the upgrade (101).
    """
    status = handle.getstatus() if hasattr(handle, "getstatus") else None
    if status in (None, 101):
        return None
    return Refusal(status, handle.getheaders() or {}, b"")


def _handshake(handle: Any, url: str, headers: list[str], **how: Any) -> None:
    names = [line.partition(":")[0].lower() for line in headers]
    if "host" in names:  # else websocket-client would send a second one
        headers = list(headers)
        how["host"] = headers.pop(names.index("host")).partition(":")[2].strip()
    with _without_cookies():
        handle.connect(
            url, header=headers, redirect_limit=0, suppress_origin=True, **how
        )


# guards the count and the saved cookies: several clients may connect concurrently
_jar_lock = threading.Lock()
_jar_users = 0
_jar_kept: dict[Any, Any] = {}


@contextlib.contextmanager
def _without_cookies() -> Iterator[None]:
    """
    Empty websocket-client's cookie jar, and restore it afterwards.

    The jar is global to the process: the cookies of other clients would be sent with
    our handshake, and ours with theirs.
    """
    global _jar_users
    with _jar_lock:
        if not _jar_users:
            _jar_kept.update(CookieJar.jar)
        _jar_users += 1
        CookieJar.jar.clear()
    try:
        yield
    finally:
        with _jar_lock:
            _jar_users -= 1
            CookieJar.jar.clear()
            if not _jar_users:
                CookieJar.jar.update(_jar_kept)
                _jar_kept.clear()


def _shut(handle: Any, close: bool) -> None:
    """
    Close the socket, or shut it down: a thread that blocks in it then returns, and
    closes it.
    """
    with suppress_foreign:
        if close:
            handle.sock.close()
        else:
            handle.sock.shutdown(socket.SHUT_RDWR)
