"""
The HTTP part of the WebSocket handshake: the stream it uses, and refused handshakes.

websocket-client writes the request and checks the answer. It reads through a
`HandshakeStream`. The stream waits under the attempt's deadline, can be interrupted by
``close()``, and keeps the bytes of the answer up to a limit: websocket-client drops a
refusal's body if it is chunked. Redirects are not followed: they would send the
credential to another host.
"""

from __future__ import annotations

import contextlib
import email.parser
import json
import math
import re
import socket
import ssl
import time
import zlib
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, NamedTuple

from .._concurrency.deadline import Deadline
from .._concurrency.poller import READ, WRITE
from .._redaction import redacted
from ..errors import (
    AuthenticationError,
    ConnectError,
    ConnectTimeout,
    DeploymentNotFound,
    RateLimited,
)
from .attempt import MAX_HEAD_BYTES, ConnectAttempt
from .sockets import REQUEST_IDS

_STATUS = len("HTTP/1.1 101")
INFORMATIONAL = re.compile(rb"HTTP/1\.\d 1(?!01)\d\d")
"""An answer before the final one (RFC 9110, 15.2); 101 is final."""

_UPGRADE = re.compile(rb"HTTP/1\.\d 101")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_USED = re.compile(
    rb"(?i)(?:upgrade|connection|sec-websocket-[a-z]+|%s)[ \t]*:"
    % "|".join(REQUEST_IDS).encode()
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # an escape sequence has some


class HandshakeStream:
    """
    The socket that websocket-client uses during the handshake. Reader thread.

    Args:
        sock: A connected, non-blocking socket.
        attempt: Its deadline and interruption apply to every wait.

    Attributes:
        received: All bytes that were received.
    """

    def __init__(self, sock: socket.socket, attempt: ConnectAttempt) -> None:
        self.sock = sock
        self.received = bytearray()
        self._given = 0
        self._attempt = attempt

    def gettimeout(self) -> float:
        """
        Return 0.0, "non-blocking": websocket-client then calls `recv` and `send`
        directly.
        """
        return 0.0

    def send(self, data: bytes) -> int:
        """
        Send all of *data*.
        """
        view = memoryview(data)
        while view:
            try:
                view = view[self.sock.send(view) :]
            except ssl.SSLWantReadError:
                self._attempt.until(self.sock, READ)
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._attempt.until(self.sock, WRITE)
        return len(data)

    def recv(self, size: int) -> bytes:
        """
        Return up to *size* bytes of the answer; b"" at its end.
        """
        deadline = self._attempt.deadline
        if not self._given:
            self._skip_informational(deadline)
            self._drop_unused(deadline)
        if self._given == len(self.received) and not self._fill(deadline):
            return b""
        chunk = bytes(self.received[self._given : self._given + size])
        self._given += len(chunk)
        return chunk

    def rest(self) -> bytes:
        """
        Return the bytes received after the answer: the first frames.
        """
        return bytes(self.received[self._given :])

    def drain(self, seconds: float) -> None:
        """
        Read the rest of a refusal for up to so many *seconds*.
        """
        remaining = self._attempt.deadline.remaining()
        deadline = Deadline(seconds if remaining is None else min(seconds, remaining))
        with contextlib.suppress(ConnectTimeout, OSError):
            while not _is_whole(bytes(self.received)) and self._fill(deadline):
                pass

    def close(self) -> None:
        """
        Do nothing: the caller of the handshake closes the socket.
        """

    def _skip_informational(self, deadline: Deadline) -> None:
        """
        Drop the 1xx answers before the final one (RFC 9110, 15.2). 101 is final.
        """
        while True:
            while len(self.received) < _STATUS and self._fill(deadline):
                pass
            if not INFORMATIONAL.match(self.received):
                return
            end = self._head_end(deadline)
            if end is None:
                return
            del self.received[:end]

    def _drop_unused(self, deadline: Deadline) -> None:
        """
        Drop the reason and the headers of an upgrade that are not used.

        websocket-client raises for some that gateways add: cookies whose names Python
        does not accept, folded lines, bytes that are not UTF-8.
        """
        if not _UPGRADE.match(self.received):
            return
        end = self._head_end(deadline)
        if end is None:
            return
        lines = bytes(self.received[:end]).splitlines()
        used = [line for line in lines if _USED.match(line)]
        head = [b"HTTP/1.1 101 Switching Protocols", *used, b"", b""]
        self.received[:end] = b"\r\n".join(head)

    def _head_end(self, deadline: Deadline) -> int | None:
        """
        Receive the whole head of an answer. Return its size; None if it has no end.
        """
        while (end := _HEAD_END.search(self.received)) is None:
            if not self._fill(deadline):
                return None
        return end.end()

    def _fill(self, deadline: Deadline) -> bool:
        if len(self.received) >= MAX_HEAD_BYTES:
            return False
        while True:
            try:
                data = self.sock.recv(16384)
                self.received += data
                return bool(data)
            except ssl.SSLWantWriteError:
                self._attempt.until(self.sock, WRITE, deadline)
            except (BlockingIOError, ssl.SSLWantReadError):
                self._attempt.until(self.sock, READ, deadline)


class Refusal(NamedTuple):
    """
    An HTTP answer that refuses the upgrade.

    Attributes:
        status: HTTP status.
        headers: The headers, by their names in lower case.
        body: The body, cut after 64 KiB.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def parse(cls, answer: bytes) -> Refusal | None:
        """
        Parse an HTTP answer. Return None if *answer* is not HTTP.
        """
        head, body = _split(answer)
        first, _, fields = head.partition(b"\n")
        words = first.rstrip(b"\r").split(b" ", 2)
        if not first.startswith(b"HTTP/") or len(words) < 2:
            return None
        if len(words[1]) != 3 or not words[1].isdigit():
            return None
        parsed = email.parser.BytesHeaderParser().parsebytes(fields)
        headers = {name.lower(): str(value) for name, value in parsed.items()}
        body = body or b""
        if "chunked" in headers.get("transfer-encoding", "").lower():
            body = _unchunked(body)
        if headers.get("content-encoding", "identity").lower() != "identity":
            body = _inflated(body)
        return cls(int(words[1]), headers, body)

    @property
    def retry_after(self) -> float | None:
        """
        The seconds to wait before another attempt; None if the answer has none.
        """
        for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
            try:
                seconds = float(self.headers[name]) / unit
            except (KeyError, ValueError):
                continue
            if math.isfinite(seconds):
                return max(0.0, seconds)
        try:  # it may also be a date (RFC 9110, 10.2.3)
            date = parsedate_to_datetime(self.headers["retry-after"])
            return max(0.0, date.timestamp() - time.time())
        except (KeyError, ValueError, TypeError, OverflowError):
            return None

    def error(self) -> ConnectError:
        """
        Return the exception for this status, with a hint.
        """
        kind, hint = _REMEDIES.get(self.status, (ConnectError, _NO_SERVICE))
        if 300 <= self.status < 400:
            where = redacted(self.headers.get("location", "nowhere"))
            hint = (
                f"The answer redirects to {where}. Redirects are not followed, because "
                "your credential would be sent there: correct host_name."
            )
        elif self.status >= 500:
            hint = "The error is on the service's side: try again later."
        try:
            phrase = " " + HTTPStatus(self.status).phrase
        except ValueError:
            phrase = ""
        details: dict[str, Any] = {
            "status_code": self.status,
            "body": redacted(_CONTROL.sub(" ", _explanation(self.body)).strip())[:500],
            "request_id": next(filter(None, map(self.headers.get, REQUEST_IDS)), None),
            "hint": hint,
            "retry_after": self.retry_after,
        }
        return kind(
            f"The service refused the connection: {self.status}{phrase}.", **details
        )


_NO_SERVICE = "Is this a realtime endpoint? Check host_name."
_NOT_FOUND = (
    "Check the deployment's name, that it is a realtime model, the host, and the "
    "protocol (api_version=None is GA; a date is the retired preview)."
)
_UNKNOWN_CREDENTIAL = (
    "Check that the key belongs to this resource, or that the token has the scope "
    "https://ai.azure.com/.default (an api-version on the GA address also gives 401)."
)
_NO_RIGHT = (
    "The credential is valid but has no access: check the role (Cognitive Services "
    "OpenAI User), network rules and private endpoints of the resource."
)
_REMEDIES: dict[int, tuple[type[ConnectError], str]] = {
    400: (DeploymentNotFound, _NOT_FOUND),
    401: (AuthenticationError, _UNKNOWN_CREDENTIAL),
    403: (AuthenticationError, _NO_RIGHT),
    404: (DeploymentNotFound, _NOT_FOUND),
    407: (ConnectError, "The proxy requires a user and password."),
    408: (ConnectError, "The service timed out: try again."),
    429: (RateLimited, "Too many connections or requests: wait and try again."),
    431: (ConnectError, "Too many headers: send fewer in WebSocketOptions(headers)."),
}


def _explanation(body: bytes) -> str:
    """
    Return the message in an error body of the service, or the body's text.
    """
    text = body.decode("utf-8", "replace").strip()
    try:
        whole = json.loads(text)
        error = whole.get("error") or whole  # API Management sends no envelope
        if isinstance(error, str):
            return error
        code = error.get("code")
        return error["message"] + (f" (code {code})" if code else "")  # type: ignore[no-any-return]
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return " ".join(text.split())


def _split(answer: bytes) -> tuple[bytes, bytes | None]:
    """
    Return the head and the body of an HTTP answer. The body is None before its begin.
    """
    end = _HEAD_END.search(answer)
    return (answer[: end.start()], answer[end.end() :]) if end else (answer, None)


def _inflated(body: bytes) -> bytes:
    """
    Decompress a part of a gzip or zlib body; return b"" for any other encoding.
    """
    with contextlib.suppress(zlib.error):
        return zlib.decompressobj(wbits=47).decompress(body, MAX_HEAD_BYTES)
    return b""


def _is_whole(answer: bytes) -> bool:
    """
    Whether an answer is complete. The service may keep the connection open after it.
    """
    refusal = Refusal.parse(answer)
    _, body = _split(answer)
    if refusal is None or body is None:
        return False
    if refusal.status < 200 or refusal.status in (204, 304):
        return True
    if "chunked" in refusal.headers.get("transfer-encoding", "").lower():
        return body.endswith(b"0\r\n\r\n")
    length = refusal.headers.get("content-length", "")
    return length.isdecimal() and len(length) < 10 and len(body) >= int(length)


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        try:
            length = int(size.split(b";")[0], 16)
        except ValueError:
            break
        if length <= 0:
            break
        whole += body[:length]
        body = body[length + 2 :]
    return whole
