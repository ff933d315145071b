"""
Audio as bytes: WAV files, PCM samples, G.711 and resampling; sources and sinks.

The devices need the extra ``audio``. Their modules, and those of the other sources and
sinks, are imported when they are used first.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .g711 import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw
from .resampler import Resampler, resample
from .wav import WavAudio, read_wav, wav_bytes, write_wav

if TYPE_CHECKING:
    from .devices import AudioDevice, list_devices
    from .microphone import Microphone
    from .sinks import NullSink, Sink, WavSink
    from .sources import PushSource, Source, WavSource
    from .speaker import Speaker

__all__ = [
    "AudioDevice",
    "Microphone",
    "NullSink",
    "PushSource",
    "Resampler",
    "Sink",
    "Source",
    "Speaker",
    "WavAudio",
    "WavSink",
    "WavSource",
    "decode_alaw",
    "decode_ulaw",
    "encode_alaw",
    "encode_ulaw",
    "list_devices",
    "read_wav",
    "resample",
    "wav_bytes",
    "write_wav",
]

_LATER = {
    "AudioDevice": "devices",
    "Microphone": "microphone",
    "NullSink": "sinks",
    "PushSource": "sources",
    "Sink": "sinks",
    "Source": "sources",
    "Speaker": "speaker",
    "WavSink": "sinks",
    "WavSource": "sources",
    "list_devices": "devices",
}


if not TYPE_CHECKING:  # with it, checkers accept any name

    def __getattr__(name: str) -> Any:
        if name not in _LATER:
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg, name=name, obj=sys.modules[__name__])
        return getattr(import_module(f".{_LATER[name]}", __name__), name)
