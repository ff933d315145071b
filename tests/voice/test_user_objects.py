"""
Sources and sinks of a program that fail: the call ends, and says which method it was.
"""

from __future__ import annotations

import array
import base64
import sys
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.clients import GA, MANUAL, SENTENCE
from helpers.timing import SCALE, at_most
from helpers.voice import (
    BLOCK,
    QUESTION,
    FakeMicrophone,
    MemorySink,
    received,
    sent,
    until,
)

from azure_realtime import SessionConfig
from azure_realtime.audio import PushSource
from azure_realtime.voice import call as call_module
from azure_realtime.voice import playback
from azure_realtime.voice.ends import SinkEnd
from azure_realtime.voice.playback import Playback

SHORT = "Good morning to you."


class Tape:
    """
    A source of anything.
    """

    rate: Any = 24_000

    def __init__(self, *blocks: Any) -> None:
        self._blocks = blocks

    def __iter__(self) -> Iterator[Any]:
        for block in self._blocks:
            if callable(block):
                block()
            yield block


def leave() -> None:
    """
    Raise what no handler of `Exception` catches.
    """
    sys.exit("in the source")


class BadRate(Tape):
    """
    A source whose rate is text.
    """

    rate = "24000"


class BadIterator(Tape):
    """
    A source whose iterator is none.
    """

    def __iter__(self) -> Any:
        return 5


def audio_sizes(connection: Any) -> list[int]:
    """
    Return the number of bytes of each appended piece of audio.
    """
    appends = received(connection, "input_audio_buffer.append")
    return [len(base64.b64decode(append["audio"])) for append in appends]


def texts(error: BaseException | None) -> str:
    """
    Return what an exception says, with its notes.
    """
    return "\n".join([str(error), *getattr(error, "__notes__", ())])


@pytest.mark.parametrize(
    ("source", "kind", "name"),
    [
        (Tape("AAAA"), TypeError, "Tape.__iter__()"),
        (Tape([0, 1]), TypeError, "Tape.__iter__()"),
        (Tape(None), TypeError, "Tape.__iter__()"),
        (Tape(leave), SystemExit, "Tape.__iter__()"),
        (BadRate(bytes(BLOCK)), TypeError, "BadRate.rate"),
        (BadIterator(), TypeError, "BadIterator.__iter__()"),
    ],
    ids=["text", "list", "None", "exit", "rate", "iterator"],
)
def test_a_source_that_fails_ends_the_call(source: Any, kind: Any, name: str) -> None:
    """
    The error names the class and the method, and the client can be used.
    """
    with GA.connected() as (client, _):
        with client.talk(source, MemorySink()) as call:
            assert call.wait(10)
        assert isinstance(call.error, kind)
        # Python's own errors are named by a note, which Python 3.10 does not have.
        is_own = kind is TypeError and not isinstance(source, BadIterator)
        if sys.version_info >= (3, 11) or is_own:
            assert name in texts(call.error)
        client.clear_audio_buffer().result(5)


def test_a_source_that_fails_while_the_user_speaks_ends_the_call() -> None:
    """
    The service never detects the end of that speech, so the call does not wait for it.
    """
    speaks = threading.Event()

    def source() -> Iterator[bytes]:
        yield SENTENCE
        speaks.wait(10)
        raise ZeroDivisionError

    with GA.connected() as (client, connection):
        with client.talk(source(), MemorySink()) as call:
            until(lambda: sent(connection, "input_audio_buffer.speech_started"))
            speaks.set()
            assert call.wait(10)
        assert isinstance(call.error, ZeroDivisionError)
        if sys.version_info >= (3, 11):
            assert "source.__iter__()" in texts(call.error)


def test_blocks_of_any_buffer_are_sent() -> None:
    """
    Odd pieces of samples, empty ones, arrays and other buffers make one stream.
    """
    pcm = SENTENCE[:4800]
    blocks = [
        pcm[:961],
        b"",
        bytearray(pcm[961:2001]),
        memoryview(pcm[2001:2400]),
        array.array("h", pcm[2400:]),
    ]
    with GA.connected(session_config=MANUAL, service={"replies": [SHORT]}) as (
        client,
        connection,
    ):
        with client.talk(Tape(*blocks), MemorySink(realtime=False)) as call:
            assert call.wait(20)
            assert call.error is None
        appends = received(connection, "input_audio_buffer.append")
        assert b"".join(base64.b64decode(a["audio"]) for a in appends) == pcm


class Leaving(MemorySink):
    """
    A sink that exits.
    """

    def write(self, pcm: bytes, item_id: str, content_index: int = 0) -> None:
        """
        Exit.
        """
        sys.exit("in the sink")


class NoCuts(MemorySink):
    """
    A sink whose `flush` returns nothing.
    """

    def flush(self) -> Any:
        """
        Return nothing.
        """


class NoTime(MemorySink):
    """
    A sink that does not know what it has played.
    """

    def played_ms(self, item_id: str) -> Any:
        """
        Return nothing.
        """


class Method(MemorySink):
    """
    A sink with a method in place of a property, which is always true.
    """

    def drained(self) -> bool:  # type: ignore[override]
        """
        Return whether it has drained.
        """
        return False


class OddRate(MemorySink):
    """
    A sink whose rate is none.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rate = "fast"  # type: ignore[assignment]

    def flush(self) -> dict[str, int]:
        """
        Return nothing: nothing was written.
        """
        return {}


@pytest.mark.parametrize(
    ("sink", "kind", "name"),
    [
        (Leaving(), SystemExit, "Leaving.write()"),
        (NoCuts(), TypeError, "NoCuts.flush()"),
        (NoTime(), TypeError, "NoTime.played_ms()"),
        (Method(), TypeError, "Method.drained"),
        (OddRate(), TypeError, "OddRate.rate"),
    ],
    ids=["exit", "flush", "played_ms", "drained", "rate"],
)
def test_a_sink_that_fails_ends_the_call(sink: Any, kind: Any, name: str) -> None:
    """
    The error names the class and the method; source and sink are closed.
    """
    microphone = FakeMicrophone()
    with GA.connected(service={"replies": [SHORT, SHORT]}) as (client, connection):
        with client.talk(microphone, sink) as call:
            client.create_response().exception(20)  # the call may cancel it
            call.interrupt()
            assert call.wait(10)
        assert isinstance(call.error, kind)
        if sys.version_info >= (3, 11) or kind is TypeError:
            assert name in texts(call.error)
        assert microphone.closed
        assert sink.closed
        client.clear_audio_buffer().result(5)
        with client.talk(FakeMicrophone(), sink := MemorySink()):
            client.create_response()
            until(lambda: sink.written)
        assert len(sent(connection, "response.created")) == 2


@pytest.mark.parametrize("member", ["write", "flush", "close"])
def test_a_sink_that_blocks_is_given_up(
    member: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    `wait` and `stop` return, the microphone is closed, and the client can be used.
    """
    monkeypatch.setattr(call_module, "_BLOCKED", 0.2)
    monkeypatch.setattr(call_module, "_CHECK", 0.05)
    monkeypatch.setattr(call_module, "_CLOSE_TIMEOUT", 0.2)
    release, microphone, sink = threading.Event(), FakeMicrophone(), MemorySink()
    monkeypatch.setattr(sink, member, lambda *_: release.wait(20))
    try:
        with GA.connected(service={"replies": [SHORT, SHORT]}) as (client, _):
            call = client.talk(microphone, sink)
            client.create_response()
            if member != "write":
                until(lambda: sink.written)
                call.interrupt() if member == "flush" else call.stop(0)
            assert call.wait(10)
            assert isinstance(call.error, TimeoutError)
            assert f"MemorySink.{member}()" in str(call.error)
            assert microphone.closed
            with at_most(1.0):
                call.stop()
            with client.talk(FakeMicrophone(), second := MemorySink()):
                client.create_response()
                until(lambda: second.written)
    finally:
        release.set()


class Endless(MemorySink):
    """
    A sink that has never played all of its audio.
    """

    drained = False


def test_a_sink_that_never_drains_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """
    One warning says what `wait` waits for, once the audio must have been played.
    """
    monkeypatch.setattr(playback, "_LATE", -60.0)
    with (
        GA.connected(service={"replies": [SHORT]}) as (client, _),
        client.talk(FakeMicrophone(), Endless()) as call,
    ):
        client.create_response()
        until(lambda: caplog.records)
        assert not call.wait(0.3)
    (record,) = caplog.records
    assert "Endless.drained" in record.getMessage()


@pytest.mark.slow
def test_a_sink_that_plays_is_not_late(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The audio comes faster than it is played.
    """
    monkeypatch.setattr(playback, "_LATE", 0.5)
    with (
        GA.connected(service={"replies": [SHORT], "pace": 0}) as (client, _),
        client.talk(PushSource(), MemorySink()) as call,
    ):
        client.create_response().result(10)
        assert not call.wait(1.0)
    assert not caplog.records


class Player:
    """
    A sink that plays as the test says.
    """

    drained = False
    played = 0.0  # milliseconds

    def write(self, pcm: bytes, item_id: str, content_index: int) -> None:
        """
        Take it.
        """

    def played_ms(self, _item_id: str) -> float:
        """
        Return what the test has set.
        """
        return self.played


def test_a_sink_is_late_if_it_reports_no_progress(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """
    A device may be slower than the clock, and a program may be stopped by Ctrl-Z.
    """
    now = 0.0
    monkeypatch.setattr(playback, "time", SimpleNamespace(monotonic=lambda: now))
    player, session = Player(), SimpleNamespace(output_format="pcm16")
    played: Any = Playback(SinkEnd(player), session)  # type: ignore[arg-type]
    words = {"item_id": "a", "content_index": 0, "response_id": "r", "generation": 0}

    def tick(seconds: float, progress: float) -> None:
        nonlocal now
        for _ in range(int(seconds * 10)):
            now += 0.1
            player.played += 100 * progress
            assert not played.is_drained()

    played.write(SimpleNamespace(audio=bytes(48_000), **words))  # 1 s
    tick(1.0, 0.0)
    tick(30.0, 0.01)
    now += 60  # stopped
    tick(9.0, 0.0)
    tick(0.1, 1.0)
    tick(9.0, 0.0)
    assert not caplog.records
    tick(30.0, 0.0)
    (record,) = caplog.records
    assert "Player.drained is false" in record.getMessage()
    assert "no progress for 10 s" in record.getMessage()


def test_a_source_that_blocks_does_not_hold_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    A generator cannot be closed while it runs: the call ends without it.
    """
    monkeypatch.setattr(call_module, "_CLOSE_TIMEOUT", 0.2)
    release = threading.Event()

    def source() -> Iterator[bytes]:
        yield bytes(BLOCK)
        release.wait(20)

    try:
        with GA.connected() as (client, connection):
            call = client.talk(source(), sink := MemorySink())
            until(lambda: received(connection, "input_audio_buffer.append"))
            with at_most(4.0):
                call.stop()
            assert call.wait(0)
            assert sink.closed
            client.clear_audio_buffer().result(5)
    finally:
        release.set()


def silent() -> Any:
    """
    Return a source into which nothing is pushed.
    """
    return PushSource()


class Stuck(Tape):
    """
    A source that blocks, and has no `close`.
    """

    release = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        self.release.wait(20)
        yield b""


@pytest.mark.parametrize("make", [silent, Stuck])
@pytest.mark.parametrize("config", [None, MANUAL], ids=["vad", "manual"])
def test_a_question_without_audio_is_a_timeout(
    make: Callable[[], Any], config: SessionConfig | None
) -> None:
    """
    A source that yields nothing does not block `ask`; the next question is answered.
    """
    Stuck.release.clear()
    with GA.connected(service={"replies": [SHORT]}, session_config=config) as (
        client,
        _,
    ):
        try:
            with pytest.raises(TimeoutError), at_most(1.5):
                client.ask(audio=make(), timeout=0.3)
            turn = client.ask("Hello?", timeout=10 * SCALE)
            assert turn.transcript == SHORT
        finally:
            Stuck.release.set()


@pytest.mark.parametrize("source", [Tape(leave), Tape("a.wav")])
def test_a_source_that_fails_fails_the_question(source: Any) -> None:
    """
    `ask` raises the source's exception; turn detection is as before.
    """
    with GA.connected() as (client, _):
        before = client.update_session().result(5).turn_detection
        with pytest.raises((TypeError, SystemExit)):
            client.ask(audio=source, timeout=5)
        assert client.update_session().result(5).turn_detection == before


@pytest.mark.parametrize("config", [None, MANUAL], ids=["vad", "manual"])
def test_muting_ends_the_turn_of_a_source_that_pauses(
    config: SessionConfig | None,
) -> None:
    """
    The answer comes also if a telephone sends nothing in a pause.
    """
    source, sink = PushSource(), MemorySink()
    with GA.connected(service={"replies": [SHORT]}, session_config=config) as (
        client,
        connection,
    ):
        with client.talk(source, sink) as call:
            for at in range(0, len(SENTENCE), BLOCK):
                source.push(SENTENCE[at : at + BLOCK])
            until(lambda: sum(audio_sizes(connection)) == len(SENTENCE))
            if config is None:
                until(lambda: sent(connection, "input_audio_buffer.speech_started"))
            call.mute()
            until(lambda: sink.written)
        assert len(sent(connection, "input_audio_buffer.committed")) == 1


def test_the_blocks_of_a_muted_source_are_not_made_longer() -> None:
    """
    Silence is added only where nothing comes.
    """
    microphone = FakeMicrophone()
    with (
        GA.connected() as (client, connection),
        client.talk(microphone, MemorySink()) as call,
    ):
        call.mute()
        microphone.say(QUESTION)
        until(lambda: len(received(connection, "input_audio_buffer.append")) > 20)
        assert set(audio_sizes(connection)) == {BLOCK}
