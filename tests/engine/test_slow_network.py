"""
A slow uplink: what the kernel has taken is neither delivered nor lost.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import Any

import pytest
from helpers.clients import GA, MANUAL
from helpers.peer import CLOSE, PING, PONG, Peer, PeerConnection, frame
from helpers.timing import SCALE, at_most

from azure_realtime import ConnectionClosed

PIECE = bytes(12_000)
"""Of audio: 16 kB on the wire."""


class SlowService:
    """
    A service that reads so many bytes a second, and answers pings and commits.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self.appended = 0

    def __call__(self, conn: PeerConnection) -> None:
        """
        Serve one connection.
        """
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        conn.upgrade(frame('{"type":"session.created","session":{"id":"s"}}'))
        while True:
            opcode, data = conn.read_frame()
            conn.over.wait(len(data) / self._rate)
            if opcode == PING:
                conn.send(frame(data, PONG))
            elif opcode == CLOSE:
                conn.send(frame(data, CLOSE))
                return
            else:
                self._answer(conn, json.loads(data)["type"])

    def _answer(self, conn: PeerConnection, kind: str) -> None:
        if kind == "input_audio_buffer.append":
            self.appended += 1
        elif kind == "session.update":
            conn.send(frame('{"type":"session.updated","session":{"id":"s"}}'))
        elif kind == "input_audio_buffer.commit":
            conn.send(frame('{"type":"input_audio_buffer.committed","item_id":"i"}'))


@pytest.mark.slow
def test_a_peer_that_acknowledges_bytes_is_alive() -> None:
    """
    The pong to a ping that waits behind them comes later than `ping_timeout`.
    """
    options: dict[str, Any] = {"ping_interval": 1.0, "ping_timeout": 1.0}
    service = SlowService(100_000)
    with Peer(service) as peer:
        with GA.client(peer.url, session_config=MANUAL, **options) as client:
            began = time.monotonic()
            for _ in range(40):
                client.append_audio(PIECE)
            client.commit_audio().result(30 * SCALE)
            assert time.monotonic() - began > 3.0, "it was not slow"
        assert service.appended == 40


@pytest.mark.slow
def test_a_peer_that_stops_reading_is_dead() -> None:
    """
    Its kernel takes what there is room for; then nothing is acknowledged any more.
    """
    stopped = threading.Event()

    def stop(conn: PeerConnection) -> None:
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        conn.upgrade(frame('{"type":"session.created","session":{"id":"s"}}'))
        conn.read_frame()
        conn.send(frame('{"type":"session.updated","session":{"id":"s"}}'))
        stopped.set()
        conn.mute()

    options: dict[str, Any] = {"ping_interval": 0.3, "ping_timeout": 0.3}
    with Peer(stop) as peer:
        with GA.client(peer.url, session_config=MANUAL, **options) as client:
            assert stopped.wait(5)
            with at_most(5.0), client.expect("closed", timeout=5 * SCALE) as closed:
                for _ in range(60):
                    client.append_audio(PIECE)
        assert "dead" in str(closed.event.error)


@pytest.mark.slow
def test_close_delivers_what_is_queued_within_its_timeout() -> None:
    """
    The peer has `close_wait` from when it has the close frame, not from when the kernel
    took it.
    """
    service = SlowService(200_000)
    with Peer(service) as peer:
        client = GA.client(peer.url, session_config=MANUAL, close_wait=1.0)
        with client.expect("closed", timeout=30 * SCALE) as closed:
            client.connect()
            for _ in range(30):
                client.append_audio(PIECE)
            client.close(30 * SCALE)
        assert service.appended == 30
    assert isinstance(closed.event.error, ConnectionClosed)
    assert (closed.event.error.clean, closed.event.error.unsent) == (True, 0)


@pytest.mark.slow
def test_close_counts_what_was_not_delivered() -> None:
    """
    Also what the kernel had taken and the peer had not.
    """
    service = SlowService(100_000)
    with Peer(service) as peer:
        client = GA.client(peer.url, session_config=MANUAL)
        with client.expect("closed", timeout=10 * SCALE) as closed:
            client.connect()
            for _ in range(60):
                client.append_audio(PIECE)
            client.close(1.0)
    error = closed.event.error
    assert isinstance(error, ConnectionClosed)
    assert error.unsent > 60 - service.appended - 6  # what the peer's kernel had
    assert error.unsent <= 60
    assert "commands were not delivered" in str(error)
