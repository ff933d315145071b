"""
What the original's client can say, and the status it shows, on both protocols.
"""

from __future__ import annotations

import array
import base64
import itertools
import warnings
from typing import Any

import pytest
from helpers.clients import (
    GA,
    LONG,
    MANUAL,
    SENTENCE,
    SILENCE,
    USER_SAYS,
    Variant,
    drained,
)

from azure_realtime import (
    AzureRealTimeAudio,
    AzureRealTimeOptions,
    ModelStatusEnum,
    ProtocolWarning,
    SessionConfig,
)
from azure_realtime.events import InputAudioBufferAppend
from azure_realtime.simulator import Reply, Simulator


def of_type(received: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """
    Return the events of one type.
    """
    return [event for event in received if event["type"] == kind]


# Commands.


def sounds() -> list[Any]:
    """
    The same 200 ms in each shape that audio comes in.
    """
    samples = array.array("h", [1000, -1000] * 2400)
    raw = samples.tobytes()
    numpy = pytest.importorskip("numpy")
    return [
        base64.b64encode(raw).decode(),
        raw,
        bytearray(raw),
        memoryview(raw),
        memoryview(samples),
        samples,
        numpy.array(samples, dtype=numpy.int16),
        numpy.array(samples, dtype=numpy.float32) / 32768,
        numpy.array(samples, dtype=numpy.float64) / 32768,
        numpy.repeat(numpy.array(samples, dtype=numpy.int16), 2)[::2],
    ]


def test_audio_in_every_shape_arrives_the_same(variant: Variant) -> None:
    """
    base64, bytes-like or NumPy: the service gets the same samples.
    """
    shapes = sounds()
    with variant.connected(session_config=MANUAL) as (client, connection):
        for shape in shapes:
            client.append_audio(shape)
        item = client.commit_audio().result(5)
        received = of_type(connection.received, "input_audio_buffer.append")

    payloads = [base64.b64decode(event["audio"]) for event in received]
    wanted = bytes(shapes[1])
    worst = max(
        abs(a - b)
        for got in payloads
        for a, b in zip(array.array("h", got), array.array("h", wanted), strict=True)
    )
    assert len(payloads) == len(shapes)
    assert payloads[:7] == [wanted] * 7
    assert worst <= 1
    assert item.item_id


@pytest.mark.parametrize(
    "kind", ["input_audio_buffer.clear", "response.create", "response.cancel", "new.x"]
)
@pytest.mark.parametrize(
    ("event_id", "error", "text"),
    [
        (5, TypeError, "event_id must be a str, not int"),
        (["a"], TypeError, "event_id must be a str, not list"),
        ("", ValueError, "1 to 512 characters, not 0"),
        ("x" * 513, ValueError, "1 to 512 characters, not 513"),
    ],
)
def test_an_event_id_that_the_service_cannot_return_is_refused(
    kind: str, event_id: Any, error: type[Exception], text: str
) -> None:
    """
    One sentence at the call; nothing is sent, and nothing waits for an answer.
    """
    client = GA.client("ws://127.0.0.1:9")
    with pytest.raises(error, match=text):
        client.send({"type": kind, "event_id": event_id})
    assert not client.stats.send_queue
    client.close()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("input_audio_buffer.clear", "input_audio_buffer.clear"),
        ("response.create", "response.create"),
        ("response.create", "input_audio_buffer.clear"),
        ("input_audio_buffer.clear", "response.cancel"),
    ],
)
def test_an_event_id_belongs_to_one_pending_command(first: str, second: str) -> None:
    """
    A second command with it is refused; after the answer the id may be used again.
    """
    with GA.connected(service={"replies": ["Hi"] * 2}, session_config=MANUAL) as (
        client,
        wire,
    ):
        wire.stall()
        pending = client.send({"type": first, "event_id": "mine"})
        with pytest.raises(ValueError, match="'mine' is that of a command"):
            client.send({"type": second, "event_id": "mine"})
        wire.resume()
        assert pending is not None
        assert pending.result(5)
        again = client.send({"type": first, "event_id": "mine"})
        assert again is not None
        assert again.result(5)


def test_what_is_changed_after_a_call_is_not_sent() -> None:
    """
    A response that waits for its turn is sent as it was requested. It is encoded again
    then, on the reader thread, where an object that has no JSON form would end it.
    """
    with GA.connected(service={"replies": ["Hi"] * 2}, session_config=MANUAL) as (
        client,
        wire,
    ):
        parameters: dict[str, Any] = {"type": "object", "properties": {}}
        tools: Any = [{"type": "function", "name": "a", "parameters": parameters}]
        wire.stall()
        first = client.create_response()
        second = client.create_response(tools=tools)
        parameters["properties"] = object()
        wire.resume()
        assert first.result(5)
        assert second.result(5)
        sent = [e for e in wire.received if e["type"] == "response.create"]

    assert {} == sent[-1]["response"]["tools"][0]["parameters"]["properties"]


def test_every_command_of_the_original_is_understood(variant: Variant) -> None:
    """
    Each does, at the service, what its name says.
    """
    with variant.connected(service={"replies": ["Hello!"]}, session_config=MANUAL) as (
        client,
        connection,
    ):
        client.append_audio(SENTENCE)
        committed = client.commit_audio().result(5)
        first = client.create_conversation_item(USER_SAYS, "root").result(5)
        response = client.create_response().result(10)
        spoken = response.output[0].id
        truncated = client.truncate_item(spoken, 0, 10).result(5)
        client.clear_audio_buffer().result(5)
        assert client.cancel_response() is False
        deleted = client.delete_item(committed.item_id).result(5)
        session = client.update_session(instructions="Be brief.").result(5)
        retrieved = client.retrieve_item(first.id).result(5)
        errors = of_type(connection.sent, "error")
        created = connection.wait_received("conversation.item.create")

    assert created["previous_item_id"] == "root"
    assert truncated.audio_end_ms == 10
    assert deleted.item_id == committed.item_id
    assert session.instructions == "Be brief."
    assert retrieved.content[0].text == "Good morning"
    assert errors == []


def test_a_response_can_be_cancelled(variant: Variant) -> None:
    """
    cancel_response() stops what the model is saying.
    """
    with (
        variant.connected(service={"replies": [LONG]}, session_config=MANUAL) as (
            client,
            _,
        ),
        client.expect("response.done", timeout=10) as expected,
    ):
        client.create_conversation_item(USER_SAYS)
        with client.expect("response.audio.delta"):
            client.create_response()
        assert client.cancel_response() is True

    assert expected.event.response.status == "cancelled"


@pytest.mark.parametrize(
    "session",
    [
        {"voice": "sage", "modalities": ["text"], "turn_detection": None},
        {
            "type": "realtime",
            "output_modalities": ["text"],
            "audio": {
                "input": {"turn_detection": None},
                "output": {"voice": "sage"},
            },
        },
    ],
    ids=["flat", "nested"],
)
def test_send_takes_either_shape_on_either_protocol(
    variant: Variant, session: dict[str, Any]
) -> None:
    """
    A mapping in the flat or in the service's own shape says the same.
    """
    with variant.connected(service={"replies": ["Hi."] * 2}) as (client, connection):
        updated = client.send({"type": "session.update", "session": session}).result(5)
        client.send({"type": "conversation.item.create", "item": USER_SAYS}).result(5)
        response = client.send({"type": "response.create"}).result(10)
        sent = of_type(connection.received, "session.update")[1]["session"]

    assert updated.voice == "sage"
    assert updated.turn_detection is None
    assert response.text == "Hi."
    flat = variant.protocol == "preview"
    assert (sent["voice"] if flat else sent["audio"]["output"]["voice"]) == "sage"
    assert ("modalities" in sent) is flat


def test_audio_that_was_sent_by_hand_can_be_committed() -> None:
    """
    commit_audio() counts what send() appended, too.
    """
    with GA.connected(session_config=MANUAL) as (client, _):
        client.send(InputAudioBufferAppend(audio=SENTENCE))

        assert client.commit_audio().result(5).item_id


def test_send_is_strict_in_spelling_and_open_to_news(variant: Variant) -> None:
    """
    A misspelled type is refused; a type unknown to the library is sent as it is.
    """
    with variant.connected() as (client, connection):
        with pytest.raises(ValueError, match=r"response\.create"):
            client.send({"type": "response.craete"})
        with pytest.raises(ValueError, match="voice"):
            client.send({"type": "session.update", "session": {"voise": "x"}})
        with pytest.raises(ValueError, match="type"):
            client.send({"session": {}})
        with client.expect("error") as expected:
            result = client.send({"type": "teleport", "where": ["home"]})
        received = connection.wait_received("teleport")
        append = InputAudioBufferAppend(audio=bytes(960))
        assert client.send(append) is None
        connection.wait_received("input_audio_buffer.append")

    assert result is None
    assert received["where"] == ["home"]
    assert expected.event.error.message


# Status.


def statuses(client: AzureRealTimeAudio) -> list[tuple[str, str]]:
    """
    Collect the announced changes of status.
    """
    seen: list[tuple[str, str]] = []
    client.on(
        "status_changed",
        lambda event: seen.append((event.previous.value, event.status.value)),
    )
    return seen


def chain(*names: str) -> list[tuple[str, str]]:
    """
    Return the changes that lead through these statuses.
    """
    return list(itertools.pairwise(names))


def test_status_follows_a_spoken_turn_and_a_barge_in(variant: Variant) -> None:
    """
    Listening, thinking, speaking; the user speaks again; idle when playback is over.
    """
    replies = [Reply(LONG, heard="Hello"), Reply("All right.", heard="Stop")]
    with variant.connected(service={"replies": replies}) as (client, _):
        seen = statuses(client)
        with client.expect("response.audio.delta", timeout=10):
            client.append_audio(SENTENCE + SILENCE)
        speaking = client.status
        with client.expect("response.done", timeout=10) as first:
            client.append_audio(SENTENCE)
        with client.expect("response.done", timeout=10) as second:
            client.append_audio(SILENCE)
        still = client.status
        client.set_model_speak_done()
        client.set_model_speak_done()
        assert client.status is ModelStatusEnum.IDLE
        drained(client)

    assert speaking is still is ModelStatusEnum.SPEAKING
    assert first.event.response.status == "cancelled"
    assert second.event.response.transcript == "All right."
    assert seen == chain(
        "idle",
        "listening",
        "thinking",
        "speaking",
        "listening",
        "thinking",
        "speaking",
        "idle",
    )


def test_status_follows_a_turn_of_text(variant: Variant) -> None:
    """
    An answer without audio is over when it is done.
    """
    with variant.connected(service={"replies": ["Hello."]}) as (client, _):
        seen = statuses(client)
        client.create_conversation_item(USER_SAYS)
        client.create_response(modalities=["text"]).result(10)
        assert client.status is ModelStatusEnum.IDLE
        drained(client)

    assert seen == chain("idle", "thinking", "speaking", "idle")


def test_status_can_be_set_and_announces_changes_only() -> None:
    """
    Setting it emits status_changed if it is another, by value or by member.
    """
    with GA.connected() as (client, _):
        seen = statuses(client)
        client.status = ModelStatusEnum.SPEAKING
        client.status = "speaking"
        client.status = "idle"
        with pytest.raises(ValueError, match="dancing"):
            client.status = "dancing"
        drained(client)

    assert seen == chain("idle", "speaking", "idle")


def test_metadata_comes_back_as_it_was_given(variant: Variant) -> None:
    """
    Without the pair by which the client recognises the response.
    """
    given = {"purpose": "routing"}
    with variant.connected(service={"replies": ["Hi", "Hi"]}) as (client, _):
        assert client.create_response(metadata=given).result(5).metadata == given
        assert client.create_response().result(5).metadata is None


# Transcription sessions.


@pytest.mark.parametrize("api_version", [None, "2025-04-01-preview"])
@pytest.mark.parametrize("way", ["update_session", "send"])
def test_an_update_keeps_the_type_of_a_transcription_session(
    api_version: str | None, way: str
) -> None:
    """
    Another language in the middle of a session needs no ``type="transcription"``.
    """
    english, german = (
        {"input_audio_transcription": {"model": "whisper-1", "language": language}}
        for language in ("en", "de")
    )
    config = SessionConfig(type="transcription", turn_detection=None, **english)
    with Simulator(pace=0) as service, warnings.catch_warnings():
        warnings.simplefilter("ignore", ProtocolWarning)
        options = AzureRealTimeOptions(
            service.url, "d", "k", api_version=api_version, session_config=config
        )
        with AzureRealTimeAudio(options) as client:
            if way == "send":
                sent = client.send({"type": "session.update", "session": german})
            else:
                sent = client.update_session(german)
            assert sent is not None
            session = sent.result(5)

    assert session.type == "transcription"
    assert session.input_audio_transcription.language == "de"
