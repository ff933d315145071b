"""
Voice calls on a virtual sound device.
"""

from __future__ import annotations

import base64
import os
import random
import threading
from array import array
from typing import Any

import pytest
from helpers.clients import GA
from helpers.timing import SCALE
from helpers.virtual_audio import RATE, VirtualAudio
from helpers.voice import QUESTION, received, sent, until

from azure_realtime import AzureRealTimeAudio
from azure_realtime.voice import VoiceCall

pytestmark = pytest.mark.sound

TRIALS = 25 if os.environ.get("AZURE_REALTIME_SOAK") else 4
TALE = ", ".join(f"{number} and {number * 7}" for number in range(11, 27))
"""No sound of it comes twice, so a piece of it tells where it is from."""
LATE_MS = 500
EAR_MS = 30


def answer(connection: Any, item_id: str) -> array[int]:
    """
    Return the samples of an item as the service has sent them.
    """
    deltas = sent(connection, "response.output_audio.delta")
    data = [base64.b64decode(d["delta"]) for d in deltas if d["item_id"] == item_id]
    return array("h", b"".join(data))


def answered(connection: Any) -> str | None:
    """
    Return the item of the first response that is complete.
    """
    responses = [event["response"] for event in sent(connection, "response.done")]
    complete = [one for one in responses if one["status"] == "completed"]
    return str(complete[0]["output"][0]["id"]) if complete else None


def silence_before(samples: array[int]) -> int:
    """
    Return the number of zeros at the beginning.
    """
    return next((at for at, sample in enumerate(samples) if sample), len(samples))


def find(samples: array[int], part: array[int]) -> int:
    """
    Return where *part* begins in *samples*, which has sound in it; -1 if nowhere.
    """
    quiet = silence_before(part)
    data, wanted = samples.tobytes(), part[quiet:].tobytes()
    at = data.find(wanted)
    while at % 2 == 1:
        at = data.find(wanted, at + 1)
    return at // 2 - quiet if at >= 0 else -1


@pytest.mark.slow
def test_a_conversation_over_microphone_and_loudspeaker(
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
        audio = answer(connection, item_id)
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
@pytest.mark.timeout(900)
@pytest.mark.parametrize("dispatch", ["thread", "manual"])
def test_interruptions_at_random_moments(
    virtual_audio: VirtualAudio, dispatch: str
) -> None:
    """
    25 times, with one to three queued answers, generated or not, while a listener
    sleeps: no late sample of what was interrupted, and the service knows what was heard.
    """
    chance = random.Random(11)
    with GA.connected(service={"replies": [TALE] * 500}, dispatch=dispatch) as (
        client,
        connection,
    ):
        awake = threading.Event()
        client.on("input_audio_buffer.speech_started", lambda event: awake.wait(5))
        with client.talk() as call:
            for trial in range(TRIALS):
                interrupt_once(virtual_audio, client, connection, 1 + trial % 3, chance)
                until(lambda: is_quiet(client, call), 20)
                client.update_session().result(20)  # what was cut has arrived
            assert call.error is None
            assert call.stats.interruptions >= TRIALS
        awake.set()
        assert sent(connection, "error") == []


def is_quiet(client: AzureRealTimeAudio, call: VoiceCall) -> bool:
    """
    Interrupt what is played, and return whether nothing is any more.
    """
    call.interrupt()
    threading.Event().wait(0.2)
    return client.status.value == "idle"


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

    def truncated() -> list[dict[str, Any]]:
        return received(connection, "conversation.item.truncate")[before:]

    before = len(received(connection, "conversation.item.truncate"))
    starts = len(sent(connection, "input_audio_buffer.speech_started"))
    created = len(sent(connection, "response.created"))
    with virtual_audio.recording() as recording:
        futures = [client.create_response(instructions=str(n)) for n in range(answers)]
        for future in futures[:-1]:
            future.result(60)
        if chance.random() < 0.5:
            futures[-1].result(60)
        recording.wait(any)
        frames = len(recording.samples) + int(chance.uniform(0.1, 1.0) * RATE)
        recording.wait(lambda samples: len(samples) > frames)
        virtual_audio.say(QUESTION)
        until(
            lambda: len(sent(connection, "input_audio_buffer.speech_started")) > starts
        )
        limit = len(recording.samples) + LATE_MS * RATE // 1000
        first = until(truncated)[0]
        samples = recording.wait(lambda samples: len(samples) > limit)[:limit]
        until(lambda: len(sent(connection, "response.created")) > created + answers)
    audio = answer(connection, first["item_id"])
    last = max(at for at, sample in enumerate(samples) if sample)
    assert last < limit - RATE // 100, "it is not silent"
    end = find(audio, samples[last - 200 : last + 1]) + 201
    assert end > 200, "the last sound is not of the item that was truncated"
    # what was heard may end with silence, which the recording cannot tell
    most = end + silence_before(audio[end:])
    told = first["audio_end_ms"] * RATE // 1000
    assert end - EAR_MS * SCALE * RATE // 1000 <= told <= most
