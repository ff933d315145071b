"""
Misbehaviour on demand: of an open connection, and of handshakes.

The frames are made here rather than by ``websockets``, which would not let us send
what a faulty server sends. All methods may be called from any thread and none blocks.
"""

from __future__ import annotations

import base64
import http
import json
import threading
from collections.abc import Mapping
from typing import Any, Literal

from .transport import Transport

__all__ = ["ConnectionFaults", "HandshakeFaults", "HttpRefusal", "encode_frame"]

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
CONTINUATION = 0


def encode_frame(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """
    Return one unmasked WebSocket frame (RFC 6455, 5.2).
    """
    first = (0x80 if fin else 0) | opcode
    size = len(payload)
    if size < 126:
        head = bytes((first, size))
    elif size < 65536:
        head = bytes((first, 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, 127)) + size.to_bytes(8, "big")
    return head + payload


class ConnectionFaults:
    """
    The faults of an open connection.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._fragment_size = 0

    def send_frame(self, opcode: int, payload: bytes, *, fin: bool = True) -> None:
        """
        Send any one frame, such as a text frame that is not UTF-8.
        """
        self.transport.write(encode_frame(opcode, payload, fin=fin))

    def send_bytes_raw(self, data: bytes) -> None:
        """
        Send bytes as they are, where a frame would begin (inside TLS, if there is).
        """
        self.transport.write(data)

    def send_payload(self, payload: bytes) -> None:
        """
        Send one text message, cut into frames if `fragment` says so.
        """
        size = self._fragment_size or len(payload) or 1
        pieces = [payload[at : at + size] for at in range(0, len(payload), size)]
        pieces = pieces or [b""]
        frames = [
            encode_frame(
                CONTINUATION if index else TEXT, piece, fin=index == len(pieces) - 1
            )
            for index, piece in enumerate(pieces)
        ]
        # One write, so that no other message can come between the fragments.
        self.transport.write(b"".join(frames))

    def drop(self, how: Literal["rst", "fin", "mid_frame"] = "rst") -> None:
        """
        End the TCP connection without a closing handshake.

        ``rst`` resets it, ``fin`` ends it in order, ``mid_frame`` ends it in order
        after the first tenth of a frame.
        """
        if how == "mid_frame":
            torn = encode_frame(TEXT, b'{"type":"' + b"x" * 991)[:100]
            self.transport.write(torn, last=True)  # an answer may be under way
            self.transport.flush(1.0)
        self.transport.kill("rst" if how == "rst" else "fin")

    def stall(self) -> None:
        """
        Stop reading and writing; the TCP connection stays open.
        """
        self.transport.set_gates(reading=False, writing=False)

    def stop_reading(self) -> None:
        """
        Stop reading only, so that the client's sends fill up.
        """
        self.transport.set_gates(reading=False, writing=True)

    def resume(self) -> None:
        """
        Undo `stall`, `stop_reading`, `drip`, `fragment`, `no_pong`, `no_close_answer`.
        """
        self.transport.seconds_per_byte = 0.0
        self.transport.answer_pings = True
        self.transport.answer_close = True
        self._fragment_size = 0
        self.transport.set_gates(reading=True, writing=True)

    def drip(self, seconds_per_byte: float = 0.01) -> None:
        """
        Send everything from now on byte by byte, with a pause before each.
        """
        self.transport.seconds_per_byte = seconds_per_byte

    def fragment(self, size: int) -> None:
        """
        Cut each message from now on into frames of *size* bytes; 0 stops it.

        The cuts fall anywhere, also into the middle of a character.
        """
        self._fragment_size = size

    def flood(self, count: int, event: Mapping[str, Any] | None = None) -> None:
        """
        Queue the same event *count* times at once; by default 100 ms of silence.
        """
        if event is None:
            event = {
                "type": "response.output_audio.delta",
                "event_id": "event_flood",
                "response_id": "resp_flood",
                "item_id": "item_flood",
                "output_index": 0,
                "content_index": 0,
                "delta": base64.b64encode(bytes(4800)).decode(),
            }
        frame = encode_frame(TEXT, json.dumps(event).encode())
        for _ in range(count):
            self.transport.write(frame)

    def ping(self, payload: bytes = b"simulator") -> None:
        """
        Send a ping.
        """
        self.send_frame(PING, payload)

    def no_pong(self) -> None:
        """
        Never answer pings from now on.
        """
        self.transport.answer_pings = False

    def no_close_answer(self) -> None:
        """
        Never answer the client's close frame from now on, and never end the TCP
        connection either.
        """
        self.transport.answer_close = False


class HttpRefusal:
    """
    An HTTP answer in place of the upgrade.

    Args:
        status: Its status code.
        headers: Headers beside the usual ones.
        body: Text, bytes, or an object to send as JSON. None is the service's own
            JSON error for the status.
    """

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | Mapping[str, Any] | None = None,
    ) -> None:
        self.status = status
        self.headers = dict(headers or {})
        kind = "text/plain; charset=utf-8"
        if body is None:
            body = {"error": {"code": str(status), "message": self.phrase}}
        if isinstance(body, Mapping):
            kind = "application/json"
            body = json.dumps(body)
        if not any(name.lower() == "content-type" for name in self.headers):
            self.headers["Content-Type"] = kind
        self.body = body.encode() if isinstance(body, str) else body

    @property
    def phrase(self) -> str:
        """
        The reason phrase of the status.
        """
        try:
            return http.HTTPStatus(self.status).phrase
        except ValueError:
            return "Refused"

    @classmethod
    def error(cls, status: int, code: str, message: str) -> HttpRefusal:
        """
        Return a refusal in the service's own shape.
        """
        return cls(status, None, {"error": {"code": code, "message": message}})


class HandshakeFaults:
    """
    The faults of the next handshakes.
    """

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._refusal: HttpRefusal | None = None
        self._times: int | None = None
        self._mute = False
        self._stopped = False

    def refuse(self, refusal: HttpRefusal, times: int | None) -> None:
        """
        Refuse the next *times* handshakes, or all of them.
        """
        with self._change:
            self._refusal, self._times, self._mute = refusal, times, False
            self._change.notify_all()

    def mute(self) -> None:
        """
        Take connections and requests, and never answer.
        """
        with self._change:
            self._refusal, self._mute = None, True

    def accept(self) -> None:
        """
        Behave again; handshakes that were kept waiting go on.
        """
        with self._change:
            self._refusal, self._mute = None, False
            self._change.notify_all()

    def stop(self) -> None:
        """
        End the waits in `meet`; the service is stopping.
        """
        with self._change:
            self._stopped = True
            self._change.notify_all()

    def meet(self, transport: Transport) -> HttpRefusal | None:
        """
        Return the refusal for a handshake, if any, after waiting while mute.

        Handshake thread only.
        """
        with self._change:
            while self._mute and not self._stopped and not transport.ended.is_set():
                # The end of the transport is not signalled here: look again.
                self._change.wait(0.05)
            if self._refusal is None or self._times == 0:
                return None
            if self._times is not None:
                self._times -= 1
            return self._refusal
