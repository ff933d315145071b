"""
Voice calls on a virtual sound device.
"""

from __future__ import annotations

import base64
import random
from array import array
from typing import Any

import pytest
from helpers.clients import GA, LONG
from helpers.timing import SCALE
from helpers.virtual_audio import RATE, VirtualAudio
from helpers.voice import QUESTION, received, sent, until

from azure_realtime import AzureRealTimeAudio

TRIALS = 25
LATE_MS = 500
EAR_MS = 30


def answer(connection: Any, item_id: str) -> array[int]:
    """
    Return the samples of an item as the service has sent them.
    """
    deltas = sent(connection, "response.output_audio.delta")
    data = [base64.b64decode(d["delta"]) for d in deltas if d["item_id"] == item_id]
    return array("h", b"".join(data))


def find(samples: array[int], part: array[int]) -> int:
    """
    Return where *part* begins in *samples*; -1 if it is not there.
    """
    data, wanted = samples.tobytes(), part.tobytes()
    at = data.find(wanted)
    while at % 2 == 1:
        at = data.find(wanted, at + 1)
    return at // 2 if at >= 0 else -1


@pytest.mark.slow
def test_a_conversation_over_microphone_and_loudspeaker(
    virtual_audio: VirtualAudio,
) -> None:
    """
    A spoken question reaches the service, and its answer is played bit exact.
    """
    with (
        virtual_audio.recording() as recording,
        GA.connected(service={"replies": ["Good morning."]}) as (client, connection),
    ):
        with client.talk() as call:
            virtual_audio.say(QUESTION)
            done = until(lambda: sent(connection, "response.done"), 20)
            item_id = done[0]["response"]["output"][0]["id"]
            audio = answer(connection, item_id)
            recording.wait(lambda samples: find(samples, audio[:4000]) >= 0)
            until(lambda: client.status.value == "idle")
            recording.wait(lambda samples: find(samples, audio) >= 0)
            assert call.stats.drops == call.stats.overflows == 0
    heard = b"".join(
        base64.b64decode(append["audio"])
        for append in received(connection, "input_audio_buffer.append")
    )
    spoken = array("h", QUESTION)
    first = next(i for i, sample in enumerate(spoken) if sample)
    assert find(array("h", heard), spoken[first : first + 20_000]) >= 0


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("dispatch", ["thread", "manual"])
def test_interruptions_at_random_moments(
    virtual_audio: VirtualAudio, dispatch: str
) -> None:
    """
    25 times, with one to three queued answers, generated or not: no late sample of what
    was interrupted, and the service knows what was heard.
    """
    chance = random.Random(11)
    with GA.connected(
        service={"replies": [LONG] * 200, "pace": 1}, dispatch=dispatch
    ) as (client, connection):
        sleeping = []
        client.on("input_audio_buffer.speech_started", lambda e: sleeping.append(e))
        with client.talk() as call:
            for trial in range(TRIALS):
                interrupt_once(virtual_audio, client, connection, 1 + trial % 3, chance)
            assert call.error is None
        assert sent(connection, "error") == []


def interrupt_once(
    virtual_audio: VirtualAudio,
    client: AzureRealTimeAudio,
    connection: Any,
    answers: int,
    chance: random.Random,
) -> None:
    """
    Let the model speak, interrupt it by speech, and compare.
    """
    cuts = len(received(connection, "conversation.item.truncate"))
    with virtual_audio.recording() as recording:
        ids = []
        for number in range(answers):
            future = client.create_response()
            if number < answers - 1:
                ids.append(future.result(60).output[0].id)
        last = future.result if chance.random() < 0.5 else None
        if last is not None:
            ids.append(last(60).output[0].id)
        recording.wait(lambda samples: any(samples))
        wait = chance.uniform(0.1, 1.0)
        begun = sum(1 for sample in recording.samples if sample)
        recording.wait(
            lambda samples: sum(1 for s in samples if s) > begun + wait * RATE / 2
        )
        starts = len(sent(connection, "input_audio_buffer.speech_started"))
        virtual_audio.say(QUESTION)
        until(
            lambda: len(sent(connection, "input_audio_buffer.speech_started")) > starts
        )
        at = len(recording.samples)  # what was heard when the service noticed
        commands = until(
            lambda: (
                len(received(connection, "conversation.item.truncate")) > cuts
                and received(connection, "conversation.item.truncate")[cuts:]
            )
        )
        first = commands[0]
        audio = answer(connection, first["item_id"])
        # the answer to the interruption is cut as well, so that the next trial begins
        until(lambda: sent(connection, "response.done"))
        samples = recording.wait(
            lambda samples: len(samples) > at + RATE * LATE_MS // 1000
        )
    begin = find(samples, audio[: RATE // 10])
    assert begin >= 0
    length = common(samples, begin, audio)
    heard_ms = length * 1000 / RATE
    assert begin + length <= at + RATE * LATE_MS // 1000 * SCALE
    assert 0 <= heard_ms - first["audio_end_ms"] <= EAR_MS * SCALE


def common(samples: array[int], begin: int, audio: array[int]) -> int:
    """
    Return how many samples of *audio* are at *begin*.
    """
    low, high = 0, min(len(audio), len(samples) - begin)
    while low < high:
        middle = (low + high + 1) // 2
        if samples[begin : begin + middle] == audio[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
