"""
TLS in two memory buffers, guarded by one lock.
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
    The server's side of one TLS session.

    One thread may call `encrypt` while another calls `decrypt`.

    Args:
        context: A server-side context.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        # Guards the TLS object: the reader and the writer thread both use it.
        self._lock = threading.Lock()
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def do_tls_handshake(self, sock: socket.socket, timeout: float) -> None:
        """
        Do the TLS handshake on a blocking socket.

        Raises:
            OSError: The peer closed the connection, sent invalid data, or took longer
                than *timeout* seconds.
        """
        deadline = time.monotonic() + timeout
        # Reads one TLS record at a time, because select() on the socket does not report
        # bytes that were read beyond the handshake. Reads its header (5 bytes) before
        # its body, so that an invalid header is refused without waiting for a body.
        needed, in_header = 5, True
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(self._outgoing.read())
            except ssl.SSLError:
                sock.sendall(self._outgoing.read())  # the alert with the reason
                raise
            data = _receive_exactly(sock, needed, deadline)
            self._incoming.write(data)
            if in_header:
                needed = int.from_bytes(data[3:5], "big")
            in_header = not in_header
            if in_header:
                needed = 5
        # With TLS 1.3 only session tickets remain to be sent. They are sent with the
        # first data: sent alone, they make clients with a reader and a writer thread
        # read while they write, which loses connections on several CPython versions.
        if self._tls.version() != "TLSv1.3":
            sock.sendall(self._outgoing.read())
        sock.settimeout(None)

    def encrypt(self, data: bytes) -> bytes:
        """
        Return the bytes to send for application data.

        Must be called in the order of sending. The writer thread.
        """
        with self._lock:
            self._tls.write(data)
            return self._outgoing.read()

    def decrypt(self, data: bytes) -> bytes | None:
        """
        Return the application data in received bytes; None at the end of the session.
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
                pass  # Invalid data ends the session, as close_notify does.
        return b"".join(pieces) or None

    def close_notify(self) -> bytes:
        """
        Return the ``close_notify`` alert to send. Does not wait for the peer's.
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
            raise ConnectionResetError("peer closed during the TLS handshake")
        data += piece
    return data
