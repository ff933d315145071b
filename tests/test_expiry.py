"""
The end that every session comes to: foretold, moved out of the way, or met.
"""

from __future__ import annotations

import base64
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from drops import QUICK, Diary, Scripts, appended
from peers import PING, PONG, Peer, Talk, frame
from services import GA, MANUAL, USER_SAYS, Place

import azure_realtime._connection as connection_module
from azure_realtime import SessionConfig
from azure_realtime.simulator import Reply, ToolCall

IDLE: dict[str, Any] = {**QUICK, "renew": "idle", "expiry_warning": 60.0}


def _serve(expires_at: int) -> Callable[[Talk], None]:
    """
    Be a service whose session ends at a given Unix time, and answer pings.
    """
    session = f'"session":{{"id":"sess_1","expires_at":{expires_at}}}'

    def script(talk: Talk) -> None:
        talk.upgrade(frame(f'{{"type":"session.created",{session}}}'))
        talk.read_frame()
        talk.send(frame(f'{{"type":"session.updated",{session}}}'))
        while True:
            opcode, data = talk.read_frame()
            if opcode == PING:
                talk.send(frame(data, PONG))
            elif b"input_audio_buffer.clear" in data:
                talk.send(frame('{"type":"input_audio_buffer.cleared"}'))

    return script


def _quiet(number: int) -> bytes:
    """
    Return 20 ms of near silence that hold a number.
    """
    return struct.pack("<3h", number // 10_000, number // 100 % 100, number % 100) + (
        bytes(954)
    )


def _number(audio: str) -> int:
    most, more, least = struct.unpack("<3h", base64.b64decode(audio)[:6])
    return int(most * 10_000 + more * 100 + least)


# Foretold.


def test_the_end_is_foretold_once(place: Place) -> None:
    """
    So many seconds before it there is one event, which says how many are left.
    """
    with place.service(session_seconds=4) as service:
        client = place.client(service.url, expiry_warning=2.5)
        diary = Diary(client)
        told = diary.wait("expiring")
        assert 1.0 <= told.seconds_left <= 2.5
        assert 1 == told.generation
        client.clear_audio_buffer().result(timeout=5)
        assert 1 == len(diary.of("expiring"))
        client.close()


@pytest.mark.parametrize("expires_at", [10**400, 10**15, 4102444800])
def test_an_end_far_away_is_no_trouble(expires_at: int) -> None:
    """
    A time-out that no selector takes, or no float holds, does not end the reader.
    """
    with (
        Peer(_serve(expires_at)) as peer,
        GA.client(peer.url, ping_interval=None) as client,
    ):
        client.clear_audio_buffer().result(timeout=5)
        assert expires_at == client.session.expires_at


@pytest.mark.parametrize("expires_at", [1, -(10**400), "soon"])
def test_a_clock_that_is_wrong_makes_no_storm(expires_at: Any) -> None:
    """
    A session that has ended before it began is kept until the service ends it.
    """
    value = '"soon"' if expires_at == "soon" else expires_at
    with Peer(_serve(value)) as peer, GA.client(peer.url, **IDLE) as client:
        with pytest.raises(TimeoutError):
            client.wait_for("reconnected", timeout=0.5)
        client.clear_audio_buffer().result(timeout=5)
        assert 1 == peer.connections


def test_a_session_shorter_than_the_warning_is_not_renewed_at_once() -> None:
    """
    Sessions of three seconds and a warning of sixty: no storm of connections.
    """
    with (
        GA.service(session_seconds=3) as service,
        GA.client(service.url, **IDLE) as client,
    ):
        client.wait_for("reconnected", timeout=5)
        assert 2 == len(service.connections)


# Moved out of the way.


@pytest.mark.parametrize("kind", ["ga-ws", "preview-wss"])
def test_a_move_loses_no_audio(
    kind: str, server_tls: Any, client_tls: Any, eventually: Callable[..., None]
) -> None:
    """
    Audio streams on while the session is replaced: each append arrives once, in order.
    """
    protocol, scheme = kind.split("-")
    tls = (server_tls, client_tls) if scheme == "wss" else (None, None)
    place = Place(protocol, *tls)
    with (
        place.service(session_seconds=3) as service,
        place.client(service.url, **IDLE) as client,
    ):
        diary = Diary(client)
        over = threading.Event()
        sent = 0
        while len(diary.of("reconnected")) < 2:
            client.append_audio(_quiet(sent))
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
        assert [] == diary.of("disconnected", "reconnecting", "error")
        assert [2, 3] == [event.generation for event in diary.of("reconnected")]
        assert all(event.seconds_lost < 0.5 for event in diary.of("reconnected"))
        assert 0 == client.stats.audio_dropped
        eventually(lambda: 1000 == service.connections[0].close_code)


def test_a_move_takes_the_conversation_along() -> None:
    """
    The new session is configured as the old one was last, and knows what was said.
    """
    with (
        GA.service(session_seconds=3) as service,
        GA.client(service.url, **IDLE) as client,
    ):
        client.update_session(instructions="Be brief.")
        client.create_conversation_item(USER_SAYS).result(timeout=5)
        told = client.wait_for("reconnected", timeout=5)
        assert "Be brief." == told.session.instructions
        client.clear_audio_buffer().result(timeout=5)
        again = service.connections[1]
        kinds = [event["type"] for event in again.received]
        assert ["session.update", "conversation.item.create"] == kinds[:2]


def test_push_to_talk_is_not_interrupted() -> None:
    """
    Audio that waits to be committed is not left behind: the move comes after it.
    """
    with (
        GA.service(session_seconds=5, pace=0.0) as service,
        GA.client(service.url, **IDLE, session_config=MANUAL) as client,
    ):
        client.append_audio(bytes(48 * 500))
        with pytest.raises(TimeoutError):
            client.wait_for("reconnected", timeout=2.8)
        client.commit_audio()
        client.create_response(modalities=["text"]).result(timeout=5)
        client.wait_for("reconnected", timeout=1.5)


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
        client.wait_for("reconnected", timeout=1.5)


def test_a_move_that_fails_leaves_the_session(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """
    No new session is to be had: the old one works on, and it is tried again later.
    """
    monkeypatch.setattr(connection_module, "_RENEW_AGAIN", 0.2)
    with GA.service(session_seconds=10) as service:
        monkeypatch.setattr(connection_module, "_LEAST_LIFE", 0.1)
        service.session_seconds = 4
        with GA.client(service.url, **IDLE) as client:
            diary = Diary(client)
            service.refuse(503, times=3)
            diary.wait("expiring")
            told = diary.wait("reconnected")
            assert 2 == told.generation
            assert [] == diary.of("disconnected", "reconnecting")
        said = [r for r in caplog.records if "could not be renewed" in r.getMessage()]
        assert 3 == len(said)


def test_a_move_that_takes_too_long_kills_no_live_session(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    Time spent dialling is not taken for the peer's silence.
    """
    numbers = {**IDLE, "ping_interval": 0.3, "ping_timeout": 0.3}
    with (
        GA.service(session_seconds=4) as service,
        GA.client(service.url, **numbers, connect_timeout=1.0) as client,
    ):
        diary = Diary(client)
        service.mute_handshakes()
        while not caplog.records:
            client.clear_audio_buffer().result(timeout=5)
            assert not diary.of("disconnected")
        client.clear_audio_buffer().result(timeout=5)
        assert "could not be renewed" in caplog.text
        assert not diary.of("disconnected")


def test_never_is_never() -> None:
    """
    Without renew="idle" the session is left to end by itself.
    """
    with (
        GA.service(session_seconds=4) as service,
        GA.client(service.url, **QUICK, expiry_warning=60) as client,
        pytest.raises(TimeoutError),
    ):
        client.wait_for("reconnected", timeout=2.5)


# Met.


def test_the_end_is_told_and_made_good(place: Place) -> None:
    """
    session_expired and 1001: one disconnected event that says so, then a new session.
    """
    with place.service() as service, place.client(service.url, **QUICK) as client:
        diary = Diary(client)
        client.create_conversation_item(USER_SAYS).result(timeout=5)
        service.wait_for_connection().expire()
        diary.wait("reconnected")
        assert "session_expired" == diary.wait("error").error.code
        lost = diary.of("disconnected")
        assert [("expired", 1001, True)] == [(e.cause, e.code, e.clean) for e in lost]
        client.clear_audio_buffer().result(timeout=5)
        kinds = [event["type"] for event in service.connections[1].received]
        assert ["session.update", "conversation.item.create"] == kinds[:2]


def test_azure_says_it_in_other_words() -> None:
    """
    A server_error, and a close with 1001 that speaks of the maximum duration.
    """

    def first(talk: Talk) -> None:
        talk.upgrade(frame('{"type":"session.created","session":{"id":"s"}}'))
        talk.read_frame()
        talk.send(frame('{"type":"session.updated","session":{"id":"s"}}'))
        talk.send(frame('{"type":"error","error":{"type":"server_error"}}'))
        reason = b"Your session hit the maximum duration of 30 minutes."
        talk.send(frame(b"\x03\xe9" + reason, 8))
        talk.read_to_end()

    later = _serve(int(time.time()) + 3600)
    with Peer(Scripts(first, later)) as peer, GA.client(peer.url, **QUICK) as client:
        diary = Diary(client)
        diary.wait("reconnected")
        assert ["expired"] == [event.cause for event in diary.of("disconnected")]


def test_a_tools_output_is_acknowledged() -> None:
    """
    After a turn with a tool no answer is outstanding: the session can be moved.
    """
    replies = [Reply(calls=[ToolCall("look")]), "Found."]
    config = SessionConfig(modalities=["text"], turn_detection=None)
    with GA.talk(service={"replies": replies}, session_config=config) as (client, _):

        @client.tool
        def look() -> str:
            """Look it up."""
            return "here"

        assert "Found." == client.ask("Where is it?", timeout=10).text
        assert client._core.quiet()
