"""
The time from the beginning of the user's speech to the silence of the loudspeaker.

    python benchmarks/barge_in.py [--quick] [--trials 50]

The model speaks through a loudspeaker of a private PulseAudio server (no hardware is needed).
At a random moment the service sends `input_audio_buffer.speech_started`. A recording of what
the loudspeaker plays shows the last sample. Two rows:

1. From the service's `speech_started` to the last sample: the client, and the delay of the
   loudspeaker and of the recording (about 10 ms).
2. What the client reports to the service (`audio_end_ms`) less what was played.

Milliseconds. Needs the extras `audio` and `simulator`, and Debian's pulseaudio,
pulseaudio-utils, libportaudio2 and libasound2-plugins. Exits with 1 if an interruption is
missing, never because of slowness; without a virtual device it prints why and exits with 0.
"""

from __future__ import annotations

import os
import random
import time
from array import array

import _devices
import _runs
from _devices import RATE, VirtualAudio

TALE = ", ".join(f"{number} and {number * 7}" for number in range(11, 27))


def measure(trials: int, server: VirtualAudio) -> tuple[list[float], list[float]]:
    """
    Return the milliseconds to silence, and those reported less those played.
    """
    from azure_realtime import AzureRealTimeAudio, AzureRealTimeOptions
    from azure_realtime.audio import PushSource
    from azure_realtime.simulator import Simulator

    silences, errors = [], []
    chance = random.Random(3)
    monitor = _devices.Monitor(server, "speaker.monitor")
    with Simulator(replies=[TALE] * (trials + 1), pace=0) as service:
        options = AzureRealTimeOptions(service.url, "gpt-realtime", "a-key")
        with AzureRealTimeAudio(options, keep_audio=True) as client:
            connection = service.wait_for_connection()
            with client.talk(PushSource()):
                for _ in range(trials):
                    begin = len(monitor.samples)
                    response = client.create_response().result(60)
                    item_id = response.output[0].id
                    audio = array("h", client.conversation.audio(item_id))
                    _devices.wait_for(
                        lambda begin=begin: any(monitor.samples[begin:]), "a sound"
                    )
                    time.sleep(chance.uniform(0.2, 1.0))
                    with client.expect("conversation.item.truncated") as cut:
                        at = time.monotonic()
                        connection.send(
                            {
                                "type": "input_audio_buffer.speech_started",
                                "event_id": "event_0",
                                "audio_start_ms": 0,
                                "item_id": "item_0",
                            }
                        )
                    time.sleep(0.5)
                    silences.append((monitor.last_sound - at) * 1000)
                    played_ms = ends_at(monitor.samples[begin:], audio) * 1000 / RATE
                    errors.append(cut.event.audio_end_ms - played_ms)
    monitor.close()
    return silences, errors


def ends_at(samples: array[int], audio: array[int]) -> int:
    """
    Return how many samples of *audio* were played, found by the last ones.
    """
    last = max(at for at, sample in enumerate(samples) if sample)
    tail = samples[last - 200 : last + 1].tobytes()
    data, at = audio.tobytes(), -1
    while (at := data.find(tail, at + 1)) % 2 == 1 and at >= 0:
        pass
    return at // 2 + 201


def main() -> None:
    parser = _runs.parser(__doc__)
    parser.add_argument("--trials", type=int, default=50)
    arguments = parser.parse_args()
    with _devices.virtual_devices() as server:
        trials = 5 if arguments.quick else arguments.trials
        silences, errors = measure(trials, server)
    print(f"ms, load of the machine {os.getloadavg()[0]:.1f}")
    _devices.row("speech_started to the last sample", silences)
    _devices.row("audio_end_ms less what was played", errors)


if __name__ == "__main__":
    _runs.exit_with(main)
