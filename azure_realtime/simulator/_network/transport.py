"""
The bytes of one connection, in a form that can misbehave.

`Transport` looks like a socket to the ``websockets`` package and stands between it
and the real one. Rules of this file:

1. Reading happens on the thread that calls `recv`; writing on one writer thread, so
   nobody who holds a lock ever waits for the network.
2. TLS is done in memory (`MemoryTls`). Reading and writing one ``SSLSocket`` from two
   threads loses connections on several CPython versions; two memory buffers cannot.
3. Whoever ends the connection wakes the reader by shutting down the receiving side.
   The descriptor is closed once, by `close`, after reader and writer have let go of
   it: an RST is only sent when nobody else holds the descriptor.
4. What ``websockets`` writes is recognised by its first byte (`0x88` is a close
   frame, `0x8A` a pong), which is how the faults "never pong" and "never answer the
   close" work without touching its insides.
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
# Long enough for a healthy peer to take what is queued, short enough for stop().
_FLUSH_SECONDS = 1.0
_LINGER_SECONDS = 2.0
_CHUNK = 65536
_DONTWAIT = getattr(socket, "MSG_DONTWAIT", 0)


class Transport:
    """
    A socket look-alike with a writer thread, memory TLS and faults.

    Args:
        sock: An accepted TCP socket, owned by the transport from now on.
        tls: Server-side context, or None for plain text.
    """

    def __init__(self, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        self._raw = sock
        self._raw.settimeout(None)
        self._condition = threading.Condition()
        # All below is guarded by _change.
        self._queue: deque[bytes | None] = deque()  # None: end of our data
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
        # Where the handshake led; set by the service.
        self.route: object = None

        self._tls = MemoryTls(tls) if tls is not None else None
        self._writer = threading.Thread(
            target=self._write_loop, name="simulator-writer", daemon=True
        )

    def start(self, timeout: float = 10.0) -> None:
        """
        Do the TLS handshake, if any, and start the writer. Blocks the caller.

        Raises:
            OSError: The peer left, was killed, or did not finish in *timeout* seconds.
        """
        if self._tls is not None:
            self._tls.do_tls_handshake(self._raw, timeout)
        self._writer.start()

    # ------------------------------------------------ what websockets calls

    def fileno(self) -> int:
        """
        Return the descriptor to wait on for reading.
        """
        return self._raw.fileno()

    def getsockname(self) -> Any:
        """
        Return our address.
        """
        return self._raw.getsockname()

    def getpeername(self) -> Any:
        """
        Return the client's address.
        """
        return self._raw.getpeername()

    def settimeout(self, timeout: float | None) -> None:
        """
        Do nothing: nothing here waits for ever once the connection has ended.
        """

    def setsockopt(self, *args: Any) -> None:
        """
        Set an option of the real socket.
        """
        self._raw.setsockopt(*args)

    def recv(self, size: int) -> bytes:
        """
        Return the next application bytes, ``b""`` at the end. Reader thread only.
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
            # stop_reading() may have come while recv() was waiting.
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
        Queue what ``websockets`` wants sent, unless a fault says otherwise.
        """
        first = data[0] if data else 0
        if first == _PONG_FRAME and not self.answer_pings:
            return
        if first == _CLOSE_FRAME and not self.answer_close:
            return
        self.write(bytes(data))

    def shutdown(self, _: int) -> None:
        """
        Queue the end of our data; used by ``websockets`` after the close frames.
        """
        if not self.answer_close:
            return
        with self._condition:
            self._queue.append(None)
            self._condition.notify_all()

    def close(self) -> None:
        """
        Send what is queued (for a second at most), then close. Idempotent.
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
        Queue raw bytes. Never blocks; dropped after the end. Any thread.

        Nothing is queued after the *last*.

        Data frames that come after a close frame are dropped, as RFC 6455 (5.5.1)
        demands of a healthy server.
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
        Wait until fewer than *limit* bytes are queued; False once the end has come.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._queued < limit or self._killed)
            return not self._killed

    def flush(self, timeout: float) -> bool:
        """
        Wait until everything queued is with the kernel; False if it is not.
        """
        with self._condition:
            return self._condition.wait_for(
                lambda: self._queued == 0 or self._killed, timeout
            )

    def set_enabled(self, *, reading: bool, writing: bool) -> None:
        """
        Stop or resume reading and writing. Any thread.
        """
        with self._condition:
            self._reading = reading
            self._writing = writing
            self._condition.notify_all()

    def kill(self, how: Literal["fin", "rst"] = "fin") -> None:
        """
        End the TCP connection now, without a closing handshake. Any thread.
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
                # Zero linger turns the close() that follows into an RST.
                self._raw.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0"
                )
            else:
                self._raw.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # The peer was faster.
        self._wake_reader()

    def join(self, deadline: float) -> None:
        """
        Wait for the writer thread to end, after `kill`, until *deadline* at most.
        """
        if self._writer.ident is not None:
            self._writer.join(max(0.0, deadline - time.monotonic()))

    # ------------------------------------------------ inside

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
            # The peer is gone; the reader will notice and close.
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
                # Short waits, so that kill() is noticed while the peer is not reading.
                with selectors.DefaultSelector() as selector:
                    selector.register(self._raw, selectors.EVENT_WRITE)
                    selector.select(0.05)
                continue
            view = view[sent:]
