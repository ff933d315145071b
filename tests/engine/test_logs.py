"""
What a program reads in its log: the life of a connection, and no content.
"""

from __future__ import annotations

import logging

import pytest
from helpers.clients import GA
from helpers.reconnecting import QUICK, EventRecorder

from azure_realtime import ServerError, SessionConfig


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
