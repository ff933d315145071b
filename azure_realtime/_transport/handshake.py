"""
The handshake, made by websocket-client or by an object of the user's like it.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import websocket
from websocket._handshake import CookieJar

from .._logging import text_of
from .._redaction import redacted, without_secrets
from ..errors import ConnectError, ConnectTimeout
from .attempt import ConnectAttempt, ConnectInterrupted
from .dial import tls_hint
from .http import HandshakeStream, Refusal
from .proxy import Proxy
from .websocket import WebSocketStream

WebSocketImpl = Callable[..., Any]
"""A `websocket.WebSocket` subclass, or a function that returns such an object."""


class _Redaction(logging.Filter):
    """
    Keeps credentials out of websocket-client's own log, should a user turn it on.
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
    Make a WebSocket of a connected stream. Reader thread.

    Raises:
        ConnectError: The service refused, or is no WebSocket service.
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
        attempt.check()  # websocket-client makes an error of its own of a time-out
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
    Refuse an extension, and a subprotocol that was not offered (RFC 6455, 4.1).

    Frames of an extension, such as compressed ones, would be read as messages.
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
            hint="A proxy or gateway between may have added it: switch that off there.",
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
    Let the user's own WebSocket connect in its own way (a tunnel, a test double).

    It must have ``connect(url, **options)`` and, afterwards, a ``sock`` with
    ``recv``, ``send``, ``fileno``, ``setblocking`` and ``close``; frames are read
    through its ``recv_frame``. It connects on a thread of its own, for it may block.
    """
    handle: Any = None
    remaining = attempt.deadline.remaining()
    connected = abandoned = False
    # makes one step of "connected" or "abandoned": only one of them comes true
    deciding = threading.Lock()

    def connect() -> None:
        nonlocal handle, connected
        handle = make()
        options: dict[str, Any] = {} if context is None else {"context": context}
        # websocket-client heeds what its constructor was given, not its connect()
        with contextlib.suppress(AttributeError):
            handle.sock_opt.sslopt = {**options, **handle.sock_opt.sslopt}
        _handshake(
            handle, url, headers, timeout=remaining, sslopt=options, **_through(via)
        )
        with deciding:
            connected = True
            if abandoned:
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
        with deciding:
            abandoned = True
            _shut(handle, close=connected)
        raise
    except BaseException as error:  # also sys.exit(): it is not our thread's to end
        attempt.check()
        if (refusal := _refusal_of(handle)) is not None:
            raise refusal.error() from None
        cause = without_secrets(error)
        raise ConnectError(
            f"websocket_impl did not connect ({type(error).__name__}: "
            f"{redacted(text_of(error))[:200]}).",
            hint="The error is its own; "
            + ("it is chained to this one." if cause else "it holds a credential."),
        ) from cause
    if (refusal := _refusal_of(handle)) is not None:
        handle.sock.close()
        raise refusal.error()
    return WebSocketStream(handle, max_message_bytes)


def _through(via: Proxy | None) -> dict[str, Any]:
    """
    Return the options of websocket-client for a proxy, or for none.
    """
    if via is None:
        return {"http_no_proxy": ["*"]}  # it would look at the environment again
    return {
        "http_proxy_host": via.host,
        "http_proxy_port": via.port,
        "http_proxy_auth": via.username and (via.username, via.password or ""),
        "proxy_type": via.scheme,
    }


def _refusal_of(handle: Any) -> Refusal | None:
    """
    Return the HTTP answer that *handle* got if it is not the one we want.
    """
    status = handle.getstatus() if hasattr(handle, "getstatus") else None
    if status in (None, 101):
        return None
    return Refusal(status, handle.getheaders() or {}, b"")


def _handshake(handle: Any, url: str, headers: list[str], **how: Any) -> None:
    names = [line.partition(":")[0].lower() for line in headers]
    if "host" in names:  # websocket-client would say its own, too
        headers = list(headers)
        how["host"] = headers.pop(names.index("host")).partition(":")[2].strip()
    with _without_cookies():
        handle.connect(
            url, header=headers, redirect_limit=0, suppress_origin=True, **how
        )


# guards the count of users and what they put aside: clients connect side by side
_jar_lock = threading.Lock()
_jar_users = 0
_jar_kept: dict[Any, Any] = {}


@contextlib.contextmanager
def _without_cookies() -> Iterator[None]:
    """
    Put the cookies of websocket-client aside: its jar is one for the whole process.

    Another client's cookies would go along, and ours would stay for it.
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
    Close the socket, or free the thread that still waits in it and will close it.
    """
    with contextlib.suppress(OSError, AttributeError):
        if close:
            handle.sock.close()
        else:
            handle.sock.shutdown(socket.SHUT_RDWR)
