"""
Voice calls on a virtual sound device.
"""

from __future__ import annotations

import base64
from array import array
from typing import Any

import pytest
from helpers.clients import GA
from helpers.virtual_audio import VirtualAudio, find
from helpers.voice import QUESTION, audio_of, received, sent, until

pytestmark = pytest.mark.sound


def answered(connection: Any) -> str | None:
    """
    Return the item of the first response that is complete.
    """
    responses = [event["response"] for event in sent(connection, "response.done")]
    complete = [one for one in responses if one["status"] == "completed"]
    return str(complete[0]["output"][0]["id"]) if complete else None


@pytest.mark.slow
def test_a_conversation_passes_microphone_and_loudspeaker(
    virtual_audio: VirtualAudio,
) -> None:
    """
    A spoken question reaches the service, and its answer is played bit exact.
    """
    with (
        virtual_audio.recording() as recording,
        GA.connected(service={"replies": ["Good morning."] * 3}) as (
            client,
            connection,
        ),
        client.talk() as call,
    ):
        virtual_audio.say(QUESTION)
        # a gap in the speech, on a busy machine, makes two turns: the last one counts
        item_id = until(lambda: answered(connection), 20)
        audio = audio_of(connection, item_id)
        until(lambda: client.status.value == "idle")
        recording.wait(lambda samples: find(samples, audio) >= 0)
        assert call.stats.drops == call.stats.overflows == 0
    appended = b"".join(
        base64.b64decode(append["audio"])
        for append in received(connection, "input_audio_buffer.append")
    )
    spoken = array("h", QUESTION)
    first = next(i for i, sample in enumerate(spoken) if sample)
    assert find(array("h", appended), spoken[first : first + 20_000]) >= 0
