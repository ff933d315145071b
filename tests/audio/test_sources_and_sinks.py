"""
Sources and sinks that need no device.
"""

from __future__ import annotations

import array
import io
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.timing import SCALE

from azure_realtime.audio import (
    NullSink,
    PushSource,
    Sink,
    Source,
    WavSink,
    WavSource,
    decode_ulaw,
    encode_ulaw,
    read_wav,
    resample,
    wav_bytes,
    write_wav,
)
from azure_realtime.audio.ledger import Ledger

SECOND = bytes(range(250)) * 192
"""48,000 bytes: a second at 24 kHz, or three at 8 kHz."""


@pytest.fixture
def sinks(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """
    The clock of the sinks: set ``now`` to let time pass.
    """
    clock = {"now": 100.0}
    stand_in = SimpleNamespace(monotonic=lambda: clock["now"])
    monkeypatch.setattr("azure_realtime.audio.sinks.time", stand_in)
    return clock


def test_sources_and_sinks_of_the_package_meet_the_protocols(tmp_path: Path) -> None:
    """
    What the package offers is what it asks for.
    """
    sink = WavSink(tmp_path / "a.wav")
    sink.close()
    for source in (WavSource(wav_bytes(SECOND, 8000)), PushSource()):
        assert isinstance(source, Source)
    for one in (NullSink(), sink):
        assert isinstance(one, Sink)


@pytest.mark.parametrize("kind", [str, Path, "bytes", "file"])
def test_a_file_is_read_in_blocks_of_20_ms(tmp_path: Path, kind: object) -> None:
    """
    A path, bytes and an open file give the same blocks, at the rate of the file.
    """
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(SECOND[:1000], 8000))
    with path.open("rb") as file:
        given = {"bytes": path.read_bytes(), "file": file}.get(kind) or kind(path)  # type: ignore[operator, call-overload, arg-type]
        source = WavSource(given)
    blocks = list(source)
    assert source.rate == 8000
    assert [len(block) for block in blocks] == [320, 320, 320, 40]
    assert b"".join(blocks) == SECOND[:1000]


def test_a_paced_file_gives_no_block_before_its_last_sample(tmp_path: Path) -> None:
    """
    A block is there when its last sample was spoken, never earlier.
    """
    begin = time.monotonic()
    times = [
        time.monotonic() - begin
        for _ in WavSource(wav_bytes(SECOND[:9600], 24_000), realtime=True)
    ]
    assert len(times) == 10
    for number, seconds in enumerate(times, 1):
        assert seconds >= number * 0.02
    assert times[-1] < 0.2 + SCALE


def test_a_file_without_samples_is_refused() -> None:
    """
    Rather than a call that ends at once.
    """
    with pytest.raises(ValueError, match="no samples"):
        WavSource(wav_bytes(b"", 8000))


def test_closing_a_source_ends_its_iteration() -> None:
    """
    From another thread as well.
    """
    source = WavSource(wav_bytes(SECOND, 24_000))
    blocks = iter(source)
    next(blocks)
    source.close()
    assert list(blocks) == []
    pushed = PushSource()
    reader = threading.Thread(target=lambda: list(pushed))
    reader.start()
    pushed.close()
    reader.join(5)
    assert not reader.is_alive()


def test_a_file_can_be_read_again() -> None:
    """
    The second call with the same source says the same as the first one.
    """
    source = WavSource(wav_bytes(bytes(4_800), 24_000))
    first = list(source)
    source.close()
    source.open()
    assert list(source) == first != []


def test_a_source_or_a_sink_that_has_ended_is_refused(tmp_path: Path) -> None:
    """
    A second call with it would hear nothing, or fail at its first answer.
    """
    source, sink = PushSource(), WavSink(tmp_path / "reply.wav")
    for end in (source, sink):
        end.open()
        end.open()
        end.close()
        with pytest.raises(ValueError, match=f"make another {type(end).__name__}"):
            end.open()


def test_pushed_audio_is_kept_within_its_limit() -> None:
    """
    What is too much is dropped whole and counted, and there is room again later.
    """
    source = PushSource(8000, max_seconds=0.1)
    source.push(bytes(1600))
    source.push(b"xx")
    assert source.overflows == 1
    blocks = iter(source)
    assert next(blocks) == bytes(1600)
    source.push(b"yy")
    source.end()
    assert list(blocks) == [b"yy"]
    assert source.overflows == 1


SAMPLES = array.array("h", range(-500, 500))
FLOATS = array.array("f", (sample / 32767 for sample in SAMPLES))


def numpy_forms() -> list[Any]:
    numpy = pytest.importorskip("numpy")
    return [numpy.array(SAMPLES, "i2"), numpy.array(FLOATS, "f4").reshape(-1, 1)]


@pytest.mark.parametrize(
    "forms",
    [lambda: [bytes(SAMPLES), SAMPLES, memoryview(SAMPLES), FLOATS], numpy_forms],
)
def test_samples_in_arrays_are_converted(
    forms: Callable[[], list[Any]], tmp_path: Path
) -> None:
    """
    Sources and sinks read arrays as `append_audio` does: as samples, not bytes.
    """
    path, pcm = tmp_path / "a.wav", bytes(SAMPLES)
    for form in forms():
        write_wav(path, form, 8000)
        assert pcm == read_wav(path).pcm
        source = PushSource(8000)
        source.push(form)
        source.end()
        assert [pcm] == list(source)
        sink = WavSink(path, 8000)
        sink.write(form, "item")
        sink.close()
        assert pcm == read_wav(path).pcm
        assert 125 == sink.played_ms("item")
        assert resample(pcm, 8000, 24_000) == resample(form, 8000, 24_000)
        assert encode_ulaw(pcm) == encode_ulaw(form)


@pytest.mark.parametrize(
    "wrong", ["abc", 5, None, [1, 2], array.array("I", [1]), array.array("f", [9000.0])]
)
def test_what_is_no_audio_is_refused_by_sources_and_sinks(
    wrong: Any, tmp_path: Path
) -> None:
    """
    The error is one sentence, and no file is written.
    """
    sink = WavSink(tmp_path / "a.wav")
    for attempt in (
        PushSource().push,
        lambda it: sink.write(it, "item"),
        lambda it: wav_bytes(it, 8000),
        lambda it: resample(it, 8000, 24_000),
        encode_ulaw,
    ):
        with pytest.raises(
            (TypeError, ValueError), match=r"^audio must|^float samples"
        ):
            attempt(wrong)
    sink.close()
    assert not (tmp_path / "a.wav").exists()


@pytest.mark.parametrize(
    ("mistake", "text"),
    [
        (lambda: WavSource(5), "a WAV file is given as its path"),  # type: ignore[arg-type]
        (lambda: read_wav(None), "a WAV file is given as its path"),  # type: ignore[arg-type]
        (lambda: WavSource(io.StringIO("a")), "mode 'rb'"),  # type: ignore[arg-type]
        (lambda: decode_ulaw(array.array("h", [1])), "codes must be bytes"),
        (lambda: PushSource(max_seconds="5"), "max_seconds must be a number"),  # type: ignore[arg-type]
        (lambda: PushSource(max_seconds=-1), "max_seconds must be positive"),
        (lambda: resample(b"", 16_000.5, 8000), "rate must be a whole number"),  # type: ignore[arg-type]
        (lambda: resample(b"", 1, 8000), "rate must be a whole number"),
    ],
)
def test_an_invalid_file_or_rate_is_refused_by_its_name(
    mistake: Callable[[], Any], text: str
) -> None:
    """
    One sentence names the argument.
    """
    with pytest.raises((TypeError, ValueError), match=text):
        mistake()


def test_a_sink_plays_at_the_pace_of_speech(sinks: dict[str, float]) -> None:
    """
    Silence before an item does not count, and no item is played before the one before.
    """
    sink = NullSink(8000)
    sinks["now"] += 1
    sink.write(bytes(1600), "a", 0)  # 100 ms
    sink.write(bytes(1600), "b", 0)
    assert (sink.played_ms("a"), sink.drained) == (0, False)
    sinks["now"] += 0.05
    assert (sink.played_ms("a"), sink.played_ms("b")) == (50, 0)
    sinks["now"] += 0.075
    assert (sink.played_ms("a"), sink.played_ms("b")) == (100, 25)
    sinks["now"] += 0.1
    assert sink.drained
    sink.write(bytes(160), "b", 0)  # the device starved in between
    sinks["now"] += 0.005
    assert sink.played_ms("b") == 105
    assert sink.played_ms("never") == 0


def test_flush_names_the_items_that_are_cut(sinks: dict[str, float]) -> None:
    """
    Those played to the end are not among them; afterwards the sink plays again.
    """
    sink = NullSink(8000)
    for item in "abc":
        sink.write(bytes(1600), item, 0)
    sinks["now"] += 0.130
    assert sink.flush() == {"b": 30, "c": 0}
    assert sink.drained
    assert [sink.played_ms(item) for item in "abc"] == [100, 30, 0]
    assert sink.flush() == {}
    sink.write(bytes(160), "d", 0)
    sinks["now"] += 0.005
    assert sink.played_ms("d") == 5
    assert sink.flush() == {"d": 5}


def test_a_recording_holds_what_was_played(
    tmp_path: Path, sinks: dict[str, float]
) -> None:
    """
    The rest of an interrupted answer is not in the file.
    """
    path = tmp_path / "reply.wav"
    sink = WavSink(path, 8000, realtime=True)
    sink.write(b"\1\0" * 800, "a", 0)
    sink.write(b"\2\0" * 800, "b", 0)
    sinks["now"] += 0.12
    assert sink.flush() == {"b": 20}
    sink.write(b"\3\0" * 80, "c", 0)
    sink.close()
    sink.close()
    audio = read_wav(path)
    assert audio.rate == 8000
    assert audio.pcm == b"\1\0" * 800 + b"\2\0" * 160 + b"\3\0" * 80


def test_a_recording_plays_at_once_by_default(tmp_path: Path) -> None:
    """
    So a call from file to file takes no longer than the service.
    """
    sink = WavSink(tmp_path / "reply.wav")
    sink.write(SECOND, "a", 0)
    assert (sink.played_ms("a"), sink.drained, sink.flush()) == (1000, True, {})
    sink.close()
    assert read_wav(tmp_path / "reply.wav").pcm == SECOND


def test_a_recording_that_was_not_completed_can_be_read(tmp_path: Path) -> None:
    """
    As after a crash: the header does not have the size yet.
    """
    sink = WavSink(tmp_path / "reply.wav")
    sink.write(SECOND, "a", 0)
    assert sink._file is not None
    sink._file.flush()
    assert read_wav(tmp_path / "reply.wav").pcm == SECOND
    sink.close()


def test_the_ledger_forgets_only_what_was_played() -> None:
    """
    A call of hours has a short ledger, and still tells all.
    """
    ledger = Ledger()
    for number in range(1000):
        ledger.add(number * 20, f"item {number % 10}", 10)  # with gaps
        ledger.forget(number * 20)
    assert len(ledger._runs) <= 2
    assert [ledger.played(f"item {n}", 10**6) for n in range(10)] == [1000] * 10
    assert ledger.played("item 9", 999 * 20 + 4) == 994


def test_importing_the_package_loads_no_source_and_no_sink() -> None:
    """
    A client that does not talk pays nothing.
    """
    code = (
        "import sys, azure_realtime\n"
        "print([n for n in sys.modules if n.startswith('azure_realtime.audio')])\n"
        "from azure_realtime.audio import *\n"
        "print(Microphone.__name__, 'sounddevice' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded, lazily = done.stdout.splitlines()
    for name in ("devices", "ledger", "microphone", "sinks", "sources", "speaker"):
        assert f"audio.{name}" not in loaded
    assert lazily == "Microphone False"


def test_an_unknown_name_is_an_attribute_error() -> None:
    """
    The lazy imports hide no spelling mistake.
    """
    import azure_realtime.audio as audio

    with pytest.raises(AttributeError, match="Mikrofon"):
        audio.Mikrofon  # noqa: B018
