"""
The engine serves a session of another kind than a conversation, as it is.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from helpers.clients import GA
from helpers.peer import CLOSE, Peer, PeerConnection, frame
from helpers.reconnecting import IDLE, QUICK
from helpers.timing import SCALE

from azure_realtime import AzureRealTimeAudio, AzureRealTimeOptions, WebSocketOptions
from azure_realtime._dispatch.subscriptions import Subscription
from azure_realtime._engine.sender import Sender
from azure_realtime._engine.session_kind import (
    OpeningMessages,
    SessionKind,
    SessionParts,
)
from azure_realtime.client.assembly import Parts, assemble
from azure_realtime.client.conversation_kind import ConversationParts, conversation_kind
from azure_realtime.events import (
    Init,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    RawCommand,
    Reconnected,
    ResponseCreate,
    ServerEvent,
)

WAIT = 10.0 * SCALE

Json = dict[str, Any]


def _new_parts(sender: Sender, *_: Any) -> SessionParts:
    def opening(again: bool) -> OpeningMessages:
        start = sender.identified(RawCommand(type="live.start", message=_START))
        text = sender.codec.encode(start)
        return OpeningMessages(start.event_id or "", [text], _START)

    def on_configured(
        event: ServerEvent, generation: int, seconds_lost: float | None
    ) -> ServerEvent:
        if seconds_lost is None:
            return Init(raw=event.raw, generation=generation)
        return Reconnected(restored="none", raw=event.raw, generation=generation)

    return SessionParts(opening=opening, on_configured=on_configured)


_START = {"type": "live.start", "voice": "marin"}

LIVE = SessionKind(
    name="live",
    endpoint=lambda options: options.endpoint._replace(target="/live/sessions"),
    created="live.opened",
    configured="live.started",
    commands=frozenset({InputAudioBufferClear.type}),
    new_parts=_new_parts,
)
"""Another path, opening message and event for "configured"; nothing is restored."""


class Service:
    """
    The service of such sessions, on any number of connections.

    Args:
        starts: Whether it answers the opening message.
        seconds: How long the first session lasts.
        started: The type of its answer to the opening message.
    """

    def __init__(
        self,
        *,
        starts: bool = True,
        seconds: float = 3600.0,
        started: str = LIVE.configured,
    ) -> None:
        self._starts = starts
        self._started = started
        self._seconds = seconds
        self.paths: list[str] = []
        self.received: list[list[Json]] = []

    def __call__(self, conn: PeerConnection) -> None:
        """
        Serve one connection.
        """
        left = 3600.0 if self.paths else self._seconds
        session = {"id": "live_1", "expires_at": int(time.time() + left)}
        created = {"type": "session.created", "session": session}
        conn.upgrade(frame('{"type":"live.opened"}') + frame(json.dumps(created)))
        self.paths.append(conn.head.decode().split()[1])
        self.received.append([])
        while True:
            opcode, data = conn.read_frame()
            if opcode == CLOSE:
                conn.send(frame(data, CLOSE))
                return
            command = json.loads(data)
            self.received[-1].append(command)
            if command["type"] == "live.start" and self._starts:
                conn.send(frame(json.dumps({"type": self._started})))
            elif command["type"] == "live.drop":
                conn.rst()
                return

    @property
    def types(self) -> list[list[str]]:
        """
        The types of the commands of each connection.
        """
        return [[command["type"] for command in commands] for commands in self.received]


@contextlib.contextmanager
def _session(
    url: str, kind: SessionKind[Any] = LIVE, **websocket_options: Any
) -> Iterator[Parts[Any]]:
    parts = assemble(
        kind,
        AzureRealTimeOptions(url, "d", "key"),
        WebSocketOptions(**{**QUICK, **websocket_options}),
        None,
        "thread",
    )
    parts.dispatcher.start()
    parts.reader.start()
    try:
        yield parts
    finally:
        parts.shutdown.close(5.0)


def _send(parts: Parts[Any], command: Any) -> None:
    parts.sender.queue(parts.sender.identified(command), deadline=None)


def test_another_kind_of_session_is_served_through_a_reconnect_to_its_close() -> None:
    """
    It has its own address, opening message and event that means "configured"; after a
    drop it is opened again, at the same address and with the same message.
    """
    service = Service()
    events: list[ServerEvent] = []
    reconnected = threading.Event()

    def note(event: ServerEvent) -> None:
        events.append(event)
        if isinstance(event, Reconnected):
            reconnected.set()

    with Peer(service) as peer, _session(peer.url) as parts:
        parts.subscriptions.add(Subscription("*", note, once=False))
        parts.reader.ready.result(WAIT)
        _send(parts, InputAudioBufferClear())
        _send(parts, RawCommand(type="live.drop", message={"type": "live.drop"}))
        assert reconnected.wait(WAIT)
        parts.reader.ready.result(WAIT)
        assert parts.lifecycle.is_ready
        _send(parts, InputAudioBufferClear())

    assert service.paths == ["/live/sessions"] * 2
    assert service.types == [
        ["live.start", "input_audio_buffer.clear", "live.drop"],
        ["live.start", "input_audio_buffer.clear"],
    ]
    assert service.received[1][0]["voice"] == "marin"
    assert [e.type for e in events if e.type in ("reconnected", "closed")] == [
        "reconnected",
        "closed",
    ]
    assert parts.lifecycle.ended is not None


def test_an_event_that_a_conversation_does_not_wait_for_can_mean_configured() -> None:
    """
    The engine takes the awaited events from the kind, also where it knows their class.
    """
    kind = attrs.evolve(LIVE, configured="output_audio_buffer.started")
    with (
        Peer(Service(started=kind.configured)) as peer,
        _session(peer.url, kind) as parts,
    ):
        parts.reader.ready.result(WAIT)
        assert parts.lifecycle.is_ready


@pytest.mark.slow
def test_another_kind_of_session_is_renewed_before_it_ends() -> None:
    """
    The next session is configured, by the event of this kind, while the first is served.
    """
    # the end of a session is known from the event that says that it exists
    kind = attrs.evolve(LIVE, created="session.created")
    service = Service(seconds=4.0)
    events: list[ServerEvent] = []
    reconnected = threading.Event()

    with Peer(service) as peer, _session(peer.url, kind, **IDLE) as parts:
        for event, listener in (
            ("*", events.append),
            ("reconnected", lambda _: reconnected.set()),
        ):
            parts.subscriptions.add(Subscription(event, listener, once=False))
        assert reconnected.wait(WAIT)
        types = [event.type for event in events]

    assert "disconnected" not in types
    assert types.count("live.started") == 2
    assert service.types == [["live.start"], ["live.start"]]


def test_a_command_that_the_kind_lacks_is_refused_with_the_name_of_the_kind() -> None:
    """
    It raises where the mistake is made, and nothing is sent or left waiting.
    """
    service = Service()
    with Peer(service) as peer, _session(peer.url) as parts:
        parts.reader.ready.result(WAIT)
        sender = parts.sender
        text = "a live session has no command 'response.create'"
        with pytest.raises(ValueError, match=text):
            sender.request(ResponseCreate(), "wait")
        with pytest.raises(ValueError, match=text):
            _send(parts, ResponseCreate())
        with pytest.raises(ValueError, match=r"no command 'input_audio_buffer\.append"):
            sender.append([bytes(960)], None)
        with pytest.raises(ValueError, match=r"no command 'input_audio_buffer\.append"):
            _send(parts, InputAudioBufferAppend(audio="AAAA"))
        assert parts.sender.responses.is_idle
        assert parts.sender.pending.is_empty

    assert service.types == [["live.start"]]


def test_an_unconfigured_session_is_reported_by_the_event_that_is_missing() -> None:
    """
    The message names the event of this kind, not that of a conversation.
    """
    with (
        Peer(Service(starts=False)) as peer,
        _session(peer.url, connect_timeout=0.3, max_reconnect_attempts=0) as parts,
    ):
        failure = parts.reader.ready.exception(WAIT)

    assert "sent no live.started within" in str(failure)


def test_send_refuses_a_command_of_another_kind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    `send()` raises ValueError for a command that the client's kind of session lacks.
    """

    def narrower(keep_audio: bool) -> SessionKind[ConversationParts]:
        kind = conversation_kind(keep_audio)
        return attrs.evolve(
            kind, name="silent", commands=kind.commands - {"response.create"}
        )

    monkeypatch.setattr(
        "azure_realtime.client.conversation_kind.conversation_kind", narrower
    )
    with GA.connected() as (client, connection):
        assert isinstance(client, AzureRealTimeAudio)
        with pytest.raises(ValueError, match="a silent session has no command"):
            client.send({"type": "response.create"})
        client.send({"type": "made.up"})
        assert client.clear_audio_buffer().result(WAIT)

        assert "response.create" not in [c["type"] for c in connection.received]
