"""
The WebSocket: frames in, frames out, on a socket that never blocks.

What websocket-client is used for, here, in `frames` and in `handshake`, and what not
(1.9.2; all of it was measured):

1. Its handshake and its frame classes, not ``WebSocketApp`` and none of ``recv``,
   ``send``, ``ping``, ``close``: they block, answer control frames by blocking writes,
   and lose their place in a frame that was sent in part.
2. ``recv_frame()`` resumes after would-block at any byte. Here it only ever gets whole
   parts (header, length, payload) from a buffer: asked for every few bytes it sums its
   list of chunks again and again.
3. UTF-8 is checked by the codec, in C; its own check is a loop in Python.
4. It has no limit on the size of a message. Here one applies to what a frame
   announces and to the sum of a message's frames.

All of `Wire` belongs to the reader thread.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import struct
import time
from collections import deque
from typing import Any

import websocket
from websocket import ABNF

from ..errors import ConnectionClosed
from .frames import Frames, close_of

_RECORD = 16384  # bytes: one TLS record; nothing larger is offered to the socket
_READS_PER_TURN = 8  # of 64 KiB: then somebody else has a turn
_FRAMES_PER_TURN = 100  # likewise; and all of them may be pings


class Wire:
    """
    One open WebSocket.

    Args:
        websocket_: A connected websocket-client object; its socket is ours from now on.
        max_message_bytes: A larger incoming message raises ConnectionClosed 1009.
        first: Bytes that came with the handshake's answer.

    Attributes:
        heard_at: Monotonic time of the last inbound byte; where it had to wait for us,
            of when we came to it.
        unfinished_at: When, on the monotonic clock, the first bytes came of a frame
            that is not whole yet; None if there is none.
        unfinished_bytes: How many have come since.
        bytes_sent: Since somebody last took note of it.
        bytes_received: Likewise.
        closed_by_peer: The peer's close frame, once it came.
    """

    def __init__(
        self, websocket_: Any, max_message_bytes: int, first: bytes = b""
    ) -> None:
        self._websocket = websocket_
        self._sock: socket.socket = websocket_.sock
        self._sock.setblocking(False)
        self._frames = Frames(max_message_bytes)
        self._frames.buffer += first
        websocket_.frame_buffer = self._frames
        self._parts: bytearray | None = None
        self._control: deque[bytes] = deque()
        self._queue: deque[bytes] = deque()
        self._sending: memoryview | None = None
        self._read_wants_write = False
        self._write_wants_read = False
        self._unread = bool(first)
        self._behind = False  # whole frames may be left from the last turn
        self._close_sent = False
        self._failure: ConnectionClosed | None = None
        self.heard_at = time.monotonic()
        self.unfinished_at: float | None = None
        self.unfinished_bytes = 0
        self.bytes_sent = 0
        self.bytes_received = len(first)
        self.closed_by_peer: ConnectionClosed | None = None

    # What goes out.

    def send(self, text: str) -> None:
        """
        Queue a text message; `write` sends it. After our close frame it is dropped.
        """
        if self._close_sent:
            return
        self._queue.append(ABNF.create_frame(text, ABNF.OPCODE_TEXT).format())

    def ping(self) -> None:
        """
        Queue a ping, ahead of messages, between frames.
        """
        if not self._close_sent:
            self._control.append(ABNF.create_frame(b"", ABNF.OPCODE_PING).format())

    def send_close(self, code: int = 1000, reason: str = "") -> None:
        """
        Queue our close frame, once; nothing follows it.
        """
        if self._close_sent:
            return
        self._close_sent = True
        payload = b""
        if code != 1005:
            text = reason.encode("utf-8")[:123].decode(
                "utf-8", "ignore"
            )  # no half letter
            payload = struct.pack("!H", code) + text.encode("utf-8")
        self._queue.clear()
        self._control.append(ABNF.create_frame(payload, ABNF.OPCODE_CLOSE).format())

    @property
    def idle(self) -> bool:
        """
        Whether everything given has been taken by the socket.
        """
        return self._sending is None and not self._control and not self._queue

    def write(self) -> None:
        """
        Send what the socket takes now.

        A slice that the socket refused is offered again unchanged: TLS demands it.

        Raises:
            ConnectionClosed: The connection is gone.
        """
        self._write_wants_read = False
        while not self.idle:
            if self._sending is None:
                queue = self._control or self._queue
                self._sending = memoryview(queue.popleft())
            try:
                sent = self._sock.send(self._sending[:_RECORD])
            except ssl.SSLWantReadError:
                self._write_wants_read = True
                return
            except WOULD_BLOCK:
                return
            except (OSError, ValueError) as error:
                lost = _lost(error)
                if not self._behind:
                    raise lost from error
                self._failure = self._failure or lost  # what came before comes first
                return
            self.bytes_sent += sent
            self._sending = self._sending[sent:] or None

    # What comes in.

    def read(self) -> list[bytes]:
        """
        Return messages that have come, whole ones; answer pings.

        Not all of them, if there are many: `unread` tells. After the peer's close frame
        nothing more is returned, and `closed_by_peer` is set.

        Raises:
            ConnectionClosed: The connection is gone, or the peer broke the protocol.
        """
        if self._behind:
            self.heard_at = time.monotonic()
        elif self._failure is not None:
            raise self._failure
        else:
            self._failure = self._fill()
        messages: list[bytes] = []
        self._behind = False
        try:
            self._behind = self._parse(messages)
        except WOULD_BLOCK:
            if self.unfinished_at is None and not self._frames.empty:
                self.unfinished_at = self.heard_at
        except ConnectionClosed as error:
            self._failure = error
        except (websocket.WebSocketException, ValueError, TypeError) as error:
            self._failure = ConnectionClosed(1002, str(error))
        if self._failure is not None and self.closed_by_peer is None:
            if not messages and not self._behind:
                raise self._failure
            self._unread = True  # what came before it comes first
        return messages

    def _parse(self, messages: list[bytes]) -> bool:
        """
        Take frames from the buffer; return whether that was a turn's fill of them.
        """
        for _ in range(_FRAMES_PER_TURN):
            if self.closed_by_peer is not None:
                return False
            self._accept(self._websocket.recv_frame(), messages)
        return True

    def _fill(self) -> ConnectionClosed | None:
        self._read_wants_write = self._unread = False
        for _ in range(_READS_PER_TURN):
            try:
                data = self._sock.recv(65536)
            except ssl.SSLWantWriteError:
                self._read_wants_write = True
                return None
            except WOULD_BLOCK:
                return None
            except (OSError, ValueError) as error:
                lost = _lost(error)
                lost.__cause__ = error
                return lost
            if not data:
                return ConnectionClosed(1006, "the peer hung up without saying goodbye")
            self.heard_at = time.monotonic()
            if self.unfinished_at is None:
                self.unfinished_at = self.heard_at
            else:
                self.unfinished_bytes += len(data)
            self.bytes_received += len(data)
            self._frames.buffer += data
        self._unread = True
        return None

    def _accept(self, frame: ABNF, messages: list[bytes]) -> None:
        self.unfinished_at, self.unfinished_bytes = None, 0
        data = frame.data if isinstance(frame.data, bytes) else frame.data.encode()
        if frame.opcode == ABNF.OPCODE_PING:
            if len(self._control) < _FRAMES_PER_TURN and not self._close_sent:
                pong = ABNF.create_frame(data, ABNF.OPCODE_PONG)
                self._control.append(pong.format())
        elif frame.opcode == ABNF.OPCODE_CLOSE:
            self.closed_by_peer = close_of(data)
            self.send_close(self.closed_by_peer.code)
        elif frame.opcode != ABNF.OPCODE_PONG:
            if (frame.opcode == ABNF.OPCODE_CONT) != (self._parts is not None):
                raise ConnectionClosed(1002, "the peer mixed up a message's frames")
            if self._parts is None and frame.fin:
                messages.append(data)
                return
            # one buffer: a list of fragments grows with each, also with empty ones
            parts = self._parts = bytearray() if self._parts is None else self._parts
            parts += data
            self._frames.check(len(parts))
            if frame.fin:
                messages.append(bytes(parts))
                self._parts = None

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
        events = selectors.EVENT_READ
        if self._read_wants_write or (not self.idle and not self._write_wants_read):
            events |= selectors.EVENT_WRITE
        return events

    @property
    def unread(self) -> bool:
        """
        Whether `read` has work that no selector can see: bytes that TLS has decrypted
        already, or a turn that stopped early.
        """
        if self._unread or self._behind:
            return True
        pending = getattr(self._sock, "pending", None)
        return bool(pending and pending())

    def linger(self, seconds: float) -> None:
        """
        Read and drop what still comes, until the peer hangs up or for so many seconds.

        A socket that is closed with unread input is reset, and our close frame with it.
        """
        end = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector, contextlib.suppress(OSError):
            selector.register(self._sock, selectors.EVENT_READ)
            while (left := end - time.monotonic()) > 0:
                if not self.unread and not selector.select(left):
                    return
                self._unread = self._behind = False
                with contextlib.suppress(*WOULD_BLOCK):
                    if not self._sock.recv(65536):
                        return

    def leave(self) -> None:
        """
        Say goodbye, as far as one write carries, and close the socket.
        """
        self.send_close()
        with contextlib.suppress(ConnectionClosed):
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


WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
