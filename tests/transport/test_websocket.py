"""
Frames in, frames out, cut at every place and broken in every way.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import io
import itertools
import random
import selectors
import socket
import ssl
import struct
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import websocket
from helpers.peer import BINARY, CLOSE, CONT, PING, PONG, TEXT, close_frame, frame
from hypothesis import given
from hypothesis import strategies as st
from websocket._abnf import frame_buffer
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

from azure_realtime._transport import outgoing_frames
from azure_realtime._transport.frames import FrameParser
from azure_realtime._transport.websocket import WebSocketStream
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
        self.wire = WebSocketStream(handle, max_bytes, first)
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


def test_a_conversation_cut_anywhere_gives_the_same_messages() -> None:
    """
    Wherever the network cuts the stream, the same messages come, pings are answered in
    order, and the close is reported.
    """
    stream, seam = SMALL + LARGE, len(SMALL)
    for edge in [*range(seam + 50), *range(len(stream) - 50, len(stream) + 1)]:
        with opened() as bench:
            messages = bench.come(stream[:edge])
            messages += bench.come(stream[edge:])
            while bench.wire.unread:
                messages += bench.wire.read()
            assert messages == MESSAGES
            pongs = [(Opcode.PONG, b""), (Opcode.PONG, b"between")]
            assert bench.written()[:2] == pongs
            assert bench.wire.closed_by_peer is not None
            assert bench.wire.closed_by_peer.code == 1001


@pytest.mark.slow
@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=60))
def test_a_conversation_in_any_pieces_gives_the_same_messages(sizes: list[int]) -> None:
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


@pytest.mark.slow
@given(
    messages=st.lists(st.tuples(st.booleans(), _FRAGMENTS), max_size=5),
    pings=st.lists(st.binary(max_size=125), max_size=3),
    cuts=st.lists(st.integers(0, 3000), max_size=8),
)
def test_frames_of_another_implementation_are_understood(
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


def test_bytes_that_came_with_the_handshake_are_read_first() -> None:
    """
    What was read too early is read first, and the reader is informed that it is there.
    """
    with opened(first=frame("one") + frame("two")[:3]) as bench:
        assert bench.wire.unread
        assert bench.wire.read() == [b"one"]
        assert not bench.wire.unread
        assert bench.come(frame("two")[3:]) == [b"two"]


def test_every_byte_counts_as_received(bench: Bench) -> None:
    """
    Half a frame shows that the peer lives.
    """
    bench.wire.last_received_at = 0.0
    bench.come(frame("one")[:1])
    assert time.monotonic() - bench.wire.last_received_at < 5.0
    bench.wire.last_received_at = 0.0
    assert bench.wire.read() == []
    assert bench.wire.last_received_at == 0.0


@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["sliced", "parsed"])
def test_bytes_of_an_incomplete_frame_are_counted(opcode: int, bench: Bench) -> None:
    """
    It is counted from when the frame began, so that a slow link differs from a peer
    that has died in the middle of one.
    """
    wire, data = bench.wire, frame("x" * 10_000, opcode)
    assert (wire.unfinished_at, wire.unfinished_bytes) == (None, 0)
    bench.come(data + data[:1])
    began = wire.unfinished_at
    assert (began, wire.unfinished_bytes) == (wire.last_received_at, 0)
    bench.come(data[1:1000])
    bench.come(data[1000:4000])
    assert (wire.unfinished_at, wire.unfinished_bytes) == (began, 3999)
    bench.come(data[4000:] + data[:2000])
    assert (wire.unfinished_at, wire.unfinished_bytes) == (wire.last_received_at, 0)
    bench.come(data[2000:])
    assert (wire.unfinished_at, wire.unfinished_bytes) == (None, 0)


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


def test_a_flood_does_not_extend_a_turn() -> None:
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


def test_a_turn_of_large_frames_is_short() -> None:
    """
    Nor does it take more than some 64 KiB, however fast the peer is.
    """
    with opened() as bench:
        bench.theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        sent = 0
        bench.theirs.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                sent += bench.theirs.send(frame("y" * 10_000))
        taken = len(b"".join(bench.wire.read()))
        assert 50_000 < taken < 130_000 < sent
        assert bench.wire.unread


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


def test_a_busy_reader_does_not_take_the_peer_for_dead() -> None:
    """
    As long as there is something left to look at, the peer has not fallen silent.
    """
    with opened(first=frame("x") * 1000) as bench:
        bench.wire.read()
        bench.wire.last_received_at = 0.0
        bench.wire.read()
        assert time.monotonic() - bench.wire.last_received_at < 5.0


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


def test_text_frames_come_without_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A whole text frame is cut out of the buffer, also the rest of one that came in
    pieces, and the one behind a ping: the parser sees the ping only.
    """
    parsed: list[int] = []
    parse = FrameParser.recv_frame

    def recv_frame(self: FrameParser) -> Any:
        parsed.append(1)
        return parse(self)

    monkeypatch.setattr(FrameParser, "recv_frame", recv_frame)
    with opened() as bench:
        cut = frame("y" * 70_000)
        edges = [0, 1, 2, 3, 9, 10, 11, 60_000, len(cut)]
        messages = bench.come(frame("one") + frame("x" * 200))
        for start, end in itertools.pairwise(edges):
            messages += bench.come(cut[start:end])
        assert parsed == []
        messages += bench.come(frame(b"now", PING) + frame("two"))
        assert len(parsed) == 1
        assert messages == [b"one", b"x" * 200, b"y" * 70_000, b"two"]


@pytest.mark.parametrize("opcode", [PING, BINARY, CONT])
def test_a_payload_that_looks_like_a_frame_is_a_payload(opcode: int) -> None:
    """
    Wherever it is cut, what is inside a frame is not taken for one.
    """
    begin = frame("", fin=False) if opcode == CONT else b""
    payload = frame("inner")
    stream = begin + frame(payload, opcode)
    for edge in range(len(stream)):
        with opened() as bench:
            messages = bench.come(stream[:edge]) + bench.come(stream[edge:])
            messages += [data for _, data in bench.written()]
            assert messages == [payload]


@pytest.mark.parametrize("size", [5000, 8192, 100_000])
def test_half_a_message_may_come_with_the_handshake(size: int) -> None:
    """
    However large the first half is, there is room for the second.
    """
    message = frame("x" * 2 * size)
    with opened(first=message[:size]) as bench:
        messages = bench.wire.read()
        for start in range(size, len(message), 50_000):
            messages += bench.come(message[start : start + 50_000])
        assert messages == [b"x" * 2 * size]


def test_a_recv_frame_of_the_users_gets_every_frame() -> None:
    """
    Where ``websocket_impl`` has its own, nothing passes it by.
    """
    seen: list[int] = []

    class Own(websocket.WebSocket):
        def recv_frame(self) -> Any:
            found = super().recv_frame()
            seen.append(found.opcode)
            return found

    ours, theirs = socket.socketpair()
    with ours, theirs:
        handle = Own()
        handle.sock = ours
        wire = WebSocketStream(handle, LIMIT)
        theirs.sendall(frame("one") + frame(b"", PING) + frame("two") + frame("x")[:2])
        assert wire.read() == [b"one", b"two"]
        assert seen == [TEXT, PING, TEXT]


def test_the_read_buffer_is_as_large_as_it_has_to_be() -> None:
    """
    64 KiB are read at once; a large message gets what it needs, and its memory is given
    back.
    """
    parser = FrameParser(websocket.WebSocket(), 10 * LIMIT)

    def arrive(data: bytes) -> tuple[list[bytes], list[int]]:
        messages: list[bytes] = []
        rooms = []
        while data:
            room = parser.room()
            rooms.append(len(room))
            part, data = data[: len(room)], data[len(room) :]
            room[: len(part)] = part
            parser.filled(len(part))
            parser.take(messages, [], 1000)
        return messages, rooms

    small, large = frame("x" * 1000), frame("y" * LIMIT)
    for _ in range(20):
        assert arrive(small) == ([b"x" * 1000], [64 << 10])
        parser.release()
    messages, rooms = arrive(small * 1000)
    assert len(messages) == 1000
    assert min(rooms) > 60 << 10
    messages, rooms = arrive(large)
    assert messages == [b"y" * LIMIT]
    assert len(rooms) < 10
    parser.release()
    assert arrive(small)[1] == [64 << 10]


@pytest.mark.slow
@pytest.mark.parametrize("rest", [b"", frame("x" * 5000)[:4000]])
def test_sessions_that_wait_keep_no_read_buffer(rest: bytes) -> None:
    """
    However much a hundred sessions have received: between two turns each keeps the
    bytes of a frame that is not whole, no more.
    """
    frames = frame("x" * 1000) * 40
    gc.collect()
    with contextlib.ExitStack() as stack:
        benches = [stack.enter_context(opened()) for _ in range(100)]
        tracemalloc.start()
        stack.callback(tracemalloc.stop)
        for bench in benches:
            assert len(bench.come(frames + rest)) == 40
        kept, _ = tracemalloc.get_traced_memory()
        assert kept / len(benches) < len(rest) + 6000
        for bench in benches:
            assert bench.come(frame("x" * 5000)[len(rest) :]) == [b"x" * 5000]


def test_a_buffer_goes_from_one_session_to_the_next() -> None:
    """
    Sessions read one after the other by one buffer; no byte of one comes to another.
    """
    parsers = [FrameParser(websocket.WebSocket(), LIMIT) for _ in range(3)]
    texts = [f"{number}" * 300 for number in range(len(parsers))]
    buffers = set()
    for cut in (100, 300):  # the first piece has no whole frame, the second the rest
        for parser, text in zip(parsers, texts, strict=True):
            data = frame(text)[:100] if cut == 100 else frame(text)[100:]
            room = parser.room()
            buffers.add(id(room.obj))
            room[: len(data)] = data
            parser.filled(len(data))
            messages: list[bytes] = []
            parser.take(messages, [], 10)
            assert messages == ([] if cut == 100 else [text.encode()])
            parser.release()
    assert len(buffers) == 1


def test_a_socket_needs_recv_only() -> None:
    """
    A socket of the user's needs ``recv`` only, and it is the one that is called.
    """

    class Own(_Slow):
        def __init__(self, *pieces: bytes) -> None:
            super().__init__([])
            self.pieces = list(pieces)

        def recv(self, size: int) -> bytes:
            if not self.pieces:
                raise BlockingIOError
            return self.pieces.pop(0)

        def recv_into(self, room: memoryview) -> int:
            pytest.fail("it was not promised")

    handle = websocket.WebSocket()
    handle.sock = Own(frame("one")[:3], frame("one")[3:] + frame("two"))
    wire = WebSocketStream(handle, LIMIT)
    assert wire.read() == [b"one", b"two"]


@pytest.mark.parametrize("sent", [None, 0, -1])
def test_a_socket_that_sends_nothing_does_not_block_the_thread(sent: Any) -> None:
    """
    Nor does one of the user's whose ``send`` returns what no socket returns.
    """

    class Own(_Slow):
        def send(self, data: memoryview) -> Any:  # type: ignore[override]
            self.offered.append(bytes(data))
            assert len(self.offered) < 3
            return sent

    handle = websocket.WebSocket()
    handle.sock = Own([])
    wire = WebSocketStream(handle, LIMIT)
    wire.send(b"one")
    wire.write()
    assert not wire.idle


# Size.


@pytest.mark.parametrize("announced", [101, 65_536, 1 << 40, (1 << 64) - 1])
def test_a_frame_that_announces_too_much_is_refused_at_once(announced: int) -> None:
    """
    A message larger than allowed ends the connection when it is announced, not when
    memory is full; the text names the option.
    """
    with opened(max_bytes=100) as bench:
        bench.theirs.sendall(frame("x", length=announced))
        error = bench.end()
    assert error.code == 1009
    assert f"{announced} bytes; max_message_bytes is 100" in error.reason


def test_fragments_that_add_up_to_too_much_are_refused() -> None:
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
    "masked by zeros": frame(b"\0\0\0\5", mask=bytes(4)),
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
def test_a_violation_ends_the_connection_with_1002(data: bytes, before: bytes) -> None:
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


@pytest.mark.parametrize("end", [frame("x", 3), close_frame(1005)])
def test_an_error_behind_a_message_is_not_waited_for(end: bytes, bench: Bench) -> None:
    """
    The message comes first; the next read reports the error, although no byte will
    come to wake the reader.
    """
    assert bench.come(frame("fine") + end) == [b"fine"]
    assert bench.wire.unread
    with pytest.raises(ConnectionClosed):
        bench.wire.read()


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
def test_an_end_without_a_close_frame_is_unclean(data: bytes, bench: Bench) -> None:
    """
    A peer that hangs up, in a frame or between two, is an unclean end with 1006.
    """
    bench.theirs.sendall(data)
    bench.theirs.shutdown(socket.SHUT_WR)
    error = bench.end()
    assert (error.code, error.clean) == (1006, False)


def test_messages_before_the_close_are_delivered_first(bench: Bench) -> None:
    """
    Messages that arrived with the end are delivered before the end is reported.
    """
    bench.theirs.sendall(frame("last"))
    bench.theirs.shutdown(socket.SHUT_WR)
    messages: list[bytes] = []
    assert bench.end(messages).code == 1006
    assert messages == [b"last"]


@pytest.mark.parametrize(
    "end", [b"", frame("x", 3), close_frame(1001), frame("", CONT)]
)
def test_many_messages_before_the_end_come_first(end: bytes) -> None:
    """
    Also more of them than one turn takes, and when there is no peer to write to.
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


def test_a_reset_is_reported_with_the_systems_words() -> None:
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
        bench.wire.send(b"x")
        bench.wire.write()
        with pytest.raises(ConnectionClosed):
            bench.wire.read()


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
    A peer's close frame is reported with code and reason, whatever the code, and answered.
    """
    assert bench.come(frame("last") + close_frame(code, reason.encode())) == [b"last"]
    closed = bench.wire.closed_by_peer
    assert closed is not None
    assert (closed.code, closed.reason, closed.clean) == (code, reason, True)
    ((opcode, payload),) = bench.written()
    assert (opcode, close_of(payload)[0]) == (Opcode.CLOSE, code)


def test_a_close_without_a_code_is_1005(bench: Bench) -> None:
    """
    A close frame without a code is 1005, which is never sent.
    """
    bench.come(close_frame(None))
    closed = bench.wire.closed_by_peer
    assert closed is not None
    assert (closed.code, closed.clean) == (1005, True)
    assert bench.written() == [(Opcode.CLOSE, b"")]


def test_nothing_is_read_after_the_peers_close(bench: Bench) -> None:
    """
    Messages behind the peer's close frame are not read.
    """
    assert bench.come(close_frame() + frame("x")) == []
    assert bench.come(frame("y")) == []
    bench.theirs.close()
    assert bench.wire.read() == []


def test_nothing_is_sent_after_our_close(bench: Bench) -> None:
    """
    After our close frame no message, ping, pong or second close frame is sent.
    """
    bench.wire.send(b"dropped: the goodbye overtakes it")
    bench.wire.send_close(1000, "bye")
    bench.wire.send(b"late")
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


@pytest.mark.slow
@given(texts=st.lists(st.text(max_size=100), max_size=10))
def test_another_implementation_understands_our_frames(texts: list[str]) -> None:
    """
    Every text arrives whole and in order at another implementation.
    """
    with opened() as bench:
        for text in texts:
            bench.wire.send(text.encode())
        assert bench.written() == [(Opcode.TEXT, text.encode()) for text in texts]
        assert bench.wire.idle


@pytest.mark.parametrize("size", [125, 126, 65_535, 65_536, 200_000])
def test_frames_of_every_form_of_length_arrive(size: int, bench: Bench) -> None:
    """
    Frames of all three length forms arrive whole.
    """
    bench.theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    bench.wire.send(b"x" * size)
    got: list[tuple[Opcode, bytes]] = []
    while not got:
        got = bench.written()
    assert got == [(Opcode.TEXT, b"x" * size)]


_SIZES = [*range(301), *(n + d for n in (1 << 15, 1 << 16) for d in range(-9, 10))]


def test_frames_of_every_length_are_masked_as_websocket_client_reads() -> None:
    """
    websocket-client itself reads what we mask, at every length and every form of it.
    """
    rng = random.Random(5)
    messages = [rng.randbytes(size) for size in [*_SIZES, 200_001]]
    data = b"".join(outgoing_frames.text_frames(messages))
    stream = io.BytesIO(data)
    reader = frame_buffer(stream.read, skip_utf8_validation=True)
    for message in messages:
        got = reader.recv_frame()
        assert (got.fin, got.opcode, got.data) == (1, TEXT, message)
    assert stream.read() == b""


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_control_frames_are_masked(opcode: int) -> None:
    """
    They are as every frame of a client.
    """
    for size in range(126):
        data = outgoing_frames.control_frame(opcode, b"p" * size)
        assert (data[0], data[1]) == (0x80 | opcode, 0x80 | size)
        assert websocket.ABNF.mask(data[2:6], data[6:]) == b"p" * size


def test_every_frame_has_a_key_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Keys come from the system's random numbers, each is used once, and none is made up
    (RFC 6455, 5.3).
    """
    given: list[bytes] = []

    def urandom(size: int) -> bytes:
        data = random.Random(len(given)).randbytes(size)
        given.extend(data[n : n + 4] for n in range(0, size, 4))
        return data

    monkeypatch.setattr(outgoing_frames.os, "urandom", urandom)
    data = b"".join(outgoing_frames.text_frames([b"same"] * 100))
    data += (
        outgoing_frames.control_frame(PING, b"same")
        + outgoing_frames.text_frames([b"same"])[0]
    )
    assert [data[n + 2 : n + 6] for n in range(0, len(data), 10)] == given
    assert len(set(given)) == 102


def test_many_messages_leave_in_few_pieces() -> None:
    """
    Messages given together are written together, 64 KiB at a time, and a ping waits for
    no more than that; a larger message is one piece.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        for sock in (ours, theirs):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        bench = Bench(ours, theirs)
        messages = [bytes([65 + n % 26]) * 1000 for n in range(200)] + [b"x" * 100_000]
        bench.wire.send_all(messages)
        bench.wire.send_all([])
        bench.wire.ping()
        bench.wire.write()
        theirs.setblocking(False)
        pieces = []
        with contextlib.suppress(BlockingIOError):
            while piece := theirs.recv(1 << 20):
                pieces.append(piece)
    assert [len(piece) for piece in pieces] == [6, *[64 * 1008] * 3, 8 * 1008, 100_014]
    bench.judge.receive_data(b"".join(pieces[1:]))
    assert [bytes(f.data) for f in bench.judge.events_received()] == messages


@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
def test_the_kernel_holds_little_that_is_unsent(
    secure: bool, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """
    A peer that does not read is noticed after some 100 KiB, not after megabytes: so much
    would have to go out in front of every pong.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    if secure:
        made: list[ssl.SSLSocket] = []
        accept = threading.Thread(
            target=lambda: made.append(server_tls.wrap_socket(theirs, server_side=True))
        )
        accept.start()
        ours = client_tls.wrap_socket(ours, server_hostname="localhost")
        accept.join(5.0)
        theirs = made[0]
    with ours, theirs:
        wire = Bench(ours, theirs).wire
        with selectors.DefaultSelector() as selector:
            selector.register(ours, selectors.EVENT_WRITE)
            while selector.select(0.2):  # until it stays full
                wire.send_all([b"x" * 1000] * 60)
                wire.write()
                assert wire.bytes_sent < 1 << 20
    assert wire.bytes_sent > 64 << 10


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


@pytest.mark.slow
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
    wire = WebSocketStream(handle, LIMIT)
    for text in texts:
        wire.send(text.encode())
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


def test_data_for_tls_is_offered_a_record_at_a_time() -> None:
    """
    A slice that it refuses must be offered again, so it is small.
    """
    sock = _Slow([7, 10_000])
    handle = websocket.WebSocket()
    handle.sock = sock
    wire = WebSocketStream(handle, LIMIT)
    wire.send_all([b"x" * 10_000] * 5)
    wire.write()
    assert wire.idle
    assert {len(data) for data in sock.offered[:-1]} == {16384}


def test_a_pong_overtakes_what_waits_but_no_frame_in_progress() -> None:
    """
    A ping is answered within one frame's time, not behind the whole queue, and never in
    the middle of a frame.
    """
    sock = _Slow([5, 0])
    handle = websocket.WebSocket()
    handle.sock = sock
    wire = WebSocketStream(handle, LIMIT, frame(b"now", PING))
    for text in (b"first", b"second", b"third"):
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


@pytest.mark.slow
def test_full_tls_buffers_lose_no_byte_either_way(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """
    With both directions full, every byte arrives both ways, pings included, and a slice
    that TLS refused is offered again unchanged.
    """
    rng = random.Random(7)
    texts = [rng.choice("abc") * rng.choice((10, 1000, 30_000)) for _ in range(300)]
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
            wire.send(text.encode())
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


def test_decrypted_bytes_are_read_while_the_socket_is_silent(
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
def test_the_end_of_tls_is_unclean(
    goodbye: bool, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """
    The end of a TLS connection, with close_notify or without, is an unclean end.
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
    wire = WebSocketStream(handle, LIMIT)
    assert wire.interest == selectors.EVENT_READ
    wire.send(b"x")
    wire.write()
    assert wire.interest == selectors.EVENT_READ
    assert wire.read() == []
    assert wire.interest == selectors.EVENT_READ | selectors.EVENT_WRITE
