"""
The reader's turns: many short ones keep no timer from its time.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import websocket
from helpers.clients import GA
from helpers.peer import CLOSE, PING, PONG, Peer, PeerConnection, frame, serve_session
from helpers.timing import SCALE, at_most

from azure_realtime import ConnectTimeout
from azure_realtime._concurrency.lifecycle import Lifecycle
from azure_realtime._concurrency.poller import READ, WRITE, Poller
from azure_realtime._concurrency.waker import Waker
from azure_realtime._engine.control import Control
from azure_realtime._engine.writer import Writer
from azure_realtime._requests.entry import Entry
from azure_realtime._requests.send_queue import SendQueue

DELTA = frame(
    '{"type":"response.output_text.delta","event_id":"e","response_id":"r",'
    '"item_id":"i","output_index":0,"content_index":0,"delta":"Hello"}'
)
EVERY = 0.005  # seconds between two deltas, or two appends


def stream(conn: PeerConnection, seconds: float) -> None:
    """
    Send deltas and nothing else for so long; each makes a short turn.
    """
    conn.drip(DELTA * int(seconds / EVERY), EVERY, len(DELTA))


def streaming(seconds: float) -> Callable[[PeerConnection], None]:
    """
    Return the script of a service that sends deltas only, and answers nothing.
    """

    def script(conn: PeerConnection) -> None:
        serve_session(conn)
        stream(conn, seconds)
        conn.mute()

    return script


@pytest.mark.slow
def test_a_peer_that_falls_silent_is_noticed_while_we_send() -> None:
    """
    Appends make turns of their own; the ping leaves in time, and so does the verdict.
    """
    pinged: list[float] = []

    def script(conn: PeerConnection) -> None:
        serve_session(conn)
        while True:
            opcode, _ = conn.read_frame()
            if opcode == PING:
                pinged.append(time.monotonic())

    with Peer(script) as peer:
        client = GA.client(
            peer.url, ping_interval=0.3 * SCALE, ping_timeout=0.3 * SCALE
        )
        client.connect(5)
        start = time.monotonic()
        lost = threading.Event()
        client.on("disconnected", lambda _: lost.set())
        with contextlib.suppress(Exception):
            while not lost.wait(EVERY):
                client.append_audio(bytes(960))
        took = time.monotonic() - start
        client.close()

    assert 1 == len(pinged)
    assert 0.2 * SCALE <= pinged[0] - start <= 0.45 * SCALE
    assert took <= 0.75 * SCALE


def test_a_pong_does_not_wait_for_the_events_that_came_with_the_ping() -> None:
    """
    A listener on the reader thread sees that the peer has the pong already.
    """
    ponged, seen = threading.Event(), list[bool]()
    listening = threading.Event()

    def script(conn: PeerConnection) -> None:
        serve_session(conn)
        assert listening.wait(10 * SCALE)
        conn.send(DELTA + frame(b"x", PING))
        assert conn.read_frame() == (PONG, b"x")
        ponged.set()
        collect(conn)

    with Peer(script) as peer:
        client = GA.client(peer.url, dispatch="reader")
        handled = threading.Event()

        def listen(_: object) -> None:
            seen.append(ponged.wait(5 * SCALE))
            handled.set()

        client.on("response.output_text.delta", listen)
        listening.set()
        assert handled.wait(10 * SCALE)
        client.close()

    assert [True] == seen


class _Renegotiating:
    """
    A TLS socket: a write must read first, once `refuses` is set.
    """

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self.refuses = False
        self.refused = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def send(self, data: bytes) -> int:
        if self.refuses:
            self.refuses = False
            self.refused.set()
            raise ssl.SSLWantReadError
        sent: int = self._sock.send(data)
        return sent


def test_a_write_that_must_read_first_goes_on_after_the_read() -> None:
    """
    The queue is empty then: only the frame that is not sent keeps the turns going.
    """
    sockets: list[_Renegotiating] = []

    class Odd(websocket.WebSocket):
        def connect(self, *arguments: Any, **named: Any) -> None:
            super().connect(*arguments, **named)
            self.sock = _Renegotiating(self.sock)
            sockets.append(self.sock)

    received = threading.Event()

    def script(conn: PeerConnection) -> None:
        serve_session(conn)
        assert sockets[0].refused.wait(10 * SCALE)
        conn.send(DELTA)
        conn.read_frame()
        received.set()
        collect(conn)

    with Peer(script) as peer:
        client = GA.client(peer.url, websocket_impl=Odd)
        client.connect(5)
        sockets[0].refuses = True
        client.append_audio(bytes(960))
        assert received.wait(10 * SCALE)
        client.close()


@pytest.mark.slow
def test_a_peer_that_falls_silent_after_many_deltas_is_noticed() -> None:
    """
    The ping is due after the last of them, though no turn has looked at the clock since.
    """
    ended: list[float] = []

    def script(conn: PeerConnection) -> None:
        serve_session(conn)
        stream(conn, 0.5 * SCALE)
        ended.append(time.monotonic())
        assert PING == conn.read_frame()[0]
        ended.append(time.monotonic())
        conn.mute()

    with Peer(script) as peer:
        client = GA.client(
            peer.url, ping_interval=0.3 * SCALE, ping_timeout=0.3 * SCALE
        )
        assert client.wait_for("disconnected", timeout=5 * SCALE).cause == "dead peer"
        took = time.monotonic() - ended[0]
        client.close()

    assert 0.2 * SCALE <= ended[1] - ended[0] <= 0.45 * SCALE
    assert took <= 0.75 * SCALE


def test_the_round_trip_ends_with_the_pong() -> None:
    """
    Deltas behind the pong do not make it longer.
    """

    def script(conn: PeerConnection) -> None:
        serve_session(conn)
        opcode, data = conn.read_frame()
        assert PING == opcode
        conn.send(frame(data, PONG))
        stream(conn, 0.3 * SCALE)
        collect(conn)

    with Peer(script) as peer:
        client = GA.client(peer.url, ping_interval=0.1, ping_timeout=0.3 * SCALE)
        with client.events("response.text.delta", timeout=5) as deltas:
            for number, _ in enumerate(deltas):
                if number > 0.2 * SCALE / EVERY:
                    break
        round_trip = client.stats.round_trip
        client.close()

    assert round_trip is not None
    assert round_trip < 0.1 * SCALE


def collect(conn: PeerConnection) -> None:
    """
    Read until the client's close frame, and answer it.
    """
    while True:
        opcode, data = conn.read_frame()
        if opcode == CLOSE:
            conn.send(frame(data, CLOSE))
            return


@pytest.mark.parametrize("limit", ["close_wait", "timeout"])
def test_a_close_ends_in_time_while_deltas_come(limit: str) -> None:
    """
    The peer does not answer our close frame, and goes on to send.
    """
    with Peer(streaming(5 * SCALE)) as peer:
        wait = 0.2 if limit == "close_wait" else 60.0
        client = GA.client(peer.url, close_wait=wait)
        client.wait_for("response.text.delta", timeout=5)
        with at_most(0.5):
            client.close(timeout=60.0 if limit == "close_wait" else 0.2)


def test_a_close_ends_with_the_peers_answer() -> None:
    """
    Not when the peer hangs up, or when it is given up.
    """

    def script(conn: PeerConnection) -> None:
        serve_session(conn)
        conn.send(DELTA)
        collect(conn)
        conn.mute()

    with Peer(script) as peer:
        client = GA.client(peer.url, close_wait=60.0)
        client.wait_for("response.text.delta", timeout=5)
        with at_most(0.5):
            client.close(timeout=60.0)


def test_a_close_ends_in_time_before_there_is_a_session() -> None:
    """
    What is queued cannot leave; the time that the close has is counted all the same.
    """

    def script(conn: PeerConnection) -> None:
        conn.upgrade(frame('{"type":"session.created","session":{"id":"sess_1"}}'))
        conn.mute()

    with Peer(script) as peer:
        client = GA.client(peer.url, ping_interval=None, connect_timeout=60.0)
        client.wait_for("session.created", timeout=5)
        client.append_audio(bytes(960))
        with at_most(0.5):
            client.close(timeout=0.2)


@pytest.mark.slow
def test_the_end_of_a_session_is_announced_while_deltas_come() -> None:
    """
    Not when they end.
    """

    def script(conn: PeerConnection) -> None:
        ends = int(time.time()) + 4
        session = f'{{"id":"sess_1","expires_at":{ends}}}'
        conn.upgrade(frame(f'{{"type":"session.created","session":{session}}}'))
        conn.read_frame()
        conn.send(frame(f'{{"type":"session.updated","session":{session}}}'))
        stream(conn, 10)
        collect(conn)

    with Peer(script) as peer:
        client = GA.client(peer.url, expiry_warning=2.5)
        expiring = client.wait_for("expiring", timeout=8)
        client.close(0.5)

    assert 2.0 <= expiring.seconds_left <= 2.5


@pytest.mark.slow
def test_slow_listeners_are_reported_when_the_deltas_have_ended(
    caplog: pytest.LogCaptureFixture, eventually: Callable[..., None]
) -> None:
    """
    The reader sleeps by then; the last thing it has read were deltas.
    """
    release = threading.Event()

    def script(conn: PeerConnection) -> None:
        serve_session(conn)
        conn.send(DELTA * 50)
        collect(conn)

    with Peer(script) as peer:
        client = GA.client(
            peer.url, max_callback_queue_bytes=200_000, ping_interval=None
        )

        def stuck(_: object) -> None:
            release.wait(10)

        client.on("response.text.delta", stuck)
        with caplog.at_level(logging.WARNING, "azure_realtime"):
            eventually(lambda: "stuck" in caplog.text)
        release.set()
        client.close()


def test_a_session_that_is_never_configured_is_given_up_while_deltas_come() -> None:
    """
    What the service talks of does not matter.
    """

    def script(conn: PeerConnection) -> None:
        conn.upgrade(frame('{"type":"session.created","session":{"id":"sess_1"}}'))
        stream(conn, 5 * SCALE)
        conn.mute()

    with Peer(script) as peer:
        client = GA.client(peer.url, connect_timeout=0.4)
        with at_most(0.8), pytest.raises(ConnectTimeout, match=r"no session\.updated"):
            client.connect()
        client.close()


def test_a_close_frame_right_behind_deltas_is_answered_at_once() -> None:
    """
    It comes in the same read as they do.
    """

    def script(conn: PeerConnection) -> None:
        serve_session(conn)
        conn.send(DELTA * 20 + frame(b"\x03\xe8", CLOSE))
        assert CLOSE == conn.read_frame()[0]
        conn.mute()

    with Peer(script) as peer:
        client = GA.client(peer.url, ping_interval=None)
        with at_most(1):
            assert 1000 == client.wait_for("disconnected", timeout=5).code
        client.close()


class _Taking:
    """
    A wire whose socket takes everything at once.
    """

    bytes_sent = acknowledged = 0

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.idle = True

    def send_all(self, messages: list[bytes]) -> None:
        self.batches.append(sum(map(len, messages)))
        self.idle = False

    def write(self) -> None:
        self.idle = True


def test_what_is_queued_at_once_is_sent_without_another_call() -> None:
    """
    More than a turn sends, and the queue wakes the reader only once.
    """
    with GA.connected() as (client, connection):
        with at_most(10.0 * SCALE):
            client.append_audio(bytes(6_000_000))
            item = {"type": "message", "role": "user", "content": []}
            client.create_conversation_item(item).result(10 * SCALE)
        sizes = [
            len(event["audio"]) * 3 // 4
            for event in connection.received
            if event["type"] == "input_audio_buffer.append"
        ]

    assert sum(sizes) == 6_000_000


def test_a_turn_writes_a_limited_number_of_bytes() -> None:
    """
    A ping that comes while megabytes leave is answered between two batches.
    """
    queue = SendQueue(64 << 20, lifecycle=Lifecycle())
    queue.resume()
    for number in range(1000):
        assert queue.put_audio(bytes(10_000))
        if number % 100 == 0:
            queue.put(Entry(b"{}", f"event_{number}"), deadline=None)
    wire: Any = _Taking()
    sent, noted = list[str | None](), list[int]()
    writer = Writer(
        queue, wire, Control(queue.wake), 1, 1.0, sent.append, lambda: noted.append(1)
    )

    assert not writer.write()
    assert max(wire.batches) <= 64 << 10
    assert 200_000 < sum(wire.batches) <= 256 << 10
    assert not queue.waker.is_awaited
    assert not wire.idle  # so that the socket wakes the reader: the queue will not
    while not writer.write():
        pass

    assert 10_000_020 == sum(wire.batches)
    assert len(noted) == len(wire.batches)
    assert [f"event_{number}" for number in range(0, 1000, 100)] == sent
    assert queue.waker.is_awaited
    queue.close()


@pytest.fixture(params=["eventfd", "socket pair"])
def waker(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Waker]:
    """
    Give a waker of either kind.
    """
    if request.param == "socket pair":
        monkeypatch.delattr(os, "eventfd", raising=False)
    elif not hasattr(os, "eventfd"):
        pytest.skip("no eventfd here")
    waker = Waker()
    yield waker
    waker.close()


def test_a_waker_wakes_until_it_is_drained(waker: Waker) -> None:
    """
    However often it is called, no call blocks, and one look takes it all.
    """
    assert not select.select([waker], [], [], 0)[0]
    for _ in range(20_000):
        waker.wake()
    assert select.select([waker], [], [], 0)[0]
    waker.drain()
    assert not select.select([waker], [], [], 0)[0]
    waker.drain()
    waker.wake()
    assert select.select([waker], [], [], 0)[0]


def test_a_closed_waker_touches_nothing(waker: Waker) -> None:
    """
    Its descriptor belongs to another file by then.
    """
    waker.close()
    ends = socket.socketpair()  # takes the numbers that have become free
    for _ in range(3):
        waker.wake()
        waker.drain()
        waker.close()
    assert not select.select(ends, [], [], 0)[0]
    for end in ends:
        end.close()


@pytest.fixture(params=["poll", "select"])
def poller(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Poller:
    """
    Give a poller of either kind.
    """
    if request.param == "select":
        monkeypatch.delattr(select, "poll", raising=False)
    elif not hasattr(select, "poll"):
        pytest.skip("no poll here")
    return Poller()


def ready(poller: Poller, milliseconds: int) -> set[int]:
    """
    Return the descriptors that are ready.
    """
    return {descriptor for descriptor, _ in poller.wait(milliseconds)}


def test_a_poller_returns_what_is_ready_and_watched(poller: Poller) -> None:
    """
    Each descriptor for what it is watched for, and none that is no longer watched.
    """
    one, two = socket.socketpair()
    with one, two:
        a, b = one.fileno(), two.fileno()
        poller.watch({a: READ, b: READ})
        assert set() == ready(poller, 0)
        poller.watch({a: READ, b: READ | WRITE})
        assert {b} == ready(poller, 5000)
        one.send(b"x")
        poller.watch({a: WRITE, b: READ})
        assert {a, b} == ready(poller, 5000)
        poller.watch({b: READ})
        assert {b} == ready(poller, 5000)
        two.recv(10)
        assert set() == ready(poller, 0)
        one.close()
        assert {b} == ready(poller, 5000)  # an end is something to read


def test_a_descriptor_that_was_closed_is_forgotten(poller: Poller) -> None:
    """
    Another that has its number is watched as well as any.
    """
    one, two = socket.socketpair()
    number = one.fileno()
    poller.watch({number: READ})
    one.close()
    two.close()
    one, two = socket.socketpair()
    with one, two:
        first, second = (one, two) if one.fileno() == number else (two, one)
        assert number == first.fileno()
        poller.watch({number: READ, second.fileno(): READ})
        second.send(b"x")
        assert {number} == ready(poller, 5000)


def test_a_wait_is_not_shorter_than_it_was_asked_for(poller: Poller) -> None:
    """
    Else a timer would be waited for in a spin.
    """
    start = time.monotonic()
    assert set() == ready(poller, 11)
    assert 0.011 <= time.monotonic() - start
