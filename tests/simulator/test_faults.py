"""
Misbehaviour on demand, at the level of bytes, plain and over TLS.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import time
from collections.abc import Callable
from typing import Any

import pytest
import trustme
from websockets.exceptions import (
    ConnectionClosed,
    ConnectionClosedError,
)

from azure_realtime.simulator import Connection, Simulator

Client = Any
Join = Callable[..., Any]
Serve = Callable[..., Simulator]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """
    An authority that certifies localhost.
    """
    return trustme.CA()


@pytest.fixture(params=["plain", "tls"])
def pair(
    request: pytest.FixtureRequest, serve: Serve, join: Join, authority: trustme.CA
) -> Callable[..., tuple[Any, Connection]]:
    """
    Connect a client and return it with the service's side of the connection.
    """
    server: ssl.SSLContext | None = None
    options: dict[str, Any] = {}
    if request.param == "tls":
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(server)
        options["ssl"] = ssl.create_default_context()
        authority.configure_trust(options["ssl"])

    def connected(**more: Any) -> tuple[Any, Connection]:
        service = serve(ssl_context=server, pace=0)
        client = join(service, **options, **more)
        assert service.url.startswith("wss://" if server else "ws://")
        return client, service.wait_for_connection()

    return connected


def ended(client: Client) -> ConnectionClosedError:
    """
    Receive until the connection is lost, and return how.
    """
    try:
        while True:
            client.receive()
    except ConnectionClosedError as error:
        return error


Pair = Callable[..., tuple[Any, Connection]]


def test_nothing_follows_half_a_frame(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    An answer is under way on another thread: it does not mend the frame with garbage.
    """
    service = serve()
    with _raw_client(service) as client:
        connection = service.wait_for_connection()
        flush = connection.transport.flush

        def talk_on(timeout: float) -> bool:
            connection.send({"type": "response.created"})
            return flush(timeout)

        monkeypatch.setattr(connection.transport, "flush", talk_on)
        connection.drop("mid_frame")
        received = b""
        while data := client.recv(4096):
            received += data
    assert b"response.created" not in received
    assert received.endswith(b"x" * 80)


@pytest.mark.parametrize("how", ["rst", "fin", "mid_frame"])
def test_a_dropped_connection_ends_without_a_close_frame(pair: Pair, how: Any) -> None:
    """A dropped connection ends without a close frame, on both sides."""
    client, connection = pair()
    connection.drop(how)
    lost = ended(client)

    assert lost.rcvd is None
    assert connection.wait_closed()
    assert 1006 == connection.close_code


def test_an_unknown_way_to_drop_a_connection_is_refused(pair: Pair) -> None:
    """A FIN instead of the reset that was meant would make a test pass for nothing."""
    _, connection = pair()
    with pytest.raises(ValueError, match="'rst', 'fin' or 'mid_frame', not 'reset'"):
        connection.drop("reset")  # type: ignore[arg-type]


def test_reset_is_a_reset(serve: Serve) -> None:
    """A reset connection gives the client ECONNRESET, an ended one the end of file."""
    service = serve()
    outcome: dict[str, Any] = {}
    for how in ("rst", "fin"):
        with _raw_client(service) as raw:
            service.wait_for_connection().drop(how)  # type: ignore[arg-type]
            try:
                while raw.recv(65536):
                    pass
                outcome[how] = "end"
            except ConnectionResetError:
                outcome[how] = "reset"

    assert {"rst": "reset", "fin": "end"} == outcome


def _raw_client(service: Simulator) -> socket.socket:
    """
    Return a bare socket whose WebSocket handshake is done.
    """
    raw = socket.create_connection(("127.0.0.1", service.port), timeout=5)
    raw.sendall(
        b"GET /openai/v1/realtime?model=x HTTP/1.1\r\nHost: localhost\r\n"
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\napi-key: k\r\n\r\n"
    )
    seen = b""
    while b"session.created" not in seen:
        seen += raw.recv(65536)
    return raw


def test_a_stalled_connection_catches_up_when_it_is_resumed(pair: Pair) -> None:
    """A stalled connection neither reads nor writes, and catches up when resumed."""
    client, connection = pair()
    connection.stall()
    client.say("Hello")
    with pytest.raises(TimeoutError):
        client.receive(0.2)
    assert [] == connection.received
    connection.resume()

    assert "conversation.item.added" == client.receive()["type"]


def test_a_connection_that_stops_reading_still_writes(pair: Pair) -> None:
    """A connection that stops reading still writes."""
    client, connection = pair()
    connection.stop_reading()
    client.say("Hello")
    connection.send({"type": "greeting"})

    assert "greeting" == client.receive()["type"]
    assert [] == connection.received
    connection.resume()
    assert (
        "conversation.item.create"
        == connection.wait_received("conversation.item.create")["type"]
    )


def test_unread_sends_fill_up(serve: Serve) -> None:
    """While the service does not read, a client cannot send for ever."""
    service = serve()
    with _raw_client(service) as raw:
        connection = service.wait_for_connection()
        connection.stop_reading()
        raw.setblocking(False)
        sent = 0
        deadline = time.monotonic() + 5
        block = b"\x81\xfe\x03\xe8" + bytes(4) + b" " * 1000
        full = False
        while not full and time.monotonic() < deadline:
            try:
                sent += raw.send(block * 64)
            except BlockingIOError:
                full = True

    assert full
    assert sent > 0


def test_a_message_sent_byte_by_byte_arrives(pair: Pair) -> None:
    """A dripping connection sends byte by byte, and the message still arrives."""
    client, connection = pair()
    connection.drip(0.001)
    began = time.monotonic()
    connection.send({"type": "x" * 100})
    event = client.receive()

    assert "x" * 100 == event["type"]
    assert time.monotonic() - began > 0.1


def test_a_message_is_fragmented_anywhere(pair: Pair) -> None:
    """A message is cut into frames anywhere, also inside a character."""
    client, connection = pair()
    connection.fragment(3)
    connection.send({"type": "größe", "text": "€uro 🎧"})
    pieces = list(client.socket.recv_streaming(decode=False))

    assert {3} == {len(piece) for piece in pieces[:-1]}
    assert "€uro 🎧" == json.loads(b"".join(pieces))["text"]


def test_a_flood_arrives_whole(pair: Pair) -> None:
    """A flood is queued at once and arrives complete."""
    client, connection = pair()
    connection.flood(2000)

    for _ in range(2000):
        assert "response.output_audio.delta" == client.receive()["type"]


def test_strange_messages_are_sent_as_they_are(pair: Pair) -> None:
    """Garbage, unknown events and huge messages are sent as they are."""
    client, connection = pair()
    connection.send_text("no json")
    connection.send({"type": "brand.new", "x": None})
    connection.send_text('{"type": "huge", "text": "' + "x" * 20_000_000 + '"}')
    connection.send({"type": "half", "text": "caf\udce9"})
    connection.send_frame(2, b"\x00\x01")

    assert "no json" == client.socket.recv(5)
    assert "brand.new" == client.receive()["type"]
    assert 20_000_000 == len(client.receive()["text"])
    assert "caf?" == client.receive()["text"]  # valid UTF-8, whatever it is given
    assert b"\x00\x01" == client.socket.recv(5)


def test_a_close_reason_is_cut_between_two_characters(pair: Pair) -> None:
    """It is valid UTF-8, whatever it is given."""
    client, connection = pair()
    connection.close(1000, "caf\udce9" + "é" * 100)
    with pytest.raises(ConnectionClosed) as caught:
        client.receive()

    assert caught.value.rcvd is not None
    assert "caf?" + "é" * 59 == caught.value.rcvd.reason


def test_invalid_utf8_is_closed_with_1007(pair: Pair) -> None:
    """A text frame that is not UTF-8 makes the client close with 1007."""
    client, connection = pair()
    connection.send_frame(1, b'{"type": "\xff\xfe"}')
    with pytest.raises(ConnectionClosedError):
        client.receive()

    assert connection.wait_closed()
    assert 1007 == connection.close_code


def test_an_invalid_frame_is_closed_with_1002(pair: Pair) -> None:
    """Bytes that are no frame make the client fail the connection with 1002."""
    client, connection = pair()
    connection.send_bytes_raw(b"\xff\xff\xff\xff")
    ended(client)

    assert connection.wait_closed()
    assert 1002 == connection.close_code


def test_pings_are_sent_and_answered(pair: Pair) -> None:
    """A ping of the service's is sent, and the client's is answered."""
    client, connection = pair()
    connection.ping(b"hello")
    connection.send({"type": "after"})

    assert "after" == client.receive()["type"]
    assert client.socket.ping().wait(5)


def test_pings_are_not_answered_until_that_is_reset(pair: Pair) -> None:
    """A connection set not to answer pings does not, until that is reset."""
    client, connection = pair()
    connection.no_pong()
    unanswered = client.socket.ping()
    client.send("input_audio_buffer.clear")
    connection.wait_received("input_audio_buffer.clear")
    connection.resume()

    assert client.socket.ping().wait(5)
    # A later pong answers for the earlier ping too: it came only now.
    assert unanswered.is_set()


def test_a_close_is_not_answered_if_that_is_set(pair: Pair) -> None:
    """A connection set not to answer the close leaves the client waiting."""
    client, connection = pair(close_timeout=0.2)
    connection.no_close_answer()
    began = time.monotonic()
    client.socket.close()

    assert time.monotonic() - began >= 0.2
    assert client.socket.protocol.close_rcvd is None


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 1013, 3000, 4000])
def test_the_service_closes_with_any_code_and_reason(pair: Pair, code: int) -> None:
    """The service can close with any code and reason."""
    client, connection = pair()
    connection.close(code, "because")
    with pytest.raises(ConnectionClosed):
        client.receive()

    assert (code, "because") == (client.socket.close_code, client.socket.close_reason)
    assert connection.wait_closed()
    assert code == connection.close_code


def test_the_clients_close_code_is_recorded(pair: Pair) -> None:
    """The client's close code and reason are kept."""
    client, connection = pair()
    client.socket.close(3001, "bye")

    assert connection.wait_closed()
    assert (3001, "bye") == (connection.close_code, connection.close_reason)


def test_a_session_expires_at_once_if_that_is_set(pair: Pair) -> None:
    """A session can be made to expire at once."""
    client, connection = pair()
    connection.expire()

    assert "session_expired" == client.until("error")["error"]["code"]
    with pytest.raises(ConnectionClosed):
        client.receive()
    assert 1001 == client.socket.close_code
    assert "60 minutes" in client.socket.close_reason


def test_a_fault_may_come_before_the_first_message(serve: Serve, join: Join) -> None:
    """A connection can be spoilt before anything is sent on it."""
    service = serve(on_connection=lambda connection: connection.stall())
    client = join(service, greeted=False)
    with pytest.raises(TimeoutError):
        client.receive(0.1)
    service.wait_for_connection().resume()

    assert "session.created" == client.receive()["type"]


def test_wait_received_names_what_it_waited_for(pair: Pair) -> None:
    """A test can wait for what the client sends, and a timeout names what it waited for."""
    client, connection = pair()
    client.send("input_audio_buffer.clear", event_id="one")
    client.send("input_audio_buffer.clear", event_id="two")

    second = connection.wait_received("input_audio_buffer.clear", 2)
    assert "two" == second["event_id"]
    with pytest.raises(TimeoutError, match=r"2 of 3 'input_audio_buffer\.clear'"):
        connection.wait_received("input_audio_buffer.clear", 3, timeout=0.05)
    client.until("input_audio_buffer.cleared", 2)
    kinds = [event["type"] for event in connection.sent]
    assert ["session.created", *["input_audio_buffer.cleared"] * 2] == kinds


def test_a_client_that_does_not_read_stops_its_own_response_only(serve: Serve) -> None:
    """A client that reads nothing stops its response, and not the rest."""
    service = serve(pace=0)
    with _raw_client(service) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection = service.wait_for_connection()
        connection.flood(3000)
        command = b'{"type":"input_audio_buffer.clear"}'
        head = struct.pack("!BB", 0x81, 0x80 | len(command)) + bytes(4)
        raw.sendall(head + command)

        received = connection.wait_received("input_audio_buffer.clear")
        assert "input_audio_buffer.clear" == received["type"]
