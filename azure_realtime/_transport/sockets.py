"""
Functions for sockets: standard ones, and those of a user's ``websocket_impl``.
"""

from __future__ import annotations

import socket
import ssl
import sys
from collections.abc import Callable
from typing import Any

from .._foreign import suppress_foreign
from .._redaction import redacted

try:
    from fcntl import ioctl
except ImportError:  # Windows
    ioctl = None  # type: ignore[assignment]

REQUEST_IDS = ("apim-request-id", "x-request-id", "x-ms-request-id")
"""The headers with the service's request id, the most specific one first."""

_SIOCOUTQ = 0x5411  # tcp(7): the bytes in the send buffer, unacknowledged ones included
_UNSENT = 64 << 10  # bytes: about 1 s of a 60 kB/s uplink


def bound_unsent(sock: socket.socket) -> None:
    """
    Bound the unsent bytes in the kernel's send buffer.

    The default is 4 MB (measured on Linux), and a ping or pong waits behind them.
    """
    with suppress_foreign:  # a Unix socket, or an object of the user
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # Linux, macOS
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
        else:  # twice as much: SO_SNDBUF also counts sent, unacknowledged bytes
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * _UNSENT)


def unacknowledged(sock: socket.socket) -> int:
    """
    Return how many bytes in the kernel's send buffer the peer has not acknowledged.

    The result is 0 on platforms other than Linux, and for sockets other than TCP.
    """
    if sys.platform != "linux":
        return 0
    try:
        found = ioctl(sock.fileno(), _SIOCOUTQ, bytes(4))
    except (OSError, ValueError, TypeError):  # not TCP, or an object of the user
        return 0
    return int.from_bytes(found, sys.byteorder)


def request_id_of(handle: Any) -> str | None:
    """
    Return the request id in the service's answer to the handshake, or None.

    The service's support needs it to find a connection in its logs.
    """
    headers: Any = None
    with suppress_foreign:  # an object of the user
        headers = handle.getheaders()
    if not isinstance(headers, dict):
        return None
    found = (headers.get(name) for name in REQUEST_IDS)
    return next((redacted(str(value)) for value in found if value), None)


def recv_into_of(sock: socket.socket) -> Callable[[memoryview], int]:
    """
    Return the ``recv_into`` of *sock*, or one that is built on its ``recv``.

    An object of the user needs ``recv`` only. A ``recv_into`` that it inherits or
    delegates would bypass its own ``recv``.
    """
    if type(sock) in (socket.socket, ssl.SSLSocket):
        return sock.recv_into

    def recv_into(room: memoryview) -> int:
        data = sock.recv(len(room))
        room[: len(data)] = data
        return len(data)

    return recv_into
