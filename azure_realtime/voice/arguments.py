"""
What `AzureRealTimeAudio.talk` takes as a source and as a sink.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from ..audio.microphone import Microphone
from ..audio.sinks import Sink, WavSink
from ..audio.sources import Source, WavSource
from ..audio.speaker import Speaker


def as_source(source: Any, rate: int | None) -> Source | Iterable[bytes]:
    """
    Return the source of a voice call.

    Args:
        source: A source, the path of a WAV file, an iterable of PCM16, or None for the
            default microphone.
        rate: The sample rate of the default microphone; None for its own default.

    Raises:
        OSError: The file cannot be read.
        TypeError: *source* is something else.
    """
    if source is None:
        return Microphone() if rate is None else Microphone(rate=rate)
    _refuse_class("source", source)
    if isinstance(source, (str, os.PathLike)):
        return WavSource(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        raise TypeError(
            "source: bytes do not say what they are: pass WavSource(data) for a WAV "
            "file, or [data] for PCM16 at the rate of the session"
        )
    if not isinstance(source, Iterable):
        raise TypeError(
            "source: expected a Source such as Microphone or WavSource, the path of a "
            f"WAV file or an iterable of bytes, got {type(source).__name__}"
        )
    return source


def as_sink(sink: Any, rate: int | None) -> Sink:
    """
    Return the sink of a voice call.

    Args:
        sink: A sink, the path of a WAV file, or None for the default loudspeaker.
        rate: The sample rate of the default loudspeaker; None for its own default.

    Raises:
        TypeError: *sink* is something else.
    """
    if sink is None:
        return Speaker() if rate is None else Speaker(rate=rate)
    _refuse_class("sink", sink)
    if isinstance(sink, (str, os.PathLike)):
        return WavSink(sink)
    # The class first: a property of the sink may need that it is open.
    missing = [
        name
        for name in ("write", "played_ms", "flush", "drained")
        if not (hasattr(type(sink), name) or hasattr(sink, name))
    ]
    if missing:
        raise TypeError(
            "sink: expected a Sink such as Speaker or WavSink, or the path of a WAV "
            f"file, got {type(sink).__name__}, which has no {', '.join(missing)}"
        )
    checked: Sink = sink
    return checked


def _refuse_class(role: str, given: Any) -> None:
    if isinstance(given, type):
        name = given.__name__
        raise TypeError(f"{role}: {name} is a class: pass an object, {name}()")
