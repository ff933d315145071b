"""
What a program reads in its log: the life of a connection, and no content.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any

import pytest
from helpers.clients import GA, MANUAL
from helpers.reconnecting import QUICK, EventRecorder

from azure_realtime import AzureRealTimeAudio, ServerError, SessionConfig


def test_info_has_the_life_of_a_connection(caplog: pytest.LogCaptureFixture) -> None:
    """
    Connected with a request id, ended with a reason, the attempt, what was restored.
    """
    caplog.set_level(logging.INFO, "azure_realtime")
    with GA.connected(**QUICK) as (client, connection):
        recorder = EventRecorder(client)
        client.create_conversation_item(
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "a secret"}],
            }
        ).result(5)
        connection.drop()
        recorder.wait("reconnected")
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0].startswith("Connected: connection 1, request id req_")
    assert lines[1].startswith("Connection 1 ended: The connection is closed: 1006")
    assert lines[2].startswith("Connecting again in 0.0 s, attempt 1")
    assert lines[3].startswith("Connected: connection 2, request id req_")
    assert lines[4] == "Session restored: 1 items were sent"
    assert lines[5].startswith("Connection 2 ended: The connection is closed: 1000")
    assert len(lines) == 6


def test_debug_has_types_and_sizes_and_no_content(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    One line a message, in either direction.
    """
    caplog.set_level(logging.DEBUG, "azure_realtime")
    with GA.connected() as (client, _):
        client.ask("a secret", modalities=["text"], timeout=10)
        client.append_audio(bytes(4800))
        client.clear_audio_buffer().result(5)
    text = caplog.text
    assert "Sent conversation.item.create, " in text
    assert "Sent input_audio_buffer.append, " in text
    assert "Received response.done, " in text
    assert "secret" not in text
    assert "AAAA" not in text


def test_debug_may_be_switched_on_and_off_during_a_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    As in a notebook, when something does not work: the next command is logged already.
    """
    with GA.connected() as (client, _):
        for level in (logging.DEBUG, logging.INFO, logging.DEBUG):
            caplog.clear()
            with caplog.at_level(level, "azure_realtime"):
                client.clear_audio_buffer().result(5)
                client.clear_audio_buffer().result(5)
            logged = "Received input_audio_buffer.cleared" in caplog.text
            assert logged is (level == logging.DEBUG)
            assert ("Sent input_audio_buffer.clear," in caplog.text) is logged


def test_a_refused_session_is_raised_and_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    The exception says it.
    """
    with GA.service() as service:
        client = GA.client(service.url, session_config=SessionConfig(voice="unknown"))
        with pytest.raises(ServerError):
            client.connect()
        client.close()
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


Ask = Callable[[AzureRealTimeAudio], "Future[Any]"]
REFUSED: dict[str, Ask] = {
    "command": lambda client: client.delete_item("no-such-item"),
    "response": lambda client: client.create_response(
        input=[{"type": "item_reference", "id": "no-such-item"}]
    ),
    "session": lambda client: client.update_session(voice="no-such-item"),
}


@pytest.fixture(params=REFUSED)
def refused(request: pytest.FixtureRequest) -> Ask:
    """
    A command that the service refuses.
    """
    return REFUSED[request.param]


def test_a_refusal_that_is_read_is_not_logged(
    refused: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Also if the program reads it after it has arrived: the service may be quick.
    """
    with GA.connected(session_config=MANUAL) as (client, _):
        with client.expect("error"):
            future = refused(client)
        assert future.done()
        with pytest.raises(ServerError):
            future.result(5)
    assert caplog.records == []


def test_a_refusal_that_is_not_read_is_logged_at_the_end(
    refused: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Once, whether or not the program keeps the future.
    """
    with GA.connected(session_config=MANUAL) as (client, _):
        with client.expect("error"):
            _kept = refused(client)
        with client.expect("error"):
            refused(client)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert all(line.startswith("The service reports an error: ") for line in lines)


@pytest.mark.slow
def test_a_refusal_that_is_not_read_is_logged_after_a_second(
    caplog: pytest.LogCaptureFixture, eventually: Callable[..., None]
) -> None:
    """
    The client is open and idle meanwhile.
    """
    with GA.connected() as (client, _):
        _kept = client.delete_item("no-such-item")
        eventually(lambda: caplog.records)
        (record,) = caplog.records
        assert "no-such-item" in record.getMessage()


@pytest.mark.parametrize("given_up", ["timeout", "cancelled"])
def test_a_refusal_that_cannot_have_been_read_is_logged(
    given_up: str, caplog: pytest.LogCaptureFixture, eventually: Callable[..., None]
) -> None:
    """
    The program has waited for the answer, but not long enough.
    """
    with GA.connected() as (client, connection):
        connection.stop_reading()
        future = client.delete_item("no-such-item")
        eventually(lambda: client.stats.send_queue == 0)  # it is sent
        if given_up == "timeout":
            with pytest.raises(TimeoutError):
                future.result(0)
        else:
            assert future.cancel()
            with pytest.raises(CancelledError):
                future.result(0)
        with client.expect("error"):
            connection.resume()
    assert len(caplog.records) == 1


def test_an_error_about_no_command_is_logged_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    No future has it.
    """
    with GA.connected() as (client, connection):
        error = {"type": "server_error", "message": "The sky falls"}
        with client.expect("error"):
            connection.send({"type": "error", "event_id": "event_1", "error": error})
        client.clear_audio_buffer().result(5)
        (record,) = caplog.records
        assert "The sky falls" in record.getMessage()


def test_a_refusal_that_a_listener_gets_is_not_logged(
    refused: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The listener decides.
    """
    with GA.connected(session_config=MANUAL) as (client, _):
        client.on("error", lambda event: None)
        with client.expect("error"):
            refused(client)
    assert caplog.records == []
