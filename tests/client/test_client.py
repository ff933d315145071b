"""
The surface of the original, on both protocols, in plain text and over TLS.
"""

from __future__ import annotations

import base64
import copy
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest
import websocket
from helpers.clients import (
    GA,
    KEY,
    MANUAL,
    SENTENCE,
    SILENCE,
    USER_SAYS,
    Variant,
    drained,
)

from azure_realtime import (
    DEFAULT_SESSION_CONFIG,
    AzureRealTimeAudio,
    AzureRealTimeOptions,
    ProtocolWarning,
    WebSocketOptions,
    WebSocketState,
)
from azure_realtime.events import (
    InputAudioBufferAppend,
    ResponseOutputAudioDelta,
    ServerEvent,
)

# The three examples of the original.


@pytest.mark.slow
def test_the_basic_example_runs(variant: Variant, capsys: Any) -> None:
    """
    The first thing in the original's manual prints a session and audio.
    """
    done = threading.Event()
    with variant.service() as service:
        with variant.warned():
            client = AzureRealTimeAudio(
                AzureRealTimeOptions(
                    host_name=service.url,
                    deployment="gpt-realtime",
                    api_key=KEY,
                    api_version=variant.api_version,
                ),
                WebSocketOptions(ssl_context=variant.client_tls),
            )
        client.once(
            "init",
            lambda event: print("Session established:", event.session.id),  # noqa: T201
        )
        client.on(
            "response.audio.delta",
            lambda event: print("Received audio data:", event.delta[:8]),  # noqa: T201
        )
        client.on("response.done", lambda event: done.set())
        client.append_audio(base64.b64encode(SENTENCE + SILENCE).decode())
        assert done.wait(10)
        client.close()

    printed = capsys.readouterr().out

    assert printed.startswith("Session established: sess_")
    assert "Received audio data: " in printed


def test_the_example_with_an_own_websocket_runs(variant: Variant) -> None:
    """
    A WebSocket class of one's own carries the session, TLS and all.
    """
    made = []

    class Tunnel(websocket.WebSocket):
        def __init__(self, **how: Any) -> None:
            super().__init__(**how)
            made.append(self)

    with variant.connected(
        websocket_impl=Tunnel, service={"replies": ["Yes."]}, session_config=MANUAL
    ) as (client, connection):
        client.create_conversation_item(USER_SAYS)
        response = client.create_response().result(timeout=10)

    assert response.transcript == "Yes."
    assert len(made) == 1
    assert connection.headers["api-key"] == KEY


def test_a_function_may_make_the_websocket(variant: Variant) -> None:
    """
    A factory is as good as a class.
    """
    with variant.connected(websocket_impl=lambda: websocket.WebSocket()) as (client, _):
        assert client.is_initialized


@pytest.mark.filterwarnings("ignore::azure_realtime.ProtocolWarning")
def test_the_example_with_a_custom_configuration_runs(variant: Variant) -> None:
    """
    Everything the original's session configuration could say arrives.
    """
    with (
        variant.service() as service,
        AzureRealTimeAudio(
            {
                "host_name": service.url,
                "deployment": "gpt-realtime",
                "api_key": KEY,
                "api_version": variant.api_version,
                "session_config": {
                    "voice": "echo",
                    "instructions": "You are a helpful assistant.",
                    "input_audio_format": "g711_ulaw",
                    "output_audio_format": "g711_alaw",
                    "turn_detection": {
                        "type": "server_vad",
                        "threshold": 0.6,
                        "prefix_padding_ms": 200,
                        "silence_duration_ms": 300,
                    },
                    "tools": [
                        {
                            "type": "function",
                            "name": "get_weather",
                            "description": "Tell the weather.",
                            "parameters": {
                                "type": "object",
                                "properties": {"place": {"type": "string"}},
                            },
                        }
                    ],
                    "tool_choice": "auto",
                    "temperature": 0.7,
                    "max_response_output_tokens": 500,
                },
            },
            {"ssl_context": variant.client_tls},
        ) as client,
    ):
        session = client.session

    assert session is not None
    assert session.voice == "echo"
    assert session.instructions == "You are a helpful assistant."
    assert session.input_audio_format == "g711_ulaw"
    assert session.output_audio_format == "g711_alaw"
    assert session.turn_detection.silence_duration_ms == 300
    assert session.turn_detection.threshold == 0.6
    assert [tool.name for tool in session.tools] == ["get_weather"]
    assert session.tool_choice == "auto"
    assert session.max_response_output_tokens == 500
    assert session.temperature == (0.7 if variant.protocol == "preview" else None)


# Options.


def test_nothing_given_is_the_default_configuration(variant: Variant) -> None:
    """
    Without a session_config the service gets DEFAULT_SESSION_CONFIG.
    """
    with variant.connected() as (client, connection):
        session = client.session

    assert session is not None
    assert session.voice == DEFAULT_SESSION_CONFIG.voice
    assert session.instructions == DEFAULT_SESSION_CONFIG.instructions
    assert session.input_audio_transcription == (
        DEFAULT_SESSION_CONFIG.input_audio_transcription
    )
    assert session.turn_detection.silence_duration_ms == 600
    assert connection.received[0]["type"] == "session.update"


def test_the_key_travels_in_a_header_only(variant: Variant) -> None:
    """
    Neither path nor query of the request hold the credential.
    """
    with variant.connected() as (client, connection):
        shown = repr(client)

    assert connection.headers["api-key"] == KEY
    assert connection.protocol == variant.protocol
    assert KEY not in connection.path + repr(connection.query) + shown


def test_preview_can_be_selected_at_the_path_of_openai() -> None:
    """
    A header selects it there.
    """
    preview = Variant("preview")
    with (
        GA.service() as service,
        preview.client(f"{service.url}/v1", session_config=MANUAL) as client,
    ):
        connection = service.wait_for_connection()
        assert connection.protocol == "preview"
        client.clear_audio_buffer().result(5)


def test_options_may_be_mappings_and_are_checked() -> None:
    """
    A misspelled option fails at once, with what was meant.
    """
    options = {"host_name": "ws://127.0.0.1:9", "deployment": "d", "api_key": KEY}

    with pytest.raises(ValueError, match="host_name"):
        AzureRealTimeAudio({**options, "hostname": "x"})
    with pytest.raises(ValueError, match="connect_timeout"):
        AzureRealTimeAudio(options, {"connect_timout": 3})
    with pytest.raises(TypeError):
        AzureRealTimeAudio("ws://127.0.0.1:9")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="websocket_impl"):
        AzureRealTimeAudio(options, None, 5)  # type: ignore[arg-type]


# State and init.


def test_state_and_is_initialized_follow_the_connection(variant: Variant) -> None:
    """
    CONNECTING before, OPEN with a session, CLOSED and uninitialised afterwards.
    """
    release = threading.Event()
    inside = []
    with variant.service(on_connection=lambda _: release.wait(5)) as service:
        client = variant.client(service.url)
        before = client.state, client.is_initialized, client.session
        client.once("init", lambda event: inside.append(client.is_initialized))
        release.set()
        session = client.connect(timeout=5)
        during = client.state, client.is_initialized
        drained(client)
        client.close()
        after = client.state, client.is_initialized

    assert before == (WebSocketState.CONNECTING, False, None)
    assert during == (WebSocketState.OPEN, True)
    assert after == (WebSocketState.CLOSED, False)
    assert inside == [True]
    assert session is client.session


@pytest.mark.parametrize("name", ["init", "session.created", "*"])
def test_each_listener_gets_a_state_once(name: str) -> None:
    """
    Added before, after, or within a listener: each gets the session's event exactly once.
    """
    delivered: list[str] = []

    def note(who: str) -> Callable[[ServerEvent], None]:
        def listener(event: ServerEvent) -> None:
            if event.type in ("init", "session.created"):
                delivered.append(f"{who} {event.type}")

        return listener

    release = threading.Event()
    with GA.service(on_connection=lambda _: release.wait(5)) as service:
        client = GA.client(service.url)
        client.on(name, note("before"))
        for where in ("session.created", "init"):
            client.once(where, lambda event, w=where: client.on(name, note(f"in {w}")))
        release.set()
        client.connect(5)
        client.on(name, note("after"))
        drained(client)
        client.on(name, note("late"))
        drained(client)
        client.close()

    kinds = ["session.created", "init"] if name == "*" else [name]
    everybody = ["before", "in session.created", "in init", "after", "late"]
    assert sorted(delivered) == sorted(f"{w} {k}" for w in everybody for k in kinds)


def test_commands_given_at_once_follow_the_first_session_update(
    variant: Variant,
) -> None:
    """
    Commands given before the session is ready arrive after its configuration, in order.
    """
    release = threading.Event()
    with variant.service(on_connection=lambda _: release.wait(5)) as service:
        client = variant.client(service.url, session_config={"voice": "sage"})
        client.append_audio(bytes(9600))
        client.create_conversation_item(USER_SAYS)
        client.update_session(instructions="Be brief.")
        client.clear_audio_buffer()
        release.set()
        connection = service.wait_for_connection()
        connection.wait_received("input_audio_buffer.clear")
        client.close()

    assert [event["type"] for event in connection.received] == [
        "session.update",
        "input_audio_buffer.append",
        "conversation.item.create",
        "session.update",
        "input_audio_buffer.clear",
    ]
    assert "sage" in repr(connection.received[0])


# Listening.


def test_either_generation_of_names_works_on_either_protocol(variant: Variant) -> None:
    """
    Listeners by old name, new name and class get the same events.
    """
    names = {
        "response.audio.delta": "response.output_audio.delta",
        "response.audio.done": "response.output_audio.done",
        "response.audio_transcript.delta": "response.output_audio_transcript.delta",
        "response.audio_transcript.done": "response.output_audio_transcript.done",
        "response.text.delta": "response.output_text.delta",
        "response.text.done": "response.output_text.done",
        "conversation.item.created": "conversation.item.added",
    }
    delivered: dict[Any, list[ServerEvent]] = {}
    with variant.connected(
        service={"replies": ["One two three."] * 2}, session_config=MANUAL
    ) as (client, _):
        for name in [*names, *names.values(), ResponseOutputAudioDelta]:
            client.on(name, delivered.setdefault(name, []).append)
        client.create_conversation_item(USER_SAYS)
        client.create_response().result(10)
        client.create_response(modalities=["text"]).result(10)
        drained(client)

    for old, new in names.items():
        assert delivered[old], old
        assert delivered[old] == delivered[new]
    assert delivered[ResponseOutputAudioDelta] == delivered["response.audio.delta"]
    delta: Any = delivered["response.audio.delta"][0]
    assert base64.b64decode(delta.delta) == delta.audio
    assert delta.raw["delta"] == delta.delta


def test_a_listener_gets_events_until_it_is_removed(variant: Variant) -> None:
    """
    A listener gets the events of its subscription, until that is removed.
    """
    name, delivered = "input_audio_buffer.cleared", []
    with variant.connected() as (client, _):
        drained(client)

        @client.on(name)
        def always(event: ServerEvent) -> None:
            delivered.append("always")

        @client.once(name)
        def once(event: ServerEvent) -> None:
            delivered.append("once")

        def other(event: ServerEvent) -> None:
            delivered.append("other")

        assert client.on(name, other) is other
        everything = client.on("*", lambda event: delivered.append(event.type))
        drained(client)
        first, delivered[:] = list(delivered), []
        client.off(name, other)
        client.off("*", everything)
        client.off(name, other)  # no error: it is gone already
        drained(client)
        second, delivered[:] = list(delivered), []
        client.off(name)
        drained(client)
        third = list(delivered)
        client.on(name, always)
        client.off_all()
        drained(client)

    assert first == ["session.created", "init", "always", "once", "other", name]
    assert second == ["always"]
    assert third == delivered == []


def test_an_unknown_name_warns_once_and_works() -> None:
    """
    An unknown name draws one warning with the closest known name, and is subscribed to.
    """
    with GA.connected() as (client, connection):
        with pytest.warns(ProtocolWarning, match=r"response\.done") as caught:
            client.on("response.doone", lambda event: None)
        assert caught[0].filename == __file__
        client.on("response.doone", lambda event: None)
        with client.expect("response.done") as expected:
            connection.send({"type": "response.done", "response": {"id": "resp_1"}})
        with pytest.warns(ProtocolWarning):
            received = client.events("brand.new", timeout=5)
        connection.send({"type": "brand.new", "x": 1})

        event = next(received)

    assert expected.event.response.id == "resp_1"
    assert event.type == "brand.new"
    assert event.raw["x"] == 1


@pytest.mark.parametrize("event", [5, None, int, InputAudioBufferAppend])
def test_listening_to_something_else_than_an_event_is_refused(event: Any) -> None:
    """
    Listening to a number, or to a command, is a mistake that shows at once.
    """
    with GA.connected() as (client, _):
        with pytest.raises(TypeError):
            client.on(event, print)
        with pytest.raises(TypeError, match="callable"):
            client.on("init", "not a function")  # type: ignore[call-overload]


def test_disconnected_after_an_own_close_is_clean() -> None:
    """
    After a close of its own the client emits one last event that is no error.
    """
    delivered: list[Any] = []
    with GA.connected() as (client, connection):
        client.on("disconnected", delivered.append)
        client.close()
        client.close()
        connection.wait_closed()

    assert [(e.code, e.clean, e.error) for e in delivered] == [(1000, True, None)]
    assert connection.close_code == 1000


@pytest.mark.parametrize("take", [copy.copy, copy.deepcopy, pickle.dumps])
def test_what_belongs_to_the_process_is_not_copied(take: Callable[[Any], Any]) -> None:
    """
    A copy of a client would end with the first; a worker process needs its own.
    """
    with GA.connected() as (client, _):
        with pytest.raises(TypeError, match="pass its options on, and make"):
            take(client)
        with pytest.raises(TypeError, match=r"tuple\(client\.conversation\)"):
            take(client.conversation)
        with (
            client.events(timeout=1) as events,
            pytest.raises(
                TypeError, match=r"^EventStream objects belong to the process"
            ),
        ):
            take(events)
