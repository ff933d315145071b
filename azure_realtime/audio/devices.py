"""
Sound devices, through the package `sounddevice` (extra ``audio``).

Rules:

1. An active stream that is garbage-collected kills the process (measured on CPython
   3.10 to 3.13), so `open_streams` refers to every stream until it is aborted.
2. A stream belongs to its process: in a forked child no callback is called and no
   device opens. A child opens nothing, and closes nothing of its parent.
3. No stream is opened, aborted or closed in a callback of a device: the call would wait
   for the thread that it runs on.
4. PortAudio is not thread-safe (two threads that initialize it end the process):
   `opening` is held to look for devices and to open one.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import sys
import threading
from typing import Any

import attrs

from .._version import INSTALL_HINT
from ..errors import AudioDeviceError

__all__ = ["AudioDevice", "list_devices"]

_LIBRARY_HINTS = {
    "linux": "Install PortAudio: apt-get install libportaudio2 libasound2-plugins "
    "(Debian, Ubuntu), dnf install portaudio (Fedora).",
    "darwin": "Install PortAudio: brew install portaudio.",
    "win32": "Install sounddevice again, from its wheel, which contains PortAudio.",
}


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


# held to look for devices or to open one (rule 4); a signal handler may do so as well
opening = threading.RLock()

open_streams: dict[int, Any] = {}
"""
The streams of this process by their `id` (rule 1); None from the moment when PortAudio
is called to close the stream until `close` returns.
"""

blocked_streams: dict[int, int] = {}
"""
Maps the `id` of a stream to the thread that closes it, or to `NO_THREAD` while it is
being started (see `streams`).
"""

NO_THREAD = 0


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
    with opening:
        return _found(sounddevice)


def _found(sounddevice: Any) -> list[AudioDevice]:
    refresh(sounddevice)
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


def refresh(sounddevice: Any) -> bool:
    """
    Make PortAudio look for devices again, which it does only when it is initialized.

    This would end open streams, so it is done only if there is none. Return whether it
    was done.
    """
    with opening:
        if open_streams:
            return False
        with contextlib.suppress(sounddevice.PortAudioError):
            sounddevice._terminate()
        with contextlib.suppress(sounddevice.PortAudioError):
            sounddevice._initialize()
        return True


def add(stream: Any) -> None:
    """
    Note a stream that was opened.
    """
    blocked_streams.pop(id(stream), None)  # what Ctrl-C has left of an earlier stream
    open_streams[id(stream)] = stream


def is_open(stream: Any) -> bool:
    """
    Return whether a stream is open. PortAudio may be closing it if this is false.
    """
    return open_streams.get(id(stream)) is not None


def is_usable(stream: Any) -> bool:
    """
    Return whether a stream is open, and is neither started nor closed now.
    """
    return is_open(stream) and id(stream) not in blocked_streams


def close(stream: Any) -> bool:
    """
    Stop a stream at once and close it, unless it is closed. Not in a callback of a
    device; never raises. Any thread.

    Closing a stream twice can end the process.

    Returns:
        False if another thread closes it now, which Ctrl-C may interrupt.
    """
    if _is_forked():
        return True
    thread_id, number = threading.get_ident(), id(stream)
    # In one step, because another thread may be here as well. Ctrl-C may leave it: this
    # thread may go on then.
    holder = blocked_streams.setdefault(number, thread_id)
    if holder != thread_id:
        return holder == NO_THREAD
    try:
        if is_open(stream):
            with contextlib.suppress(Exception):  # of a device that has disappeared
                stream.abort()
            # Before the call: Ctrl-C in it is raised when PortAudio has freed the
            # stream, and before `sounddevice` notes that.
            open_streams[number] = None
            with contextlib.suppress(Exception):
                stream.close()
        open_streams.pop(number, None)
    finally:
        blocked_streams.pop(number, None)
    return True


def _close_all() -> None:
    """
    Close all streams, before PortAudio itself ends.
    """
    for stream in list(open_streams.values()):
        if stream is not None:
            close(stream)
