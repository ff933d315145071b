"""
The bytes of one connection, with faults.

`Transport` has the interface of a socket and is what ``websockets`` uses in place of
the real socket. Rules of this file:

1. The thread that calls `recv` reads; one writer thread writes. A thread that holds a
   lock therefore never waits for the network.
2. TLS is done in memory (`MemoryTls`). Reading and writing one ``SSLSocket`` on two
   threads loses connections on several CPython versions; two memory buffers do not.
3. The thread that ends the connection wakes the reader by shutting down the receiving
   side. `close` closes the descriptor, once, after the reader and the writer have
   stopped using it: the kernel sends an RST only when no thread uses the descriptor.
4. A frame that ``websockets`` writes is recognized by its first byte (`0x88` is a close
   frame, `0x8A` a pong). The faults `no_pong` and `no_close_answer` drop it here, so
   that they do not depend on the internals of ``websockets``.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
import time
from collections import deque
from typing import Any, Literal

from .memory_tls import MemoryTls

__all__ = ["Transport"]

_CLOSE_FRAME = 0x88
_PONG_FRAME = 0x8A
# Enough for a healthy peer to receive the queue, and less than stop() may take.
_FLUSH_SECONDS = 1.0
_LINGER_SECONDS = 2.0
_CHUNK = 65536
_DONTWAIT = getattr(socket, "MSG_DONTWAIT", 0)


class Transport:
    """
    A replacement for a socket, with a writer thread, TLS in memory, and faults.

    Args:
        sock: An accepted TCP socket; the transport closes it.
        tls: A server-side context, or None for plain text.
    """

    def __init__(self, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        self._raw = sock
        self._raw.settimeout(None)
        # Guards the attributes down to _close_sent; notified when one changes.
        self._condition = threading.Condition()
        self._queue: deque[bytes | None] = deque()  # None: the end of the data
        self._queued = 0
        self._reading = True
        self._writing = True
        self._killed = False
        self._closing = False
        self._closed = False
        self._readers = 0
        self._close_sent = False
        self.seconds_per_byte = 0.0
        self.answer_pings = True
        self.answer_close = True
        self.ended = threading.Event()
        # What the service accepted in the handshake.
        self.route: object = None

        self._tls = MemoryTls(tls) if tls is not None else None
        self._writer = threading.Thread(
            target=self._write_loop, name="simulator-writer", daemon=True
        )

    def start(self, timeout: float = 10.0) -> None:
        """
        Do the TLS handshake, if TLS is used, then start the writer thread. Blocks.

        Raises:
            OSError: The peer closed the connection, `kill` was called, or the handshake
                took longer than *timeout* seconds.
        """
        if self._tls is not None:
            self._tls.do_tls_handshake(self._raw, timeout)
        self._writer.start()

    # ------------------------------------------------ what websockets calls

    def fileno(self) -> int:
        """
        Return the descriptor of the real socket.
        """
        return self._raw.fileno()

    def getsockname(self) -> Any:
        """
        Return the service's address.
        """
        return self._raw.getsockname()

    def getpeername(self) -> Any:
        """
        Return the client's address.
        """
        return self._raw.getpeername()

    def settimeout(self, timeout: float | None) -> None:
        """
        Do nothing: every wait in this class ends when the connection ends.
        """

    def setsockopt(self, *args: Any) -> None:
        """
        Set an option of the real socket.
        """
        self._raw.setsockopt(*args)

    def recv(self, size: int) -> bytes:
        """
        Return the next application bytes, or ``b""`` at the end. Reader thread.
        """
        while True:
            if not self._enter_reading():
                return b""
            try:
                data = self._raw.recv(size)
            except OSError:
                data = b""
            finally:
                self._leave_reading()
            # Checked again: stop_reading() may have been called during recv().
            if not self._enter_reading():
                return b""
            self._leave_reading()
            if not data:
                self.ended.set()
                return b""
            if self._tls is None:
                return data
            plain = self._tls.decrypt(data)
            if plain is None:
                return b""
            if plain:
                return plain

    def sendall(self, data: bytes) -> None:
        """
        Queue a frame of ``websockets``, or drop it if a fault requires that.
        """
        first = data[0] if data else 0
        if first == _PONG_FRAME and not self.answer_pings:
            return
        if first == _CLOSE_FRAME and not self.answer_close:
            return
        self.write(bytes(data))

    def shutdown(self, _: int) -> None:
        """
        Queue the end of the data. ``websockets`` calls this after the close frames.
        """
        if not self.answer_close:
            return
        with self._condition:
            self._queue.append(None)
            self._condition.notify_all()

    def close(self) -> None:
        """
        Send the queue, for one second at most, then close the socket. Idempotent.
        """
        with self._condition:
            if self._closed:
                return
            self._closed = self._closing = True
            if not self._writing:
                self._killed = True
            self._condition.notify_all()
        if self._writer.is_alive() and threading.current_thread() is not self._writer:
            self._writer.join(_FLUSH_SECONDS)
        with self._condition:
            self._killed = True
            self._condition.notify_all()
        self.ended.set()
        self._wake_reader()
        with self._condition:
            self._condition.wait_for(lambda: self._readers == 0, _FLUSH_SECONDS)
        self._raw.close()

    # ------------------------------------------------ what the simulator calls

    def write(self, data: bytes, *, last: bool = False) -> None:
        """
        Queue raw bytes, or drop them after the end. Never blocks. Any thread.

        Drops what follows a close frame, as RFC 6455 (5.5.1) demands, and what follows
        bytes marked as *last*.
        """
        with self._condition:
            if self._killed or self._closing or self._close_sent:
                return
            if last or (data and data[0] == _CLOSE_FRAME):
                self._close_sent = True
            self._queue.append(data)
            self._queued += len(data)
            self._condition.notify_all()

    def wait_writable(self, limit: int) -> bool:
        """
        Wait until fewer than *limit* bytes are queued; False if the connection ended.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._queued < limit or self._killed)
            return not self._killed

    def flush(self, timeout: float) -> bool:
        """
        Wait until all bytes are with the kernel or dropped; False on timeout.
        """
        with self._condition:
            return self._condition.wait_for(
                lambda: self._queued == 0 or self._killed, timeout
            )

    def set_enabled(self, *, reading: bool, writing: bool) -> None:
        """
        Enable or disable reading and writing. Any thread.
        """
        with self._condition:
            self._reading = reading
            self._writing = writing
            self._condition.notify_all()

    def kill(self, how: Literal["fin", "rst"] = "fin") -> None:
        """
        End the TCP connection at once, without a closing handshake. Any thread.
        """
        with self._condition:
            if self._killed:
                return
            self._killed = True
            self._queue.clear()
            self._queued = 0
            self._condition.notify_all()
        self.ended.set()
        try:
            if how == "rst":
                # With a linger time of zero, close() sends an RST.
                self._raw.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0"
                )
            else:
                self._raw.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # The peer has ended the connection already.
        self._wake_reader()

    def join(self, deadline: float) -> None:
        """
        Wait for the writer thread to end, after `kill`, until *deadline* at most.
        """
        if self._writer.ident is not None:
            self._writer.join(max(0.0, deadline - time.monotonic()))

    # ------------------------------------------------ private

    def _wake_reader(self) -> None:
        with contextlib.suppress(OSError):
            self._raw.shutdown(socket.SHUT_RD)

    def _enter_reading(self) -> bool:
        with self._condition:
            self._condition.wait_for(lambda: self._reading or self._killed)
            if self._killed:
                return False
            self._readers += 1
            return True

    def _leave_reading(self) -> None:
        with self._condition:
            self._readers -= 1
            self._condition.notify_all()

    def _write_loop(self) -> None:
        try:
            while self._write_next():
                pass
        except (OSError, ssl.SSLError):
            # The connection is lost. Waking the reader makes websockets close.
            with self._condition:
                self._killed = True
                self._condition.notify_all()
            self.ended.set()
            self._wake_reader()

    def _write_next(self) -> bool:
        with self._condition:
            self._condition.wait_for(
                lambda: self._killed or self._closing or (self._queue and self._writing)
            )
            if self._killed or not self._queue:
                return False
            data = self._queue.popleft()
        if data is None:
            self._end_of_data()
            return False
        if data:
            self._transmit(self._tls.encrypt(data) if self._tls else data)
        with self._condition:
            self._queued = max(0, self._queued - len(data))
            self._condition.notify_all()
        return True

    def _end_of_data(self) -> None:
        if self._tls is not None:
            self._transmit(self._tls.close_notify())
        self._raw.shutdown(socket.SHUT_WR)
        with self._condition:
            ended = self._condition.wait_for(
                lambda: self._killed or self._closing, _LINGER_SECONDS
            )
        if not ended:
            self.kill()

    def _transmit(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            pause = self.seconds_per_byte
            with self._condition:
                self._condition.wait_for(lambda: self._writing or self._killed)
                if pause and not self._killed:
                    self._condition.wait_for(lambda: self._killed, pause)
                if self._killed:
                    return
            try:
                sent = self._raw.send(view[: 1 if pause else _CHUNK], _DONTWAIT)
            except (BlockingIOError, InterruptedError):
                # A short wait: kill() does not wake this selector.
                with selectors.DefaultSelector() as selector:
                    selector.register(self._raw, selectors.EVENT_WRITE)
                    selector.select(0.05)
                continue
            view = view[sent:]
