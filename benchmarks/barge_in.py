"""
The time from the begin of the user's speech to the silence of the loudspeaker.

    python benchmarks/barge_in.py [--quick] [--trials 50]

The model speaks through a loudspeaker of a private PulseAudio server (no hardware is needed).
At a random moment the service sends `input_audio_buffer.speech_started`. A recording of what
the loudspeaker plays shows the last sample. Two rows:

1. From the service's `speech_started` to the last sample: the client, and the delay of the
   loudspeaker and of the recording (about 10 ms).
2. What the client tells the service (`audio_end_ms`) less what was heard.

Milliseconds. Needs the extras `audio` and `simulator`, and Debian's pulseaudio,
pulseaudio-utils, libportaudio2 and libasound2-plugins. Exits with 1 if an interruption is
missing, never for being slow; without a virtual device it says so and exits with 0.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from helpers.virtual_audio import RATE, VirtualAudio, missing

TALE = ", ".join(f"{number} and {number * 7}" for number in range(11, 27))


class Monitor:
    """
    Records what the loudspeaker plays, and when each sample was there.
    """

    def __init__(self, server: VirtualAudio) -> None:
        raw = ["--raw", "--rate=24000", "--channels=1", "--format=s16le"]
        self._process = subprocess.Popen(
            ["parec", *raw, "-d", "speaker.monitor", "--latency-msec=5"],
            env=server.environment,
            stdout=subprocess.PIPE,
        )
        self.samples = array("h")
        self.last_sound = 0.0  # when the last sample that is not silent was recorded
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        rest = b""
        while data := os.read(descriptor, 65536):
            now = time.perf_counter()
            data = rest + data
            whole = len(data) & ~1
            block, rest = array("h", data[:whole]), data[whole:]
            for back, sample in enumerate(reversed(block)):
                if sample:
                    self.last_sound = now - back / RATE
                    break
            self.samples.extend(block)

    def close(self) -> None:
        """
        End the recording.
        """
        self._process.terminate()
        self._process.wait()
        self._thread.join()


def measure(trials: int, server: VirtualAudio) -> tuple[list[float], list[float]]:
    """
    Return the milliseconds to silence, and those of the claim less those heard.
    """
    from azure_realtime import AzureRealTimeAudio, AzureRealTimeOptions
    from azure_realtime.audio import PushSource
    from azure_realtime.simulator import Simulator

    silences, errors = [], []
    chance = random.Random(3)
    monitor = Monitor(server)
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
                    wait_for(lambda begin=begin: any(monitor.samples[begin:]))
                    time.sleep(chance.uniform(0.2, 1.0))
                    with client.expect("conversation.item.truncated") as cut:
                        at = time.perf_counter()
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
                    heard = ends_at(monitor.samples[begin:], audio) * 1000 / RATE
                    errors.append(cut.event.audio_end_ms - heard)
    monitor.close()
    return silences, errors


def wait_for(condition: Any) -> None:
    """
    Wait for what nothing announces.
    """
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("The loudspeaker is silent.")
        time.sleep(0.01)


def ends_at(samples: array[int], audio: array[int]) -> int:
    """
    Return how many samples of *audio* were heard, by the last ones.
    """
    last = max(at for at, sample in enumerate(samples) if sample)
    tail = samples[last - 200 : last + 1].tobytes()
    data, at = audio.tobytes(), -1
    while (at := data.find(tail, at + 1)) % 2 == 1 and at >= 0:
        pass
    return at // 2 + 201


def row(name: str, found: list[float]) -> None:
    """
    Print the quantiles of one row.
    """
    found = sorted(found)
    p95 = found[min(len(found) - 1, round(0.95 * len(found)))]
    print(
        f"{name:36} p50 {statistics.median(found):6.1f}  p95 {p95:6.1f}  "
        f"min {found[0]:6.1f}  max {found[-1]:6.1f}  ({len(found)})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--trials", type=int, default=50)
    arguments = parser.parse_args()
    if why := missing():
        print(f"SKIPPED: {why}")
        return
    with tempfile.TemporaryDirectory() as folder:
        server = VirtualAudio(Path(folder))
        os.environ["PULSE_SERVER"] = server.address
        server.start()
        from azure_realtime.audio import list_devices

        list_devices()  # PortAudio looked for devices before there was a server
        try:
            trials = 5 if arguments.quick else arguments.trials
            silences, errors = measure(trials, server)
        finally:
            server.stop()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    print(f"ms, load of the machine {load:.1f}")
    row("speech_started to the last sample", silences)
    row("audio_end_ms less what was heard", errors)


if __name__ == "__main__":
    main()
