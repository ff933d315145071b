"""
Interruptions by speech at random moments, on a virtual sound device.

The short form runs by default: a few interruptions. Where ``AZURE_REALTIME_SOAK`` is
set, 25 under each dispatch mode. ``pytest --log-cli-level INFO`` shows the figures.
"""

from __future__ import annotations

import base64
import logging
import os
import random
import threading
from array import array
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from helpers.clients import GA
from helpers.timing import SCALE
from helpers.virtual_audio import (
    RATE,
    Recording,
    VirtualAudio,
    find,
    silence_before,
)
from helpers.voice import QUESTION, audio_of, received, sent, until

from azure_realtime import AzureRealTimeAudio
from azure_realtime.simulator import Request
from azure_realtime.voice import VoiceCall

pytestmark = pytest.mark.sound

_logger = logging.getLogger(__name__)

SOAK = bool(os.environ.get("AZURE_REALTIME_SOAK"))
TRIALS = 25 if SOAK else 3
MODES = ["thread", "reader", "manual", "executor"] if SOAK else ["thread"]
LATE_MS = 500
BEHIND_MS = 30
TAIL = RATE // 50  # samples that tell where a recording is from

LONG = ", ".join(f"{number} and {number * 7}" for number in range(11, 27))
SHORT = ["two thousand three hundred", "eighteen forty five"]
"""No sound of these comes twice, so a piece of it tells where it is from."""


class Service:
    """
    What the service answers, and on which items.

    Attributes:
        contexts: The items before each answer to speech.
    """

    def __init__(self) -> None:
        self.contexts: list[list[dict[str, Any]]] = []

    def reply(self, request: Request) -> str:
        """
        Return the answer of the number in the instructions; to speech a long one.
        """
        if not request.response:
            self.contexts.append(request.items)
            return LONG
        return (SHORT + [LONG])[int(request.response["instructions"])]


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("sleeps", [True, False], ids=["asleep", "awake"])
@pytest.mark.parametrize("dispatch", MODES)
def test_interruptions_at_random_moments_leave_no_late_sample(
    virtual_audio: VirtualAudio,
    executor: ThreadPoolExecutor,
    dispatch: str,
    sleeps: bool,
) -> None:
    """
    With one to three queued answers, generated or not, also while a listener sleeps:
    no late sample of an interrupted answer, and the model knows what was played.
    """
    if sleeps and not SOAK and dispatch != "thread":
        pytest.skip("part of the long form")
    chance = random.Random(11)
    service, awake = Service(), threading.Event()
    if not sleeps:
        awake.set()
    mode: Any = executor if dispatch == "executor" else dispatch
    with GA.connected(service={"replies": service.reply}, dispatch=mode) as (
        client,
        connection,
    ):
        client.on("input_audio_buffer.speech_started", lambda event: awake.wait(5))
        with client.talk() as call:
            for number in range(TRIALS):
                trial = Trial(virtual_audio, client, connection, service)
                trial.interrupt(1 + number % 3, chance)
                until(lambda: is_idle_after_interrupt(client, call), 20)
                client.update_session().result(20)  # the truncations have arrived
                late, behind = trial.check()
                _logger.info("%s: %.0f ms late, %.1f behind", dispatch, late, behind)
            assert call.error is None
            assert call.stats.interruptions >= TRIALS
        awake.set()
        assert sent(connection, "error") == []


def is_idle_after_interrupt(client: AzureRealTimeAudio, call: VoiceCall) -> bool:
    """
    Interrupt the answer, and return whether there is none any more.
    """
    call.interrupt()
    threading.Event().wait(0.2)
    return client.status.value == "idle"


class Trial:
    """
    One interruption.
    """

    def __init__(
        self,
        virtual_audio: VirtualAudio,
        client: AzureRealTimeAudio,
        connection: Any,
        service: Service,
    ) -> None:
        self._audio = virtual_audio
        self._client, self._connection, self._service = client, connection, service
        self._before = {
            kind: len(sent(connection, kind))
            for kind in (
                "response.output_item.added",
                "input_audio_buffer.speech_started",
            )
        }
        self._truncated = len(received(connection, "conversation.item.truncate"))
        self._contexts = len(service.contexts)

    def interrupt(self, answers: int, chance: random.Random) -> None:
        """
        Let the model speak, interrupt it by speech at a random moment, and wait until
        the service answers the speech.
        """
        client = self._client
        with self._audio.recording() as recording:
            numbers = range(3 - answers, 3)  # the last answer is the long one
            futures = [client.create_response(instructions=str(n)) for n in numbers]
            for future in futures[:-1]:
                future.result(60)
            if chance.random() < 0.5:
                futures[-1].result(60)
            recording.wait(any)
            frames = len(recording.samples) + int(chance.uniform(0.1, 2.5) * RATE)
            recording.wait(lambda samples: len(samples) > frames)
            self._audio.say(QUESTION)
            until(lambda: self._new("input_audio_buffer.speech_started"))
            self._since = len(recording.samples)
            self._limit = self._since + LATE_MS * RATE // 1000
            self._samples = self._recorded(recording)
            contexts = self._service.contexts
            until(lambda: len(contexts) > self._contexts, 20)
            self._context = contexts[self._contexts]

    def _recorded(self, recording: Recording) -> array[int]:
        limit = self._limit
        return recording.wait(lambda samples: len(samples) > limit)[:limit]

    def _new(self, kind: str) -> list[dict[str, Any]]:
        return sent(self._connection, kind)[self._before[kind] :]

    def check(self) -> tuple[float, float]:
        """
        Compare the recording, the truncations and the context.

        Returns:
            The milliseconds from `speech_started` to the last sample, and from the
            reported end to the last sample.
        """
        known = {item["id"] for item in self._context}
        answers = [event["item"]["id"] for event in self._new(ADDED)]
        answers = [item_id for item_id in answers if item_id in known]
        cuts = self._cuts(set(answers))
        first = next(item_id for item_id in answers if item_id in cuts)

        # All audio of the answers in a row, and the part of it that was played.
        spoken, starts = array("h"), {}
        for item_id in answers:
            starts[item_id] = len(spoken)
            spoken += audio_of(self._connection, item_id)
        last = max(at for at, sample in enumerate(self._samples) if sample)
        assert last < self._limit - RATE // 100, "it is not silent"
        tail = self._samples[last + 1 - TAIL : last + 1]
        reported = starts[first] + cuts[first] * RATE // 1000
        at = find(spoken, tail, max(0, reported - RATE))
        assert at >= 0, "the last sound is not near the end that was reported"
        end = at + TAIL
        # The end may be silent, which the recording cannot show.
        most = end + silence_before(spoken[end:])
        assert end - BEHIND_MS * SCALE * RATE // 1000 <= reported <= most

        for item_id in answers:
            self._check_context(item_id, cuts.get(item_id))
        assert all(cuts.get(item_id) == 0 for item_id in answers_after(answers, first))
        return (last - self._since) * 1000 / RATE, (end - reported) * 1000 / RATE

    def _cuts(self, answers: set[str]) -> dict[str, int]:
        """
        Return the milliseconds that were kept of the truncated answers.
        """
        events = received(self._connection, "conversation.item.truncate")
        return {
            event["item_id"]: event["audio_end_ms"]
            for event in events[self._truncated :]
            if event["item_id"] in answers
        }

    def _check_context(self, item_id: str, kept: int | None) -> None:
        """
        Check that the model's context has of an answer what was played.
        """
        item = next(item for item in self._context if item["id"] == item_id)
        if not item["content"]:
            assert audio_of(self._connection, item_id) == array("h")
            return
        (part,) = item["content"]
        audio = array("h", base64.b64decode(part["audio"]))
        whole = audio_of(self._connection, item_id)
        if kept is None:
            assert audio == whole
            assert find(self._samples, whole) >= 0, "it was not played, but remains"
            assert part["transcript"]
        else:
            assert audio == whole[: kept * RATE // 1000]
            assert part["transcript"] is None or audio == whole


ADDED = "response.output_item.added"


def answers_after(answers: list[str], first: str) -> list[str]:
    """
    Return the answers after the one that was interrupted.
    """
    return answers[answers.index(first) + 1 :]
