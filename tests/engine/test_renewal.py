"""
A session moved out of the way of its end: another is made ready while it is served.
"""

from __future__ import annotations

import base64
import json
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from helpers.clients import GA, MANUAL, USER_SAYS, Variant
from helpers.peer import Peer, PeerConnection, frame
from helpers.reconnecting import (
    IDLE,
    QUICK,
    EventRecorder,
    Scripts,
    answer,
    appended,
    serve_until,
)
from helpers.timing import SCALE, at_most

import azure_realtime._engine.renewal.expiry as expiry_module
import azure_realtime._engine.renewal.renewal as renewal_module
from azure_realtime import SessionConfig
from azure_realtime.simulator import Reply, ToolCall


def _numbered(number: int) -> bytes:
    """
    Return 20 ms of near silence that hold a number.
    """
    return struct.pack("<3h", number // 10_000, number // 100 % 100, number % 100) + (
        bytes(954)
    )


def _number(audio: str) -> int:
    most, more, least = struct.unpack("<3h", base64.b64decode(audio)[:6])
    return int(most * 10_000 + more * 100 + least)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ga-ws", "preview-wss"])
def test_a_renewal_loses_no_audio(
    kind: str, server_tls: Any, client_tls: Any, eventually: Callable[..., None]
) -> None:
    """
    Audio streams on while the session is replaced: each append arrives once, in order.
    """
    protocol, scheme = kind.split("-")
    tls = (server_tls, client_tls) if scheme == "wss" else (None, None)
    variant = Variant(protocol, *tls)
    with (
        variant.service(session_seconds=4) as service,
        variant.client(service.url, **IDLE) as client,
    ):
        recorder = EventRecorder(client)
        over = threading.Event()
        sent = 0
        while len(recorder.of("reconnected")) < 2:
            client.append_audio(_numbered(sent))
            sent += 1
            assert not over.wait(0.002)
            assert sent < 20_000

        def arrived() -> list[int]:
            return [
                _number(audio)
                for connection in service.connections
                for audio in appended(connection)
            ]

        eventually(lambda: len(arrived()) >= sent)
        assert list(range(sent)) == arrived()
        assert [] == recorder.of("disconnected", "reconnecting", "error")
        assert [2, 3] == [event.generation for event in recorder.of("reconnected")]
        assert all(event.seconds_lost < 0.5 for event in recorder.of("reconnected"))
        assert 0 == client.stats.audio_dropped
        eventually(lambda: 1000 == service.connections[0].close_code)


@pytest.mark.slow
def test_a_renewal_restores_the_conversation() -> None:
    """
    The new session has the last configuration and the conversation of the old one.
    """
    with (
        GA.service(session_seconds=3) as service,
        GA.client(service.url, **IDLE) as client,
    ):
        client.update_session(instructions="Be brief.")
        client.create_conversation_item(USER_SAYS).result(timeout=5)
        event = client.wait_for("reconnected", timeout=5)
        assert "Be brief." == event.session.instructions
        client.clear_audio_buffer().result(timeout=5)
        again = service.connections[1]
        kinds = [event["type"] for event in again.received]
        assert ["session.update", "conversation.item.create"] == kinds[:2]


@pytest.mark.slow
def test_push_to_talk_is_not_interrupted() -> None:
    """
    Audio that waits to be committed is not left behind: the move comes after it.
    """
    with (
        GA.service(session_seconds=5, pace=0.0) as service,
        GA.client(service.url, **IDLE, session_config=MANUAL) as client,
    ):
        recorder = EventRecorder(client)
        client.append_audio(bytes(48 * 500))
        with pytest.raises(TimeoutError):
            client.wait_for("reconnected", timeout=2.8)
        client.commit_audio()
        client.create_response(modalities=["text"]).result(timeout=5)
        recorder.wait("reconnected")
        assert [] == recorder.of("disconnected")


@pytest.mark.slow
def test_a_commit_without_a_response_does_not_delay_renewal() -> None:
    """
    For transcripts only, no answer is requested: the session is renewed all the same.
    """
    with (
        GA.service(session_seconds=6, pace=0.0) as service,
        GA.client(service.url, **IDLE, session_config=MANUAL) as client,
    ):
        recorder = EventRecorder(client)
        client.append_audio(bytes(48 * 500))
        client.commit_audio().result(timeout=5)
        recorder.wait("reconnected")
        assert [] == recorder.of("disconnected")


@pytest.mark.slow
def test_a_session_that_worked_until_it_was_renewed_refills_the_budget() -> None:
    """
    One attempt is allowed; there was a good session since it was used.
    """
    options = {**IDLE, "max_reconnect_attempts": 1}
    with (
        GA.service(session_seconds=3) as service,
        GA.client(service.url, **options) as client,
    ):
        recorder = EventRecorder(client)
        service.connections[-1].drop()
        assert 2 == recorder.wait("reconnected").generation
        assert 3 == recorder.wait("reconnected", 2).generation
        service.connections[-1].drop()
        recorder.wait("disconnected", 2)
        assert 4 <= recorder.wait("reconnected", 3).generation


@pytest.mark.slow
def test_a_turn_is_not_interrupted() -> None:
    """
    While the model answers, or a tool runs for it, the session stays.
    """
    go, called = threading.Event(), threading.Event()
    replies = [Reply(calls=[ToolCall("look")]), "Found."]
    config = SessionConfig(modalities=["text"], turn_detection=None)
    service = GA.service(session_seconds=5, replies=replies)
    with service, GA.client(service.url, **IDLE, session_config=config) as client:

        @client.tool
        def look() -> str:
            """Look it up."""
            called.set()
            assert go.wait(10)
            return "here"

        recorder = EventRecorder(client)
        outcome: list[Any] = []
        ask = threading.Thread(
            target=lambda: outcome.append(client.ask("Where is it?", timeout=10))
        )
        ask.start()
        assert called.wait(5)
        with pytest.raises(TimeoutError):
            client.wait_for("reconnected", timeout=3)
        go.set()
        ask.join(5)
        assert "Found." == outcome[0].text
        recorder.wait("reconnected")
        assert [] == recorder.of("disconnected")


@pytest.mark.slow
def test_a_renewal_that_fails_keeps_the_session(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """
    No new session is to be had: the old one works on, and it is tried again later.
    """
    monkeypatch.setattr(expiry_module, "_AGAIN", 0.2)
    with GA.service(session_seconds=10) as service:
        monkeypatch.setattr(expiry_module, "_LEAST_LIFE", 0.1)
        service.session_seconds = 4
        with GA.client(service.url, **IDLE) as client:
            recorder = EventRecorder(client)
            service.refuse(503, times=3)
            recorder.wait("expiring")
            event = recorder.wait("reconnected")
            assert 2 == event.generation
            assert [] == recorder.of("disconnected", "reconnecting")
        found = [r for r in caplog.records if "could not be renewed" in r.getMessage()]
        assert 3 == len(found)


@pytest.mark.slow
def test_a_renewal_that_takes_too_long_keeps_the_session(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    Time spent dialling is not taken for the peer's silence.
    """
    options = {**IDLE, "ping_interval": 0.3, "ping_timeout": 0.3}
    with (
        GA.service(session_seconds=6) as service,
        GA.client(service.url, **options, connect_timeout=1.0) as client,
    ):
        recorder = EventRecorder(client)
        service.mute_handshakes()
        while not caplog.records:
            client.clear_audio_buffer().result(timeout=5)
            assert not recorder.of("disconnected")
        client.clear_audio_buffer().result(timeout=5)
        assert "could not be renewed" in caplog.text
        assert not recorder.of("disconnected")


@pytest.mark.slow
def test_renew_never_does_not_renew() -> None:
    """
    Without renew="idle" the session is left to end by itself.
    """
    with (
        GA.service(session_seconds=3) as service,
        GA.client(service.url, **QUICK, expiry_warning=60) as client,
    ):
        recorder = EventRecorder(client)
        assert 2 == recorder.wait("reconnected").generation
        assert ["disconnected", "reconnecting", "reconnected"] == recorder.fate
        assert ["expired"] == [event.cause for event in recorder.of("disconnected")]


class Moved:
    """
    A service whose first session is about to end, and whose second waits at a stage:
    ``"dialled"`` or ``"asked"``, that is, not yet configured.

    Attributes:
        reached: The second is at that stage.
        go: It may go on.
        received: The messages of the first, and of the second.
    """

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self.reached, self.go = threading.Event(), threading.Event()
        self.received: tuple[list[Any], list[Any]] = [], []
        self.first: PeerConnection | None = None
        self.later: list[bytes] = []

    def peer(self) -> Peer:
        """
        Return the service.
        """
        return Peer(Scripts(self._old, self._new, serve_until(int(time.time()) + 3600)))

    def _old(self, conn: PeerConnection) -> None:
        self.first = conn
        # two seconds to live: the second half of that is for the renewal
        serve_until(int(time.time()) + 3, self.received[0])(conn)

    def _new(self, conn: PeerConnection) -> None:
        if self._stage == "dialled":
            conn.read_head()
            self._wait()
            conn.send(conn.upgrade_answer())
        else:
            conn.upgrade()
        event = '"session":{"id":"sess_2"}'
        conn.send(frame(f'{{"type":"session.created",{event}}}'))
        self.received[1].append(json.loads(conn.read_frame()[1]))
        if self._stage == "asked":
            self._wait()
        for data in self.later:
            conn.send(data)
        conn.send(frame(f'{{"type":"session.updated",{event}}}'))
        answer(conn, event, self.received[1])

    def _wait(self) -> None:
        self.reached.set()
        assert self.go.wait(20)


def _types(events: list[Any]) -> list[str]:
    return [event["type"] for event in events]


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["dialled", "asked"])
def test_the_old_session_is_served_until_the_new_one_is_ready(stage: str) -> None:
    """
    However long it takes to connect, or to be configured: what I ask meanwhile is
    answered, and audio appended meanwhile arrives.
    """
    moved = Moved(stage)
    options = {**IDLE, "connect_timeout": 60.0}
    with moved.peer() as peer, GA.client(peer.url, **options) as client:
        recorder = EventRecorder(client)
        assert moved.reached.wait(10)
        client.clear_audio_buffer().result(timeout=5)
        client.append_audio(_numbered(1))
        client.clear_audio_buffer().result(timeout=5)
        assert [] == recorder.of("reconnected")
        moved.go.set()
        event = recorder.wait("reconnected")
        assert (2, 0.0) == (event.generation, event.seconds_lost)
        client.clear_audio_buffer().result(timeout=5)
        assert ["session.update", "input_audio_buffer.clear"] == _types(
            moved.received[1]
        )
        assert 2 == _types(moved.received[0]).count("input_audio_buffer.clear")
        assert 1 == _types(moved.received[0]).count("input_audio_buffer.append")
        assert [] == recorder.of("disconnected", "reconnecting", "error")
        created = [event.generation for event in recorder.of("session.created")]
        assert [1, 2] == created


@pytest.mark.slow
def test_an_update_during_a_renewal_is_applied() -> None:
    """
    The session changes after the new one was configured: it is configured once more.
    """
    moved = Moved("asked")
    with moved.peer() as peer, GA.client(peer.url, **IDLE) as client:
        recorder = EventRecorder(client)
        assert moved.reached.wait(10)
        client.update_session(instructions="Be brief.").result(timeout=5)
        moved.go.set()
        recorder.wait("reconnected")
        client.clear_audio_buffer().result(timeout=5)
        updates = [e for e in moved.received[1] if e["type"] == "session.update"]
        found = [e["session"].get("instructions") for e in updates]
        assert 2 == len(found)
        assert "Be brief." == found[1] != found[0]
        assert 1 == len(recorder.of("reconnected"))


@pytest.mark.slow
def test_speech_is_not_interrupted_by_a_renewal(
    monkeypatch: pytest.MonkeyPatch, eventually: Callable[..., None]
) -> None:
    """
    Speech that starts just before the renewal goes to the old session to its end.
    """
    monkeypatch.setattr(renewal_module, "_LISTEN", 5.0)
    moved = Moved("asked")
    with moved.peer() as peer, GA.client(peer.url, **IDLE) as client:
        recorder = EventRecorder(client)
        assert moved.reached.wait(10)
        client.append_audio(_numbered(1))
        eventually(lambda: "input_audio_buffer.append" in _types(moved.received[0]))
        moved.go.set()  # no activity is known to the client at this moment
        client.append_audio(_numbered(2))
        assert moved.first is not None
        moved.first.send(
            frame(
                '{"type":"input_audio_buffer.speech_started","audio_start_ms":0,'
                '"item_id":"item_1"}'
            )
        )
        recorder.wait("input_audio_buffer.speech_started")
        client.append_audio(_numbered(3))
        appends = "input_audio_buffer.append"
        eventually(lambda: 3 == _types(moved.received[0]).count(appends))
        assert appends not in _types(moved.received[1])
        assert [] == recorder.of("reconnected", "disconnected")


@pytest.mark.slow
def test_a_refused_renewal_keeps_the_old_session(
    caplog: pytest.LogCaptureFixture, eventually: Callable[..., None]
) -> None:
    """
    The service refuses the configuration a second time: the error has the reason.
    """
    moved = Moved("asked")
    moved.later = [frame('{"type":"error","error":{"message":"No such voice."}}')]
    with moved.peer() as peer, GA.client(peer.url, **IDLE) as client:
        recorder = EventRecorder(client)
        assert moved.reached.wait(10)
        moved.go.set()
        eventually(lambda: "No such voice." in caplog.text)
        assert "The session could not be renewed" in caplog.text
        client.clear_audio_buffer().result(timeout=5)
        assert [] == recorder.of("error", "reconnected", "disconnected")


@pytest.mark.slow
def test_a_renewal_that_floods_is_abandoned(
    caplog: pytest.LogCaptureFixture, eventually: Callable[..., None]
) -> None:
    """
    What is kept of a session that has not taken over is bounded.
    """
    moved = Moved("asked")
    moved.later = [frame('{"type":"x.new","data":"%s"}' % ("x" * 1_000_000))] * 20
    with moved.peer() as peer, GA.client(peer.url, **IDLE) as client:
        assert moved.reached.wait(10)
        moved.go.set()
        eventually(lambda: "sent too many events before it took over" in caplog.text)
        client.clear_audio_buffer().result(timeout=5)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["dialled", "asked"])
def test_closing_ends_a_renewal(stage: str) -> None:
    """
    close() does not wait for a session in the making, and no thread of it is left.
    """
    moved = Moved(stage)
    options = {**IDLE, "connect_timeout": 60.0}
    with moved.peer() as peer:
        client = GA.client(peer.url, **options)
        client.connect(timeout=10)
        assert moved.reached.wait(10)
        with at_most(1.5 * SCALE):
            client.close(timeout=1)
        names = [thread.name for thread in threading.enumerate()]
        assert not [name for name in names if name.startswith("azure-realtime")]
        moved.go.set()


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["dialled", "asked"])
def test_a_drop_ends_a_renewal(stage: str) -> None:
    """
    The old session is lost while the new one is made: one drop, one way back.
    """
    moved = Moved(stage)
    options = {**IDLE, "connect_timeout": 60.0}
    with moved.peer() as peer, GA.client(peer.url, **options) as client:
        recorder = EventRecorder(client)
        assert moved.reached.wait(10)
        assert moved.first is not None
        moved.first.fin()
        recorder.wait("reconnected")
        assert ["disconnected", "reconnecting", "reconnected"] == recorder.fate
        client.clear_audio_buffer().result(timeout=5)
        assert 3 == peer.connections
        moved.go.set()
