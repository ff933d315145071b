"""
A service gone mad: whatever bytes, frames and JSON it sends, nothing breaks but the
connection, and nothing grows without bounds.
"""

from __future__ import annotations

import itertools
import json
import socket
import threading
import tracemalloc
from typing import Any

import pytest
from helpers.clients import Variant, drained
from helpers.event_samples import ga_samples, preview_samples
from helpers.peer import CLOSE, CONT, PING, TEXT, frame
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websocket import WebSocket

from azure_realtime._memory import approximate_size
from azure_realtime._protocol.codec import Codec
from azure_realtime._transport.websocket import WebSocketStream
from azure_realtime.errors import ConnectionClosed
from azure_realtime.events import InvalidMessage, ServerEvent

LIMIT = 4096

# Frames.

_FRAMES = st.builds(
    frame,
    st.binary(max_size=200),
    st.integers(0, 15),
    fin=st.booleans(),
    rsv=st.sampled_from([0, 0, 0, 0, 1, 4]),
    mask=st.sampled_from([None, None, None, b"abcd"]),
    length=st.none() | st.none() | st.integers(0, 2**64 - 1),
)
_SOUND = st.builds(
    frame,
    st.binary(max_size=100),
    st.sampled_from([CONT, TEXT, PING, CLOSE]),
    fin=st.booleans(),
)


@pytest.mark.slow
@settings(max_examples=300)
@given(
    frames=st.lists(_FRAMES | _SOUND, max_size=12),
    tail=st.binary(max_size=20),
    cuts=st.lists(st.integers(1, 100), max_size=20),
)
def test_any_frames_are_messages_or_a_typed_end(
    frames: list[bytes], tail: bytes, cuts: list[int]
) -> None:
    """
    In whatever pieces they come, and what is kept of them stays small.
    """
    data = b"".join(frames) + tail
    ours, theirs = socket.socketpair()
    with ours, theirs:
        handle = WebSocket()
        handle.sock = ours
        wire = WebSocketStream(handle, LIMIT)
        position = 0
        for size in itertools.chain(cuts, itertools.repeat(4096)):
            theirs.sendall(data[position : position + size])
            position += size
            try:
                messages = wire.read()
                wire.write()
            except ConnectionClosed:
                break
            assert all(len(message) <= LIMIT for message in messages)
            if wire.closed_by_peer is not None or position >= len(data):
                break


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize("payload", [b"", b"x"], ids=["empty", "of one byte"])
def test_fragments_without_end_are_bounded(payload: bytes) -> None:
    """
    A message in millions of fragments takes what its text takes, not its fragments.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        handle = WebSocket()
        handle.sock = ours
        wire = WebSocketStream(handle, 100_000)
        theirs.sendall(frame(b"", TEXT, fin=False))
        many = frame(payload, CONT, fin=False) * 10_000  # fits into a socket's buffer
        error = None
        tracemalloc.start()
        try:
            for _ in range(12):
                theirs.sendall(many)
                assert [] == wire.read()
                while wire.unread:
                    assert [] == wire.read()
        except ConnectionClosed as closed:
            error = closed
        finally:
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert (1009 if payload else None) == (error and error.code)
        assert peak < 1_000_000


# JSON.

_HUGE = [10**400, -(10**400), 10**18, 2**63, -1, 1e308]
_BOMBS = {
    "deep lists": "[" * 200_000,
    "deep objects": '{"a":' * 100_000,
    "deep and whole": "[" * 100_000 + "]" * 100_000,
    "a deep field": '{"type":"error","error":' + "[" * 50_000 + "]" * 50_000 + "}",
    "many digits": '{"type":"error","n":' + "9" * 5000 + "}",
    "a huge exponent": '{"type":"error","n":1e999999999}',
    "a long number": '{"type":"error","n":0.' + "1" * 100_000 + "}",
    "not a number": '{"type":"error","n":NaN}',
    "twice the same": '{"type":"error",' + '"a":1,' * 10_000 + '"type":"init"}',
    "lone surrogates": '{"type":"\\ud800","x":"\\udfff"}',
    "null bytes": '{"type":"\\u0000"}\x00',
    "a local event's name": '{"type":"disconnected"}',
    "another": '{"type":"closed","error":null}',
    "another still": '{"type":"init","session":5}',
    "star": '{"type":"*"}',
    "a class's attribute": '{"type":"__class__","raw":{},"generation":-5,"problems":1}',
}


@pytest.mark.parametrize("version", [None, "2025-04-01-preview"])
@pytest.mark.parametrize("name", _BOMBS)
def test_a_deeply_nested_message_is_an_event(name: str, version: str | None) -> None:
    """
    Nothing leaves the codec but events, and they can be weighed and shown.
    """
    events = Codec(version).decode(_BOMBS[name])
    assert events
    for event in events:
        assert isinstance(event, ServerEvent)
        assert approximate_size(event.raw) > 0
        assert repr(event)
        assert str(event.type) == event.type


@pytest.mark.slow
@pytest.mark.parametrize("version", [None, "2025-04-01-preview"])
@pytest.mark.parametrize("depth", [100, 400, 900, 2000, 20_000])
def test_depth_inside_every_known_event_is_survived(
    depth: int, version: str | None
) -> None:
    """
    Each field of each event may hold something deep: it is an event, whatever it says.
    """
    samples = ga_samples() if version is None else preview_samples()
    deep = "[" * depth + "]" * depth, '{"content":' * depth + "1" + "}" * depth
    codec = Codec(version)
    for sample in _samples(samples):
        for key in sample:
            if key == "type":
                continue
            for bomb in deep:
                text = json.dumps({**sample, key: "@"}).replace('"@"', bomb)
                events = codec.decode(text)
                assert events or version
                for event in events:
                    assert isinstance(event, ServerEvent)


def _samples(samples: Any) -> list[dict[str, Any]]:
    return list(samples.values() if isinstance(samples, dict) else samples)


def test_computing_the_size_does_not_recurse() -> None:
    """
    Weighing what is nested without end takes a loop, not the stack.
    """
    deep: Any = []
    for _ in range(50_000):
        deep = [deep]
    assert approximate_size(deep) > 50_000
    while deep:
        deep = deep[0]


# A whole client.


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["ga", "preview"])
def test_random_messages_do_not_end_the_client(
    protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Known events with impossible contents, in a live session: each is delivered, the next
    comes, and a command is still answered.
    """
    samples = _samples(ga_samples() if protocol == "ga" else preview_samples())
    nasty = st.sampled_from(
        [None, True, "", "x" * 50, [], {}, [[]], {"a": 1}, [None], -1, 0.5, *_HUGE]
    )
    with Variant(protocol).connected() as (client, connection):
        delivered = threading.Semaphore(0)
        client.on("*", lambda event: repr(event) and delivered.release())
        stream = client.events(timeout=10)

        @settings(max_examples=250, suppress_health_check=list(HealthCheck))
        @given(data=st.data())
        def throw(data: st.DataObject) -> None:
            message = dict(data.draw(st.sampled_from(samples)))
            for _ in range(data.draw(st.integers(0, 3))):
                holder: Any = message
                while holder:
                    keys = list(holder) if isinstance(holder, dict) else [0]
                    key = data.draw(st.sampled_from(keys))
                    inner = holder[key]
                    deeper = isinstance(inner, (dict, list)) and inner
                    if deeper and data.draw(st.booleans()):
                        holder[key] = holder = inner.copy()
                        continue
                    if key != "type" or holder is not message:
                        holder[key] = data.draw(nasty)
                    break
            connection.send(message)

        throw()
        for bomb in _BOMBS.values():
            connection.send_text(bomb)
        connection.send({"type": "the.last", "n": 1})
        for event in stream:
            if event.type == "the.last":
                break
        client.clear_audio_buffer().result(timeout=10)
        assert not [r for r in caplog.records if "bug" in r.getMessage()]
        assert not [r for r in caplog.records if r.exc_info]


def test_bytes_that_are_no_text_end_the_connection_only() -> None:
    """
    Not UTF-8: the peer gets 1007, and the user a ConnectionClosed.
    """
    with Variant("ga").connected() as (client, connection):
        connection.send_frame(TEXT, b'{"type":"\xff\xfe"}')
        assert 1007 == client.wait_for("disconnected", timeout=5).code
        assert isinstance(client.wait_for("disconnected").error, ConnectionClosed)


@pytest.mark.slow
@pytest.mark.parametrize("size", [10, 20])
def test_a_decoded_message_may_weigh_more_than_its_text(size: int) -> None:
    """
    A message of empty lists is twenty times its text in memory: the limit on text is
    what bounds it, and the scales see it.
    """
    text = '{"type":"x","y":[' + ",".join(["[]"] * (size * 1000)) + "]}"
    (event,) = Codec(None).decode(text)
    assert approximate_size(event.raw) > 10 * len(text)


def test_invalid_messages_keep_what_came() -> None:
    """
    What is no JSON is delivered with its text, which counts for the limits.
    """
    (event,) = Codec(None).decode("x" * 1000)
    assert isinstance(event, InvalidMessage)
    assert 1000 == len(event.data)


def test_a_service_cannot_send_local_events() -> None:
    """
    The names of our own events, sent by a service, call none of their listeners.
    """
    names = ["init", "disconnected", "reconnecting", "reconnected", "closed"]
    names += ["expiring", "overflow", "listener_error", "tool_error", "status_changed"]
    with Variant("ga").connected() as (client, connection):
        fooled: list[Any] = []
        everything: list[Any] = []
        for name in names[1:]:
            client.on(name, fooled.append)
        client.on("*", everything.append)
        for name in [*names, "*"]:
            connection.send({"type": name, "error": None})
        with pytest.raises(TimeoutError):
            client.wait_for("disconnected", timeout=0.2)
        client.clear_audio_buffer().result(timeout=5)
        drained(client)
        assert [] == fooled
        types = [event.type for event in everything]
        assert [*names, "*"] == [name for name in types if name in (*names, "*")][1:]
