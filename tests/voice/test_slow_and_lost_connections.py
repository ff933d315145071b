"""
Interruptions and utterances while the network is slow, and while it is lost.
"""

from __future__ import annotations

import pytest
from helpers.clients import GA, LONG, MANUAL
from helpers.timing import at_most
from helpers.voice import FakeMicrophone, MemorySink, received, until


@pytest.mark.slow
@pytest.mark.parametrize("act", ["interrupt", "mute"])
def test_a_full_send_queue_does_not_end_the_call(act: str) -> None:
    """
    The microphone fills the queue of a slow network; the commands of the call are sent.
    """
    config = MANUAL if act == "mute" else None
    with (
        GA.service(replies=[LONG], pace=0) as service,
        GA.client(
            service.url, max_send_queue_bytes=30_000, session_config=config
        ) as client,
    ):
        connection = service.wait_for_connection()
        client.connect()
        with client.talk(FakeMicrophone(), sink := MemorySink()) as call:
            if act == "interrupt":
                client.create_response()
                until(lambda: sink.written)
            connection.stop_reading()
            until(lambda: call.stats.drops > 3, 40)
            waiting = client.stats.send_queue
            with at_most(3.0):
                getattr(call, act)()
                until(lambda: client.stats.send_queue > waiting)
                until(lambda: sink.flushed or act == "mute")
            assert not call.wait(0)


@pytest.mark.parametrize("moment", ["lost", "being lost"])
def test_an_interrupted_answer_is_cut_in_the_next_session(moment: str) -> None:
    """
    The next session has no more of the answer than was played, and gets no command
    about the audio of the old one.
    """
    with (
        GA.service(replies=[LONG], pace=0) as service,
        GA.client(
            service.url, max_reconnect_attempts=9, reconnect_interval=0.01
        ) as client,
    ):
        connection = service.wait_for_connection()
        client.connect()
        with client.talk(FakeMicrophone(), sink := MemorySink()) as call:
            client.create_response().result(20)
            item_id = until(lambda: next(iter(sink.written), None))
            until(lambda: sink.played_ms(item_id) > 300)
            service.refuse(503)
            with client.expect("disconnected", timeout=10):
                connection.drop()
                if moment == "being lost":
                    call.interrupt()
            if moment == "lost":
                call.interrupt()
            until(lambda: sink.flushed)
            with client.expect("reconnected", timeout=20):
                service.accept()
            second = service.wait_for_connection()
            client.clear_audio_buffer().result(5)
            assert call.error is None
        (item,) = [
            event["item"]
            for event in received(second, "conversation.item.create")
            if event["item"]["role"] == "assistant"
        ]
        assert item["content"][0]["text"].endswith("…")
        assert received(second, "conversation.item.truncate") == []
        assert received(second, "response.cancel") == []
