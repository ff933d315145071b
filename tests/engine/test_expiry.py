"""
The end of every session: announced before, or met.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
from helpers import inside
from helpers.clients import GA, USER_SAYS, Variant
from helpers.peer import Peer, PeerConnection, close_frame, frame
from helpers.reconnecting import IDLE, QUICK, EventRecorder, Scripts, serve_until

from azure_realtime import SessionConfig
from azure_realtime._concurrency.deadline import Deadline
from azure_realtime._engine.renewal.expiry import Expiry
from azure_realtime.simulator import Reply, ToolCall

# Foretold.


@pytest.mark.slow
def test_expiry_is_announced_once(variant: Variant) -> None:
    """
    So many seconds before it there is one event, which says how many are left.
    """
    with variant.service(session_seconds=4) as service:
        client = variant.client(service.url, expiry_warning=2.5)
        recorder = EventRecorder(client)
        expected = recorder.wait("expiring")
        assert 1.0 <= expected.seconds_left <= 2.5
        assert 1 == expected.generation
        client.clear_audio_buffer().result(timeout=5)
        assert 1 == len(recorder.of("expiring"))
        client.close()


def test_a_postponed_expiry_is_announced_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    The service grants more time, or the clock is set back: the reader is not kept busy
    by reading it, and the new end is announced in its time.
    """
    expiry = Expiry(warning=60.0)
    expiry.note(time.time() + 30)
    assert expiry.announce() is not None
    expiry.note(time.time() + 1800)
    assert expiry.announce() is None
    assert expiry.next_deadline() == pytest.approx(1740, abs=5)

    expiry = Expiry(warning=60.0)
    expiry.note(time.time() + 3)
    assert expiry.announce() is not None
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 3600)
    monkeypatch.setattr(expiry, "_renewable", Deadline(0))
    assert not expiry.renewable
    assert expiry.next_deadline() == pytest.approx(3543, abs=5)


@pytest.mark.parametrize("expires_at", [10**400, 10**15, 4102444800])
def test_a_distant_expiry_is_accepted(expires_at: int) -> None:
    """
    A time-out that no selector takes, or no float holds, does not end the reader.
    """
    with (
        Peer(serve_until(expires_at)) as peer,
        GA.client(peer.url, ping_interval=None) as client,
    ):
        client.clear_audio_buffer().result(timeout=5)
        assert expires_at == client.session.expires_at


@pytest.mark.parametrize("expires_at", [1, -(10**400), "soon"])
def test_a_wrong_clock_does_not_cause_repeated_renewals(expires_at: Any) -> None:
    """
    A session that has ended before it began is kept until the service ends it.
    """
    value = '"soon"' if expires_at == "soon" else expires_at
    with Peer(serve_until(value)) as peer, GA.client(peer.url, **IDLE) as client:
        with pytest.raises(TimeoutError):
            client.wait_for("reconnected", timeout=0.2)
        client.clear_audio_buffer().result(timeout=5)
        assert 1 == peer.connections


@pytest.mark.slow
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


# Met.


def test_expiry_is_announced_and_the_client_reconnects(variant: Variant) -> None:
    """
    session_expired and 1001: one disconnected event with that cause, then a new session.
    """
    with variant.service() as service, variant.client(service.url, **QUICK) as client:
        recorder = EventRecorder(client)
        client.create_conversation_item(USER_SAYS).result(timeout=5)
        service.wait_for_connection().expire()
        recorder.wait("reconnected")
        assert "session_expired" == recorder.wait("error").error.code
        lost = recorder.of("disconnected")
        assert [("expired", 1001, True)] == [(e.cause, e.code, e.clean) for e in lost]
        client.clear_audio_buffer().result(timeout=5)
        kinds = [event["type"] for event in service.connections[1].received]
        assert ["session.update", "conversation.item.create"] == kinds[:2]


_WORDS = "Your session hit the maximum duration of 30 minutes."


@pytest.mark.slow
@pytest.mark.parametrize(
    "end",
    [
        *("error and 1001", "error and 1000", "error and fin"),
        *("reason 1001", "reason 1000", "reason 1008", "time"),
    ],
)
def test_expiry_is_recognized_in_azures_own_message(end: str) -> None:
    """
    A server_error, or a close whose reason speaks of the maximum duration, or nothing at
    all when the time is up. Its code does not matter: there is a new session.
    """
    listening = threading.Event()

    def first(conn: PeerConnection) -> None:
        session = {"id": "s"}
        if end == "time":
            session["expires_at"] = int(time.time()) + 1  # type: ignore[assignment]
        expected = json.dumps({"type": "session.updated", "session": session})
        conn.upgrade(frame('{"type":"session.created","session":{"id":"s"}}'))
        conn.read_frame()
        conn.send(frame(expected))
        assert listening.wait(5)
        if end == "time":
            assert not conn.over.wait(1.1)  # the clock of the wire knows seconds only
        if end.startswith("error"):
            error = {"type": "server_error", "code": None, "message": _WORDS}
            conn.send(frame(json.dumps({"type": "error", "error": error})))
        if end[-4:].isdigit():
            words = _WORDS.encode() if end.startswith("reason") else b""
            conn.send(close_frame(int(end[-4:]), words))
        conn.fin()
        conn.read_to_end()

    later = serve_until(int(time.time()) + 3600)
    with Peer(Scripts(first, later)) as peer, GA.client(peer.url, **QUICK) as client:
        recorder = EventRecorder(client)
        listening.set()
        recorder.wait("reconnected")
        assert ["expired"] == [event.cause for event in recorder.of("disconnected")]


def test_a_tools_output_is_acknowledged() -> None:
    """
    After a turn with a tool no answer is outstanding: the session can be moved.
    """
    replies = [Reply(calls=[ToolCall("look")]), "Found."]
    config = SessionConfig(modalities=["text"], turn_detection=None)
    with GA.connected(service={"replies": replies}, session_config=config) as (
        client,
        _,
    ):

        @client.tool
        def look() -> str:
            """Look it up."""
            return "here"

        assert "Found." == client.ask("Where is it?", timeout=10).text
        assert inside.is_idle(client)
