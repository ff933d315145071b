"""
``close()`` is legal anywhere, and returns within its timeout; nothing is left then.

That no thread and no descriptor stays is checked after every test, in conftest.
"""

from __future__ import annotations

import base64
import gc
import itertools
import json
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import websocket
from helpers import inside
from helpers.clients import GA, KEY, USER_SAYS, Variant
from helpers.peer import Peer, collect_until_close, frame, full_port
from helpers.timing import at_most

from azure_realtime import (
    AzureRealTimeAudio,
    AzureRealTimeOptions,
    ConnectionClosed,
    ProtocolWarning,
    QueueFull,
    RealtimeError,
    WebSocketState,
)
from azure_realtime._engine.control import Control
from azure_realtime._requests.send_queue import SendQueue
from azure_realtime.simulator._network.faults import HandshakeFaults

CHUNK = bytes(96_000)


def background(function: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """
    Run a function on a thread; what it returns or raises lands in the list.
    """
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(function())
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, outcome


def fill(client: AzureRealTimeAudio, timeout: float | None) -> None:
    """
    Append audio until it is refused.
    """
    while True:
        client.append_audio(CHUNK, timeout)


# While connecting.


@pytest.fixture
def silent_port() -> Iterator[int]:
    """
    A port at which TCP does not answer.
    """
    with full_port() as port:
        yield port


IMPLS = pytest.mark.parametrize(
    "impl", [None, websocket.WebSocket], ids=["ours", "websocket_impl"]
)
QUEUED = pytest.mark.parametrize("queued", [False, True], ids=["idle", "queued"])


@pytest.fixture
def final_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Let the callback thread have its last turn, however late a busy machine gives it.

    ``close()`` ends as soon as it has; how long it takes is measured all the same.
    """
    inside.wait_for_last_listeners(monkeypatch, 5.0)


def close_while_connecting(url: str, impl: Any, queued: bool, seen: Any) -> None:
    """
    Insist that closing takes no longer than it may; queued commands may use that.
    """
    client = GA.client(url, impl, connect_timeout=2.0)
    delivered: list[Any] = []
    client.on("disconnected", delivered.append)
    if queued:
        client.append_audio(CHUNK)
    seen()
    assert client.state is WebSocketState.CONNECTING
    with at_most(0.8):
        client.close(timeout=0.4)
    assert client.state is WebSocketState.CLOSED
    assert [event.clean for event in delivered] == [True]
    with pytest.raises(ConnectionClosed):
        client.connect()


@pytest.mark.slow
@IMPLS
@QUEUED
@pytest.mark.usefixtures("final_error")
def test_close_returns_while_tcp_is_silent(
    silent_port: int, impl: Any, queued: bool
) -> None:
    """
    A host that answers no connection request does not delay close().
    """
    close_while_connecting(f"ws://127.0.0.1:{silent_port}", impl, queued, lambda: None)


@IMPLS
@QUEUED
@pytest.mark.parametrize("scheme", ["ws", "wss"])
@pytest.mark.usefixtures("final_error")
def test_close_returns_while_a_server_sends_nothing(
    scheme: str, impl: Any, queued: bool
) -> None:
    """
    A server that accepts the connection and sends nothing does not delay close().
    """
    with Peer(lambda conn: conn.mute()) as peer:
        close_while_connecting(
            f"{scheme}://localhost:{peer.port}",
            impl,
            queued,
            lambda: peer.accepted.acquire(timeout=5),
        )


@IMPLS
def test_close_returns_while_the_upgrade_is_not_answered(
    impl: Any, variant: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The real local service, which has read the request and answers nothing.
    """
    meet, was_read = HandshakeFaults.next_refusal, threading.Event()

    def noted(faults: HandshakeFaults, transport: Any) -> Any:
        was_read.set()
        return meet(faults, transport)

    monkeypatch.setattr(HandshakeFaults, "next_refusal", noted)
    with variant.service() as service:
        service.mute_handshakes()
        client = variant.client(service.url, impl, connect_timeout=5.0)
        assert was_read.wait(5)
        with at_most(0.8):
            client.close(timeout=0.4)


def test_close_returns_while_the_session_is_not_configured() -> None:
    """
    An upgrade, and then silence: close() sends a close frame and returns.
    """
    with Peer(lambda conn: (conn.upgrade(), conn.mute())) as peer:
        client = GA.client(peer.url)
        peer.accepted.acquire(timeout=5)
        with at_most(0.8):
            client.close(timeout=0.4)


def test_close_returns_while_a_token_is_waited_for() -> None:
    """
    A token provider that hangs does not delay close(); it may end at any time.
    """
    asked, release = threading.Event(), threading.Event()

    def provider() -> str:
        asked.set()
        release.wait(10)
        return "token"

    client = AzureRealTimeAudio(
        AzureRealTimeOptions("ws://127.0.0.1:9", "d", token_provider=provider)
    )
    assert asked.wait(5)
    with at_most(0.8):
        client.close(timeout=0.4)
    release.set()


@pytest.mark.slow
def test_an_exception_of_connect_leaves_nothing_in_with() -> None:
    """
    ``with`` that cannot connect in time raises, and has closed already.
    """
    with Peer(lambda conn: conn.mute()) as peer:
        # long enough to come as far as the handshake
        client = GA.client(peer.url, connect_timeout=1.0)
        with pytest.raises(TimeoutError, match="handshake"), client:
            pytest.fail("there is no session")
        assert client.state is WebSocketState.CLOSED


# A peer that stopped reading.


def test_close_ends_the_wait_for_room(variant: Variant) -> None:
    """
    The peer stopped reading, the queue is full: close() returns, append_audio raises.
    """
    with variant.connected(max_send_queue_bytes=300_000) as (client, connection):
        connection.stop_reading()
        with pytest.raises(QueueFull, match="max_send_queue_bytes"):
            fill(client, 0.1)
        waiting = [
            background(lambda: fill(client, None)),
            background(lambda: fill(client, 30)),
            background(lambda: client.clear_audio_buffer().result(30)),
            background(lambda: client.create_conversation_item(USER_SAYS).result(30)),
        ]

        with at_most(1.0):
            client.close(timeout=0.5)

        for thread, outcome in waiting:
            thread.join(1.0)
            assert [type(error) for error in outcome] == [ConnectionClosed]
        connection.resume()


def test_an_append_keeps_its_own_timeout_while_another_waits() -> None:
    """
    append_audio(timeout=0.1) is over soon, though another append waits for ever.
    """
    with GA.connected(max_send_queue_bytes=300_000) as (client, connection):
        connection.stop_reading()
        with pytest.raises(QueueFull):
            fill(client, 0.1)
        thread, outcome = background(lambda: fill(client, None))

        for _ in range(3):
            with at_most(0.6), pytest.raises(QueueFull):
                client.append_audio(CHUNK, timeout=0.1)

        client.close(timeout=0.2)
        thread.join(1.0)
        assert isinstance(outcome[0], ConnectionClosed)
        connection.resume()


def test_a_listener_on_the_reader_never_waits_for_an_append() -> None:
    """
    With dispatch="reader", a listener that appends cannot block the connection.
    """
    with GA.connected(max_send_queue_bytes=300_000, dispatch="reader") as (
        client,
        connection,
    ):
        outcome: list[Any] = []
        delivered = threading.Event()

        def listener(event: Any) -> None:
            try:
                client.append_audio(CHUNK)
            except RealtimeError as error:
                outcome.append(error)
            delivered.set()

        connection.stop_reading()
        with pytest.raises(QueueFull):
            fill(client, 0.1)
        thread, _ = background(lambda: fill(client, None))
        client.on("rate_limits.updated", listener)
        connection.send({"type": "rate_limits.updated"})

        assert delivered.wait(2.0)
        assert [type(error) for error in outcome] == [QueueFull]
        with at_most(1.0):
            client.close(timeout=0.5)
        thread.join(1.0)
        assert not thread.is_alive()
        connection.resume()


# Anywhere.


@pytest.mark.parametrize("dispatch", ["thread", "reader"])
@pytest.mark.parametrize("name", ["init", "*", "session.created"])
def test_close_returns_inside_a_listener(name: str, dispatch: Any) -> None:
    """
    A listener may close its own client, at the very first event, and does not wait.
    """
    delivered = []
    closed = threading.Event()
    with GA.service() as service:
        client = GA.client(service.url, dispatch=dispatch)

        def listener(event: Any) -> None:
            delivered.append(event.type)
            with at_most(0.5):
                client.close()
            if event.type == "disconnected":
                closed.set()

        client.on("disconnected", lambda event: closed.set())
        client.once(name, listener)
        assert closed.wait(5)
        client.close()

    assert len(delivered) == 1
    assert client.state is WebSocketState.CLOSED


def test_close_from_two_threads_sends_one_close_frame(variant: Variant) -> None:
    """
    Both return, and one close frame is sent.
    """
    with variant.connected() as (client, connection):
        barrier = threading.Barrier(3)
        both = [background(lambda: (barrier.wait(), client.close())) for _ in range(2)]
        barrier.wait()
        with at_most(1.0):
            client.close()
            for thread, outcome in both:
                thread.join(2.0)
                assert not isinstance(outcome[0], BaseException)
        assert connection.wait_closed()
        assert connection.close_code == 1000


@pytest.mark.parametrize(("timeout", "most"), [(5.0, 0.7), (0.1, 0.5), (0.0, 0.4)])
@pytest.mark.usefixtures("final_error")
def test_close_waits_a_limited_time_for_the_peers_close(
    timeout: float, most: float
) -> None:
    """
    It is given close_wait seconds, or what close() allows if that is less.
    """
    delivered: list[Any] = []
    with GA.connected(close_wait=0.3) as (client, connection):
        client.on("disconnected", delivered.append)
        connection.no_close_answer()
        with at_most(most):
            client.close(timeout)
        assert client.state is WebSocketState.CLOSED

    assert [event.clean for event in delivered] == [False]


@pytest.mark.parametrize("tls", [False, True])
def test_close_flushes_what_is_queued(tls: bool, request: Any) -> None:
    """
    All commands given before close() arrive, in order, and then the close frame.
    """
    received: list[bytes] = []
    server = request.getfixturevalue("server_tls") if tls else None
    trust = {"ssl_context": request.getfixturevalue("client_tls")} if tls else {}
    with Peer(lambda conn: collect_until_close(conn, received), server) as peer:
        with GA.client(peer.url, **trust) as client:
            for index in range(200):
                client.append_audio(index.to_bytes(2, "little") * 240)

        appends = [json.loads(data)["audio"] for data in received[:-1]]
        wanted = [index.to_bytes(2, "little") * 240 for index in range(200)]
        assert [base64.b64decode(audio) for audio in appends] == wanted
        assert received[-1] == b"\x03\xe8"


@pytest.mark.slow
def test_close_sends_what_was_queued_before_and_refuses_what_comes_later() -> None:
    """
    Another thread, a microphone say, goes on appending: close() takes no longer.
    """
    received: list[bytes] = []
    with Peer(lambda conn: collect_until_close(conn, received)) as peer:
        client = GA.client(peer.url)
        client.connect(5)
        for _ in range(20):
            client.append_audio(CHUNK)
        thread, outcome = background(lambda: fill(client, 10.0))
        client.append_audio(b"\1\1")
        with at_most(3.0):
            client.close(timeout=10.0)
        thread.join(5.0)
        assert [type(error) for error in outcome] == [ConnectionClosed]
        assert outcome[0].code == 1000
        assert received[-1] == b"\x03\xe8"
        assert any(b'"AQE="' in data for data in received)


def test_a_shorter_close_counts(eventually: Callable[..., None]) -> None:
    """
    While one close() takes its time, another one keeps its own.
    """
    with GA.connected(max_send_queue_bytes=300_000) as (client, connection):
        connection.stop_reading()
        with pytest.raises(QueueFull):
            fill(client, 0.1)
        thread, _ = background(lambda: client.close(30.0))
        eventually(lambda: client.state is WebSocketState.CLOSING)

        with at_most(0.8):
            client.close(timeout=0.3)

        assert client.state is WebSocketState.CLOSED
        thread.join(1.0)
        assert not thread.is_alive()
        connection.resume()


def test_close_waits_for_a_listener_until_its_timeout() -> None:
    """
    A listener that is stuck is left to finish; close() returns in time.
    """
    inside, release = threading.Event(), threading.Event()
    with GA.connected() as (client, _):
        client.on("init", lambda event: (inside.set(), release.wait(10)))
        assert inside.wait(5)
        with at_most(0.8):
            client.close(timeout=0.3)
        assert client.state is WebSocketState.CLOSED
        release.set()


def test_an_exception_in_with_closes() -> None:
    """
    Leaving the block by an exception closes, and lets it through.
    """
    with (
        pytest.raises(ZeroDivisionError),
        GA.connected() as (client, connection),
    ):
        print(1 / 0)  # noqa: T201

    assert client.state is WebSocketState.CLOSED
    assert connection.close_code == 1000


def test_close_ends_every_wait(eventually: Callable[..., None]) -> None:
    """
    wait_for, a future and an iteration in other threads end when the client closes.
    """
    with GA.connected() as (client, connection):
        connection.stall()
        cleared, response = client.clear_audio_buffer(), client.create_response()
        events = client.events("response.done", timeout=30)
        waits = [
            background(lambda: client.wait_for("response.done", timeout=30)),
            background(lambda: cleared.result(30)),
            background(lambda: response.result(30)),
            background(lambda: list(events)),
        ]
        eventually(lambda: 1 == inside.waits_of_the_connection(client))
        client.close(timeout=0.2)
        for thread, _ in waits:
            thread.join(1.0)
            assert not thread.is_alive()
        connection.resume()

    outcomes = [outcome[0] for _, outcome in waits]
    assert [] == outcomes.pop()
    for outcome in outcomes:
        assert isinstance(outcome, ConnectionClosed)


def test_every_call_after_close_reports_the_end() -> None:
    """
    Nothing hangs and nothing pretends to work.
    """
    with GA.connected() as (client, _):
        client.close()

        for call in (
            lambda: client.append_audio(CHUNK),
            client.clear_audio_buffer,
            client.commit_audio,
            lambda: client.create_conversation_item(USER_SAYS),
            lambda: client.update_session(voice="sage"),
            lambda: client.send({"type": "response.cancel"}),
            client.connect,
            lambda: client.wait_for("response.done"),
            lambda: client.create_response().result(1),
        ):
            with pytest.raises(ConnectionClosed, match="1000"):
                call()
        assert list(client.events()) == []
        assert client.cancel_response() is False


def test_close_returns_in_the_middle_of_a_message() -> None:
    """
    Half a frame in the buffer is no reason to stay.
    """

    def script(conn: Any) -> None:
        conn.upgrade(frame('{"type":"session.created"}') + frame("x" * 900)[:400])
        conn.mute()

    with Peer(script) as peer:
        client = GA.client(peer.url)
        client.wait_for("session.created", timeout=5)
        with at_most(0.8):
            client.close(timeout=0.4)


@pytest.mark.parametrize(
    "part",
    inside.LOCKS,
)
def test_a_signal_handler_may_close_in_the_middle_of_any_call(part: str) -> None:
    """
    The reader waits for what the call holds; so the handler does not wait for the reader.
    """
    with GA.connected() as (client, connection):
        client.clear_audio_buffer().result(5)
        # what a handler finds that has interrupted this thread there
        with inside.lock_of(client, part), at_most(1):
            client.close(None)
        with at_most(2):
            client.close()
        assert connection.wait_closed()
        assert 1000 == connection.close_code


def test_repeated_closes_leave_nothing() -> None:
    """
    Fifty clients that come and go leave nothing behind.
    """
    with GA.service() as service:
        for _ in range(50):
            client = GA.client(service.url)
            client.close()
        with GA.client(service.url) as client:
            assert client.is_initialized

    assert KEY not in repr(client)


@pytest.mark.parametrize("step", [(SendQueue, "refuse"), (Control, "close")])
def test_an_interrupted_close_closes_the_client(
    step: tuple[type, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Ctrl-C in the middle of `close`: no client stays open that refuses every command.
    """
    real = getattr(*step)

    def interrupted(*args: Any) -> None:
        real(*args)
        raise KeyboardInterrupt

    with GA.connected() as (client, _):
        with monkeypatch.context() as patch:
            patch.setattr(*step, interrupted)
            with pytest.raises(KeyboardInterrupt):
                client.close()
        assert client.wait_closed(5)


# Constructors that raise. Threads and descriptors are checked after every test.


@pytest.mark.parametrize("thread", [1, 2])
def test_a_constructor_without_a_thread_leaves_nothing(
    thread: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The process has no more threads: the constructor raises what Python raises.
    """
    start, count = threading.Thread.start, itertools.count(1)

    def fail(self: threading.Thread) -> None:
        if next(count) == thread:
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", fail)
    with pytest.raises(RuntimeError, match="new thread"):
        GA.client("ws://127.0.0.1:9")


def test_a_constructor_whose_warning_raises_leaves_nothing() -> None:
    """
    The program runs with ``-W error``, and chooses the preview protocol.
    """
    options = {"host_name": "ws://127.0.0.1:9", "deployment": "d", "api_key": KEY}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ProtocolWarning):
            AzureRealTimeAudio({**options, "api_version": "2024-10-01-preview"})
    gc.collect()
