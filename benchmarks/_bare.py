"""
The bare client: the limit of the architecture "one reader thread, one callback thread".

Not a benchmark. It slices frames out of a buffer, decodes JSON to small objects with slots,
and passes the events of each read to the callback thread as one batch. Callers write to the
socket themselves, each frame masked with a new random key. It keeps no state, limits no
queue, does not reconnect, and handles few errors: azure_realtime spends the rest on those.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import queue
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from typing import Any

import _wire

encode: Callable[[bytes], bytes] = base64.b64encode
decode: Callable[..., bytes] = base64.b64decode
loads: Callable[[bytes], Any] = json.loads
try:
    import orjson
    import pybase64
except ImportError:
    _decoder = json.JSONDecoder()

    def loads(text: bytes) -> Any:
        """Decode JSON with one decoder object."""
        return _decoder.decode(text.decode())
else:
    encode, loads = pybase64.b64encode, orjson.loads

    def decode(text: str) -> bytes:
        """Decode base64 with validation, which is faster in pybase64."""
        return pybase64.b64decode(text, validate=True)


_HEAD, _TAIL = b'{"type":"input_audio_buffer.append","audio":"', b'"}'
_LENGTH = struct.Struct(">H")


class Delta:
    """
    A delta event.
    """

    __slots__ = (
        "content_index",
        "delta",
        "event_id",
        "item_id",
        "output_index",
        "response_id",
        "type",
    )

    @property
    def audio(self) -> bytes:
        """
        The decoded audio.
        """
        return decode(self.delta)


class Other:
    """
    Any other event.
    """

    __slots__ = ("fields", "type")


def to_event(text: bytes) -> Any:
    """
    Make an event from JSON.
    """
    message = loads(text)
    kind = message["type"]
    if kind == _wire.AUDIO or kind == _wire.TRANSCRIPT:
        event = Delta()
        event.type = kind
        event.event_id = message["event_id"]
        event.response_id = message["response_id"]
        event.item_id = message["item_id"]
        event.output_index = message["output_index"]
        event.content_index = message["content_index"]
        event.delta = message["delta"]
        return event
    other = Other()
    other.type, other.fields = kind, message
    return other


class BareClient:
    """
    One connection.
    """

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        connection = socket.create_connection(("127.0.0.1", port), 20)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            connection = tls.wrap_socket(connection, server_hostname="127.0.0.1")
        connection.sendall(
            b"GET /openai/v1/realtime?model=m HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)) + b"\r\n\r\n"
        )
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += connection.recv(1)
        if not answer.startswith(b"HTTP/1.1 101"):
            raise OSError(answer.decode())
        # TLS: two threads use one connection, so one at a time, and without blocking
        connection.settimeout(0 if tls else None)
        self._socket = connection
        self._tls = tls is not None
        self._io = threading.Lock()
        self._writing = threading.Lock()
        self._listeners: dict[str, Callable[[Any], None]] = {}
        self._batches: queue.SimpleQueue[list[Any] | None] = queue.SimpleQueue()

    def start(self) -> None:
        """
        Start the two threads. Listeners must be registered before.
        """
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._call, daemon=True).start()

    def on(self, name: str, listener: Callable[[Any], None]) -> None:
        """
        Register the one listener of an event type.
        """
        self._listeners[name] = listener

    def append(self, pcm: bytes) -> None:
        """
        Send audio.
        """
        self._send(_wire.masked_frame(b"".join((_HEAD, encode(pcm), _TAIL))))

    def send(self, message: dict[str, Any]) -> None:
        """
        Send any message.
        """
        self._send(_wire.masked_frame(_wire.compact(message)))

    def close(self) -> None:
        """
        Close the connection.
        """
        with contextlib.suppress(OSError):
            self._send(_wire.masked_frame(b"\x03\xe8", _wire.CLOSE))

    def _send(self, data: bytes) -> None:
        with self._writing:
            if not self._tls:
                self._socket.sendall(data)
                return
            while data:
                try:
                    with self._io:
                        data = data[self._socket.send(data) :]
                except ssl.SSLWantWriteError:
                    select.select([], [self._socket], [])
                except ssl.SSLWantReadError:
                    select.select([self._socket], [], [])

    def _receive(self) -> bytes:
        if not self._tls:
            return self._socket.recv(262144)
        parts: list[bytes] = []
        while True:
            with self._io, contextlib.suppress(ssl.SSLWantReadError):
                while len(parts) < 16:  # a TLS record has at most 16 KiB
                    part = self._socket.recv(262144)
                    parts.append(part)
                    if not part:
                        break
            if parts:
                return b"".join(parts)
            select.select([self._socket], [], [])

    def _read(self) -> None:
        buffer = b""
        with contextlib.suppress(OSError):
            while data := self._receive():
                buffer = buffer + data if buffer else data
                batch: list[Any] = []
                position, end = 0, len(buffer)
                while end - position >= 2:
                    length, start = buffer[position + 1], position + 2
                    if length == 126:
                        if end - position < 4:
                            break
                        (length,) = _LENGTH.unpack_from(buffer, start)
                        start += 2
                    elif length == 127:
                        raise OSError("a message over 64 KiB")
                    if end - start < length:
                        break
                    opcode = buffer[position] & 15
                    position = start + length
                    payload = buffer[start:position]
                    if opcode == _wire.TEXT:
                        batch.append(to_event(payload))
                    elif opcode == _wire.PING:
                        self._send(_wire.masked_frame(payload, _wire.PONG))
                buffer = buffer[position:]
                if batch:
                    self._batches.put(batch)
        self._batches.put(None)
        self._socket.close()

    def _call(self) -> None:
        listeners = self._listeners
        while (batch := self._batches.get()) is not None:
            for event in batch:
                listener = listeners.get(event.type)
                if listener is not None:
                    listener(event)
