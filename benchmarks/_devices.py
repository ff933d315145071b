"""
The common parts of the benchmarks with sound devices: a private PulseAudio server, a
recording with times, rows of quantiles.

Not a benchmark.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from helpers.virtual_audio import RATE, VirtualAudio, missing


@contextlib.contextmanager
def virtual_devices() -> Iterator[VirtualAudio]:
    """
    Yield a server whose microphone and loudspeaker are the defaults of this process.

    Where there can be none, print why and end the process with the exit status 0.
    """
    if why := missing():
        _skip(why)
    with tempfile.TemporaryDirectory() as folder:
        server = VirtualAudio(Path(folder))
        os.environ["PULSE_SERVER"] = server.address
        try:
            server.start()
        except RuntimeError as error:
            _skip(str(error))
        from azure_realtime.audio import list_devices

        list_devices()  # PortAudio looked for devices before there was a server
        try:
            yield server
        finally:
            server.stop()


def _skip(why: str) -> NoReturn:
    print(f"SKIPPED {Path(sys.argv[0]).name}: {why}")
    sys.exit()


class Monitor:
    """
    Records a source of the server. Each time is one of `time.monotonic`.

    Args:
        server: The server.
        source: The source: ``speaker.monitor`` is what the loudspeaker plays, ``mic``
            what the microphone records.

    Attributes:
        samples: The recording.
        first_sound: The time of the first sample that is not silent, since it was None.
        last_sound: The time of the last one.
    """

    def __init__(self, server: VirtualAudio, source: str) -> None:
        raw = ["--raw", "--rate=24000", "--channels=1", "--format=s16le"]
        self._process = subprocess.Popen(
            ["parec", *raw, "-d", source, "--latency-msec=5"],
            env=server.environment,
            stdout=subprocess.PIPE,
        )
        self.samples = array("h")
        self.first_sound: float | None = None
        self.last_sound = 0.0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        rest = b""
        while data := os.read(descriptor, 65536):
            now = time.monotonic()
            data = rest + data
            whole = len(data) & ~1
            block, rest = array("h", data[:whole]), data[whole:]
            if any(block):
                first, last = sound_in(block)
                if self.first_sound is None:
                    self.first_sound = now - (len(block) - first) / RATE
                self.last_sound = now - (len(block) - 1 - last) / RATE
            self.samples.extend(block)

    def close(self) -> None:
        """
        End the recording.
        """
        self._process.terminate()
        self._process.wait()
        self._thread.join()


def sound_in(samples: array[int]) -> tuple[int, int]:
    """
    Return the index of the first and of the last sample that is not silent.
    """
    first = next(at for at, sample in enumerate(samples) if sample)
    back = next(at for at, sample in enumerate(reversed(samples)) if sample)
    return first, len(samples) - 1 - back


def wait_for(condition: Callable[[], object], what: str) -> None:
    """
    Wait for *condition*; after 20 s raise RuntimeError.
    """
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not happen within 20 s")
        time.sleep(0.01)


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
