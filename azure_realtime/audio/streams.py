"""
Streams of sound devices: opened, started, stopped.

A stream is started on a thread of its own: if the sound server ends in that moment,
PortAudio 19.6 waits for the first callback without end. Such a stream is never used
again, not even to close it.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import sys
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from ..errors import AudioDeviceError
from . import devices
from .sources import BLOCK_MS

MICROPHONE, LOUDSPEAKER = "microphone", "loudspeaker"

STALLED = 2.0
"""Seconds without a callback after which a device counts as lost: PortAudio 19.6 may
take a lost device for active. A process that was stopped (Ctrl-Z), or was in foreign
code that holds the interpreter's lock, had none either: its next ones come at once."""

_LONGEST_START = 2.0  # seconds
_SLICE = 0.2  # seconds

_DEVICE_HINTS = {
    "linux": "Check that a sound server runs (pactl info) and that the user may use "
    "it; a device without a server serves one program at a time.",
    "darwin": "Allow the terminal to use the microphone: System Settings, Privacy & "
    "Security, Microphone.",
    "win32": "Allow desktop apps to use the microphone (Settings, Privacy), and close "
    "programs that use the device exclusively.",
}
_LIST_HINT = "`azure-realtime devices` lists the devices."


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


def open_stream(
    kind: str,
    device: str | int | None,
    rate: int,
    latency: float,
    callback: Callable[..., None],
    keep: Callable[[Any], None],
) -> OpenStream:
    """
    Open and start a stream.

    Args:
        kind: `MICROPHONE` or `LOUDSPEAKER`.
        device: Name, part of a name, or index; None is the default.
        rate: The wanted sample rate in Hz; if refused, the device's own is taken.
        latency: Wanted latency in seconds.
        callback: As `sounddevice` calls it, every 20 ms.
        keep: Called with the stream before it is started: the owner closes it, also
            after an error.

    Raises:
        AudioDeviceError: The device cannot be used.
    """
    sounddevice = devices.load()
    words = {
        "device": device,
        "channels": 1,
        "dtype": "int16",
        "latency": latency,
        "callback": callback,
    }
    errors = _errors(sounddevice)
    try:
        with devices.opening:
            stream = _added(sounddevice, kind, rate, words)
        keep(stream)
        _call_start(stream)
    except errors as error:
        raise _explained(error, kind, device) from None
    return OpenStream(stream, int(stream.samplerate), float(stream.latency))


def _added(sounddevice: Any, kind: str, rate: int, words: dict[str, Any]) -> Any:
    """
    Make a stream and note that it is open.
    """
    try:
        stream = _made(sounddevice, kind, rate, words)
    except _errors(sounddevice):
        # The device may be newer than this process.
        if not devices.refresh(sounddevice):
            raise
        stream = _made(sounddevice, kind, rate, words)
    devices.add(stream)
    return stream


def _errors(sounddevice: Any) -> tuple[type[Exception], ...]:
    """
    Return what the calls below raise. RuntimeError: there is no thread to start it.
    """
    return sounddevice.PortAudioError, ValueError, RuntimeError, TimeoutError


def _made(sounddevice: Any, kind: str, rate: int, words: dict[str, Any]) -> Any:
    """
    Make a stream with the wanted rate, or with the device's own.
    """
    is_input = kind == MICROPHONE
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


def _call_start(stream: Any) -> None:
    """
    Start a stream, unless it is closed, or a thread closes it now.

    Raises:
        TimeoutError: It did not start in `_LONGEST_START` seconds.
    """
    outcome: SimpleQueue[BaseException | None] = SimpleQueue()
    limit = time.monotonic() + _LONGEST_START

    def start() -> None:
        try:
            stream.start()
            if time.monotonic() > limit:  # another stream has taken its place
                stream.abort()
        except BaseException as error:
            outcome.put(error)
        else:
            outcome.put(None)

    is_starting = False
    try:
        # In one step, because another thread may begin to close it.
        holder = devices.blocked_streams.setdefault(id(stream), devices.NO_THREAD)
        if holder != devices.NO_THREAD:
            return
        if not devices.is_open(stream):
            devices.blocked_streams.pop(id(stream), None)
            return
        _thread.start_new_thread(start, ())
        is_starting = True
        error = _result(outcome, limit)
    except Empty:
        # At exit, PortAudio would wait for the stream as well.
        atexit.unregister(devices.load()._exit_handler)
        seconds = f"{_LONGEST_START:.0f} seconds"
        raise TimeoutError(f"it has not started in {seconds}") from None
    except BaseException:  # no thread, or Ctrl-C: no other call may overlap the start
        with contextlib.suppress(Empty):
            if is_starting:
                _result(outcome, limit)
            devices.blocked_streams.pop(id(stream), None)
        raise
    devices.blocked_streams.pop(id(stream), None)
    if error is not None:
        raise error


def _result(
    outcome: SimpleQueue[BaseException | None], limit: float
) -> BaseException | None:
    """
    Wait in slices, so that Ctrl-C is noticed; raises `Empty` at *limit*.
    """
    while True:
        try:
            return outcome.get(timeout=_SLICE)
        except Empty:
            if time.monotonic() > limit:
                raise


def abort(stream: Any) -> None:
    """
    Stop a stream at once, so that it can be started again. A lost device is ignored,
    and so is a stream that is started or closed now.
    """
    if devices.is_usable(stream):
        with contextlib.suppress(devices.load().PortAudioError):
            stream.abort()


def restart(stream: Any) -> None:
    """
    Start a stream again after `abort`. A lost device is ignored, and so is a stream
    that is started or closed now.
    """
    if devices.is_usable(stream):
        with contextlib.suppress(*_errors(devices.load())):
            _call_start(stream)


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
