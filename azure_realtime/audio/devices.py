"""
Sound devices, through the package `sounddevice` (extra ``audio``).

Rules:

1. An active stream that is garbage-collected kills the process (measured on CPython
   3.10 to 3.13), so `_open` refers to every open stream until `close` has returned.
2. A stream belongs to its process: in a forked child no callback is called and no
   device opens. A child opens nothing, and closes nothing of its parent.
3. No stream is opened, aborted or closed in a callback of a device: the call would wait
   for the thread that it runs on.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import attrs

from .._version import INSTALL_HINT
from ..errors import AudioDeviceError
from .sources import BLOCK_MS

__all__ = ["AudioDevice", "list_devices"]

_INPUT, _OUTPUT = "microphone", "loudspeaker"

_LIBRARY_HINTS = {
    "linux": "Install PortAudio: apt-get install libportaudio2 libasound2-plugins "
    "(Debian, Ubuntu), dnf install portaudio (Fedora).",
    "darwin": "Install PortAudio: brew install portaudio.",
    "win32": "Install sounddevice again, from its wheel, which contains PortAudio.",
}
_DEVICE_HINTS = {
    "linux": "Check that a sound server runs (pactl info) and that the user may use "
    "it; a device without a server serves one program at a time.",
    "darwin": "Allow the terminal to use the microphone: System Settings, Privacy & "
    "Security, Microphone.",
    "win32": "Allow desktop apps to use the microphone (Settings, Privacy), and close "
    "programs that use the device exclusively.",
}
_LIST_HINT = "`azure-realtime devices` lists the devices."


@attrs.frozen
class AudioDevice:
    """
    A device of this machine.

    Attributes:
        index: Its number, which selects it; so does its name, or a part of the name.
        name: Its name.
        host: The interface of the operating system.
        inputs: Number of input channels; 0 if it is no microphone.
        outputs: Number of output channels; 0 if it is no loudspeaker.
        rate: Its own sample rate in Hz.
        is_default: Whether it is the default for one of both directions.
    """

    index: int
    name: str
    host: str
    inputs: int
    outputs: int
    rate: int
    is_default: bool


class OpenStream(NamedTuple):
    """
    A started stream, with the rate and latency that the device chose.

    Attributes:
        stream: The stream of `sounddevice`.
        rate: Sample rate in Hz.
        latency: Seconds between a callback and the sound, as the device reports.
    """

    stream: Any
    rate: int
    latency: float


_open: dict[int, Any] = {}  # id -> stream (rule 1)


def check_process() -> None:
    """
    Check that the devices of this process may be used (rule 2).

    Raises:
        AudioDeviceError: The process was forked after the first use of a device.
    """
    if _is_forked():
        raise AudioDeviceError(
            "A sound device cannot be used in a forked process.",
            hint="Start the process with the method 'spawn', or use the devices in the "
            "parent only.",
        )


def _is_forked() -> bool:
    return _import.cache_info().currsize > 0 and _import()[1] != os.getpid()


@functools.cache
def _import() -> tuple[Any, int]:
    """
    Import `sounddevice`, which initializes PortAudio for this process.
    """
    import sounddevice

    atexit.register(_close_all)  # runs before what the import has registered
    return sounddevice, os.getpid()


def load() -> Any:
    """
    Return `sounddevice`. Raises `AudioDeviceError` where it or PortAudio is missing.
    """
    check_process()
    try:
        return _import()[0]
    except ImportError:
        raise AudioDeviceError(
            "Sound devices need the package sounddevice.",
            hint=INSTALL_HINT.format("audio"),
        ) from None
    except OSError as error:  # the wheels for Linux do not contain PortAudio
        raise AudioDeviceError(
            f"The package sounddevice cannot load PortAudio ({error}).",
            hint=_LIBRARY_HINTS.get(sys.platform, "Install PortAudio."),
        ) from None


def list_devices() -> list[AudioDevice]:
    """
    Return the sound devices of this machine. Empty where there is none.

    Raises:
        AudioDeviceError: `sounddevice` or PortAudio is not installed.
    """
    sounddevice = load()
    _refresh(sounddevice)
    hosts = sounddevice.query_hostapis()
    chosen = set(sounddevice.default.device)
    return [
        AudioDevice(
            index,
            device["name"],
            hosts[device["hostapi"]]["name"],
            device["max_input_channels"],
            device["max_output_channels"],
            int(device["default_samplerate"]),
            index in chosen,
        )
        for index, device in enumerate(sounddevice.query_devices())
    ]


def _refresh(sounddevice: Any) -> bool:
    """
    Make PortAudio look for devices again, which it does only when it is initialized.

    This would end open streams, so it is done only if there is none. Return whether it
    was done.
    """
    if _open:
        return False
    with contextlib.suppress(sounddevice.PortAudioError):
        sounddevice._terminate()
    with contextlib.suppress(sounddevice.PortAudioError):
        sounddevice._initialize()
    return True


def open_input(
    device: str | int | None,
    rate: int,
    latency: float,
    callback: Callable[..., None],
    finished: Callable[[], None],
) -> OpenStream:
    """
    Open and start a microphone.

    Args:
        device: Name, part of a name, or index; None is the default.
        rate: The wanted sample rate in Hz; if refused, the device's own is taken.
        latency: Wanted latency in seconds.
        callback: As `sounddevice` calls it, every 20 ms.
        finished: Called at the end of the stream, on a thread of the device.

    Raises:
        AudioDeviceError: The device cannot be used.
    """
    return _start(_INPUT, device, rate, latency, callback, finished)


def open_output(
    device: str | int | None,
    rate: int,
    latency: float,
    callback: Callable[..., None],
    finished: Callable[[], None],
) -> OpenStream:
    """
    Open and start a loudspeaker; arguments and errors are those of `open_input`.
    """
    return _start(_OUTPUT, device, rate, latency, callback, finished)


def _start(
    kind: str,
    device: str | int | None,
    rate: int,
    latency: float,
    callback: Callable[..., None],
    finished: Callable[[], None],
) -> OpenStream:
    sounddevice = load()
    words = {
        "device": device,
        "channels": 1,
        "dtype": "int16",
        "latency": latency,
        "callback": callback,
        "finished_callback": finished,
    }
    errors = (sounddevice.PortAudioError, ValueError)
    try:
        stream = _made(sounddevice, kind, rate, words)
    except errors as error:
        if not _refresh(sounddevice):  # the device may be newer than this process
            raise _explained(error, kind, device) from None
        try:
            stream = _made(sounddevice, kind, rate, words)
        except errors as error:
            raise _explained(error, kind, device) from None
    _open[id(stream)] = stream
    try:
        stream.start()
    except errors as error:
        close(stream)
        raise _explained(error, kind, device) from None
    return OpenStream(stream, int(stream.samplerate), float(stream.latency))


def _made(sounddevice: Any, kind: str, rate: int, words: dict[str, Any]) -> Any:
    """
    Make a stream with the wanted rate, or with the device's own.
    """
    is_input = kind == _INPUT
    make = sounddevice.RawInputStream if is_input else sounddevice.RawOutputStream
    try:
        return make(samplerate=rate, blocksize=rate * BLOCK_MS // 1000, **words)
    except sounddevice.PortAudioError:
        direction = "input" if is_input else "output"
        found = sounddevice.query_devices(words["device"], direction)
        own = int(found["default_samplerate"])
        if own == rate:
            raise
        return make(samplerate=own, blocksize=own * BLOCK_MS // 1000, **words)


def abort(stream: Any | None) -> None:
    """
    Stop a stream at once, so that it can be started again. A lost device is ignored.
    """
    if stream is not None:
        with contextlib.suppress(load().PortAudioError):
            stream.abort()


def restart(stream: Any | None) -> None:
    """
    Start a stream again after `abort`. A lost device is ignored.
    """
    if stream is not None:
        with contextlib.suppress(load().PortAudioError):
            stream.start()


def close(stream: Any) -> None:
    """
    Stop a stream at once and close it. Not in a callback of a device; never raises.
    """
    if _is_forked():
        return
    with contextlib.suppress(Exception):  # of a device that has disappeared
        stream.abort()
    with contextlib.suppress(Exception):
        stream.close()
    _open.pop(id(stream), None)


def _explained(
    error: Exception, kind: str, device: str | int | None
) -> AudioDeviceError:
    """
    Return an error that names the device, the cause and the remedy.
    """
    name = f"The default {kind}" if device is None else f"The {kind} {device!r}"
    hint = _LIST_HINT if device is not None else _DEVICE_HINTS.get(sys.platform, "")
    text = str(error).rstrip(".")
    return AudioDeviceError(
        f"{name} cannot be opened: {text}.", device=device, hint=hint
    )


def _close_all() -> None:
    """
    Close all streams, before PortAudio itself ends.
    """
    for stream in list(_open.values()):
        close(stream)
