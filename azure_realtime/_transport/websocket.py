"""
One open WebSocket on a non-blocking socket.

Only the handshake (`handshake`) and the frame parser (`frames`) of websocket-client are
used, not ``WebSocketApp``, ``recv``, ``send``, ``ping`` or ``close``: these block,
answer control frames by blocking writes, and lose their position in a partly sent frame
(1.9.2, measured).

All of `WebSocketStream` runs on the reader thread.
"""

from __future__ import annotations

import contextlib
import math
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any

from .._concurrency.poller import READ, WRITE, Poller
from .._foreign import suppress_foreign
from ..errors import ConnectionClosed
from .frames import (
    CLOSE,
    PING,
    PONG,
    WOULD_BLOCK,
    ControlFrame,
    FrameParser,
    parse_close,
)
from .outgoing_frames import close_frame, control_frame, text_frames
from .sockets import bound_unsent, recv_into_of, request_id_of, unacknowledged

_RECORD = 16 << 10  # bytes: one TLS record, the most that one write passes to TLS
# The memory of the events that one turn makes stays in the thread's malloc arena. Three
# times as much saves a tenth of the CPU time of an audio delta in a burst, and costs
# 8 kB of resident memory per session (measured).
_BYTES_PER_TURN = 64 << 10
_FRAMES_PER_TURN = 100  # for small frames; also the most pongs that are queued


class WebSocketStream:
    """
    One open WebSocket.

    Args:
        websocket_: A connected websocket-client object; its socket is taken over.
        max_message_bytes: A larger incoming message raises ConnectionClosed 1009.
        first: Bytes that were received after the handshake's answer.

    Attributes:
        last_received_at: Monotonic time at which the last inbound bytes were read.
        unfinished_at: Monotonic time at which the first bytes of an incomplete frame
            were read; None if there is no such frame.
        unfinished_bytes: How many bytes of that frame were read after them.
        bytes_sent, bytes_received: Bytes since the handshake, frame headers included.
        request_id: The service's id of this connection; None if it sent none.
        closed_by_peer: The peer's close frame; None before it was received.
        attention: Whether `read` found more than messages: a control frame, a failure,
            or a TLS read that has to write. The caller of `read` clears it.
    """

    def __init__(
        self, websocket_: Any, max_message_bytes: int, first: bytes = b""
    ) -> None:
        # kept: an object of the user may close its socket when it is collected
        self._websocket = websocket_
        self._sock: socket.socket = websocket_.sock
        self._sock.setblocking(False)
        bound_unsent(self._sock)
        # a short read or write has a known meaning for this class only
        self._is_plain = type(self._sock) is socket.socket
        self._recv_into = recv_into_of(self._sock)
        self._pending: Callable[[], int] | None = getattr(self._sock, "pending", None)
        self._parser = FrameParser(websocket_, max_message_bytes, first)
        self._control: list[bytes] = []
        self._queue: list[bytes] = []
        self._sending: memoryview | None = None
        self._read_wants_write = False
        self._write_wants_read = False
        self._bytes_pending = False  # the socket may have more, or has failed
        self._frames_pending = bool(first)  # the buffer may have whole frames
        self._close_sent = False
        self._failure: ConnectionClosed | None = None
        self._write_failure: ConnectionClosed | None = None
        self.last_received_at = time.monotonic()
        self.unfinished_at: float | None = None
        self.unfinished_bytes = 0
        self.bytes_sent = 0
        self.bytes_received = len(first)
        self.closed_by_peer: ConnectionClosed | None = None
        self.attention = False
        self.request_id = request_id_of(websocket_)

    # Writing.

    def send(self, message: bytes) -> None:
        """Queue one text message; see `send_all`."""
        self.send_all((message,))

    def send_all(self, messages: Sequence[bytes]) -> None:
        """
        Queue text messages for `write`, in order; drop them after our close frame.
        Control frames are sent before them, or between buffers of 64 KiB.
        """
        if not self._close_sent:
            self._queue += text_frames(messages)

    def ping(self) -> int:
        """
        Queue a ping before the queued messages.

        Returns:
            The value that `acknowledged` has reached when the peer has the ping.
        """
        if not self._close_sent:
            self._control.append(control_frame(PING))
        ahead = sum(map(len, self._control)) + len(self._sending or b"")
        return self.bytes_sent + ahead

    @property
    def acknowledged(self) -> int:
        """
        How many of `bytes_sent` the peer has acknowledged. With TLS, at least so many.
        """
        return self.bytes_sent - unacknowledged(self._sock)

    def send_close(self, code: int = 1000, reason: str = "") -> None:
        """
        Queue our close frame, once; queued messages are dropped.
        """
        if self._close_sent:
            return
        self._close_sent = True
        self._queue.clear()
        self._control.append(close_frame(code, reason))

    @property
    def idle(self) -> bool:
        """
        Whether the socket has taken all queued frames.
        """
        return self._sending is None and not self._control and not self._queue

    def write(self) -> None:
        """
        Send as many queued frames as the socket takes now.

        A slice that TLS refused is passed again unchanged, else OpenSSL fails with
        BAD_LENGTH. After a failed write, reading goes on: the peer's last messages and
        its close code may be unread. `read` raises the failure after them.
        """
        if self._write_failure is not None:
            return
        self._write_wants_read = False
        while True:
            sending = self._sending
            if sending is None:
                queue = self._control or self._queue
                if not queue:
                    return
                sending = self._sending = memoryview(queue.pop(0))
            try:
                sent = self._sock.send(sending if self._is_plain else sending[:_RECORD])
            except ssl.SSLWantReadError:
                self._write_wants_read = True
                return
            except WOULD_BLOCK:
                return
            except (OSError, ValueError) as error:
                self._write_failure = _lost(error)
                self._write_failure.__cause__ = error
                self._control.clear()
                self._queue.clear()
                self._sending = None
                self._bytes_pending = self.attention = True
                return
            if not sent or sent < 0:  # an object of the user: it would be called again
                return
            self.bytes_sent += sent
            self._sending = sending[sent:] or None

    # Reading.

    def read(self) -> list[bytes]:
        """
        Return the whole messages that were received; queue the answers to pings.

        A call returns a bounded number of messages; `unread` is true if more are there.
        After the peer's close frame, `closed_by_peer` is set and none is returned.

        Raises:
            ConnectionClosed: The connection was lost, or the peer broke the protocol.
        """
        messages: list[bytes] = []
        if self.closed_by_peer is not None:
            return messages
        if self._frames_pending:
            self.last_received_at = time.monotonic()
            self._take(messages, 0, _FRAMES_PER_TURN)
        elif self._failure is None:
            self._receive(messages)
        self._parser.release()
        if self._failure is not None and self.closed_by_peer is None:
            if not messages and not self._frames_pending:
                raise self._failure
            self._bytes_pending = self.attention = True  # raised after these messages
        return messages

    def _receive(self, messages: list[bytes]) -> None:
        """
        Read from the socket, up to a turn's limit of bytes or frames.
        """
        self._read_wants_write = self._bytes_pending = False
        frames, size = _FRAMES_PER_TURN, 0
        while frames and self._failure is None and self.closed_by_peer is None:
            if size >= _BYTES_PER_TURN:
                self._bytes_pending = True
                return
            room = self._parser.room()
            try:
                count = self._recv_into(room)
            except ssl.SSLWantWriteError:
                self._read_wants_write = self.attention = True
                return
            except WOULD_BLOCK:
                self._failure = self._write_failure  # all that was received is read
                return
            except (OSError, ValueError) as error:
                self._failure = self._write_failure or _lost(error)
                self._failure.__cause__ = self._failure.__cause__ or error
                return
            if not count:
                self._failure = self._write_failure or ConnectionClosed(
                    1006, "the peer ended the connection without a close frame"
                )
                return
            self.last_received_at = time.monotonic()
            self.bytes_received += count
            size += count
            self._parser.filled(count)
            frames -= self._take(messages, count, frames)
            if self._is_plain and count < len(room):
                # a short read: the socket is empty, which is not certain with TLS
                self._bytes_pending = self._write_failure is not None
                return

    def _take(self, messages: list[bytes], received: int, most: int) -> int:
        """
        Take up to *most* frames from the buffer after *received* more bytes. Return how
        many. A broken frame sets the failure.
        """
        controls: list[ControlFrame] = []
        taken = 0
        try:
            taken = self._parser.take(messages, controls, most)
        except ConnectionClosed as error:
            self._failure = error
        self._frames_pending = taken == most
        for control in controls:
            self.attention = True
            self._follow(control)
        if self._parser.empty:
            self.unfinished_at, self.unfinished_bytes = None, 0
        elif taken or self.unfinished_at is None:
            self.unfinished_at, self.unfinished_bytes = self.last_received_at, 0
        else:
            self.unfinished_bytes += received
        return taken

    def _follow(self, control: ControlFrame) -> None:
        if control.opcode == PING:
            if len(self._control) < _FRAMES_PER_TURN and not self._close_sent:
                self._control.append(control_frame(PONG, control.payload))
        elif control.opcode == CLOSE:
            try:
                self.closed_by_peer = parse_close(control.payload)
            except ConnectionClosed as error:
                self._failure = error
            else:
                self.send_close(self.closed_by_peer.code)

    # Waiting.

    def fileno(self) -> int:
        """
        Return the descriptor of the socket.
        """
        return self._sock.fileno()

    @property
    def interest(self) -> int:
        """
        The events to wait for. A TLS read may wait for WRITE, a TLS write for READ.
        """
        events = READ
        if self._read_wants_write or (not self.idle and not self._write_wants_read):
            events |= WRITE
        return events

    @property
    def unread(self) -> bool:
        """
        Whether `read` has work that no poll can see: bytes that TLS has decrypted, or
        those beyond the limit of a turn.
        """
        if self._bytes_pending or self._frames_pending:
            return True
        return self._pending is not None and bool(self._pending())

    def linger(self, seconds: float) -> None:
        """
        Read and drop input until the peer ends the connection, or for so many seconds.

        Closing a socket with unread input resets it, and our close frame is lost.
        """
        end = time.monotonic() + seconds
        poller = Poller()
        with contextlib.suppress(OSError):
            poller.watch({self._sock.fileno(): READ})
            while (remaining := end - time.monotonic()) > 0:
                if not self.unread and not poller.wait(math.ceil(remaining * 1000)):
                    return
                self._bytes_pending = self._frames_pending = False
                with contextlib.suppress(*WOULD_BLOCK):
                    if not self._sock.recv(65536):
                        return

    def close_gracefully(self) -> None:
        """
        Send our close frame in one write, if the socket takes it, and close the socket.
        """
        self.send_close()
        self.write()
        self.close()

    def close(self) -> None:
        """
        Close the socket at once.
        """
        with suppress_foreign:  # it may be an object of the user
            self._sock.close()


def _lost(error: Exception) -> ConnectionClosed:
    text = getattr(error, "strerror", None) or type(error).__name__
    return ConnectionClosed(1006, f"the connection was lost: {text}")
