"""
Frames on the way in: websocket-client's parser, fed from a buffer and bounded.
"""

from __future__ import annotations

from websocket import ABNF
from websocket._abnf import frame_buffer

from ..errors import ConnectionClosed


class Frames(frame_buffer):
    """
    The parser. It only ever gets whole parts (header, length, payload) from a buffer:
    asked for every few bytes it would sum its list of chunks again and again.

    Args:
        max_bytes: A larger message raises ConnectionClosed 1009.
    """

    def __init__(self, max_bytes: int) -> None:
        super().__init__(self._never, skip_utf8_validation=True)
        self.buffer = bytearray()
        self._position = 0
        self._max_bytes = max_bytes

    def _never(self, _: int) -> bytes:
        raise AssertionError("recv_strict() reads the buffer itself")

    def recv_strict(self, bufsize: int) -> bytes:
        """
        Return exactly so many bytes, or raise BlockingIOError and lose nothing.
        """
        end = self._position + bufsize
        if end > len(self.buffer):
            del self.buffer[: self._position]
            self._position = 0
            raise BlockingIOError
        data = bytes(self.buffer[self._position : end])
        self._position = end
        return data

    def recv_frame(self) -> ABNF:
        """
        Return the next whole frame, or raise BlockingIOError.

        Unlike the original it takes any close code, and refuses what RFC 6455 forbids.
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
            if opcode >= 8 and (self.length > 125 or not fin):
                raise ConnectionClosed(
                    1002, "the peer sent an oversized or fragmented control frame"
                )
            self.check(self.length)
        assert self.length is not None
        payload = self.recv_strict(self.length)
        self.clear()
        return ABNF(fin, 0, 0, 0, opcode, 0, payload)

    @property
    def empty(self) -> bool:
        """
        Whether no part of a frame is here.
        """
        return self.needs_header() and len(self.buffer) == self._position

    def check(self, size: int) -> None:
        """
        Raise ConnectionClosed 1009 if a message may not be so large.
        """
        if size > self._max_bytes:
            raise ConnectionClosed(
                1009,
                f"a message of {size} bytes; max_message_bytes is {self._max_bytes}",
            )


def close_of(payload: bytes) -> ConnectionClosed:
    if not payload:
        return ConnectionClosed(1005, "", clean=True)
    code = int.from_bytes(payload[:2], "big") if len(payload) > 1 else 0
    if not 1000 <= code < 5000 or code in (1005, 1006, 1015):
        # to echo it would break the protocol as well (RFC 6455 7.4)
        raise ConnectionClosed(1002, f"the peer closed with the forbidden code {code}")
    return ConnectionClosed(code, payload[2:].decode("utf-8", "replace"), clean=True)
