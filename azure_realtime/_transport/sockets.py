"""
What sockets offer, the standard ones and those of a user's ``websocket_impl``.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
from collections.abc import Callable
from typing import Any

from .._redaction import redacted

try:
    from fcntl import ioctl
except ImportError:  # Windows
    ioctl = None  # type: ignore[assignment]

REQUEST_IDS = ("apim-request-id", "x-request-id", "x-ms-request-id")
"""The headers that carry it, the best known first."""

_SIOCOUTQ = 0x5411  # tcp(7): bytes that are not acknowledged, sent or not
_UNSENT = 64 << 10  # bytes: about 1 s of a 60 kB/s uplink


def bound_unsent(sock: socket.socket) -> None:
    """
    Bound what the kernel takes before the network does.

    By default it is 4 MB (measured on Linux), and a ping or pong waits behind it all.
    """
    with contextlib.suppress(Exception):  # a Unix socket, or an object of the user's
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # Linux, macOS
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
        else:  # twice as much: it counts what is under way, too
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * _UNSENT)


def unacknowledged(sock: socket.socket) -> int:
    """
    Return how many bytes the kernel has taken that the peer has not acknowledged.

    0 where the kernel does not tell.
    """
    if sys.platform != "linux":
        return 0
    try:
        found = ioctl(sock.fileno(), _SIOCOUTQ, bytes(4))
    except (OSError, ValueError, TypeError):  # no TCP, or an object of the user's
        return 0
    return int.from_bytes(found, sys.byteorder)


def request_id_of(handle: Any) -> str | None:
    """
    Return the id in the service's answer to the handshake, which its support asks for.
    """
    headers: Any = None
    with contextlib.suppress(Exception):  # an object of the user's
        headers = handle.getheaders()
    if not isinstance(headers, dict):
        return None
    found = (headers.get(name) for name in REQUEST_IDS)
    return next((redacted(str(value)) for value in found if value), None)


def recv_into_of(sock: socket.socket) -> Callable[[memoryview], int]:
    """
    Return the ``recv_into`` of *sock*, or one that is made of its ``recv``.

    An object of the user's needs ``recv`` only; a ``recv_into`` that it inherits or
    delegates would pass its own ``recv`` by.
    """
    if type(sock) in (socket.socket, ssl.SSLSocket):
        return sock.recv_into

    def recv_into(room: memoryview) -> int:
        data = sock.recv(len(room))
        room[: len(data)] = data
        return len(data)

    return recv_into
