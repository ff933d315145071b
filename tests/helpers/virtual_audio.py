"""
A loudspeaker and a microphone without hardware: a private PulseAudio server.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from array import array
from collections.abc import Iterator
from pathlib import Path

from helpers.timing import SCALE

RATE = 24_000
_TOOLS = ("pulseaudio", "pactl", "parec", "paplay")
_NULL_SINK = "rate=24000 channels=1 format=s16le"
_CONFIGURATION = """\
default-sample-rate = 24000
alternate-sample-rate = 24000
default-sample-channels = 1
default-sample-format = s16le
"""


class VirtualAudio:
    """
    The server: what is played to `say` comes out of the default microphone, and what
    the default loudspeaker plays is in a `Recording`.

    Args:
        folder: An empty folder for the server's files.
    """

    def __init__(self, folder: Path) -> None:
        self.address = f"unix:{folder / 'socket'}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._players: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """
        Start the server and wait until it answers.

        Raises:
            RuntimeError: It does not.
        """
        self._folder.chmod(0o700)
        configuration = self._folder / "daemon.conf"
        # An idle sink would change to 44.1 kHz otherwise, and resample what follows.
        configuration.write_text(_CONFIGURATION)
        folders = dict.fromkeys(
            ("HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "PULSE_RUNTIME_PATH"),
            str(self._folder),
        )
        environment = {**os.environ, **folders, "PULSE_CONFIG": str(configuration)}
        environment.pop("DISPLAY", None)
        environment.pop("DBUS_SESSION_BUS_ADDRESS", None)
        modules = [
            f"module-native-protocol-unix auth-anonymous=1 socket={self._folder}/socket",
            # with rewinds, an idle sink sleeps for up to two seconds
            f"module-null-sink sink_name=speaker {_NULL_SINK} norewinds=1",
            f"module-null-sink sink_name=voice {_NULL_SINK} norewinds=1",
            "module-remap-source source_name=mic master=voice.monitor channels=1",
        ]
        loads = [word for module in modules for word in ("-L", module)]
        options = ["--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1"]
        options += ["--realtime=no", "--high-priority=no", "--disable-shm=yes"]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["pulseaudio", "-n", *options, *loads],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 10 * SCALE
        while self.control("info", check=False).returncode:
            if time.monotonic() > deadline or self._process.poll() is not None:
                log = (self._folder / "log").read_text()[-300:]
                raise RuntimeError(f"PulseAudio does not start: {log}")
            threading.Event().wait(0.02)

    def stop(self) -> None:
        """
        End the server.
        """
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None
        self.wait_for_players()  # without a server they end at once
        (self._folder / "socket").unlink(missing_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        """
        The environment of a program that uses the server.
        """
        return {**os.environ, "PULSE_SERVER": self.address}

    def control(
        self, *words: str, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """
        Run ``pactl``.
        """
        return subprocess.run(
            ["pactl", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=check,
        )

    def say(self, pcm: bytes) -> subprocess.Popen[bytes]:
        """
        Begin to speak into the microphone; the process ends with the audio.
        """
        # 200 ms: with 20 ms, gaps came into the speech on a busy machine.
        raw = ["--raw", "--rate=24000", "--channels=1", "--format=s16le"]
        process = subprocess.Popen(
            ["paplay", "--device=voice", *raw, "--latency-msec=200"],
            env=self.environment,
            stdin=subprocess.PIPE,
        )
        assert process.stdin is not None

        def feed() -> None:
            with contextlib.suppress(BrokenPipeError), process.stdin:  # type: ignore[union-attr]
                process.stdin.write(pcm)  # type: ignore[union-attr]

        threading.Thread(target=feed, daemon=True).start()
        self._players.append(process)
        return process

    def wait_for_players(self) -> None:
        """
        Wait until what `say` has begun to speak is spoken.
        """
        while self._players:
            self._players.pop().wait(30)

    @contextlib.contextmanager
    def recording(self) -> Iterator[Recording]:
        """
        Record what the loudspeaker plays.
        """
        path = self._folder / f"heard-{time.monotonic_ns()}.raw"
        raw = ["--raw", "--rate=24000", "--channels=1", "--format=s16le"]
        with path.open("wb") as file:
            process = subprocess.Popen(
                ["parec", *raw, "-d", "speaker.monitor", "--latency-msec=10"],
                env=self.environment,
                stdout=file,
            )
        recording = Recording(path)
        try:
            recording.wait(lambda samples: len(samples) > 0)  # it has begun
            yield recording
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(10)
            self.wait_for_players()


class Recording:
    """
    What the loudspeaker has played so far.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def samples(self) -> array[int]:
        """
        All samples, silence included.
        """
        data = self._path.read_bytes()
        return array("h", data[: len(data) & ~1])

    @property
    def sound(self) -> array[int]:
        """
        The samples that are not silent.
        """
        return array("h", [sample for sample in self.samples if sample])

    def wait(self, condition: object, timeout: float = 10.0) -> array[int]:
        """
        Wait until *condition* is true of the samples; return them.
        """
        deadline = time.monotonic() + timeout * SCALE
        while not condition(samples := self.samples):  # type: ignore[operator]
            assert time.monotonic() < deadline, "it was never heard"
            threading.Event().wait(0.01)
        return samples


def silence_before(samples: array[int]) -> int:
    """
    Return the number of zeros at the beginning.
    """
    return next((at for at, sample in enumerate(samples) if sample), len(samples))


def find(samples: array[int], part: array[int], start: int = 0) -> int:
    """
    Return where *part* begins in *samples*, from *start* on; -1 if nowhere. *part* must
    have sound in it, and its first sound is compared.
    """
    silence = silence_before(part)
    data, wanted = samples.tobytes(), part[silence:].tobytes()
    at = data.find(wanted, 2 * start)
    while at >= 0 and at % 2:  # within a sample
        at = data.find(wanted, at + 1)
    return at // 2 - silence if at >= 0 else -1


def missing() -> str | None:
    """
    Return why there can be no virtual device here; None if there can.
    """
    absent = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if absent:
        return f"{', '.join(absent)} of PulseAudio is not installed"
    try:
        import sounddevice  # noqa: F401
    except (ImportError, OSError) as error:
        return f"sounddevice: {error}"
    return None
