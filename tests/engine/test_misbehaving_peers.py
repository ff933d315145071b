"""
A peer that breaks every rule: the client reports it once, and stays in order.
"""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from helpers.clients import GA, MATRIX, Variant
from helpers.peer import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    Peer,
    close_frame,
    frame,
    serve_session,
)
from helpers.timing import SCALE, at_most

from azure_realtime import ConnectionClosed, ConnectTimeout, ServerError, WebSocketState
from azure_realtime.events import Disconnected, ServerEvent, UnknownEvent

LIMITS = "rate_limits.updated"


# What is odd, and goes on.


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not JSON",
        "[]",
        "null",
        "17",
        '"text"',
        "{",
        "[" * 100_000,
        '{"type": 5}',
        "{}",
        '{"type": null}',
        '{"type": "x", "n": ' + "9" * 5000 + "}",
        '{"a": NaN, "a": Infinity}',
        "\x00\x01\x02",
    ],
)
def test_invalid_messages_are_delivered_and_the_session_continues(
    variant: Variant, text: str
) -> None:
    """
    Text that is no event is delivered as one, distinguishable, and the session goes on.
    """
    with variant.connected() as (client, connection):
        strange = client.events("*", timeout=5)
        connection.send_text(text)
        client.clear_audio_buffer().result(5)
        delivered = []
        for event in strange:
            if event.type == "input_audio_buffer.cleared":
                break
            delivered.append(event)

        assert (
            len([e for e in delivered if e.type not in ("init", "session.created")])
            == 1
        )
        assert client.state is WebSocketState.OPEN


def test_an_unknown_event_is_delivered_to_listeners(variant: Variant) -> None:
    """
    By its name, by UnknownEvent and by "*", with all that came.
    """
    delivered: list[ServerEvent] = []
    event = {"type": "model.dreamed", "event_id": "e1", "of": {"sheep": [1, None]}}
    with variant.connected() as (client, connection):
        with pytest.warns(UserWarning, match=r"model\.dreamed"):
            client.on("model.dreamed", delivered.append)
        client.on(UnknownEvent, delivered.append)
        connection.send(event)
        client.clear_audio_buffer().result(5)
        client.close()

    assert [dict(e.raw) for e in delivered] == [event] * 2


def test_a_message_of_20_megabytes_arrives(variant: Variant) -> None:
    """
    Under the limit, size is no reason to fail.
    """
    with variant.connected() as (client, connection):
        with client.expect(LIMITS, timeout=20) as expected:
            connection.send({"type": LIMITS, "x": "y" * (20 << 20)})

        assert len(expected.event.raw["x"]) == 20 << 20


@MATRIX
@pytest.mark.slow
def test_a_flood_arrives_whole_and_in_order(variant: Variant) -> None:
    """
    Ten thousand events at once: all of them, in order.
    """
    count = 10_000
    with variant.connected() as (client, connection):
        stream = client.events(LIMITS, timeout=10)
        for n in range(count):
            connection.send_text(f'{{"type":"{LIMITS}","n":{n}}}')

        assert [next(stream).raw["n"] for _ in range(count)] == list(range(count))


def test_single_bytes_make_an_event(variant: Variant) -> None:
    """
    Byte by byte, an event arrives.
    """
    with variant.connected() as (client, connection):
        with client.expect(LIMITS, timeout=10) as expected:
            connection.drip(0.001)
            connection.send({"type": LIMITS, "x": "ü€"})
        connection.resume()

        assert expected.event.raw["x"] == "ü€"


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_message_in_fragments_is_one_event(variant: Variant, size: int) -> None:
    """
    However a message is cut, also inside a character.
    """
    with variant.connected() as (client, connection):
        connection.fragment(size)
        with client.expect(LIMITS, timeout=10) as expected:
            connection.send({"type": LIMITS, "x": "ü€🎤" * 50})

        assert expected.event.raw["x"] == "ü€🎤" * 50


def test_a_ping_inside_a_fragmented_message_is_answered() -> None:
    """
    Control frames may come between the fragments of a message.
    """
    pong: list[Any] = []

    def script(conn: Any) -> None:
        serve_session(conn)
        conn.read_frame()  # now it is listened for
        conn.send(frame('{"type":', fin=False) + frame(b"now", PING))
        pong.append(conn.read_frame())
        conn.send(frame(f'"{LIMITS}"', CONT, fin=False) + frame("}", CONT))
        conn.read_to_end()

    with (
        Peer(script) as peer,
        GA.client(peer.url, close_wait=0.1) as client,
        client.expect(LIMITS, timeout=5),
    ):
        client.clear_audio_buffer()

    assert pong == [(PONG, b"now")]


@pytest.mark.slow
def test_a_flood_of_pings_delays_no_event(variant: Variant) -> None:
    """
    Five thousand pings: events and commands still get through.
    """
    with variant.connected() as (client, connection):
        with client.expect(LIMITS, timeout=10):
            for n in range(5000):
                connection.ping(b"%d" % n)
            connection.send({"type": LIMITS})

        assert client.clear_audio_buffer().result(10)


def test_empty_and_binary_messages_are_delivered() -> None:
    """
    A binary frame with an event in it is an event; an empty one is garbage.
    """

    def script(conn: Any) -> None:
        serve_session(conn)
        conn.read_frame()  # now it is listened for
        conn.send(frame(b"", BINARY) + frame(b"", PONG) + frame(b"x", PONG))
        conn.send(frame(f'{{"type":"{LIMITS}"}}', BINARY))
        conn.read_to_end()

    with (
        Peer(script) as peer,
        GA.client(peer.url, close_wait=0.1) as client,
        client.expect(LIMITS, timeout=5),
    ):
        client.clear_audio_buffer()


# What ends the connection, with a reason.


def ended_by(
    script: Any, **options: Any
) -> tuple[list[Disconnected], Any, list[tuple[int, bytes]]]:
    """
    Let a peer misbehave; return the listeners' events, the wait's error, and the frames
    that the client has sent since, up to its close frame.
    """
    frames_sent: list[tuple[int, bytes]] = []
    inside = threading.Event()

    def whole(conn: Any) -> None:
        serve_session(conn)
        assert inside.wait(5)  # who is cut off before that has never had a session
        script(conn)
        opcode = -1
        while opcode != CLOSE:
            opcode, payload = conn.read_frame()
            frames_sent.append((opcode, payload))

    delivered: list[Disconnected] = []
    options = {"close_wait": 0.1, **options}
    with Peer(whole) as peer, GA.client(peer.url, **options) as client:
        client.on("disconnected", delivered.append)
        future = client.clear_audio_buffer()
        inside.set()
        with at_most(3.0), pytest.raises(ConnectionClosed) as caught:
            client.wait_for("response.done", timeout=20)
        assert isinstance(future.exception(1), ConnectionClosed)
        client.close()
    return delivered, caught.value, frames_sent


BROKEN = {
    "invalid UTF-8": (frame(b'{"type":"\xff\xfe"}'), 1007),
    "invalid UTF-8 in fragments": (
        frame(b'{"type":"\xc3', fin=False) + frame(b'("}', CONT),
        1007,
    ),
    "announced too large": (frame(b"x", length=1 << 40), 1009),
    "grown too large": (
        frame(b"x" * 60_000, fin=False) + frame(b"x" * 60_000, CONT, fin=False),
        1009,
    ),
    "reserved bits": (frame("{}", rsv=4), 1002),
    "reserved opcode": (frame("{}", 3), 1002),
    "masked": (frame("{}", mask=b"abcd"), 1002),
    "fragmented ping": (frame(b"", PING, fin=False), 1002),
    "long ping": (frame(b"x" * 126, PING), 1002),
    "continuation of nothing": (frame("{}", CONT), 1002),
    "text inside a message": (frame("{", fin=False) + frame("{}", TEXT), 1002),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_frame_closes_with_its_code(name: str) -> None:
    """
    The peer gets a close frame with the reason, and the user one event.
    """
    data, code = BROKEN[name]

    delivered, error, frames_sent = ended_by(
        lambda conn: conn.send(data), max_message_bytes=100_000
    )

    assert [event.code for event in delivered] == [code]
    assert delivered[0].clean is False
    assert error.code == code
    opcode, payload = frames_sent[-1]
    assert (CLOSE, code) == (opcode, int.from_bytes(payload[:2], "big"))


def test_an_oversized_message_of_the_service_closes_with_1009(variant: Variant) -> None:
    """
    The service sees 1009, the user too.
    """
    with variant.connected(max_message_bytes=100_000) as (client, connection):
        connection.send({"type": LIMITS, "x": "y" * 200_000})
        with pytest.raises(ConnectionClosed, match="max_message_bytes"):
            client.wait_for(LIMITS, timeout=5)
        assert connection.wait_closed()

    assert connection.close_code == 1009


@pytest.mark.parametrize("how", ["rst", "fin", "mid_frame"])
def test_a_drop_is_reported_once_and_ends_every_wait(
    variant: Variant, how: Any
) -> None:
    """
    One disconnected event; waits, futures and iterations end within moments.
    """
    delivered: list[Disconnected] = []
    outcomes: list[Any] = []

    def wait(function: Any) -> threading.Thread:
        def run() -> None:
            try:
                outcomes.append(function())
            except ConnectionClosed as error:
                outcomes.append(error.code)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    with variant.connected() as (client, connection):
        client.on("disconnected", delivered.append)
        connection.stop_reading()
        future = client.clear_audio_buffer()
        response = client.create_response()
        stream = client.events("response.done")
        threads = [
            wait(lambda: client.wait_for("response.done", timeout=30)),
            wait(lambda: future.result(30)),
            wait(lambda: response.result(30)),
            wait(lambda: next(stream)),
        ]
        with at_most(1.0):
            connection.drop(how)
            for thread in threads:
                thread.join(5)
        late: list[Disconnected] = []
        client.on("disconnected", late.append)
        client.close()
        client.close()

    assert outcomes == [1006] * 4
    assert [(e.code, e.clean) for e in delivered] == [(1006, False)]
    assert late == delivered
    assert isinstance(delivered[0].error, ConnectionClosed)


@pytest.mark.parametrize("how", ["silent", "half a frame"])
def test_a_dead_peer_is_noticed(how: str) -> None:
    """
    Nothing received for interval plus timeout: the connection is over, with a reason.
    """

    def script(conn: Any) -> None:
        if how == "half a frame":
            conn.send(frame("x" * 1000)[:500])

    with at_most(2.0):
        delivered, error, frames_sent = ended_by(
            script, ping_interval=0.2, ping_timeout=0.3
        )

    assert "dead" in error.reason
    assert (PING, b"") in frames_sent
    assert len(delivered) == 1


@pytest.mark.slow
def test_a_peer_that_talks_but_never_pongs_is_alive() -> None:
    """
    Any byte is a sign of life: a peer busy with a long answer is not dead.
    """

    def script(conn: Any) -> None:
        serve_session(conn)
        for _ in range(round(20 * SCALE)):
            if conn.over.wait(0.05):
                return
            conn.send(frame(f'{{"type":"{LIMITS}"}}'))
        conn.send(frame('{"type":"response.done"}'))
        conn.read_to_end()

    with (
        Peer(script) as peer,
        GA.client(
            peer.url,
            ping_interval=0.15 * SCALE,
            ping_timeout=0.3 * SCALE,
            close_wait=0.1,
        ) as client,
        client.expect("response.done", timeout=10 * SCALE),
    ):
        pass


@pytest.mark.slow
def test_single_bytes_keep_the_connection_open() -> None:
    """
    A long message that comes slowly, far slower than any audio, keeps the connection.
    """
    whole = frame(json.dumps({"type": LIMITS, "x": "y" * 1000}))

    def script(conn: Any) -> None:
        serve_session(conn)
        # far more than is borne, so that a busy machine's pauses do not make it less
        conn.drip(whole, 0.02, size=10)
        conn.read_to_end()

    with (
        Peer(script) as peer,
        GA.client(
            peer.url, ping_interval=0.2, ping_timeout=0.3 * SCALE, close_wait=0.1
        ) as client,
        client.expect(LIMITS, timeout=10 * SCALE),
    ):
        pass


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 1013, 3000, 4999])
def test_the_services_close_code_is_reported(variant: Variant, code: int) -> None:
    """
    Whatever code and reason the service closes with, the user gets to know them.
    """
    delivered: list[Disconnected] = []
    with variant.connected() as (client, connection):
        client.on("disconnected", delivered.append)
        connection.close(code, "enough of this")
        with pytest.raises(ConnectionClosed, match="enough of this") as caught:
            client.wait_for("response.done", timeout=5)
        assert connection.wait_closed()
        client.close()

    assert caught.value.code == code
    assert caught.value.clean is True
    assert [(e.code, e.reason, e.clean) for e in delivered] == [
        (code, "enough of this", True)
    ]
    assert connection.close_code == code


def test_an_expired_session_says_so(variant: Variant) -> None:
    """
    The service's last words are an error event and a close with 1001.
    """
    with variant.connected() as (client, connection):
        errors = client.events("error", timeout=5)
        connection.expire()
        first = next(errors)
        with pytest.raises(ConnectionClosed, match="maximum duration") as caught:
            next(errors)

    assert first.error.code == "session_expired"
    assert caught.value.code == 1001


@pytest.mark.parametrize(
    ("data", "code"),
    [(close_frame(None), 1005), (close_frame(1000, b"\xff\xfe"), 1000)],
)
def test_a_strange_close_frame_is_a_close(data: bytes, code: int) -> None:
    """
    Without a code, or with a reason that is no text: it is over, no more.
    """
    delivered, error, _ = ended_by(lambda conn: conn.send(data))

    assert len(delivered) == 1
    assert error.code == code


def test_messages_before_the_close_are_delivered_first(variant: Variant) -> None:
    """
    Events that were read together with the close are delivered before it.
    """
    delivered: list[str] = []
    with variant.connected() as (client, connection):
        client.on("*", lambda event: delivered.append(event.type))
        for _ in range(100):
            connection.send({"type": LIMITS})
        connection.close(1011, "sorry")
        client.wait_for("disconnected", timeout=5)
        client.close()

    assert delivered.count(LIMITS) == 100
    assert delivered[-2:] == ["disconnected", "closed"]


def test_a_service_that_configures_nothing_is_a_timeout() -> None:
    """
    An upgrade and then silence: the error names what did not come.
    """
    with Peer(lambda conn: (conn.upgrade(), conn.mute())) as peer:
        client = GA.client(peer.url, connect_timeout=0.3 * SCALE, close_wait=0.1)
        with pytest.raises(ConnectTimeout, match=r"session\.created"), client:
            pytest.fail("there is no session")


def test_a_refused_configuration_raises(variant: Variant) -> None:
    """
    The service's answer to the first session.update is an error: connect() raises it.
    """
    config = {"extra": {"totally_made_up": 1}}
    with variant.service() as service:
        client = variant.client(service.url, session_config=config)
        with pytest.raises(ServerError, match="totally_made_up") as caught, client:
            pytest.fail("it is not configured")

    assert "totally_made_up" in (caught.value.param or "")
