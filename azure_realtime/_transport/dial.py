"""
From an address to a connected stream: name, TCP, proxy, TLS.

Everything here runs on the reader thread, on non-blocking sockets, with a `Patience`.
"""

from __future__ import annotations

import errno
import os
import re
import selectors
import socket
import ssl
from typing import Any

from .._concurrency.deadline import Deadline
from .._endpoint import Endpoint
from ..errors import ConnectError, ConnectTimeout
from .attempt import Patience
from .proxy import find_proxy, open_socks, open_tunnel


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
    elif via.is_socks:
        sock = open_socks(endpoint, via, patience)
    else:
        sock = _tcp(via.host, via.port, patience, proxy=True)
    try:
        if via is not None and not via.is_socks:
            open_tunnel(sock, endpoint, via, patience)
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
    except (OSError, ValueError) as error:  # the latter: it cannot even be asked for
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
            hint=_WRONG_CERTIFICATE.get(
                error.verify_code,
                "If a company proxy re-signs traffic, pass its authority in "
                "WebSocketOptions(ssl_context=ssl.create_default_context(cafile=...)).",
            ),
        ) from error
    except OSError as error:
        reason = getattr(error, "reason", None)
        raise ConnectError(
            f"The TLS handshake with {endpoint.host}:{endpoint.port} failed "
            f"({reason or error.strerror or 'the connection was cut'}).",
            hint=tls_hint(error)
            or "Does this port speak TLS? A local service may need ws://; a firewall "
            "may also have cut it off.",
        ) from error


_ANOTHER_NAME = "It is for another name: check host_name."
_ANOTHER_TIME = "Check this machine's clock; if it is right, it must be renewed there."
# OpenSSL's X509_V_ERR numbers: not yet valid, expired, host name, address
_WRONG_CERTIFICATE = {
    **dict.fromkeys((9, 10), _ANOTHER_TIME),
    **dict.fromkeys((62, 64), _ANOTHER_NAME),
}
_NO_COMMON_VERSION = "UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|NO_PROTOCOLS"
_NOT_TLS = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"}
_NO_CERTIFICATE = "CERTIFICATE|UNKNOWN_CA|ALERT_HANDSHAKE_FAILURE"


def tls_hint(error: BaseException) -> str:
    """
    Return what an error of TLS means; "" if it is none, or may mean anything.

    A service that misses our certificate says so in the handshake, or (TLS 1.3) in what
    is read first.
    """
    reason = getattr(error, "reason", None) or ""
    if reason in _NOT_TLS:
        return "This port does not speak TLS: use ws:// for a local service."
    if re.search(_NO_COMMON_VERSION, reason):
        return "It speaks no version of TLS that we do: 1.2 or newer is needed."
    if re.search(_NO_CERTIFICATE, reason):
        return (
            "The service may want a client certificate that it trusts: pass "
            "WebSocketOptions(ssl_context=...) with one in it (load_cert_chain)."
        )
    return ""


def _handshake(
    sock: socket.socket, host: str, context: ssl.SSLContext | None, patience: Patience
) -> ssl.SSLSocket:
    context = context or ssl.create_default_context()
    sock.getpeername()  # of a peer that has gone, wrap_socket() loses the descriptor
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
