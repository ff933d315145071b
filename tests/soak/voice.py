"""
A voice call on a virtual sound device, and everything that happens to one.

    python tests/soak/voice.py --minutes 10

The user asks, and the model answers, again and again. An answer is played to its end;
or it is interrupted by speech or by `VoiceCall.interrupt`; or, at a random moment of it,
the connection is lost or the sound server is restarted. What must hold:

1. Audio that is sent does not drift: the service receives as many seconds of it as have
   passed, at any time between two losses.
2. Audio that is played does not drift: each answer that is played to its end is found
   in one piece, bit exact, in the recording of the loudspeaker, and it begins as soon
   after its first delta at the end of the soak as at the beginning.
3. After each loss the call goes on: the next question is answered and played.
4. The loudspeaker reports no gap (underflow) outside of a restart of the sound server.
5. Afterwards no thread and no descriptor is left.

Prints its figures, and exits with 1 if anything did not hold. A machine with other work
cannot keep 2 and 4: with ``--busy`` they are reported only.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import faulthandler
import gc
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from array import array
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from helpers.clients import SENTENCE, SILENCE
from helpers.virtual_audio import RATE, VirtualAudio, find, missing

from azure_realtime import AzureRealTimeAudio, AzureRealTimeOptions
from azure_realtime.audio import Microphone, Speaker, list_devices
from azure_realtime.simulator import Request, Simulator

QUESTION = SENTENCE + SILENCE
ANSWERS = (
    "That is all.",
    "There are seventeen of them, and two more.",
    "First the red one, then the green one, after that the blue one, and so on.",
)
DRIFT = 0.15  # seconds that sent audio may differ from the time: blocks on their way
DELAY = 0.1  # seconds that the beginning of an answer may become later
TIMEOUT = 30.0  # seconds for whatever is waited for
DELTA = "response.output_audio.delta"
KINDS = {"play": 6, "speech": 4, "interrupt": 3, "drop": 1, "device": 1}
"""What happens in a turn, and how often in relation to the others."""


class Failed(Exception):
    """
    Something does not hold.
    """


class Service:
    """
    The service's side: what it has received and sent. Any thread.

    Attributes:
        connection: The newest connection.
        appended: Seconds of audio that the connection has received.
        events: Number of events by type, of all connections.
        answer: The audio of the newest answer.
        answered_at: When its first delta was sent; None before.
        errors: The errors that were sent.
    """

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self.connection: Any = None
        self.appended = 0.0
        self.events: Counter[str] = Counter()
        self.answer = array("h")
        self.answered_at: float | None = None
        self.errors: list[str] = []

    def reply(self, _request: Request) -> str:
        """
        Return one of the answers.
        """
        return self._chance.choice(ANSWERS)

    def observe(self, connection: Any) -> None:
        """
        Take a new connection.
        """
        record, send = connection.record, connection.send_recorded

        def received(event: dict[str, Any]) -> None:
            if event["type"] == "input_audio_buffer.append":
                self.appended += len(base64.b64decode(event["audio"])) / 2 / RATE
            record(event)

        def sent(event: dict[str, Any]) -> None:
            self._sent(event)
            send(event)

        connection.record, connection.send_recorded = received, sent
        self.appended, self.connection = 0.0, connection

    def _sent(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        self.events[kind] += 1
        if kind == "response.created":
            self.answer, self.answered_at = array("h"), None
        elif kind == DELTA:
            self.answered_at = self.answered_at or time.monotonic()
            self.answer.frombytes(base64.b64decode(event["delta"]))
        elif kind == "error":
            self.errors.append(event["error"]["message"])


class Soak:
    """
    The call and its turns.

    Attributes:
        turns: Number of turns of each kind.
        drifts: Of the stretches between two losses: seconds of audio that the service
            has received less those that have passed.
        delays: Of the answers that were played to their end: seconds from the first
            delta to the first sample.
        gaps: Number of answers that were not in one piece.
        underflows: Number of underflows outside of restarts of the sound server.
    """

    def __init__(
        self,
        server: VirtualAudio,
        service: Service,
        client: AzureRealTimeAudio,
        microphone: Microphone,
        speaker: Speaker,
        call: Any,
    ) -> None:
        self._server, self._service = server, service
        self._client, self._call = client, call
        self._microphone, self._speaker = microphone, speaker
        self._stretch: tuple[float, float] | None = None
        self.turns: Counter[str] = Counter()
        self.drifts: list[float] = []
        self.delays: list[float] = []
        self.gaps = self.underflows = 0

    def turn(self, kind: str, moment: float) -> None:
        """
        Ask, and let *kind* happen so many seconds after the beginning of the answer.

        Raises:
            Failed: There is no answer, or the call does not go on.
        """
        self.turns[kind] += 1
        service, before = self._service, self._speaker.underflows
        if self._stretch is None:
            self._stretch = time.monotonic(), service.appended
        with self._server.recording() as recording:
            begin = time.monotonic()
            service.answered_at = None
            self._server.say(QUESTION)
            until(lambda: service.answered_at, "an answer")
            if kind == "play":
                self._wait_idle()
                self._check_played(recording.samples, begin)
            else:
                time.sleep(moment)
            if kind == "speech":
                responses = service.events["response.created"]
                self._server.say(QUESTION)
                until(
                    lambda: service.events["response.created"] > responses,
                    "an answer to the interruption",
                )
                self._wait_idle()
            elif kind == "interrupt":
                self._call.interrupt()
                self._wait_idle()
            elif kind == "drop":
                self._drop()
        self.underflows += self._speaker.underflows - before
        if kind == "device":
            self._restart_sound()

    def _check_played(self, samples: array[int], begin: float) -> None:
        answer, at = self._service.answer, self._service.answered_at
        position = find(samples, answer)
        if position < 0:
            self.gaps += 1
            return
        # The recording begins a moment before the question.
        assert at is not None
        self.delays.append(begin + position / RATE - at)

    def _wait_idle(self) -> None:
        until(lambda: self._client.status.value == "idle", "the end of the answer")

    def end_stretch(self) -> None:
        """
        Note how far sent audio and time differ since the last loss.
        """
        if self._stretch is not None:
            since, appended = self._stretch
            passed = time.monotonic() - since
            self.drifts.append(self._service.appended - appended - passed)
        self._stretch = None

    def _drop(self) -> None:
        self.end_stretch()
        lost = self._service.connection
        lost.drop()
        until(lambda: self._service.connection is not lost, "a new connection")
        until(lambda: self._client.is_initialized, "a new session")
        self._wait_idle()

    def _restart_sound(self) -> None:
        self.end_stretch()
        devices = self._microphone, self._speaker
        losses = [device.losses for device in devices]
        self._server.stop()
        until(
            lambda: (
                all(
                    device.losses > before
                    for device, before in zip(devices, losses, strict=True)
                )
                # A loudspeaker that is silent notices it with the next answer.
                or self._client.status.value == "idle"
            ),
            "the loss of the devices",
        )
        self._server.start()
        self._wait_idle()
        received = self._service.appended
        until(lambda: self._service.appended > received + 0.2, "the microphone")


def until(condition: Callable[[], object], what: str) -> None:
    """
    Wait for *condition*; raise `Failed` after `TIMEOUT` seconds.
    """
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"{what} did not happen within {TIMEOUT:.0f} s")
        time.sleep(0.01)


def descriptors() -> int:
    """
    Return the number of open descriptors of this process.
    """
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def left_over(threads: set[threading.Thread], opened: int) -> list[str]:
    """
    Return what is left of the soak after a few seconds.
    """
    deadline = time.monotonic() + 5
    while True:
        gc.collect()
        left = [t.name for t in threading.enumerate() if t not in threads]
        if more := descriptors() - opened:
            left.append(f"{more} descriptors")
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.05)


def talk(server: VirtualAudio, minutes: float, seed: int, busy: bool) -> list[str]:
    """
    Talk for so many minutes and print the figures; return what did not hold.
    """
    chance, service = random.Random(seed), Service(seed)
    speaker, microphone = Speaker(), Microphone()
    wrong: list[str] = []
    with contextlib.ExitStack() as stack:
        simulator = stack.enter_context(
            Simulator(
                replies=service.reply, record=False, on_connection=service.observe
            )
        )
        options = AzureRealTimeOptions(simulator.url, "gpt-realtime", "a-key")
        websocket_options = {"max_reconnect_attempts": None, "reconnect_interval": 0.2}
        client = stack.enter_context(AzureRealTimeAudio(options, websocket_options))
        call = stack.enter_context(client.talk(microphone, speaker))
        soak = Soak(server, service, client, microphone, speaker, call)
        end = time.monotonic() + 60 * minutes
        kinds = list(KINDS)  # each once, then at random
        try:
            while time.monotonic() < end:
                kind = kinds.pop(0)
                soak.turn(kind, chance.uniform(0.0, 1.5))
                kinds = kinds or chance.choices(list(KINDS), list(KINDS.values()))
        except Failed as failure:
            wrong.append(f"in a turn of the kind {kind!r}: {failure}")
            faulthandler.dump_traceback()  # a thread may hang
        soak.end_stretch()
        stats = call.stats
    losses = f"{speaker.losses} of the loudspeaker, {microphone.losses} of the "
    print(f"turns: {dict(soak.turns)}; losses: {losses}microphone")
    drift = max(map(abs, soak.drifts), default=0.0)
    print(f"sent less passed: {[round(1000 * s) for s in soak.drifts]} ms")
    third = max(1, len(soak.delays) // 3)
    first, last = soak.delays[:third], soak.delays[-third:]
    later = statistics.median(last or [0.0]) - statistics.median(first or [0.0])
    print(
        f"first delta to first sample: {shown(first)} in the first third, {shown(last)} "
        f"in the last one; {soak.gaps} answers with a gap"
    )
    print(
        f"underflows {soak.underflows} (restarts included {stats.underflows}), "
        f"overflows {stats.overflows}, blocks not sent {stats.drops}, "
        f"interruptions {stats.interruptions}"
    )
    if call.error is not None:
        wrong.append(f"the call has ended: {call.error!r}")
    wrong += service.errors
    if drift > DRIFT:
        wrong.append(f"sent audio drifts: {drift:.2f} s")
    if later > DELAY and not busy:
        wrong.append(f"answers begin {later:.2f} s later")
    if (soak.gaps or soak.underflows) and not busy:
        wrong.append("there were gaps")
    return wrong


def shown(seconds: list[float]) -> str:
    """
    Return the median and the range in milliseconds.
    """
    if not seconds:
        return "-"
    low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
    return f"{1000 * middle:.0f} ms ({1000 * low:.0f} to {1000 * high:.0f})"


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", 2)[1])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--busy", action="store_true", help="report 2 and 4 only")
    arguments = parser.parse_args()
    if why := missing():
        print(f"SKIPPED {Path(__file__).name}: {why}")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        server = VirtualAudio(Path(folder))
        os.environ["PULSE_SERVER"] = server.address
        server.start()
        list_devices()  # PortAudio looked for devices before there was a server
        threads, opened = set(threading.enumerate()), descriptors()
        try:
            wrong = talk(server, arguments.minutes, arguments.seed, arguments.busy)
            if left := left_over(threads, opened):
                wrong.append(f"left behind: {', '.join(left)}")
        finally:
            server.stop()
    print(f"load average {os.getloadavg()[0]:.1f}; {len(wrong)} violations")
    for violation in wrong:
        print(f"FAILED {violation}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
