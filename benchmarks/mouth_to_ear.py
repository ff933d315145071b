"""
The time from the end of the user's speech to the first sound of the answer.

    python benchmarks/mouth_to_ear.py [--quick] [--trials 20]

A question is played into the microphone of a private PulseAudio server (no hardware is
needed). Recordings of the microphone and of the loudspeaker show when the question ended
and when the answer began. The local service is a process of its own and reports when it
received and sent events. So the time is split into what follows each other:

1. microphone: from the last sample of the question in the device to the callback of the
   client that receives it. Device.
2. client, sending: to the arrival of that sample at the service. Client.
3. turn detection: to `speech_stopped`. Service; most of it is `silence_duration_ms`.
4. generation: to the first delta of audio. Service; the real one takes longer.
5. client, playing: to the callback that hands the first sample to the loudspeaker,
   which is called every 20 ms. Client.
6. loudspeaker: to the first sample in the recording. Device: the audio that it has
   buffered, and the delay of the recording (about 10 ms).

Milliseconds. Needs what `barge_in.py` needs. Exits with 1 if an answer is missing, never
because of slowness; without a virtual device it prints why and exits with 0.
"""

from __future__ import annotations

import os
import time
from array import array
from itertools import pairwise
from typing import Any

import _devices
import _runs
from _devices import Monitor, VirtualAudio
from _timed_service import APPEND, TimedService

QUESTION, ANSWER = "What is the time", "Good morning"
DELTA = "response.output_audio.delta"
STOPPED = "input_audio_buffer.speech_stopped"
STAGES = {
    "microphone": "device",
    "client, sending": "client",
    "turn detection": "service",
    "generation": "service",
    "client, playing": "client",
    "loudspeaker": "device",
}
QUIET = 330  # of 32,768: -40 dB, below which turn detection finds no speech


def measure(trials: int, server: VirtualAudio) -> list[list[float]]:
    """
    Return for each trial the milliseconds of each stage.
    """
    from azure_realtime import AzureRealTimeAudio, AzureRealTimeOptions
    from azure_realtime.audio import Microphone, Speaker

    class TimedMicrophone(Microphone):
        last_sound = 0.0

        def _callback(self, data: Any, *others: Any) -> None:
            if any(bytes(data)):
                self.last_sound = time.monotonic()
            super()._callback(data, *others)

    class TimedSpeaker(Speaker):
        first_sound: float | None = None

        def _callback(self, *arguments: Any) -> None:
            super()._callback(*arguments)
            if self.first_sound is None and any(self._block):
                self.first_sound = time.monotonic()

    question = spoken(QUESTION)
    speaker, microphone = TimedSpeaker(), TimedMicrophone()
    monitors = Monitor(server, "mic"), Monitor(server, "speaker.monitor")
    trial_stages = []
    with TimedService(ANSWER) as service:
        options = AzureRealTimeOptions(service.url, "gpt-realtime", "a-key")
        with (
            AzureRealTimeAudio(options) as client,
            client.talk(microphone, speaker),
        ):
            for _ in range(1 + trials):
                speaker.first_sound = monitors[1].first_sound = None
                server.say(question).wait()
                events = service.events_until(DELTA)
                times = {kind: at for at, kind in reversed(events)}
                arrived = max(
                    at for at, kind in events if kind == APPEND and at < times[STOPPED]
                )
                _devices.wait_for(lambda: monitors[1].first_sound, "an answer")
                _devices.wait_for(lambda: client.status.value == "idle", "its end")
                service.events_until("response.done")
                moments = [
                    monitors[0].last_sound,
                    microphone.last_sound,
                    arrived,
                    times[STOPPED],
                    times[DELTA],
                    speaker.first_sound or 0.0,
                    monitors[1].first_sound or 0.0,
                ]
                trial_stages.append([1000 * (b - a) for a, b in pairwise(moments)])
                time.sleep(0.3)
    for monitor in monitors:
        monitor.close()
    return trial_stages[1:]  # in the first one the service makes the audio


def spoken(text: str) -> bytes:
    """
    Return speech without the quiet samples at its end.
    """
    from azure_realtime.simulator._speech.voice import speak

    samples = array("h", speak(text))
    while abs(samples[-1]) < QUIET:
        samples.pop()
    return samples.tobytes()


def main() -> None:
    parser = _runs.parser(__doc__)
    parser.add_argument("--trials", type=int, default=20)
    arguments = parser.parse_args()
    with _devices.virtual_devices() as server:
        trials = measure(3 if arguments.quick else arguments.trials, server)
    print(f"ms, load of the machine {os.getloadavg()[0]:.1f}")
    for stage, found in zip(STAGES, zip(*trials, strict=True), strict=True):
        _devices.row(stage, list(found))
    for owner in ("client", "service", "device"):
        owned = [place for place, of in enumerate(STAGES.values()) if of == owner]
        sums = [sum(trial[place] for place in owned) for trial in trials]
        _devices.row(f"all of the {owner}", sums)
    _devices.row("end of speech to first sound", [sum(trial) for trial in trials])


if __name__ == "__main__":
    _runs.exit_with(main)
