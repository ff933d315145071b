"""
Parses WebSocket frames from a read buffer (RFC 6455, 5).

1. The socket writes into a buffer that is borrowed from a pool until it is empty. Most
   sessions are idle most of the time. A buffer per session cost 60 kB of resident
   memory each (measured): it stays in the malloc arena of the thread that grew it.
2. A whole text frame, by far the most frequent one, is sliced out of the buffer:
   websocket-client's header, length and frame objects cost about 3 us each.
3. Every other frame goes through websocket-client's parser, which gets whole parts only
   (header, length, payload): called for every few bytes, it would sum its list of
   chunks again and again. Its UTF-8 check, a loop in Python, is off: the codec checks.
4. websocket-client does not limit the size of a message. Here a limit applies to the
   size that a frame announces, and to the sum of a message's frames.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, NamedTuple

from websocket import ABNF, WebSocket, WebSocketException
from websocket._abnf import frame_buffer

from ..errors import ConnectionClosed

TEXT: int = ABNF.OPCODE_TEXT
CLOSE: int = ABNF.OPCODE_CLOSE
PING: int = ABNF.OPCODE_PING
PONG: int = ABNF.OPCODE_PONG

WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

_KEPT = 8 << 10  # bytes: up to so many unread bytes are copied to free the buffer
_CAPACITY = 64 << 10  # bytes of a pooled buffer
_MOST_SPARE = 4
_NO_ROOM = memoryview(b"")
_TEXT = 0x80 | TEXT
_MASKED = 0x80


class ControlFrame(NamedTuple):
    """
    A ping, pong or close frame.
    """

    opcode: int
    payload: bytes


class FrameParser(frame_buffer):
    """
    A read buffer and the parser of the frames in it. Reader thread.

    Args:
        handle: The connected websocket-client object. If it overrides ``recv_frame``,
            every frame is read by that method, from this buffer.
        max_bytes: A larger message raises ConnectionClosed 1009.
        first: Bytes that were received after the handshake's answer.
    """

    def __init__(self, handle: Any, max_bytes: int, first: bytes = b"") -> None:
        super().__init__(_never, skip_utf8_validation=True)
        handle.frame_buffer = self
        recv_frame = getattr(handle, "recv_frame", None)
        is_own = getattr(recv_frame, "__func__", None) is not WebSocket.recv_frame
        self._own_recv_frame: Callable[[], Any] | None = recv_frame if is_own else None
        self._slices = self._own_recv_frame is None
        self._max_bytes = max_bytes
        self._parts: bytearray | None = None  # of an unfinished, fragmented message
        self._view = memoryview(bytearray(first))
        self._start, self._end = 0, len(first)  # of the unread bytes

    # The buffer.

    def room(self) -> memoryview:
        """
        Return the free part of the buffer. After writing into it, call `filled`.
        """
        unread = self._view[self._start : self._end]
        size, capacity = len(unread), len(self._view)
        if capacity < _CAPACITY or size == capacity:  # none, or full of one frame
            self._view = _borrow(max(_CAPACITY, 2 * size))
        self._view[:size] = unread
        self._start, self._end = 0, size
        return self._view[size:]

    def filled(self, size: int) -> None:
        """
        Add *size* bytes, which were written into `room`, to the unread bytes.
        """
        self._end += size

    def release(self) -> None:
        """
        Return the buffer to the pool, unless it holds more than a few unread bytes.
        """
        view, unread = self._view, self._view[self._start : self._end]
        if len(unread) <= _KEPT < len(view):
            self._view = memoryview(bytearray(unread)) if unread else _NO_ROOM
            self._start, self._end = 0, len(unread)
            _give_back(view)

    @property
    def empty(self) -> bool:
        """
        Whether the buffer holds no part of a frame.
        """
        return self._start == self._end and self.header is None

    # Messages.

    def take(
        self, messages: list[bytes], controls: list[ControlFrame], most: int
    ) -> int:
        """
        Take whole frames out of the buffer; stop after a close frame.

        Args:
            messages: The messages are appended here, also those before an error.
            controls: The control frames are appended here, also those before an error.
            most: How many frames to take at most.

        Returns:
            How many frames were taken. Fewer than *most*: no whole frame is left.

        Raises:
            ConnectionClosed: The peer broke the protocol.
        """
        taken = 0
        while taken < most:
            if self.header is None and self._parts is None and self._slices:
                before = len(messages)
                is_parser_needed = self._slice(messages, most - taken)
                taken += len(messages) - before
                if not is_parser_needed:
                    break
            frame = self._parse()
            if frame is None:
                break
            taken += 1
            data = frame.data if isinstance(frame.data, bytes) else frame.data.encode()
            if frame.opcode >= CLOSE:
                controls.append(ControlFrame(frame.opcode, data))
                if frame.opcode == CLOSE:
                    break
            else:
                self._add(frame, data, messages)
        return taken

    def _slice(self, messages: list[bytes], most: int) -> bool:
        """
        Append the payloads of up to *most* whole text frames at the buffer's front.

        Returns:
            Whether a frame for the parser comes next. False: none, or part of a text
            frame.
        """
        view, start, end = self._view, self._start, self._end
        for_parser = False
        for _ in range(most):
            unread = end - start
            if unread < 2:
                for_parser = unread == 1 and view[start] != _TEXT
                break
            size, payload = view[start + 1], start + 2
            if view[start] != _TEXT or size >= _MASKED:
                for_parser = True
                break
            if size >= 126:
                payload += 2 if size == 126 else 8
                if payload > end:
                    break
                size = int.from_bytes(view[start + 2 : payload], "big")
            if size > self._max_bytes:  # the parser raises the error
                for_parser = True
                break
            if payload + size > end:
                break
            start = payload + size
            messages.append(bytes(view[payload:start]))
        self._start = start
        return for_parser

    def _parse(self) -> Any:
        """
        Return the next whole frame as an `ABNF`, or None if there is none.
        """
        try:
            return self._own_recv_frame() if self._own_recv_frame else self.recv_frame()
        except WOULD_BLOCK:
            return None
        except (WebSocketException, ValueError, TypeError) as error:
            raise ConnectionClosed(1002, str(error)) from error

    def _add(self, frame: Any, data: bytes, messages: list[bytes]) -> None:
        """
        Add a data frame to its message, and a whole message to *messages*.
        """
        if (frame.opcode == ABNF.OPCODE_CONT) != (self._parts is not None):
            raise ConnectionClosed(1002, "the frames of a message are out of order")
        if self._parts is None:
            if frame.fin:
                messages.append(data)
                return
            # a list would grow with empty fragments, which the size limit cannot see
            self._parts = bytearray()
        self._parts += data
        self._check(len(self._parts))
        if frame.fin:
            messages.append(bytes(self._parts))
            self._parts = None

    # Called by websocket-client.

    def recv_strict(self, bufsize: int) -> bytes:
        """
        Return exactly *bufsize* bytes, or raise BlockingIOError and consume none.
        """
        stop = self._start + bufsize
        if stop > self._end:
            raise BlockingIOError
        data = bytes(self._view[self._start : stop])
        self._start = stop
        return data

    def recv_frame(self) -> ABNF:
        """
        Return the next whole frame, or raise BlockingIOError.

        Unlike the original it accepts any close code, and refuses forbidden frames.
        """
        if self.needs_header():
            self.recv_header()
        assert self.header is not None
        fin, rsv1, rsv2, rsv3, opcode, masked, _ = self.header
        if rsv1 or rsv2 or rsv3 or opcode not in ABNF.OPCODES or masked:
            raise ConnectionClosed(1002, "the peer sent a frame that RFC 6455 forbids")
        if self.needs_length():
            self.recv_length()
            assert self.length is not None
            if opcode >= CLOSE and (self.length > 125 or not fin):
                raise ConnectionClosed(
                    1002, "the peer sent an oversized or fragmented control frame"
                )
            self._check(self.length)
        assert self.length is not None
        payload = self.recv_strict(self.length)
        self.clear()
        return ABNF(fin, 0, 0, 0, opcode, 0, payload)

    def _check(self, size: int) -> None:
        """
        Raise ConnectionClosed 1009 if a message of *size* bytes is too large.
        """
        if size > self._max_bytes:
            raise ConnectionClosed(
                1009,
                f"a message of {size} bytes; max_message_bytes is {self._max_bytes}",
            )


def _never(_: int) -> bytes:
    raise AssertionError("recv_strict() reads the buffer itself")


def parse_close(payload: bytes) -> ConnectionClosed:
    """
    Return the code and reason in the payload of a close frame.

    Raises:
        ConnectionClosed: 1002: the code is one that must not be sent (RFC 6455, 7.4).
    """
    if not payload:
        return ConnectionClosed(1005, "", clean=True)
    code = int.from_bytes(payload[:2], "big") if len(payload) > 1 else 0
    if not 1000 <= code < 5000 or code in (1005, 1006, 1015):
        # an echo of this code would break the protocol as well
        raise ConnectionClosed(1002, f"the peer closed with the forbidden code {code}")
    return ConnectionClosed(code, payload[2:].decode("utf-8", "replace"), clean=True)


# The pool of read buffers, shared by all sessions of the process.

# Buffers that no session uses. No lock: append and pop are one C call each.
_spare: list[memoryview] = []


def _borrow(size: int) -> memoryview:
    """
    Return a buffer of *size* bytes. Any thread.
    """
    if size == _CAPACITY:
        try:
            return _spare.pop()
        except IndexError:
            pass
    return memoryview(bytearray(size))


def _give_back(buffer: memoryview) -> None:
    """
    Return *buffer* to the pool; the caller must not use it any more. Any thread.
    """
    if len(buffer) == _CAPACITY and len(_spare) < _MOST_SPARE:
        _spare.append(buffer)
