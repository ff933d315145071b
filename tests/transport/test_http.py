"""
The HTTP side: what a refusal says, and answers that are none.
"""

from __future__ import annotations

import gzip
import json
import logging
import random
import ssl
import traceback
import unittest.mock
import zlib
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

import pytest
import websocket
from helpers.dialer import DialerStub
from helpers.peer import Peer, PeerConnection, chunked, frame, response
from helpers.timing import SCALE, at_most
from hypothesis import given
from hypothesis import strategies as st

from azure_realtime._redaction import remember
from azure_realtime._transport.connector import Connector
from azure_realtime._transport.http import Refusal
from azure_realtime._transport.websocket import WebSocketStream
from azure_realtime.errors import (
    AuthenticationError,
    ConnectError,
    ConnectTimeout,
    DeploymentNotFound,
    RateLimited,
    RealtimeError,
)
from azure_realtime.options import AzureRealTimeOptions, WebSocketOptions

KEY = "0123456789abcdefKEY"
KINDS = {
    400: DeploymentNotFound,
    401: AuthenticationError,
    403: AuthenticationError,
    404: DeploymentNotFound,
    429: RateLimited,
}
STATUSES = [status for status in HTTPStatus if status != 101]
SHORT = 0.3 * SCALE
"""A deadline that comes soon, and not before the service has been reached."""


def connect(
    url: str, seconds: float = 5.0, impl: Any = None, **websocket_options: Any
) -> WebSocketStream:
    """
    Connect to a peer, with the key.
    """
    options = AzureRealTimeOptions(url, "gpt", KEY)
    connector = Connector(
        options, options.endpoint, WebSocketOptions(**websocket_options), impl
    )
    with DialerStub(seconds) as dialer:
        return connector(dialer.attempt)


def refused(
    answer: bytes | Callable[[PeerConnection], Any],
    seconds: float = 5.0,
    hang_up: bool = False,
    impl: Any = None,
    **websocket_options: Any,
) -> ConnectError:
    """
    Return the error that an answer to the handshake becomes.
    """

    def script(conn: PeerConnection) -> None:
        conn.read_head()
        if callable(answer):
            answer(conn)
        else:
            conn.send(answer)
        if not hang_up:
            conn.read_to_end()

    with Peer(script) as peer, pytest.raises(ConnectError) as info:
        connect(peer.url, seconds, impl, **websocket_options)
    shown = "".join(traceback.format_exception(info.value)) + repr(info.value)
    assert KEY not in shown
    return info.value


@pytest.mark.parametrize("status", STATUSES, ids=lambda status: str(status.value))
def test_every_status_is_a_typed_error(status: HTTPStatus) -> None:
    """
    Every HTTP status is a typed error that has the status in numbers and in words, what
    the service sent, its request id, and something to try.
    """
    body = b'{"error": {"code": "Mine", "message": "Not like this."}}'
    refusal = Refusal(status, {"apim-request-id": "id-1"}, body)
    error = refusal.error()
    assert type(error) is KINDS.get(status, ConnectError)
    assert f"{status.value} {status.phrase}" in str(error)
    assert error.status_code == status
    assert error.body == "Not like this. (code Mine)"
    assert error.request_id == "id-1"
    assert error.hint
    assert str(error).endswith("(request id id-1)")


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500, 503, 599, 999])
def test_a_refusal_is_reported_while_the_connection_stays_open(status: int) -> None:
    """
    A refusal is reported at once, although the service keeps the connection open.
    """
    with at_most(0.5):
        error = refused(
            response(
                f"{status} Whatever",
                {"Content-Length": "4", "X-Request-ID": "id-2"},
                b"why?",
            )
        )
    assert type(error) is KINDS.get(status, ConnectError)
    assert (error.status_code, error.body, error.request_id) == (status, "why?", "id-2")


@pytest.mark.parametrize("coding", ["chunked", "Chunked"])
def test_a_chunked_refusal_is_read(coding: str) -> None:
    """
    The service's message is reported although its body came in chunks.
    """
    body = chunked(b'{"error": {"message": "No such ', b'deployment.", "code": 404}}')
    with at_most(0.5):
        error = refused(response("404 Not Found", {"Transfer-Encoding": coding}, body))
    assert error.body == "No such deployment. (code 404)"


@pytest.mark.parametrize(
    ("coding", "body", "expected"),
    [
        (
            "gzip",
            gzip.compress(b'{"message": "No such deployment."}', mtime=0),
            "No such",
        ),
        ("deflate", zlib.compress(b"No such deployment."), "No such"),
        (
            "gzip",
            gzip.compress(random.Random(1).randbytes(100_000), mtime=0)[:500],
            "\ufffd",
        ),
        ("GZIP", b"No such deployment.", ""),
        ("br", b"\x1b\x12", ""),
    ],
)
def test_a_compressed_refusal_is_read(coding: str, body: bytes, expected: str) -> None:
    """
    Some gateways compress their answers although the client does not offer it. Bytes
    that cannot be decompressed are not shown.
    """
    headers = {"Content-Length": str(len(body)), "Content-Encoding": coding}
    error = refused(response("404 Not Found", headers, body))
    assert error.body is not None
    assert expected in error.body
    assert bool(expected) == bool(error.body)


def test_a_refusal_with_bare_newlines_is_read() -> None:
    """
    Some servers end their lines without a carriage return (RFC 9112, 2.2).
    """
    with at_most(0.5):
        error = refused(b"HTTP/1.1 404 Not Found\nContent-Length: 5\n\nwhere")
    assert (error.status_code, error.body) == (404, "where")


def test_a_refusal_is_read_to_the_end_of_the_connection() -> None:
    """
    A body of unknown length is read up to the end of the connection.
    """
    error = refused(response("401 No", {}, b"Access denied."), hang_up=True)
    assert error.body == "Access denied."


@pytest.mark.slow
def test_a_refusal_without_an_end_is_reported_soon() -> None:
    """
    A body that never ends is reported as far as it came, and soon.
    """
    with at_most(1.6):
        error = refused(response("401 No", {}, b"Access denied."))
    assert error.body == "Access denied."
    with at_most(0.8):
        error = refused(response("401 No", {}, b"Access denied."), seconds=SHORT)
    assert isinstance(error, AuthenticationError)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", ""),
        (b"  plain\n  text ", "plain text"),
        (b'{"error": "in a word"}', "in a word"),
        (b'{"error": {"message": "no code"}}', "no code"),
        (b'{"error": {"code": "x"}}', '{"error": {"code": "x"}}'),
        (b'{"error": null}', '{"error": null}'),
        (b"[]", "[]"),
        (b'{"statusCode": 401, "message": "m"}', "m"),
        (b"[" * 100_000, "[" * 500),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'{"error": {"message": null}}', '{"error": {"message": null}}'),
        (b"\x1b[31mred\x00\x7f", "[31mred"),
        (b'{"message": "\\u001b[31mred\\nblue"}', "[31mred\nblue"),
        (b"x" * 1000, "x" * 500),
    ],
)
def test_the_message_is_taken_out_of_a_body(body: bytes, expected: str) -> None:
    """
    The message is taken out of the service's JSON; anything else is shown, shortened.
    """
    assert Refusal(500, {}, body).error().body == expected


@given(before=st.integers(0, 520))
def test_an_echoed_key_is_redacted(before: int) -> None:
    """
    A service that repeats the key in its refusal does not make us show any part of it,
    wherever the text is cut.
    """
    remember(KEY)
    body = "." * before + KEY + "."
    for text in (body, json.dumps({"error": {"message": body}})):
        shown = str(Refusal(500, {}, text.encode()).error())
        assert KEY[:4] not in shown


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
    ],
)
def test_retry_after_is_read_in_seconds(
    headers: dict[str, str], expected: float | None
) -> None:
    """
    A rate limit says in how many seconds to come back, if the service says it.
    """
    error = Refusal(429, headers, b"").error()
    assert isinstance(error, RateLimited)
    assert error.retry_after == expected


@given(st.integers(0, 2**36))
def test_retry_after_is_read_as_a_date(seconds: int) -> None:
    """
    The date may be any day, also 29 February.
    """
    refusal = Refusal(503, {"retry-after": formatdate(seconds, usegmt=True)}, b"")

    with unittest.mock.patch("time.time", return_value=0.0):
        assert refusal.retry_after == seconds


@pytest.mark.parametrize(
    "date",
    [
        "tomorrow",
        "Wed, 21 Okt 2015 07:28:00 GMT",
        "Wed, 99 Oct 2015 07:28:00 GMT",
        "Wed, 21 Oct 99999 07:28:00 GMT",
    ],
)
def test_an_invalid_date_is_ignored(date: str) -> None:
    """
    Then the client waits as long as it would without.
    """
    assert Refusal(503, {"retry-after": date}, b"").retry_after is None


def test_a_date_in_the_obsolete_form_is_read() -> None:
    """
    RFC 9110, 5.6.7: recipients accept it. This one has passed.
    """
    date = "Wednesday, 21-Oct-15 07:28:00 GMT"
    assert Refusal(503, {"retry-after": date}, b"").retry_after == 0.0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    """
    Another host gets neither a connection nor the key; the text says where it pointed.
    """
    with Peer(PeerConnection.mute) as other:
        where = f"http://127.0.0.1:{other.port}/?api-key={KEY}"
        with at_most(0.5):
            error = refused(
                response(f"{status} Moved", {"Location": where, "Content-Length": "0"})
            )
        assert other.connections == 0
    assert error.status_code == status
    assert f"127.0.0.1:{other.port}" in error.hint
    assert "correct host_name" in error.hint


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n\r\n",
        b"hello\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 -1 x\r\n\r\n",
        b"HTTP/1.1 " + b"9" * 5000 + b" x\r\n\r\n",
        b"HTTP/1.1 101 OK\r\nno colon\r\n\r\n",
        b"\xff\xfe\x00\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"\x00" * 100,
    ],
)
def test_invalid_answers_are_refused(answer: bytes) -> None:
    """
    Whatever a foreign service says, the error says that it is no WebSocket service.
    """
    error = refused(answer, hang_up=True)
    assert error.status_code is None
    assert "did not answer as a WebSocket service does" in str(error)
    assert "Check host and port" in error.hint


@pytest.mark.slow
@given(answer=st.binary(max_size=60), first=st.sampled_from([b"", b"HTTP/1.1 "]))
def test_any_bytes_are_a_typed_error(answer: bytes, first: bytes) -> None:
    """
    No answer whatever makes anything but a ConnectError.
    """
    refused(first + answer + b"\r\n\r\n", hang_up=True)


@given(answer=st.binary(max_size=200))
def test_parsing_a_refusal_never_fails(answer: bytes) -> None:
    """
    Any bytes after a status line are a refusal that can be reported.
    """
    for head in (b"", b"HTTP/1.1 500 x\r\n", b"HTTP/1.1 401\r\nTransfer-Encoding: ch"):
        refusal = Refusal.parse(head + answer)
        assert refusal is None or isinstance(refusal.error(), ConnectError)


@pytest.mark.parametrize(
    "wrong",
    [
        {"Sec_WebSocket_Accept": "c29tZXRoaW5nIGVsc2U="},
        {"Sec_WebSocket_Accept": None},
        {"Upgrade": None},
        {"Connection": "close"},
        {"Upgrade": "h2c"},
    ],
)
def test_an_upgrade_that_proves_nothing_fails(wrong: dict[str, str | None]) -> None:
    """
    A 101 that does not answer our key is no WebSocket, and is reported without delay.
    """
    with at_most(0.5):
        error = refused(lambda conn: conn.send(conn.upgrade_answer(**wrong)))
    assert "did not answer as a WebSocket service does" in str(error)


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ("Sec-WebSocket-Extensions: permessage-deflate", "extension"),
        ("Sec-WebSocket-Protocol: chat", "subprotocol"),
    ],
)
def test_what_was_not_offered_fails_the_handshake(header: str, what: str) -> None:
    """
    RFC 6455, 4.1: frames of an extension would be read as messages.
    """
    name, _, value = header.partition(": ")

    def script(conn: PeerConnection) -> None:
        conn.read_head()
        conn.send(conn.upgrade_answer(**{name: value}))
        conn.mute()

    with Peer(script) as peer, pytest.raises(ConnectError, match=what):
        connect(peer.url)


def test_a_subprotocol_that_the_user_offered_is_taken() -> None:
    """
    A header of the user's offers it.
    """

    def script(conn: PeerConnection) -> None:
        conn.read_head()
        conn.send(conn.upgrade_answer(**{"Sec-WebSocket-Protocol": "realtime"}))
        conn.mute()

    offered = {"Sec-WebSocket-Protocol": "chat, realtime"}
    with Peer(script) as peer:
        connect(peer.url, headers=offered).close()


@pytest.mark.parametrize("drip", [False, True])
@pytest.mark.parametrize("status", ["100 Continue", "103 Early Hints"])
def test_informational_answers_are_skipped(status: str, drip: bool) -> None:
    """
    RFC 9110, 15.2: any number of 1xx answers may come before the final one.
    """

    def script(conn: PeerConnection) -> None:
        conn.read_head()
        early = f"HTTP/1.1 {status}\r\nLink: </style>\r\n\r\n".encode() * 2
        answer = early + conn.upgrade_answer() + frame("{}")
        if drip:
            conn.drip(answer, 0.0005)
        else:
            conn.send(answer)
        conn.mute()

    with Peer(script) as peer:
        connect(peer.url).close()


def test_a_token_of_the_users_headers_is_redacted_without_its_scheme() -> None:
    """
    A service that echoes the token alone does not make it appear in the error.
    """
    token = "opaque-0123456789"

    def script(conn: PeerConnection) -> None:
        conn.read_head()
        conn.send(response("401 Unauthorized", body=f"bad: {token}".encode()))

    with Peer(script) as peer, pytest.raises(AuthenticationError) as info:
        connect(peer.url, headers={"Authorization": f"Bearer {token}"})
    assert "bad: ***" in str(info.value)
    assert token not in repr(info.value)


def test_an_endless_head_is_cut() -> None:
    """
    A head that never ends is cut at 64 KiB, not read until memory ends.
    """
    sent = 0

    def endless(conn: PeerConnection) -> None:
        nonlocal sent
        conn.send(b"HTTP/1.1 101 OK\r\n")
        while not conn.over.is_set():
            conn.send(b"X-Y: " + b"z" * 1000 + b"\r\n")
            sent += 1007

    error = refused(endless)
    assert "did not answer" in str(error)
    assert sent < 20 << 20  # what the kernel's buffers hold, at most


def test_an_endless_body_is_cut() -> None:
    """
    A refusal's endless body is cut at 64 KiB, too.
    """

    def endless(conn: PeerConnection) -> None:
        conn.send(response("403 Forbidden", {"Content-Length": str(1 << 40)}))
        while not conn.over.is_set():
            conn.send(b"no " * 1000)

    with at_most(2.0):
        error = refused(endless)
    assert isinstance(error, AuthenticationError)
    assert error.body.startswith("no no no")


@pytest.mark.parametrize("speed", [0.02, 5.0])
def test_a_slow_or_silent_service_is_a_timeout(speed: float) -> None:
    """
    A service that drips its answer, or says nothing, does not outlive the deadline; the
    text says what was waited for.
    """
    head = b"HTTP/1.1 101 Switching Protocols\r\n" + b"X: y\r\n" * 1000
    with at_most(0.8):
        error = refused(lambda conn: conn.drip(head, speed), seconds=SHORT)
    assert isinstance(error, ConnectTimeout)
    assert "waiting for the service to answer the WebSocket handshake" in str(error)


def test_a_dripping_refusal_is_reported_by_the_deadline() -> None:
    """
    A refusal whose body drips is reported as the refusal it is, by the deadline.
    """

    def drip(conn: PeerConnection) -> None:
        conn.send(response("401 Unauthorized", {"Content-Length": "1000"}))
        conn.drip(b"x" * 1000, 0.02)

    with at_most(0.8):
        error = refused(drip, seconds=SHORT)
    assert isinstance(error, AuthenticationError)


@pytest.mark.parametrize("end", [PeerConnection.fin, PeerConnection.rst])
def test_a_handshake_that_is_cut_off_is_no_timeout(
    end: Callable[[PeerConnection], None],
) -> None:
    """
    A service that hangs up in place of an answer is an error, not a timeout.
    """
    with at_most(1.6):
        error = refused(end, hang_up=True)
    assert not isinstance(error, ConnectTimeout)
    assert error.hint


@pytest.mark.parametrize("pieces", [1, 7, 1000])
def test_the_first_frames_may_come_with_the_answer(pieces: int) -> None:
    """
    An event that arrives in the same packet as the upgrade is not lost.
    """

    def eager(conn: PeerConnection) -> None:
        conn.read_head()
        data = conn.upgrade_answer() + frame("first") + frame("second")
        for start in range(0, len(data), pieces):
            conn.send(data[start : start + pieces])
        conn.mute()

    with Peer(eager) as peer:
        wire = connect(peer.url)
        messages: list[bytes] = []
        while len(messages) < 2:
            messages += wire.read()
        wire.close()
    assert messages == [b"first", b"second"]


def test_first_frames_are_seen_without_any_further_byte() -> None:
    """
    The reader need not wait for the socket to learn of an event that is there already.
    """
    with Peer(lambda conn: (conn.upgrade(frame("first")), conn.mute())) as peer:
        wire = connect(peer.url)
        assert wire.unread
        assert wire.read() == [b"first"]
        wire.close()


def test_the_upgrade_works_over_tls(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """
    The upgrade works over TLS, and a message follows.
    """
    with Peer(
        lambda conn: (conn.upgrade(frame("hello")), conn.mute()), tls=server_tls
    ) as peer:
        wire = connect(peer.url, ssl_context=client_tls)
        messages: list[bytes] = []
        while not messages:
            messages = wire.read()
        wire.close()
    assert messages == [b"hello"]


def test_cookies_are_neither_kept_nor_sent() -> None:
    """
    Cookies of one connection are not sent by another.
    """
    cookies: list[str | None] = []

    def script(conn: PeerConnection) -> None:
        conn.read_head()
        cookies.append(conn.headers.get("cookie"))
        conn.send(conn.upgrade_answer(Set_Cookie="a=b; Domain=localhost; Path=/"))

    with Peer(script) as peer:
        for _ in range(2):
            connect(peer.url).close()
    assert cookies == [None, None]


@pytest.mark.parametrize(
    "line",
    [
        "Set-Cookie: a,b=c; Domain=x",
        "Set-Cookie: \xff=\xfe",
        "Set-Cookie: k=v\r\n [=]",
        "Server: caf\xe9",
        "Via: one,\r\n two",
        "no colon",
    ],
)
def test_a_header_that_is_not_used_may_be_malformed(line: str) -> None:
    """
    Some gateways add headers that websocket-client refuses, and a reason in their
    language.
    """

    def script(conn: PeerConnection) -> None:
        conn.read_head()
        answer = conn.upgrade_answer(X_Request_Id="17")
        status, _, headers = answer.partition(b"\r\n")
        added = line.encode("latin-1")
        conn.send(status + b" \xe9\r\n" + added + b"\r\n" + headers + frame("hello"))

    with Peer(script) as peer:
        stream = connect(peer.url)
        assert stream.request_id == "17"
        stream.close()


def test_the_cookies_of_the_program_are_neither_sent_nor_lost() -> None:
    """
    The jar of websocket-client belongs to the program's other connections.
    """
    jar = websocket._handshake.CookieJar  # type: ignore[attr-defined]
    cookies: list[str | None] = []

    def script(conn: PeerConnection) -> None:
        conn.read_head()
        cookies.append(conn.headers.get("cookie"))
        conn.send(conn.upgrade_answer())

    jar.set("mine=1; Domain=127.0.0.1")
    before = dict(jar.jar)
    try:
        with Peer(script) as peer:
            connect(peer.url).close()
        assert before == jar.jar != {}
    finally:
        jar.jar.clear()
    assert cookies == [None]


def test_the_key_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    """
    Not even websocket-client's own trace shows the key.
    """
    caplog.set_level(logging.DEBUG)
    logging.getLogger("websocket").setLevel(logging.DEBUG)
    websocket.enableTrace(True, handler=logging.NullHandler())
    try:
        with Peer(lambda conn: (conn.upgrade(), conn.mute())) as peer:
            connect(peer.url, headers={"Cookie": f"a=b; session={KEY}"}).close()
        refused(response("401 No", body=KEY.encode()))
    finally:
        websocket.enableTrace(False)
        logging.getLogger("websocket").setLevel(logging.NOTSET)
    assert "api-key: ***" in caplog.text
    assert KEY not in caplog.text


# websocket_impl.


class Own(websocket.WebSocket):
    """
    A user's own class, which needs no change to work.
    """


@pytest.mark.parametrize("impl", [Own, lambda: Own(), websocket.WebSocket])
def test_an_own_implementation_connects(impl: Any) -> None:
    """
    A subclass, or a function that returns one, connects with our headers and is read.
    """
    seen: list[str | None] = []

    def script(conn: PeerConnection) -> None:
        conn.upgrade(frame("first"))
        seen.append(conn.headers.get("api-key"))
        conn.mute()

    with Peer(script) as peer:
        wire = connect(peer.url, impl=impl)
        messages: list[bytes] = []
        while not messages:
            messages = wire.read()
        wire.close()
    assert messages == [b"first"]
    assert seen == [KEY]


def test_an_own_implementation_does_not_read_the_proxies_of_the_environment() -> None:
    """
    The client has chosen the proxy, or none, for either implementation.
    """
    options: list[dict[str, Any]] = []

    class Recording(websocket.WebSocket):
        def connect(self, url: str, **given: Any) -> None:
            options.append(given)
            super().connect(url, **given)

    with Peer(lambda conn: conn.upgrade(frame("first"))) as peer:
        connect(peer.url, impl=Recording).close()
    assert options[0]["http_no_proxy"] == ["*"]


@pytest.mark.parametrize("impl", [None, Own])
def test_a_host_of_ones_own_is_the_only_one(impl: Any) -> None:
    """
    A gateway that goes by the name it is called gets that one, and no second.
    """
    heads: list[str] = []

    def script(conn: PeerConnection) -> None:
        conn.upgrade()
        heads.append(conn.head.decode())
        conn.mute()

    with Peer(script) as peer:
        connect(peer.url, impl=impl, headers={"Host": "gateway.example"}).close()
    hosts = [line for line in heads[0].splitlines() if line.lower().startswith("host:")]
    assert ["Host: gateway.example"] == hosts


def test_an_own_implementation_gets_typed_refusals() -> None:
    """
    A refusal through one's own class is the same typed error.
    """
    answer = response("404 Not Found", body=b'{"error": {"message": "Nope."}}')
    error = refused(answer, impl=Own)
    assert isinstance(error, DeploymentNotFound)
    assert error.body == "Nope."


def test_an_own_implementation_that_hangs_is_a_timeout() -> None:
    """
    One's own class that hangs costs the timeout, which names it, and leaves nothing.
    """
    with at_most(1.0):
        error = refused(PeerConnection.mute, seconds=0.2, impl=Own)
    assert isinstance(error, ConnectTimeout)
    assert "websocket_impl" in str(error)


def _broken() -> Any:
    raise RuntimeError(f"no tunnel, authorization: bearer {KEY}")


class _Breaks(websocket.WebSocket):
    def connect(self, url: str, **options: Any) -> None:
        """
        Fail in a way of its own.
        """
        raise KeyError("tunnel")


@pytest.mark.parametrize("impl", [_broken, _Breaks, lambda: None, lambda: object()])
def test_an_own_implementation_that_raises_is_named(impl: Any) -> None:
    """
    Whatever one's own class raises is a ConnectError that names it.
    """
    with pytest.raises(ConnectError, match="websocket_impl") as info:
        connect("ws://127.0.0.1:1", impl=impl)
    assert isinstance(info.value, RealtimeError)
    assert KEY not in str(info.value)


@pytest.mark.parametrize(
    ("status", "header", "expected"),
    [
        (429, {"retry-after": "7"}, 7.0),
        (503, {"retry-after": "7"}, 7.0),
        (408, {"retry-after-ms": "250"}, 0.25),
        (503, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        (503, {"retry-after": "soon"}, None),
        (500, {}, None),
    ],
)
def test_any_refusal_keeps_its_retry_after(
    status: int, header: dict[str, str], expected: float | None
) -> None:
    """
    The service's wish is kept with whatever it refused for, in seconds or as a date.
    """
    error = Refusal(status, header, b"").error()

    assert expected == error.retry_after
