"""
Opens a connected stream: name resolution, TCP connect, proxy, TLS handshake.

All of it runs on the reader thread, on non-blocking sockets, within the deadline of one
`ConnectAttempt`.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import socket
import ssl
from collections import deque
from collections.abc import Sequence
from typing import Any

from .._concurrency.deadline import Deadline
from .._concurrency.poller import READ, WRITE
from .._endpoint import Endpoint
from ..errors import ConnectError, ConnectTimeout
from .attempt import ConnectAttempt
from .proxy import find_proxy, open_socks, open_tunnel

_STAGGER = 0.25  # seconds between two attempts (RFC 8305, section 8)


def open_stream(
    endpoint: Endpoint,
    proxy: str | None,
    ssl_context: ssl.SSLContext | None,
    attempt: ConnectAttempt,
) -> socket.socket:
    """
    Return a connected, non-blocking socket to *endpoint*, with TLS if it is secure.

    Raises:
        ConnectError: The stream could not be opened; the text says what to do.
        ConnectInterrupted: The attempt was stopped.
    """
    via = find_proxy(endpoint, proxy)
    attempt.report("proxy", via)
    if via is None:
        sock = _tcp(endpoint.host, endpoint.port, attempt)
    elif via.is_socks:
        sock = open_socks(endpoint, via, attempt)
    else:
        sock = _tcp(via.host, via.port, attempt, proxy=True)
    try:
        if via is None or not via.is_socks:
            attempt.report("tcp", sock)
        if via is not None and not via.is_socks:
            open_tunnel(sock, endpoint, via, attempt)
        if via is not None:
            attempt.report("tunnel", sock)
        if endpoint.secure:
            sock = _tls(sock, endpoint, ssl_context, attempt)
            attempt.report("tls", sock)
        return sock
    except BaseException:
        sock.close()
        raise


def _tcp(
    host: str, port: int, attempt: ConnectAttempt, proxy: bool = False
) -> socket.socket:
    what = "proxy" if proxy else "host"
    try:
        addresses = attempt.call(
            lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM),
            f"looking up the {what} {host}",
        )
    except ConnectTimeout:  # it is an OSError as well, here and below
        raise
    except (OSError, ValueError) as error:  # ValueError: IDNA cannot encode the name
        reason = getattr(error, "strerror", None) or error
        raise ConnectError(
            f"The {what} {host} cannot be found ({reason}).",
            hint="Check the proxy setting."
            if proxy
            else "Check host_name for a typing error, and the network or VPN.",
        ) from error
    attempt.report("name", addresses)
    attempt.stage = f"connecting to {host}:{port}"
    try:
        sock = _first_connected(addresses, attempt)
    except ConnectTimeout:
        raise
    except OSError as error:
        raise ConnectError(
            f"The {what} {host}:{port} cannot be reached ({error.strerror or error}).",
            hint="Is a service listening there, and does a firewall let you through?",
        ) from error
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return sock


def _first_connected(
    addresses: Sequence[Any], attempt: ConnectAttempt
) -> socket.socket:
    """
    Return a socket connected to the first of *addresses* that answers.

    The next attempt starts when one fails, or 250 ms after the last (RFC 8305, section
    5): an address that drops packets delays the others by no more than that.

    Raises:
        OSError: No address could be reached. It is the last failure.
        ConnectTimeout: No address answered in time.
    """
    waiting = deque(_interleaved(addresses))
    attempts: dict[int, socket.socket] = {}
    failures: list[OSError] = []
    try:
        while waiting or attempts:
            if waiting:
                try:
                    sock = _begin_connect(waiting.popleft())
                except OSError as error:
                    failures.append(error)
                    continue
                attempts[sock.fileno()] = sock
            next_attempt = Deadline(_STAGGER) if waiting else attempt.deadline
            while attempts and not next_attempt.passed:
                attempt.check()
                for descriptor in attempt.wait(
                    dict.fromkeys(attempts, WRITE), next_attempt
                ):
                    sock = attempts.pop(descriptor)
                    try:
                        _check(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
                    except OSError as error:
                        sock.close()
                        failures.append(error)
                        next_attempt = Deadline(0) if waiting else next_attempt
                    else:
                        return sock
            attempt.check()
    finally:
        for sock in attempts.values():
            sock.close()
    raise failures[-1] if failures else OSError(0, "no address")


def _begin_connect(address: Any) -> socket.socket:
    """
    Return a non-blocking socket that connects to *address*, as of ``getaddrinfo()``.
    """
    family, kind, protocol, _, where = address
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        _check(sock.connect_ex(where))
        return sock
    except BaseException:
        sock.close()
        raise


def _interleaved(addresses: Sequence[Any]) -> list[Any]:
    """
    Return *addresses* in order, with alternating families (RFC 8305, section 4).
    """
    first = [a for a in addresses if a[0] == addresses[0][0]]
    others = [a for a in addresses if a[0] != addresses[0][0]]
    pairs = itertools.zip_longest(first, others)
    return [address for pair in pairs for address in pair if address is not None]


def _check(code: int) -> None:
    if code not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
        raise OSError(code, os.strerror(code))


def _tls(
    sock: socket.socket,
    endpoint: Endpoint,
    context: ssl.SSLContext | None,
    attempt: ConnectAttempt,
) -> ssl.SSLSocket:
    attempt.stage = f"waiting for the TLS handshake of {endpoint.host}"
    try:
        return _handshake(sock, endpoint.host, context, attempt)
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
            "may also have cut the connection.",
        ) from error


_WRONG_NAME = "The certificate is for another name: check host_name."
_WRONG_TIME = (
    "Check this machine's clock. If it is right, the owner of the service must renew "
    "the certificate."
)
# OpenSSL's X509_V_ERR numbers: not yet valid, expired, host name, address
_WRONG_CERTIFICATE = {
    **dict.fromkeys((9, 10), _WRONG_TIME),
    **dict.fromkeys((62, 64), _WRONG_NAME),
}
_NO_COMMON_VERSION = "UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|NO_PROTOCOLS"
_NOT_TLS = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"}
_NO_CERTIFICATE = "CERTIFICATE|UNKNOWN_CA|ALERT_HANDSHAKE_FAILURE"


def tls_hint(error: BaseException) -> str:
    """
    Return the hint for a TLS error; "" for other errors, and for ambiguous ones.

    A service that requires a client certificate reports its absence in the handshake,
    or with TLS 1.3 in the first bytes that are read afterwards.
    """
    reason = getattr(error, "reason", None) or ""
    if reason in _NOT_TLS:
        return "This port does not speak TLS: use ws:// for a local service."
    if re.search(_NO_COMMON_VERSION, reason):
        return "The service has no common TLS version: 1.2 or newer is needed."
    if re.search(_NO_CERTIFICATE, reason):
        return (
            "The service may require a client certificate that it trusts: load one "
            "with load_cert_chain() and pass WebSocketOptions(ssl_context=...)."
        )
    return ""


def _handshake(
    sock: socket.socket,
    host: str,
    context: ssl.SSLContext | None,
    attempt: ConnectAttempt,
) -> ssl.SSLSocket:
    context = context or ssl.create_default_context()
    # wrap_socket() leaks the descriptor if the peer has gone; this raises before it
    sock.getpeername()
    # wrap_socket() detaches the descriptor from *sock*: *secure* is the one to close
    secure = context.wrap_socket(
        sock, server_hostname=host, do_handshake_on_connect=False
    )
    try:
        while True:
            try:
                secure.do_handshake()
                return secure
            except ssl.SSLWantReadError:
                attempt.until(secure, READ)
            except ssl.SSLWantWriteError:
                attempt.until(secure, WRITE)
    except BaseException:
        secure.close()
        raise
