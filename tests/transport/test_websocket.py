"""
Frames in, frames out, cut at every place and broken in every way.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import random
import selectors
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import websocket
from helpers.peer import BINARY, CLOSE, CONT, PING, PONG, TEXT, close_frame, frame
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

from azure_realtime._transport.websocket import Wire
from azure_realtime.errors import ConnectionClosed

LIMIT = 1 << 20


class Bench:
    """
    A wire, and the other end of its socket.

    What the wire sends is judged by the `websockets` package, which shares no code with
    what we send by.
    """

    def __init__(
        self,
        ours: socket.socket,
        theirs: socket.socket,
        max_bytes: int = LIMIT,
        first: bytes = b"",
    ) -> None:
        handle = websocket.WebSocket(skip_utf8_validation=True)
        handle.sock = ours
        self.wire = Wire(handle, max_bytes, first)
        self.theirs = theirs
        self.judge = Protocol(Side.SERVER, state=State.OPEN, max_size=None)

    def come(self, data: bytes) -> list[bytes]:
        """
        Let *data* arrive; return the messages it makes.
        """
        self.theirs.sendall(data)
        return self.wire.read()

    def sent(self) -> list[Frame]:
        """
        Return the frames that arrived at the other end, judged well-formed.
        """
        self.theirs.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while data := self.theirs.recv(1 << 16):
                self.judge.receive_data(data)
        self.theirs.setblocking(True)
        assert self.judge.parser_exc is None
        return [f for f in self.judge.events_received() if isinstance(f, Frame)]

    def written(self) -> list[tuple[Opcode, bytes]]:
        """
        Write, and return what arrived, as opcode and payload.
        """
        self.wire.write()
        return [(f.opcode, bytes(f.data)) for f in self.sent()]

    def end(self, messages: list[bytes] | None = None) -> ConnectionClosed:
        """
        Read until it is over; return why. *messages* gets what comes before.
        """
        messages = [] if messages is None else messages
        for _ in range(1000):
            try:
                messages += self.wire.read()
            except ConnectionClosed as error:
                return error
        pytest.fail("it is not over")


@contextlib.contextmanager
def opened(max_bytes: int = LIMIT, first: bytes = b"") -> Iterator[Bench]:
    """
    Give a wire and its other end, and close both.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Bench(ours, theirs, max_bytes, first)


@pytest.fixture
def bench() -> Iterator[Bench]:
    """
    Give a wire without anything special.
    """
    with opened() as made:
        yield made


def close_of(data: bytes) -> tuple[int, str]:
    """
    Return code and reason of a close frame.
    """
    return struct.unpack("!H", data[:2])[0], data[2:].decode()


# What comes in.

SMALL = b"".join(
    [
        frame("one"),
        frame(b"", PING),
        frame(b"", TEXT),
        frame("tw", fin=False),
        frame(b"between", PING),
        frame("o, ", CONT, fin=False),
        frame(b"", PONG),
        frame("", CONT, fin=False),
        frame("three", CONT),
        frame("f" * 130),
        frame(b"bytes", BINARY),
    ]
)
LARGE = frame("g" * 66_000, TEXT, fin=False) + frame("h", CONT) + close_frame(1001)
MESSAGES = [b"one", b"", b"two, three", b"f" * 130, b"bytes", b"g" * 66_000 + b"h"]


def test_a_conversation_cut_at_every_place() -> None:
    """
    Wherever the network cuts the stream, the same messages come, pings are answered in
    order, and the close is told.
    """
    stream, seam = SMALL + LARGE, len(SMALL)
    for edge in [*range(seam + 50), *range(len(stream) - 50, len(stream) + 1)]:
        with opened() as bench:
            messages = bench.come(stream[:edge])
            messages += bench.come(stream[edge:])
            assert messages == MESSAGES
            pongs = [(Opcode.PONG, b""), (Opcode.PONG, b"between")]
            assert bench.written()[:2] == pongs
            assert bench.wire.closed_by_peer is not None
            assert bench.wire.closed_by_peer.code == 1001


@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=60))
def test_a_conversation_in_any_pieces(sizes: list[int]) -> None:
    """
    A stream in small pieces of any sizes makes the same messages.
    """
    with opened() as bench:
        messages: list[bytes] = []
        position = 0
        for size in sizes:
            messages += bench.come(SMALL[position : position + size])
            position += size
        messages += bench.come(SMALL[position:])
        assert messages == MESSAGES[:5]


_FRAGMENTS = st.lists(st.binary(max_size=300), min_size=1, max_size=5)


@given(
    messages=st.lists(st.tuples(st.booleans(), _FRAGMENTS), max_size=5),
    pings=st.lists(st.binary(max_size=125), max_size=3),
    cuts=st.lists(st.integers(0, 3000), max_size=8),
)
def test_what_another_implementation_sends(
    messages: list[tuple[bool, list[bytes]]], pings: list[bytes], cuts: list[int]
) -> None:
    """
    Frames made by the `websockets` package, fragmented, with pings in between and cut
    anywhere, are understood.
    """
    peer = Protocol(Side.SERVER, state=State.OPEN, max_size=None)
    waiting = list(pings)
    for text, parts in messages:
        for index, part in enumerate(parts):
            first, fin = index == 0, index == len(parts) - 1
            if not first:
                peer.send_continuation(part, fin)
            elif text:
                peer.send_text(part, fin)
            else:
                peer.send_binary(part, fin)
            if waiting:
                peer.send_ping(waiting.pop())
    stream = b"".join(peer.data_to_send())
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    with opened() as bench:
        got: list[bytes] = []
        for start, end in itertools.pairwise(edges):
            got += bench.come(stream[start:end])
        assert got == [b"".join(parts) for _, parts in messages]
        pongs = [data for opcode, data in bench.written() if opcode is Opcode.PONG]
        assert pongs == list(reversed(pings))[: len(pongs)]
        assert len(pongs) == len(pings) - len(waiting)


def test_the_bytes_that_came_with_the_handshake() -> None:
    """
    What was read too early is read first, and the reader is told that it is there.
    """
    with opened(first=frame("one") + frame("two")[:3]) as bench:
        assert bench.wire.unread
        assert bench.wire.read() == [b"one"]
        assert not bench.wire.unread
        assert bench.come(frame("two")[3:]) == [b"two"]


def test_every_byte_is_a_sign_of_life(bench: Bench) -> None:
    """
    Half a frame shows that the peer lives.
    """
    bench.wire.heard_at = 0.0
    bench.come(frame("one")[:1])
    assert time.monotonic() - bench.wire.heard_at < 5.0
    bench.wire.heard_at = 0.0
    assert bench.wire.read() == []
    assert bench.wire.heard_at == 0.0


def test_a_large_message_in_small_pieces_is_not_slow(bench: Bench) -> None:
    """
    The cost of a message does not grow with the square of the pieces it comes in.
    """
    data = frame(b"x" * (LIMIT - 1))
    start = time.process_time()
    messages: list[bytes] = []
    for position in range(0, len(data), 1460):
        messages += bench.come(data[position : position + 1460])
    for _ in range(4000):
        messages += bench.come(frame(b"y" * 64, CONT if _ else TEXT, fin=_ == 3999))
    assert [len(message) for message in messages] == [LIMIT - 1, 4000 * 64]
    assert time.process_time() - start < 3.0


def test_a_flood_leaves_a_turn_to_others() -> None:
    """
    A peer that sends without end does not keep the reader from writing; the rest is
    remembered without any further byte.
    """
    with opened(first=frame("x" * 60_000) * 40) as bench:
        bench.theirs.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                bench.theirs.send(frame("y" * 1000))
        assert len(bench.wire.read()) >= 40
        while bench.wire.unread:
            bench.wire.read()


def test_a_turn_of_small_frames_is_short() -> None:
    """
    However many frames have come, a pong goes out after a few of them; nothing is lost,
    and what is left is remembered.
    """
    stream = frame(b"now", PING) + b"".join(frame(str(n)) for n in range(5000))
    with opened(first=stream) as bench:
        messages = bench.wire.read()
        assert 0 < len(messages) < 500
        assert bench.wire.unread
        assert (Opcode.PONG, b"now") in bench.written()
        bench.theirs.sendall(frame("last"))
        while bench.wire.unread or messages[-1] != b"last":
            messages += bench.wire.read()
        assert [*(str(n).encode() for n in range(5000)), b"last"] == messages


def test_who_is_behind_does_not_take_the_peer_for_dead() -> None:
    """
    As long as there is something left to look at, the peer has not fallen silent.
    """
    with opened(first=frame("x") * 1000) as bench:
        bench.wire.read()
        bench.wire.heard_at = 0.0
        bench.wire.read()
        assert time.monotonic() - bench.wire.heard_at < 5.0


def test_every_ping_of_many_is_answered() -> None:
    """
    A peer that reads gets a pong for each ping, in order, however many came at once.
    """
    pings = [str(number).encode() for number in range(1000)]
    with opened(first=b"".join(frame(data, PING) for data in pings)) as bench:
        written: list[tuple[Opcode, bytes]] = []
        while bench.wire.unread:
            assert [] == bench.wire.read()
            written += bench.written()
        assert [(Opcode.PONG, data) for data in pings] == written


# Size.


@pytest.mark.parametrize("announced", [101, 65_536, 1 << 40, (1 << 64) - 1])
def test_a_frame_that_announces_too_much(announced: int) -> None:
    """
    A message larger than allowed ends the connection when it is announced, not when
    memory is full; the text names the option.
    """
    with opened(max_bytes=100) as bench:
        bench.theirs.sendall(frame("x", length=announced))
        error = bench.end()
    assert error.code == 1009
    assert f"{announced} bytes; max_message_bytes is 100" in error.reason


def test_fragments_that_add_up_to_too_much() -> None:
    """
    A message in parts is measured by its sum.
    """
    with opened(max_bytes=100) as bench:
        assert bench.come(frame("x" * 60, fin=False)) == []
        bench.theirs.sendall(frame("x" * 41, CONT, fin=False))
        assert bench.end().code == 1009


def test_the_limit_itself_is_allowed() -> None:
    """
    A message of exactly the limit passes, whole or in parts, one after the other.
    """
    with opened(max_bytes=100) as bench:
        assert bench.come(frame("x" * 100)) == [b"x" * 100]
        for _ in range(3):
            parts = frame("x" * 60, fin=False) + frame("y" * 40, CONT)
            assert bench.come(parts) == [b"x" * 60 + b"y" * 40]


# What a peer may not do.

HALF = frame("half", fin=False)
VIOLATIONS: dict[str, bytes] = {
    "rsv1": frame("x", rsv=4),
    "rsv2": frame("x", rsv=2),
    "rsv3": frame("x", rsv=1),
    "rsv1 on a ping": frame("x", PING, rsv=4),
    **{f"opcode {n}": frame("x", n) for n in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "masked": frame("x", mask=b"abcd"),
    "masked ping": frame("x", PING, mask=b"abcd"),
    "fragmented ping": frame("x", PING, fin=False),
    "fragmented pong": frame("x", PONG, fin=False),
    "fragmented close": frame(b"\x03\xe8", CLOSE, fin=False),
    "long ping": frame("x" * 126, PING),
    "long pong": frame("x" * 126, PONG),
    "long close": frame(b"\x03\xe8" + b"x" * 124, CLOSE),
    "endless ping": frame("x", PING, length=1 << 40),
    "continuation of nothing": frame("x", CONT),
    "continuation after the end": frame("x") + frame("y", CONT),
    "text within a message": HALF + frame("x"),
    "binary within a message": HALF + frame("x", BINARY),
    "text within an empty part": frame("", fin=False) + frame("x"),
    "half a close code": frame(b"\x03", CLOSE),
    **{f"close {n}": close_frame(n) for n in (0, 999, 1005, 1006, 1015, 5000, 65535)},
}


@pytest.mark.parametrize("data", VIOLATIONS.values(), ids=VIOLATIONS)
@pytest.mark.parametrize("before", [b"", frame("fine")], ids=["alone", "after"])
def test_violations(data: bytes, before: bytes) -> None:
    """
    What RFC 6455 forbids ends the connection with 1002; what came before is delivered,
    what comes after is not.
    """
    with opened() as bench:
        bench.theirs.sendall(before + data + frame("after") + frame("after"))
        messages: list[bytes] = []
        error = bench.end(messages)
        assert error.code == 1002
        assert error.reason
        assert messages[: bool(before)] == ([b"fine"] if before else [])
        assert b"after" not in messages
        assert bench.wire.closed_by_peer is None
        bench.wire.send_close(error.code, error.reason)
        ((opcode, payload),) = bench.written()
        assert (opcode, close_of(payload)[0]) == (Opcode.CLOSE, 1002)


@pytest.mark.parametrize("size", [1, 2])
def test_a_violation_is_seen_in_its_first_bytes(size: int, bench: Bench) -> None:
    """
    A reserved bit is refused before the frame's payload has come.
    """
    bench.theirs.sendall(frame("x" * 1000, rsv=4)[: size + 1])
    assert bench.end().code == 1002


@given(data=st.binary(min_size=2, max_size=60))
def test_any_bytes_are_frames_or_an_end(data: bytes) -> None:
    """
    No bytes whatever make anything but messages, a close, or a ConnectionClosed.
    """
    with opened(max_bytes=1000) as bench:
        bench.theirs.sendall(data)
        bench.theirs.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionClosed):
            while bench.wire.closed_by_peer is None:
                bench.wire.read()
        bench.written()


# The end.


@pytest.mark.parametrize("data", [b"", frame("x")[:2], HALF])
def test_an_end_without_goodbye(data: bytes, bench: Bench) -> None:
    """
    A peer that hangs up, in a frame or between two, is an unclean end with 1006.
    """
    bench.theirs.sendall(data)
    bench.theirs.shutdown(socket.SHUT_WR)
    error = bench.end()
    assert (error.code, error.clean) == (1006, False)


def test_what_came_before_the_end_comes_first(bench: Bench) -> None:
    """
    Messages that arrived with the end are delivered before it is told.
    """
    bench.theirs.sendall(frame("last"))
    bench.theirs.shutdown(socket.SHUT_WR)
    assert bench.wire.read() == [b"last"]
    assert bench.wire.unread
    assert bench.end().code == 1006


@pytest.mark.parametrize(
    "end", [b"", frame("x", 3), close_frame(1001), frame("", CONT)]
)
def test_many_messages_before_the_end_come_first(end: bytes) -> None:
    """
    Also more of them than one turn takes, and when there is nobody to write to.
    """
    with opened() as bench:
        bench.theirs.sendall(frame("x") * 1000 + end)
        messages = bench.wire.read()
        bench.theirs.close()
        bench.wire.ping()
        with contextlib.suppress(ConnectionClosed):
            while bench.wire.closed_by_peer is None:
                bench.wire.write()
                messages += bench.wire.read()
        assert 1000 == len(messages)


def test_a_reset() -> None:
    """
    A connection that is reset is lost, reading and writing, with the system's words.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    with ours:
        bench = Bench(ours, theirs)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        error = bench.end()
        assert error.code == 1006
        assert "the connection was lost" in error.reason
        bench.wire.send("x")
        with contextlib.suppress(ConnectionClosed):
            bench.wire.write()
            bench.wire.send("y")
        with pytest.raises(ConnectionClosed):
            bench.wire.write()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1000, ""),
        (1001, "going away"),
        (1011, "keepalive ping timeout"),
        (1012, ""),
        (3000, "registered"),
        (4001, "f\u00fcnf"),
    ],
)
def test_a_close_is_answered_with_its_own_code(
    code: int, reason: str, bench: Bench
) -> None:
    """
    A peer's goodbye is told with code and reason, whatever the code, and answered.
    """
    assert bench.come(frame("last") + close_frame(code, reason.encode())) == [b"last"]
    closed = bench.wire.closed_by_peer
    assert closed is not None
    assert (closed.code, closed.reason, closed.clean) == (code, reason, True)
    ((opcode, payload),) = bench.written()
    assert (opcode, close_of(payload)[0]) == (Opcode.CLOSE, code)


def test_a_close_without_a_code(bench: Bench) -> None:
    """
    A goodbye without a code is 1005, which never travels.
    """
    bench.come(close_frame(None))
    closed = bench.wire.closed_by_peer
    assert closed is not None
    assert (closed.code, closed.clean) == (1005, True)
    assert bench.written() == [(Opcode.CLOSE, b"")]


def test_nothing_is_read_after_the_peers_close(bench: Bench) -> None:
    """
    What a peer says after its goodbye is not heard.
    """
    assert bench.come(close_frame() + frame("x")) == []
    assert bench.come(frame("y")) == []
    bench.theirs.close()
    assert bench.wire.read() == []


def test_nothing_is_sent_after_our_close(bench: Bench) -> None:
    """
    After our goodbye neither messages nor pings nor pongs nor a second one leave.
    """
    bench.wire.send("dropped: the goodbye overtakes it")
    bench.wire.send_close(1000, "bye")
    bench.wire.send("late")
    bench.wire.ping()
    bench.wire.send_close(1001)
    bench.come(frame(b"", PING))
    bench.wire.write()
    # counted in bytes: no judge looks behind a close frame
    data = bench.theirs.recv(1000)
    assert len(data) == 2 + 4 + len(b"\x03\xe8bye")
    bench.judge.receive_data(data)
    ((opcode, payload),) = bench.written()
    assert (opcode, close_of(payload)) == (Opcode.CLOSE, (1000, "bye"))
    bench.come(close_frame())
    assert bench.written() == []
    assert bench.wire.idle


@pytest.mark.parametrize("letter", ["x", "\u00fc", "\u20ac", "\U0001f600"])
def test_a_long_reason_is_cut_between_letters(letter: str, bench: Bench) -> None:
    """
    A reason longer than a control frame can hold is cut, and stays valid text.
    """
    bench.wire.send_close(1002, letter * 200)
    ((_, payload),) = bench.written()
    code, reason = close_of(payload)
    assert code == 1002
    assert set(reason) == {letter}
    assert 120 < len(payload) <= 125


# What goes out.


@given(texts=st.lists(st.text(max_size=100), max_size=10))
def test_what_we_send_is_understood(texts: list[str]) -> None:
    """
    Every text arrives whole and in order at another implementation.
    """
    with opened() as bench:
        for text in texts:
            bench.wire.send(text)
        assert bench.written() == [(Opcode.TEXT, text.encode()) for text in texts]
        assert bench.wire.idle


@pytest.mark.parametrize("size", [125, 126, 65_535, 65_536, 200_000])
def test_every_form_of_length(size: int, bench: Bench) -> None:
    """
    Frames of all three length forms arrive whole.
    """
    bench.theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    bench.wire.send("x" * size)
    got: list[tuple[Opcode, bytes]] = []
    while not got:
        got = bench.written()
    assert got == [(Opcode.TEXT, b"x" * size)]


class _Slow:
    """
    A socket that takes a few bytes at a time, and says "not now" in between.
    """

    def __init__(self, takes: list[int]) -> None:
        self.takes = takes
        self.taken = b""
        self.offered: list[bytes] = []

    def send(self, data: memoryview) -> int:
        self.offered.append(bytes(data))
        count = self.takes.pop(0) if self.takes else len(data)
        if count == 0:
            raise BlockingIOError
        self.taken += bytes(data[:count])
        return min(count, len(data))

    def recv(self, size: int) -> bytes:
        raise BlockingIOError

    def setblocking(self, flag: bool) -> None:
        assert not flag


@given(
    takes=st.lists(st.integers(0, 300), max_size=40),
    texts=st.lists(st.text("abc", max_size=400), min_size=1, max_size=6),
)
def test_writing_resumes_where_it_stopped(takes: list[int], texts: list[str]) -> None:
    """
    However few bytes the socket takes at a time, every frame arrives whole; control
    frames go between frames; a refused slice is offered again as it was.
    """
    sock = _Slow(takes)
    handle = websocket.WebSocket()
    handle.sock = sock
    wire = Wire(handle, LIMIT)
    for text in texts:
        wire.send(text)
    wire.write()
    wire.ping()
    rounds = 0
    while not wire.idle:
        assert wire.interest & selectors.EVENT_WRITE
        wire.write()
        rounds += 1
        assert rounds < 100
    assert wire.interest == selectors.EVENT_READ
    judge = Protocol(Side.SERVER, state=State.OPEN)
    judge.receive_data(sock.taken)
    assert judge.parser_exc is None
    frames = judge.events_received()
    assert [bytes(f.data).decode() for f in frames if f.opcode is Opcode.TEXT] == texts
    assert [f.opcode for f in frames].count(Opcode.PING) == 1
    assert max(map(len, sock.offered)) <= 16384


def test_a_pong_overtakes_what_waits_but_no_frame_in_progress() -> None:
    """
    A ping is answered within one frame's time, not behind the whole queue, and never in
    the middle of a frame.
    """
    sock = _Slow([5, 0])
    handle = websocket.WebSocket()
    handle.sock = sock
    wire = Wire(handle, LIMIT, frame(b"now", PING))
    for text in ("first", "second", "third"):
        wire.send(text)
    wire.write()
    wire.read()
    wire.write()
    judge = Protocol(Side.SERVER, state=State.OPEN)
    judge.receive_data(sock.taken)
    assert [bytes(f.data) for f in judge.events_received()] == [
        b"first",
        b"now",
        b"second",
        b"third",
    ]


def test_a_flood_of_pings_is_bounded(bench: Bench) -> None:
    """
    A peer that pings and does not read fills neither memory nor the queue.
    """
    bench.come(frame(b"x" * 100, PING) * 1000)
    while bench.wire.unread:
        bench.wire.read()
    assert len(bench.written()) <= 100


# TLS.


class _Watched:
    """
    Notes which slices a TLS socket was offered and what became of them.
    """

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self._send = sock.send
        self.refused: bytes | None = None
        self.refusals = 0
        self.wrong = 0

    def send(self, data: memoryview) -> int:
        offered = bytes(data)
        if self.refused is not None and offered != self.refused:
            self.wrong += 1
        try:
            count = self._send(data)
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            self.refused = offered
            self.refusals += 1
            raise
        self.refused = None
        return count


@contextlib.contextmanager
def tls_pair(
    server: ssl.SSLContext, client: ssl.SSLContext
) -> Iterator[tuple[ssl.SSLSocket, ssl.SSLSocket]]:
    """
    Give two connected TLS sockets with small buffers, ours first.
    """
    left, right = socket.socketpair()
    for sock in (left, right):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    made: list[ssl.SSLSocket] = []
    accept = threading.Thread(
        target=lambda: made.append(server.wrap_socket(right, server_side=True))
    )
    accept.start()
    ours = client.wrap_socket(left, server_hostname="localhost")
    accept.join(5.0)
    with ours, made[0]:
        yield ours, made[0]


def test_full_buffers_both_ways_over_tls(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """
    With both directions full, every byte arrives both ways, pings included, and a slice
    that TLS refused is offered again unchanged.
    """
    dice = random.Random(7)
    texts = [dice.choice("abc") * dice.choice((10, 1000, 30_000)) for _ in range(300)]
    with tls_pair(server_tls, client_tls) as (ours, theirs):
        watched = _Watched(ours)
        ours.send = watched.send  # type: ignore[method-assign]
        bench = Bench(ours, theirs)
        wire = bench.wire
        outgoing = hashlib.sha256("".join(texts).encode()).digest()
        arrived: list[bytes] = []
        failures: list[BaseException] = []

        def peer() -> None:
            # one thread, blocking, sends first: the strictest peer there is
            try:
                for index, text in enumerate(texts):
                    theirs.sendall(frame(text) + frame(str(index).encode(), PING))
                theirs.sendall(frame("end"))
                while bench.judge.close_rcvd is None:
                    bench.judge.receive_data(theirs.recv(65536))
                    arrived.extend(
                        bytes(f.data)
                        for f in bench.judge.events_received()
                        if isinstance(f, Frame) and f.opcode is Opcode.TEXT
                    )
            except BaseException as error:
                failures.append(error)

        for text in texts:
            wire.send(text)
        thread = threading.Thread(target=peer)
        thread.start()
        got: list[bytes] = []
        until = time.monotonic() + 20.0
        with selectors.DefaultSelector() as selector:
            selector.register(wire, wire.interest)
            while not (wire.idle and got[-1:] == [b"end"]):
                assert time.monotonic() < until
                wire.write()
                selector.modify(wire, wire.interest)
                selector.select(0 if wire.unread else 1.0)
                got += wire.read()
            wire.send_close()
            while not wire.idle:
                wire.write()
        thread.join(10.0)
    assert failures == []
    assert b"".join(got[:-1]) == "".join(texts).encode()
    assert hashlib.sha256(b"".join(arrived)).digest() == outgoing
    assert watched.refusals > 0
    assert watched.wrong == 0


def test_decrypted_bytes_that_no_selector_sees(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """
    What TLS has decrypted already is read although the socket stays silent.
    """
    with tls_pair(server_tls, client_tls) as (ours, theirs):
        theirs.sendall(frame("first") + frame("second"))
        assert ours.recv(len(frame("first"))) == frame("first")
        bench = Bench(ours, theirs)
        assert bench.wire.unread
        assert bench.wire.read() == [b"second"]
        assert not bench.wire.unread


@pytest.mark.parametrize("goodbye", [True, False])
def test_the_end_of_tls(
    goodbye: bool, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """
    A TLS connection that ends, with its own goodbye or without, is an unclean end.
    """
    with tls_pair(server_tls, client_tls) as (ours, theirs):
        bench = Bench(ours, theirs)
        bench.wire.read()
        if goodbye:
            ours.setblocking(False)
            theirs.settimeout(0.1)
            with contextlib.suppress(OSError):
                theirs.unwrap()
        theirs.close()
        assert bench.end().code == 1006


def _wants(error: type[ssl.SSLError]) -> Callable[..., Any]:
    def operation(*_: Any) -> Any:
        raise error(2, "later")

    return operation


def test_interest_is_what_the_operation_asked_for(bench: Bench) -> None:
    """
    A TLS read that must write first waits for room, and a write that must read first
    does not spin on a writable socket.
    """

    class Odd(_Slow):
        recv = _wants(ssl.SSLWantWriteError)
        send = _wants(ssl.SSLWantReadError)

    handle = websocket.WebSocket()
    handle.sock = Odd([])
    wire = Wire(handle, LIMIT)
    assert wire.interest == selectors.EVENT_READ
    wire.send("x")
    wire.write()
    assert wire.interest == selectors.EVENT_READ
    assert wire.read() == []
    assert wire.interest == selectors.EVENT_READ | selectors.EVENT_WRITE
