"""
What a voice call takes as a source and as a sink.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from azure_realtime.audio import NullSink, PushSource, WavSink, WavSource, wav_bytes
from azure_realtime.voice.arguments import as_sink, as_source

SECOND = bytes(range(250)) * 192


def test_a_call_takes_paths(tmp_path: Path) -> None:
    """
    A path is a WAV file in both directions; what is a source or a sink stays itself.
    """
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(SECOND, 8_000))
    for given in (path, str(path)):
        source = as_source(given, None)
        assert isinstance(source, WavSource)
        assert (source.rate, source.pcm) == (8_000, SECOND)
    sink = as_sink(tmp_path / "b.wav", None)
    assert isinstance(sink, WavSink)
    sink.close()
    for same in (source, PushSource(), [SECOND], iter([SECOND])):
        assert as_source(same, None) is same
    assert as_sink(sink, None) is sink


def test_a_call_refuses_what_is_neither_source_nor_sink(tmp_path: Path) -> None:
    """
    The error says what to pass instead, before a device is opened.
    """
    with pytest.raises(TypeError, match=r"pass WavSource\(data\)"):
        as_source(SECOND, None)
    with pytest.raises(TypeError, match=r"expected a Source .* got int"):
        as_source(5, None)
    with pytest.raises(TypeError, match=r"expected a Sink .* got list"):
        as_sink([], None)
    with pytest.raises(TypeError, match=r"sink: NullSink is a class: .* NullSink\(\)"):
        as_sink(NullSink, None)
    with pytest.raises(TypeError, match=r"source: PushSource is a class"):
        as_source(PushSource, None)
    with pytest.raises(FileNotFoundError):
        as_source(tmp_path / "none.wav", None)
