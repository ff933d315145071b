"""
Faults on demand: on an open connection, and in handshakes.

The frames are encoded here, since ``websockets`` cannot send what a faulty server
sends. Any thread may call the faults. Only ``drop("mid_frame")`` blocks, for up to one
second.
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
    first_byte = (0x80 if fin else 0) | opcode
    size = len(payload)
    if size < 126:
        header = bytes((first_byte, size))
    elif size < 65536:
        header = bytes((first_byte, 126)) + size.to_bytes(2, "big")
    else:
        header = bytes((first_byte, 127)) + size.to_bytes(8, "big")
    return header + payload


class ConnectionFaults:
    """
    The faults of an open connection. Any thread.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._fragment_size = 0

    def send_frame(self, opcode: int, payload: bytes, *, fin: bool = True) -> None:
        """
        Send one frame, valid or not, such as a text frame that is not UTF-8.
        """
        self.transport.write(encode_frame(opcode, payload, fin=fin))

    def send_bytes_raw(self, data: bytes) -> None:
        """
        Send bytes in place of a frame, unchanged (inside TLS, if TLS is used).
        """
        self.transport.write(data)

    def send_payload(self, payload: bytes) -> None:
        """
        Send one text message, in frames of the size that `fragment` has set.
        """
        size = self._fragment_size or len(payload) or 1
        fragments = [payload[at : at + size] for at in range(0, len(payload), size)]
        fragments = fragments or [b""]
        frames = [
            encode_frame(
                CONTINUATION if index else TEXT,
                fragment,
                fin=index == len(fragments) - 1,
            )
            for index, fragment in enumerate(fragments)
        ]
        # One write, so that no other message is sent between the fragments.
        self.transport.write(b"".join(frames))

    def drop(self, how: Literal["rst", "fin", "mid_frame"] = "rst") -> None:
        """
        End the TCP connection without a closing handshake.

        ``rst`` sends a TCP RST, ``fin`` a FIN, and ``mid_frame`` the first 100 bytes of
        a frame of 1004 bytes and then a FIN.

        Raises:
            ValueError: *how* is something else.
        """
        if how not in ("rst", "fin", "mid_frame"):
            raise ValueError(f"how must be 'rst', 'fin' or 'mid_frame', not {how!r}")
        if how == "mid_frame":
            partial_frame = encode_frame(TEXT, b'{"type":"' + b"x" * 991)[:100]
            # The last write: a response thread may be sending at the same time.
            self.transport.write(partial_frame, last=True)
            self.transport.flush(1.0)
        self.transport.kill("fin" if how == "mid_frame" else how)

    def stall(self) -> None:
        """
        Stop reading and writing, and keep the TCP connection open.
        """
        self.transport.set_enabled(reading=False, writing=False)

    def stop_reading(self) -> None:
        """
        Stop reading, so that the client's send buffer fills up.
        """
        self.transport.set_enabled(reading=False, writing=True)

    def resume(self) -> None:
        """
        Undo `stall`, `stop_reading`, `drip`, `fragment`, `no_pong`, `no_close_answer`.
        """
        self.transport.seconds_per_byte = 0.0
        self.transport.answer_pings = True
        self.transport.answer_close = True
        self._fragment_size = 0
        self.transport.set_enabled(reading=True, writing=True)

    def drip(self, seconds_per_byte: float = 0.01) -> None:
        """
        Send all further data byte by byte, with a pause before each byte.
        """
        self.transport.seconds_per_byte = seconds_per_byte

    def fragment(self, size: int) -> None:
        """
        Send each further message in frames of *size* bytes; 0 switches this off.

        A frame may end in the middle of a UTF-8 character.
        """
        self._fragment_size = size

    def flood(self, count: int, event: Mapping[str, Any] | None = None) -> None:
        """
        Queue the same event *count* times; None is an audio delta of 100 ms of silence.
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
        Send a ping frame.
        """
        self.send_frame(PING, payload)

    def no_pong(self) -> None:
        """
        Stop answering pings.
        """
        self.transport.answer_pings = False

    def no_close_answer(self) -> None:
        """
        Stop answering close frames; the TCP connection stays open after one.
        """
        self.transport.answer_close = False


class HttpRefusal:
    """
    An HTTP response that refuses the upgrade to WebSocket.

    Args:
        status: The HTTP status code.
        headers: Headers in addition to the usual ones.
        body: Text, bytes, or an object to send as JSON; None sends the service's JSON
            error for the status.
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
        self.body = body.encode("utf-8", "replace") if isinstance(body, str) else body

    @property
    def phrase(self) -> str:
        """
        The HTTP reason phrase of the status.
        """
        try:
            return http.HTTPStatus(self.status).phrase
        except ValueError:
            return "Refused"

    @classmethod
    def error(cls, status: int, code: str, message: str) -> HttpRefusal:
        """
        Return a refusal with the service's JSON error as its body.
        """
        return cls(status, None, {"error": {"code": code, "message": message}})


class HandshakeFaults:
    """
    The faults of the next handshakes. Any thread.
    """

    def __init__(self) -> None:
        # Guards the attributes below; notified when waiting handshakes may proceed.
        self._condition = threading.Condition()
        self._refusal: HttpRefusal | None = None
        self._times: int | None = None
        self._mute = False
        self._stopped = False

    def refuse(self, refusal: HttpRefusal, times: int | None) -> None:
        """
        Refuse the next *times* handshakes (None: all).
        """
        with self._condition:
            self._refusal, self._times, self._mute = refusal, times, False
            self._condition.notify_all()

    def mute(self) -> None:
        """
        Accept connections and requests but do not answer.
        """
        with self._condition:
            self._refusal, self._mute = None, True

    def accept(self) -> None:
        """
        Undo `refuse` and `mute`; answer waiting handshakes.
        """
        with self._condition:
            self._refusal, self._mute = None, False
            self._condition.notify_all()

    def stop(self) -> None:
        """
        End all waits in `next_refusal`.
        """
        with self._condition:
            self._stopped = True
            self._condition.notify_all()

    def next_refusal(self, transport: Transport) -> HttpRefusal | None:
        """
        Return the refusal for a handshake, or None. Waits while mute.

        The handshake's thread.
        """
        with self._condition:
            while self._mute and not self._stopped and not transport.ended.is_set():
                # The end of the transport does not notify this condition.
                self._condition.wait(0.05)
            if self._refusal is None or self._times == 0:
                return None
            if self._times is not None:
                self._times -= 1
            return self._refusal


class ServiceFaults:
    """
    The methods of the service that make it refuse handshakes, for tests. Any thread.
    """

    def __init__(self) -> None:
        self._faults = HandshakeFaults()

    def refuse(
        self,
        status: int,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | Mapping[str, Any] | None = None,
        times: int | None = None,
    ) -> None:
        """
        Answer the next *times* handshakes (None: all) with an HTTP status.

        A *body* that is an object is sent as JSON; None sends the service's error.
        """
        self._faults.refuse(HttpRefusal(status, headers, body), times)

    def redirect(
        self, location: str, status: int = 302, times: int | None = None
    ) -> None:
        """
        Answer the next *times* handshakes (None: all) with a redirect.
        """
        self._faults.refuse(HttpRefusal(status, {"Location": location}, b""), times)

    def mute_handshakes(self) -> None:
        """
        Accept TCP and TLS connections but do not answer their HTTP requests.
        """
        self._faults.mute()

    def accept(self) -> None:
        """
        Undo `refuse`, `redirect` and `mute_handshakes`; answer waiting handshakes.
        """
        self._faults.accept()
