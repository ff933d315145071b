"""
A commit that is not sent, or is lost with its session, takes no audio.
"""

from __future__ import annotations

from typing import Any

import pytest
from helpers import inside
from helpers.audio import arrived, noise
from helpers.clients import GA, MANUAL

from azure_realtime import ConnectionClosed, QueueFull
from azure_realtime._requests.entry import Entry
from azure_realtime._requests.send_queue import SendQueue
from azure_realtime.models._unset import UNSET


def test_a_commit_that_could_not_be_queued_has_taken_nothing() -> None:
    """
    There was no room for it: the audio is still to be committed.
    """
    with GA.connected(session_config=MANUAL) as (client, _):
        client.append_audio(noise(4800))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SendQueue, "put", _full)
            with pytest.raises(QueueFull):
                client.commit_audio()
            with pytest.raises(QueueFull):
                client.update_session(instructions="Be brief.")
        assert UNSET is inside.requested_session(client).instructions
        assert client.commit_audio().result(5).item_id


def test_half_a_sample_survives_a_commit_that_could_not_be_queued() -> None:
    """
    What follows is not shifted by a byte.
    """
    data = noise(9_001 + 1_001)
    with GA.connected(session_config=MANUAL) as (client, wire):
        client.append_audio(data[:9_001])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SendQueue, "put", _full)
            with pytest.raises(QueueFull):
                client.commit_audio()
        client.append_audio(data[9_001:])
        assert data == b"".join(arrived(client, wire))


def test_audio_that_went_with_its_session_does_not_come_back() -> None:
    """
    The connection is lost while a commit waits for room that never comes.
    """
    with GA.connected(session_config=MANUAL) as (client, _):
        client.append_audio(noise(9_600))

        def lost_meanwhile(*_: Any, **__: Any) -> int:
            inside.lose_commands(client)
            inside.lose_input(client)
            raise QueueFull("full", 1)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SendQueue, "put", lost_meanwhile)
            with pytest.raises(QueueFull):
                client.commit_audio()
        assert not inside.has_input(client)


def test_a_commit_that_was_lost_while_it_waited_is_not_sent() -> None:
    """
    Its future has failed; the next session would commit something else, or nothing.
    """
    with GA.connected(session_config=MANUAL) as (client, wire):
        client.append_audio(noise(9_600))
        put = SendQueue.put

        def lost_meanwhile(queue: SendQueue, *entries: Entry, **how: Any) -> int:
            inside.lose_commands(client)
            queue.pause()
            return put(queue, *entries, **how)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SendQueue, "put", lost_meanwhile)
            future = client.commit_audio()
        assert isinstance(future.exception(0), ConnectionClosed)
        inside.resume_queue(client)
        client.clear_audio_buffer().result(5)
        kinds = {event["type"] for event in wire.received}
        assert "input_audio_buffer.commit" not in kinds


def test_a_session_is_not_left_while_a_commit_is_on_its_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    The audio would be in the old one, and the commit in the new one.
    """
    with GA.connected(session_config=MANUAL) as (client, _):
        client.append_audio(noise(9_600))
        clear, idle = inside.input_buffer(client).clear, list[bool]()

        def look() -> tuple[int, bytes]:
            counted = clear()
            idle.append(inside.is_idle(client))
            return counted

        with monkeypatch.context() as patch:
            patch.setattr(inside.input_buffer(client), "clear", look)
            client.commit_audio().result(5)
        assert [False] == idle


def _full(*_: Any, **__: Any) -> int:
    raise QueueFull("full", 1)
