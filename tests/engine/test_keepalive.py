"""
Peers that fall silent, and cables that are cut: noticed in time, live ones never.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from helpers.clients import GA, KEY, SILENCE, Variant
from helpers.network_namespace import Net
from helpers.peer import (
    CLOSE,
    PING,
    PONG,
    Peer,
    PeerConnection,
    frame,
    serve_session,
)
from helpers.processes import start_script
from helpers.reconnecting import QUICK, EventRecorder, Scripts, serve_and_hang_up
from helpers.timing import SCALE

import azure_realtime
from azure_realtime import ConnectionClosed
from azure_realtime.simulator import Connection, Simulator

KEEPALIVE: dict[str, Any] = {"ping_interval": 0.3 * SCALE, "ping_timeout": 0.3 * SCALE}
LIMIT = 0.6 * SCALE
GRACE = 0.3 * SCALE

SILENCES: dict[str, Callable[[Connection], None]] = {
    "silence": lambda connection: connection.stall(),
    "half a header": lambda connection: _half(connection, frame("x" * 300)[:1]),
    "half a length": lambda connection: _half(connection, frame("x" * 300)[:3]),
    "half a frame": lambda connection: _half(connection, frame("x" * 300)[:100]),
    "half a message": lambda connection: _half(connection, frame("{", fin=False)),
}


def _half(connection: Connection, data: bytes) -> None:
    connection.no_pong()
    connection.send_bytes_raw(data)


@pytest.mark.slow
@pytest.mark.parametrize("how", SILENCES)
@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_silence_is_noticed_in_time(
    how: str, scheme: str, server_tls: Any, client_tls: Any
) -> None:
    """
    Wherever in a frame it begins: after interval plus timeout, no sooner, no later.
    """
    variant = GA if scheme == "ws" else Variant("ga", server_tls, client_tls)
    with variant.connected(**KEEPALIVE) as (client, connection):
        recorder = EventRecorder(client)
        before = time.monotonic()
        client.clear_audio_buffer().result(timeout=5)
        start = time.monotonic()
        SILENCES[how](connection)
        lost = recorder.wait("disconnected")
        end = time.monotonic()
        assert ("dead peer", 1006) == (lost.cause, lost.code)
        # the last sign of life came between the two
        assert LIMIT - 0.1 <= end - before
        assert end - start <= LIMIT + GRACE


@pytest.mark.slow
@pytest.mark.parametrize(("size", "pause"), [(1, 0.1), (17 * SCALE, 0.575 * SCALE)])
@pytest.mark.parametrize("kind", ["ws", "wss"])
def test_a_frame_that_never_ends_is_noticed_in_time(
    kind: str, size: float, pause: float, server_tls: Any, client_tls: Any
) -> None:
    """
    A byte of one frame every now and then keeps every answer behind it, pongs as well.
    """
    variant = GA if kind == "ws" else Variant("ga", server_tls, client_tls)
    with variant.connected(**KEEPALIVE) as (client, connection):
        recorder = EventRecorder(client)
        before = time.monotonic()
        client.clear_audio_buffer().result(timeout=5)
        start = time.monotonic()
        connection.send_bytes_raw(frame("x" * 60_000)[:100])
        over = threading.Event()

        def drip() -> None:
            with contextlib.suppress(OSError):
                while not over.wait(pause):
                    connection.send_bytes_raw(b"x" * int(size))

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            lost = recorder.wait("disconnected")
            end = time.monotonic()
        finally:
            over.set()
            dripping.join()
        assert ("dead peer", 1006) == (lost.cause, lost.code)
        assert "100 bytes" not in lost.reason
        assert LIMIT - 0.1 <= end - before
        assert end - start <= LIMIT + GRACE


@pytest.mark.slow
def test_silence_is_noticed_though_our_sends_are_stuck() -> None:
    """
    With a full socket not even a ping can leave; the peer is dead all the same.
    """
    with GA.connected(**KEEPALIVE) as (client, connection):
        recorder = EventRecorder(client)
        connection.stall()
        start = time.monotonic()
        with contextlib.suppress(azure_realtime.RealtimeError):
            for _ in range(60):
                client.append_audio(bytes(190_000), block=False)
        assert client.stats.send_queue > 0
        assert "dead peer" == recorder.wait("disconnected").cause
        assert time.monotonic() - start <= LIMIT + 3 * GRACE


@pytest.mark.parametrize("how", ["rst", "fin", "mid_frame"])
def test_a_cut_is_noticed_at_once(how: Any, variant: Variant) -> None:
    """
    Where the network says something there is nothing to wait for.
    """
    with variant.connected() as (client, connection):
        recorder = EventRecorder(client)
        start = time.monotonic()
        connection.drop(how)
        assert "network" == recorder.wait("disconnected").cause
        assert time.monotonic() - start <= GRACE


@pytest.mark.slow
def test_a_dead_peer_is_replaced() -> None:
    """
    After it a new connection is made; a handshake that is mute is given up as well.
    """
    with GA.service() as service:
        options = {**QUICK, **KEEPALIVE, "connect_timeout": 0.5 * SCALE}
        with GA.client(service.url, **options) as client:
            recorder = EventRecorder(client)
            service.mute_handshakes()
            service.wait_for_connection().stall()
            recorder.wait("reconnecting", 2)
            service.accept()
            recorder.wait("reconnected")
            assert ["dead peer"] == [e.cause for e in recorder.of("disconnected")]


@pytest.mark.slow
def test_a_new_session_that_is_never_configured_times_out() -> None:
    """
    The upgrade is answered and then nothing: it counts as an attempt, and ends.
    """

    def mute(conn: PeerConnection) -> None:
        conn.upgrade()
        conn.mute()

    options = {"max_reconnect_attempts": 2, "reconnect_interval": 0.01}
    with (
        Peer(Scripts(serve_and_hang_up, mute)) as peer,
        GA.client(peer.url, **options, connect_timeout=0.4 * SCALE) as client,
    ):
        recorder = EventRecorder(client)
        client.clear_audio_buffer()
        error = recorder.wait("closed").error
        assert isinstance(error, azure_realtime.ConnectTimeout)
        assert "session.created" in str(error)
        assert 3 == peer.connections


@pytest.mark.parametrize("served", [True, False])
def test_an_attempt_without_a_session_ends_loops_over_events(served: bool) -> None:
    """
    A loop that continues after a TimeoutError ends with the client; `connect` says why.
    """

    def mute(conn: PeerConnection) -> None:
        conn.upgrade()
        conn.mute()

    scripts = Scripts(serve_and_hang_up, mute) if served else Scripts(mute)
    options = {"max_reconnect_attempts": 1, "reconnect_interval": 0.01}
    with (
        Peer(scripts) as peer,
        contextlib.closing(
            GA.client(peer.url, **options, connect_timeout=0.2 * SCALE)
        ) as client,
    ):
        waits: list[Callable[[], Any]] = [
            client.events("response.done", timeout=5).__next__,
            lambda: client.wait_for("response.done", timeout=5),
            lambda: client.ask("Hello", timeout=5),
            lambda: client.append_audio(SILENCE),
        ]
        with client.expect("closed", timeout=5):
            if served:
                client.clear_audio_buffer()
        for wait in waits:
            with pytest.raises(ConnectionClosed, match="no session") as caught:
                wait()
            assert isinstance(caught.value.__cause__, azure_realtime.ConnectTimeout)
        with pytest.raises(azure_realtime.ConnectTimeout):
            client.connect(5)


@pytest.mark.parametrize("protocol", ["ga", "preview"])
def test_a_slow_message_keeps_the_connection_open(protocol: str) -> None:
    """
    A hundred bytes a second, far slower than any audio, keep the connection.

    Over TLS it takes a whole record: who is not yet known to be the service is no sign
    of its life.
    """
    with Variant(protocol).connected(**KEEPALIVE) as (client, connection):
        recorder = EventRecorder(client)
        connection.drip(0.01)
        connection.send({"type": "rate_limits.updated", "rate_limits": []})
        recorder.wait("rate_limits.updated")
        assert [] == recorder.of("disconnected")
        connection.resume()
        client.clear_audio_buffer().result(timeout=10)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP here")
def test_a_suspended_process_does_not_close_the_connection() -> None:
    """
    After a suspended laptop, or a debugger's stop, the live session goes on.
    """
    source = f"""
    client = client_of(
        sys.argv[1],
        ping_interval={0.3 * SCALE}, ping_timeout={0.3 * SCALE},
        max_reconnect_attempts=0,
    )
    client.on("disconnected", lambda e: e.error and print(e.reason, flush=True))
    client.connect(10)
    print("ready", flush=True)
    threading.Event().wait({2.5 * SCALE})
    print(client.clear_audio_buffer().result(5).type, flush=True)
    client.close()
    """
    with (
        Simulator(credentials=KEY) as service,
        start_script(source, service.url) as process,
    ):
        assert process.stdout is not None
        assert "ready\n" == process.stdout.readline()
        for _ in range(3):
            os.kill(process.pid, signal.SIGSTOP)
            # this pause is the test: the peer is silent for a sleeping process
            threading.Event().wait(0.5 * SCALE)
            os.kill(process.pid, signal.SIGCONT)
            threading.Event().wait(0.1 * SCALE)
        out, err = process.communicate(timeout=20)
    assert ("input_audio_buffer.cleared\n", "") == (out, err)


# Networks of our own.

_SERVICE = """
from azure_realtime.simulator import Simulator
import sys
with Simulator(8123, host="10.99.0.2") as service:
    print("ready")
    sys.stdin.readline()
"""

_CLIENT = f"""
import sys, time
from azure_realtime import *
interval = float(sys.argv[1])
client = AzureRealTimeAudio(
    AzureRealTimeOptions("ws://10.99.0.2:8123", "d", {KEY!r}),
    {{"ping_interval": interval, "ping_timeout": interval, "proxy": "",
     "max_reconnect_attempts": None, "reconnect_interval": 0.1,
     "connect_timeout": {3 * SCALE}}},
)
client.on("disconnected", lambda e: print(e.type, e.cause, time.time()))
client.on("reconnected", lambda e: print(e.type, e.generation, time.time()))
client.connect()
print("ready", 0, time.time())
for line in sys.stdin:
    try:
        print(client.clear_audio_buffer().result(20).type, 0, time.time())
    except RealtimeError as error:
        print(type(error).__name__, 0, time.time())
client.close(0.5)
"""


@contextlib.contextmanager
def _conn(net: Net, interval: float = 0.5) -> Iterator[subprocess.Popen[str]]:
    with net.run(net.there, _SERVICE) as service:
        try:
            assert service.stdout is not None
            assert "ready\n" == service.stdout.readline()
            with net.run(net.here, _CLIENT, str(interval * SCALE)) as client:
                try:
                    assert "ready" == _line(client)[0]
                    yield client
                    _, error = client.communicate("", timeout=15)
                    assert "" == error
                finally:
                    client.kill()
        finally:
            service.kill()


def _line(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.stderr.read() if process.stderr else ""
    return line.split()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["cut", "swallow"])
def test_a_cut_cable_is_noticed_in_time(how: str) -> None:
    """
    No reset and no end comes through; interval plus timeout later it is known.
    """
    with Net() as net, _conn(net) as client:
        assert client.stdin is not None
        start = time.time()
        getattr(net, how)()
        assert ["disconnected", "dead"] == _line(client)[:2]
        assert time.time() - start <= 1.0 * SCALE + 2 * GRACE


@pytest.mark.slow
def test_a_cable_that_is_mended_carries_a_new_session() -> None:
    """
    However long it was out, the client comes back by itself.
    """
    with Net() as net, _conn(net) as client:
        assert client.stdin is not None
        net.cut()
        assert ["disconnected", "dead"] == _line(client)[:2]
        net.mend()
        assert "reconnected" == _line(client)[0]
        client.stdin.write("\n")
        client.stdin.flush()
        assert "input_audio_buffer.cleared" == _line(client)[0]


@pytest.mark.slow
def test_packet_loss_does_not_close_the_connection() -> None:
    """
    A tenth of all packets is lost, the rest comes late and out of order: the session is
    slow, and works.
    """
    with Net(delay=0.08, jitter=0.02, loss=0.1) as net:
        with _conn(net, interval=3.0) as client:
            assert client.stdin is not None
            for _ in range(20):
                client.stdin.write("\n")
                client.stdin.flush()
                assert "input_audio_buffer.cleared" == _line(client)[0]
        carried, lost = net.tally()
        assert carried > 40
        assert lost > 0


@pytest.mark.slow
def test_a_pong_that_was_not_read_in_time_shows_life() -> None:
    """
    A callback on the reader thread takes longer than `ping_timeout`. Meanwhile the pong
    arrives, which is read before the peer is called dead.
    """
    pinged, running, again = threading.Event(), threading.Event(), threading.Event()
    timeout = 0.5 * SCALE

    def script(conn: PeerConnection) -> None:
        serve_session(conn)
        while True:
            opcode, data = conn.read_frame()
            if opcode == PING:
                (again if pinged.is_set() else pinged).set()
                assert running.wait(5)
                conn.send(frame(data, PONG))
            elif opcode == CLOSE:
                conn.send(frame(data, CLOSE))

    def take_long(_: object) -> None:
        running.set()
        threading.Event().wait(1.2 * timeout)

    with (
        Peer(script) as peer,
        GA.client(
            peer.url, dispatch="reader", ping_interval=0.05, ping_timeout=timeout
        ) as client,
    ):
        future = client.clear_audio_buffer()  # never acknowledged
        future.add_done_callback(take_long)
        assert pinged.wait(5)
        future.cancel()

        assert again.wait(5)
        assert client.stats.reconnects == 0
        assert client.is_initialized
