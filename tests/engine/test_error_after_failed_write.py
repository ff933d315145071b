"""
The peer's last messages and its close code are read, also when our write fails first.
"""

from __future__ import annotations

import ssl
import threading
from typing import Any

import pytest
from helpers.clients import GA
from helpers.peer import Peer, PeerConnection, close_frame, frame, serve_session
from helpers.reconnecting import QUICK

from azure_realtime import ConnectionClosed

ERROR = frame('{"type":"error","error":{"type":"server_error","message":"Enough."}}')


@pytest.mark.parametrize("tls", [False, True], ids=["ws", "wss"])
def test_an_error_and_a_close_code_are_read_although_our_write_fails(
    tls: bool, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """
    A peer that closes with unread input resets the connection; 1008 is final.
    """
    go = threading.Event()

    def script(talk: PeerConnection) -> None:
        serve_session(talk)
        talk.read_frame()  # of the flood; the rest stays unread
        assert go.wait(10)
        talk.send(ERROR + close_frame(1008, b"policy"))

    options: dict[str, Any] = {"ssl_context": client_tls} if tls else {}
    errors: list[Any] = []
    with Peer(script, tls=server_tls if tls else None) as peer:
        with GA.client(peer.url, **QUICK, **options) as client:
            client.on("error", errors.append)
            with client.expect("closed", timeout=10) as closed:
                for _ in range(200):
                    client.append_audio(bytes(9600), block=False)
                go.set()
            ended = closed.event.error
        assert peer.connections == 1
    assert ["Enough."] == [event.error.message for event in errors]
    assert isinstance(ended, ConnectionClosed)
    assert ended.code == 1008
