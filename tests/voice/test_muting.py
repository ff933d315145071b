"""
Muting: what is sent while a call is muted, and the utterances that it ends.
"""

from __future__ import annotations

import base64
import time

from helpers.clients import GA, MANUAL
from helpers.voice import QUESTION, FakeMicrophone, MemorySink, received, sent, until

from azure_realtime.audio import PushSource

BLOCK = bytes(4_800)  # 100 ms


def test_a_short_muting_ends_the_utterance() -> None:
    """
    Push-to-talk: a key that is released and pressed at once commits what was said.
    """
    source = PushSource()
    with (
        GA.connected(session_config=MANUAL, service={"replies": ["Hi."]}) as (
            client,
            connection,
        ),
        client.talk(source, MemorySink()) as call,
    ):
        source.push(QUESTION[:48_000])
        until(lambda: received(connection, "input_audio_buffer.append"))
        call.mute()
        call.unmute()
        assert not call.muted
        until(lambda: sent(connection, "response.done"))
    assert len(received(connection, "input_audio_buffer.commit")) == 1


def test_a_muted_call_without_a_connection_drops_nothing() -> None:
    """
    Silence that is not sent is no loss.
    """
    with (
        GA.service() as service,
        GA.client(
            service.url, max_reconnect_attempts=9, reconnect_interval=0.01
        ) as client,
    ):
        connection = service.wait_for_connection()
        client.connect()
        with client.talk(microphone := FakeMicrophone(), MemorySink(), muted=True) as (
            call
        ):
            until(lambda: received(connection, "input_audio_buffer.append"))
            service.refuse(503)
            with client.expect("disconnected", timeout=10):
                connection.drop()
            blocks = microphone.blocks
            until(lambda: microphone.blocks > blocks + 5)
            assert call.stats.drops == 0


def test_a_muted_source_with_long_blocks_gets_no_silence_in_addition() -> None:
    """
    The service hears as much silence as time passes.
    """
    source = PushSource()
    with GA.connected() as (client, connection):
        with client.talk(source, MemorySink(), muted=True):
            due = time.monotonic()
            for _ in range(8):
                source.push(BLOCK)
                due += 0.1
                until(lambda at=due: time.monotonic() > at)
            appends = received(connection, "input_audio_buffer.append")
        size = sum(len(base64.b64decode(append["audio"])) for append in appends)
    assert size <= 8 * len(BLOCK)
