"""
TLS between two memory buffers, so that one lock is all the care it needs.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time

__all__ = ["MemoryTls"]

_CHUNK = 65536


class MemoryTls:
    """
    The server's end of one TLS session. `encrypt` and `decrypt` may be called from
    different threads.

    Args:
        context: A server-side context.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._lock = threading.Lock()
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def do_tls_handshake(self, sock: socket.socket, timeout: float) -> None:
        """
        Do the TLS handshake on a blocking socket.

        Raises:
            OSError: The peer left, talked nonsense, or took longer than *timeout*
                seconds.
        """
        deadline = time.monotonic() + timeout
        # A record at a time, header and body apart: bytes read beyond the handshake
        # would wait in memory, where a select() on the socket cannot see them; and
        # a header that is none is refused before its body is waited for.
        needed, in_header = 5, True
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(self._outgoing.read())
            except ssl.SSLError:
                sock.sendall(self._outgoing.read())  # The alert says why.
                raise
            data = _receive_exactly(sock, needed, deadline)
            self._incoming.write(data)
            if in_header:
                needed = int.from_bytes(data[3:5], "big")
            in_header = not in_header
            if in_header:
                needed = 5
        # With TLS 1.3 all that is left to send now is session tickets. They go with
        # the first data: alone they wake clients that read on one thread and write on
        # another, to read nothing while they send their request, which not every
        # version of CPython survives.
        if self._tls.version() != "TLSv1.3":
            sock.sendall(self._outgoing.read())
        sock.settimeout(None)

    def encrypt(self, data: bytes) -> bytes:
        """
        Return what to send for application data. One thread only: the order counts.
        """
        with self._lock:
            self._tls.write(data)
            return self._outgoing.read()

    def decrypt(self, data: bytes) -> bytes | None:
        """
        Return the application data in received bytes, None at the end of the session.
        """
        pieces: list[bytes] = []
        with self._lock:
            self._incoming.write(data)
            try:
                while piece := self._tls.read(_CHUNK):
                    pieces.append(piece)
            except ssl.SSLWantReadError:
                return b"".join(pieces)
            except ssl.SSLError:
                pass  # Nonsense ends the session as well as a farewell.
        return b"".join(pieces) or None

    def close_notify(self) -> bytes:
        """
        Return the ``close_notify`` to send; the peer's own is not awaited.
        """
        with self._lock:
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
            return self._outgoing.read()


def _receive_exactly(sock: socket.socket, count: int, deadline: float) -> bytes:
    data = b""
    while len(data) < count:
        sock.settimeout(max(0.001, deadline - time.monotonic()))
        piece = sock.recv(count - len(data))
        if not piece:
            raise ConnectionResetError("peer left during the TLS handshake")
        data += piece
    return data
