"""
The WebSocket: frames in, frames out, on a socket that never blocks.

Of websocket-client only the handshake (`handshake`) and the frame parser (`frames`) are
used, not ``WebSocketApp`` and none of ``recv``, ``send``, ``ping``, ``close``: they
block, answer control frames by blocking writes, and lose their place in a frame that
was sent in part (1.9.2, measured).

All of `WebSocketStream` belongs to the reader thread.
"""

from __future__ import annotations

import contextlib
import math
import socket
import ssl
import time
from collections.abc import Sequence
from typing import Any

from .._concurrency.poller import READ, WRITE, Poller
from ..errors import ConnectionClosed
from .frames import (
    CLOSE,
    PING,
    PONG,
    WOULD_BLOCK,
    ControlFrame,
    FrameParser,
    close_frame,
    control_frame,
    parse_close,
    text_frames,
)
from .sockets import bound_unsent, recv_into_of, request_id_of, unacknowledged

_RECORD = 16 << 10  # bytes: one TLS record; nothing larger is offered to TLS
# Then events are made of them: the memory of a turn stays with the thread's arena of
# malloc. Three times as much saves a tenth of the CPU time of an audio delta in a
# burst, and costs 8 kB of resident memory a session (measured).
_BYTES_PER_TURN = 64 << 10
_FRAMES_PER_TURN = 100  # likewise; and all of them may be pings


class WebSocketStream:
    """
    One open WebSocket.

    Args:
        websocket_: A connected websocket-client object; its socket is ours from now on.
        max_message_bytes: A larger incoming message raises ConnectionClosed 1009.
        first: Bytes that came with the handshake's answer.

    Attributes:
        last_received_at: Monotonic time at which the last inbound bytes were read.
        unfinished_at: When, on the monotonic clock, the first bytes came of a frame
            that is not whole yet; None if there is none.
        unfinished_bytes: How many have come since.
        bytes_sent, bytes_received: Since the handshake, frames included.
        request_id: What the service calls this connection; None if it has no name.
        closed_by_peer: The peer's close frame, once it came.
        attention: Whether `read` met more than messages: a control frame, a failure, or
            TLS that wants to write. The reader of it clears it.
    """

    def __init__(
        self, websocket_: Any, max_message_bytes: int, first: bytes = b""
    ) -> None:
        self._websocket = websocket_  # what the user made may close its socket itself
        self._sock: socket.socket = websocket_.sock
        self._sock.setblocking(False)
        bound_unsent(self._sock)
        # What a short read or a large write means is certain of this class only.
        self._is_plain = type(self._sock) is socket.socket
        self._recv_into = recv_into_of(self._sock)
        self._parser = FrameParser(websocket_, max_message_bytes, first)
        self._control: list[bytes] = []
        self._queue: list[bytes] = []
        self._sending: memoryview | None = None
        self._read_wants_write = False
        self._write_wants_read = False
        self._bytes_left = False  # to be read from the socket, or the end
        self._frames_left = bool(first)  # to be taken from the buffer, perhaps
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

    # What goes out.

    def send(self, message: bytes) -> None:
        """Queue a text message; `write` sends it, unless our close frame was sent."""
        self.send_all((message,))

    def send_all(self, messages: Sequence[bytes]) -> None:
        """
        Queue text messages, in order. Control frames go out before them, or between
        buffers of 64 KiB.
        """
        if not self._close_sent:
            self._queue += text_frames(messages)

    def ping(self) -> int:
        """
        Queue a ping, ahead of messages, between frames.

        Returns:
            What `acknowledged` must reach for the peer to have it.
        """
        if not self._close_sent:
            self._control.append(control_frame(PING))
        ahead = sum(map(len, self._control)) + len(self._sending or b"")
        return self.bytes_sent + ahead

    @property
    def acknowledged(self) -> int:
        """
        How many of `bytes_sent` the peer's kernel has; of TLS, at least so many.
        """
        return self.bytes_sent - unacknowledged(self._sock)

    def send_close(self, code: int = 1000, reason: str = "") -> None:
        """
        Queue our close frame, once; nothing follows it.
        """
        if self._close_sent:
            return
        self._close_sent = True
        self._queue.clear()
        self._control.append(close_frame(code, reason))

    @property
    def idle(self) -> bool:
        """
        Whether everything given has been taken by the socket.
        """
        return self._sending is None and not self._control and not self._queue

    def write(self) -> None:
        """
        Send what the socket takes now.

        A slice that TLS refused is offered again unchanged: it demands it. A write that
        fails ends the writing and not the reading: the peer's last messages and its
        close code may still wait to be read. `read` reports the failure after them.
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
                self._bytes_left = self.attention = True
                return
            self.bytes_sent += sent
            self._sending = sending[sent:] or None

    # What comes in.

    def read(self) -> list[bytes]:
        """
        Return messages that have come, whole ones; answer pings.

        Not all of them, if there are many: `unread` tells. After the peer's close frame
        nothing more is returned, and `closed_by_peer` is set.

        Raises:
            ConnectionClosed: The connection is gone, or the peer broke the protocol.
        """
        messages: list[bytes] = []
        if self.closed_by_peer is not None:
            return messages
        if self._frames_left:
            self.last_received_at = time.monotonic()
            self._take(messages, 0, _FRAMES_PER_TURN)
        elif self._failure is None:
            self._receive(messages)
        self._parser.release()
        if self._failure is not None and self.closed_by_peer is None:
            if not messages and not self._frames_left:
                raise self._failure
            self._bytes_left = self.attention = True  # what came before comes first
        return messages

    def _receive(self, messages: list[bytes]) -> None:
        """
        Read what has come, up to a turn's fill of bytes or frames.
        """
        self._read_wants_write = self._bytes_left = False
        frames, size = _FRAMES_PER_TURN, 0
        while frames and self._failure is None and self.closed_by_peer is None:
            if size >= _BYTES_PER_TURN:
                self._bytes_left = True
                return
            room = self._parser.room()
            try:
                count = self._recv_into(room)
            except ssl.SSLWantWriteError:
                self._read_wants_write = self.attention = True
                return
            except WOULD_BLOCK:
                self._failure = self._write_failure  # no more will come
                return
            except (OSError, ValueError) as error:
                self._failure = self._write_failure or _lost(error)
                self._failure.__cause__ = self._failure.__cause__ or error
                return
            if not count:
                self._failure = self._write_failure or ConnectionClosed(
                    1006, "the peer hung up without saying goodbye"
                )
                return
            self.last_received_at = time.monotonic()
            self.bytes_received += count
            size += count
            self._parser.filled(count)
            frames -= self._take(messages, count, frames)
            if self._is_plain and count < len(room):
                # no more has come; TLS may have it decrypted, and no poll tells
                self._bytes_left = self._write_failure is not None
                return

    def _take(self, messages: list[bytes], received: int, most: int) -> int:
        """
        Take frames from the buffer, to which *received* bytes have come; return how
        many, *most* at most. What is wrong with them is the failure.
        """
        controls: list[ControlFrame] = []
        taken = 0
        try:
            taken = self._parser.take(messages, controls, most)
        except ConnectionClosed as error:
            self._failure = error
        self._frames_left = taken == most
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

    # When to look again.

    def fileno(self) -> int:
        """
        Return the socket's descriptor, for the selector.
        """
        return self._sock.fileno()

    @property
    def interest(self) -> int:
        """
        The selector events to wait for: what the operations asked for, by name or not.
        """
        events = READ
        if self._read_wants_write or (not self.idle and not self._write_wants_read):
            events |= WRITE
        return events

    @property
    def unread(self) -> bool:
        """
        Whether `read` has work that no selector can see: bytes that TLS has decrypted
        already, or a turn that stopped early.
        """
        if self._bytes_left or self._frames_left:
            return True
        pending = getattr(self._sock, "pending", None)
        return bool(pending and pending())

    def linger(self, seconds: float) -> None:
        """
        Read and drop what still comes, until the peer hangs up or for so many seconds.

        A socket that is closed with unread input is reset, and our close frame with it.
        """
        end = time.monotonic() + seconds
        poller = Poller()
        with contextlib.suppress(OSError):
            poller.watch({self._sock.fileno(): READ})
            while (left := end - time.monotonic()) > 0:
                if not self.unread and not poller.wait(math.ceil(left * 1000)):
                    return
                self._bytes_left = self._frames_left = False
                with contextlib.suppress(*WOULD_BLOCK):
                    if not self._sock.recv(65536):
                        return

    def leave(self) -> None:
        """
        Say goodbye, as far as one write carries, and close the socket.
        """
        self.send_close()
        self.write()
        self.close()

    def close(self) -> None:
        """
        Close the socket at once.
        """
        self._sock.close()


def _lost(error: Exception) -> ConnectionClosed:
    text = getattr(error, "strerror", None) or type(error).__name__
    return ConnectionClosed(1006, f"the connection was lost: {text}")
