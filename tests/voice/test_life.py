"""
The life of a call: when one may begin, and which thread may end it.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from helpers.clients import GA, LONG, MANUAL
from helpers.timing import at_most
from helpers.voice import QUESTION, FakeMicrophone, MemorySink, received, until

from azure_realtime import AuthenticationError, ConnectionClosed
from azure_realtime.audio import PushSource, WavSource, read_wav, wav_bytes

SHORT = "Good morning to you."


def begin(client: Any, path: Path) -> None:
    """
    Begin a call whose answers replace a file.
    """
    client.talk(FakeMicrophone(), path)


def record(client: Any, path: Path) -> None:
    """
    Begin a recording that replaces a file.
    """
    client.record(path, overwrite=True)


@pytest.mark.parametrize("act", [begin, record])
@pytest.mark.parametrize("end", ["closed", "refused"])
def test_a_client_that_has_ended_touches_no_file(
    act: Callable[[Any, Path], None], end: str, tmp_path: Path
) -> None:
    """
    The error is the one that ended it.
    """
    path = tmp_path / "reply.wav"
    path.write_bytes(b"precious")
    with GA.service() as service:
        if end == "closed":
            client = GA.client(service.url)
            client.connect()
            client.close()
            kind: Any = ConnectionClosed
        else:
            service.refuse(401)
            client = GA.client(service.url)
            kind = AuthenticationError
            with pytest.raises(kind):
                client.connect()
        with pytest.raises(kind):
            act(client, path)
        client.close()
    assert path.read_bytes() == b"precious"


class Missing(FakeMicrophone):
    """
    A microphone that cannot be opened.
    """

    def open(self) -> None:
        """
        Fail.
        """
        raise OSError("no microphone")


def test_a_call_that_cannot_begin_touches_no_file(tmp_path: Path) -> None:
    """
    The source is closed, and the next call works.
    """
    path = tmp_path / "reply.wav"
    path.write_bytes(b"precious")
    with GA.connected(service={"replies": [SHORT]}, session_config=MANUAL) as (
        client,
        _,
    ):
        source = Missing()
        with pytest.raises(OSError, match="no microphone"):
            client.talk(source, path)
        assert source.closed
        assert path.read_bytes() == b"precious"
        with pytest.raises(FileNotFoundError):
            client.talk(
                microphone := FakeMicrophone(), tmp_path / "missing" / "reply.wav"
            )
        assert microphone.closed
        with client.talk(WavSource(wav_bytes(QUESTION, 24_000)), path) as call:
            assert call.wait(20)
    assert read_wav(path).pcm


def test_a_client_has_one_call_at_a_time() -> None:
    """
    Two calls would mix the audio of their sources; the error says what to do.
    """
    with GA.connected() as (client, _):
        with (
            client.talk(FakeMicrophone(), MemorySink()),
            pytest.raises(RuntimeError, match="stop that call first"),
        ):
            client.talk(FakeMicrophone(), MemorySink())
        with client.talk(microphone := FakeMicrophone(), sink := MemorySink()):
            pass
        assert microphone.closed
        assert sink.closed


class SlowPath:
    """
    The path of a file, which takes time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.asked, self.answer = threading.Event(), threading.Event()

    def __fspath__(self) -> str:
        self.asked.set()
        self.answer.wait(20)
        return str(self._path)


def test_two_threads_do_not_begin_two_calls(tmp_path: Path) -> None:
    """
    The second one gets the error, also while the call of the first is being made.
    """
    path = SlowPath(tmp_path / "question.wav")
    (tmp_path / "question.wav").write_bytes(wav_bytes(QUESTION, 24_000))
    with GA.connected() as (client, _), ThreadPoolExecutor(1) as pool:
        try:
            first = pool.submit(client.talk, path, MemorySink())
            assert path.asked.wait(10)
            with pytest.raises(RuntimeError, match="stop that call first"):
                client.talk(FakeMicrophone(), MemorySink())
        finally:
            path.answer.set()
        first.result(10).stop()
        client.talk(FakeMicrophone(), MemorySink()).stop()


class Stopping(MemorySink):
    """
    A sink that ends its call.
    """

    call: Any = None

    def write(self, pcm: bytes, item_id: str, content_index: int = 0) -> None:
        """
        End the call.
        """
        super().write(pcm, item_id, content_index)
        with pytest.raises(RuntimeError, match="wait"):
            self.call.wait()
        self.call.stop()


def test_a_sink_may_stop_its_call() -> None:
    """
    `stop` returns at once: the sink's thread does not wait for itself.
    """
    sink = Stopping()
    with GA.connected(service={"replies": [SHORT]}) as (client, _):
        sink.call = client.talk(FakeMicrophone(), sink)
        client.create_response()
        until(lambda: sink.written)
        with at_most(1.5):
            assert sink.call.wait(5)
        assert sink.call.error is None


@pytest.mark.parametrize("dispatch", ["thread", "reader", "manual"])
def test_a_listener_may_stop_the_call(dispatch: str) -> None:
    """
    Listeners of each dispatch mode may; only the reader thread cannot wait for the end.
    """
    seen: list[Any] = []
    with GA.connected(service={"replies": [SHORT]}, dispatch=dispatch) as (client, _):
        call = client.talk(microphone := FakeMicrophone(), MemorySink())

        @client.on("response.created")
        def stop(_: Any) -> None:
            try:
                call.wait(0)
            except RuntimeError as error:
                seen.append(error)
            call.stop()
            call.stop()
            seen.append(call.wait(0) if dispatch != "reader" else True)

        client.create_response()
        if dispatch == "manual":
            until(lambda: client.pump(0.01) and seen)
        until(lambda: True in seen)
        assert call.wait(5)
        assert microphone.closed
        assert len(seen) == 1 + (dispatch == "reader")


def test_a_listener_may_begin_a_call() -> None:
    """
    It has its own threads, so the listener may wait for its end, too.
    """
    ended: list[Any] = []
    sink = MemorySink(realtime=False)
    with GA.connected(service={"replies": [SHORT]}, session_config=MANUAL) as (
        client,
        _,
    ):

        @client.on("input_audio_buffer.cleared")
        def talk(_: Any) -> None:
            with client.talk(iter([QUESTION]), sink) as call:
                ended.append(call.wait(20))

        client.clear_audio_buffer()
        until(lambda: ended)
    assert ended == [True]
    assert sink.written


def test_interrupting_without_an_answer_changes_nothing() -> None:
    """
    Before, between and after answers; also after the end of the call.
    """
    with GA.connected() as (client, connection):
        with client.talk(FakeMicrophone(), sink := MemorySink()) as call:
            call.interrupt()
            until(lambda: sink.flushed)
            assert call.stats.interruptions == 0
            assert not call.wait(0)
        call.interrupt()
        call.mute()
        call.unmute()
        client.clear_audio_buffer().result(5)
        assert received(connection, "response.cancel") == []


def test_stop_returns_in_each_of_several_threads() -> None:
    """
    Each call of `stop` returns when the voice call has ended.
    """
    with GA.connected() as (client, _):
        call = client.talk(FakeMicrophone(), MemorySink())
        threads = [threading.Thread(target=call.stop) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)
        assert call.wait(0)


@pytest.mark.parametrize("live", [True, False])
def test_an_utterance_that_a_reconnect_has_cut_is_dropped(
    live: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The call goes on, the service gets no half question, and the next one is answered.
    """
    source, sink = PushSource(), MemorySink()
    source.live = live  # type: ignore[misc]
    with (
        GA.service(replies=[SHORT]) as service,
        GA.client(
            service.url,
            max_reconnect_attempts=5,
            reconnect_interval=0.01,
            session_config=MANUAL,
        ) as client,
        client.talk(source, sink) as call,
    ):
        connection = service.wait_for_connection()
        client.connect()
        source.push(QUESTION[:9600])
        until(lambda: received(connection, "input_audio_buffer.append"))
        with client.expect("reconnected", timeout=20):
            connection.drop()
        second = service.wait_for_connection()
        call.mute()
        until(lambda: received(second, "input_audio_buffer.clear"))
        until(lambda: "was dropped" in caplog.text)
        call.unmute()
        source.push(QUESTION[:48_000])
        until(lambda: received(second, "input_audio_buffer.append"))
        call.mute()
        until(lambda: sink.written)
        assert call.error is None
    assert len(received(second, "input_audio_buffer.commit")) == 1


def test_an_interruption_without_a_connection_is_local() -> None:
    """
    The next session does not have the audio of the answer: nothing is truncated there.
    """
    with (
        GA.service(replies=[LONG], pace=8) as service,
        GA.client(
            service.url, max_reconnect_attempts=9, reconnect_interval=0.01
        ) as client,
        client.talk(FakeMicrophone(), sink := MemorySink()) as call,
    ):
        connection = service.wait_for_connection()
        client.create_response()
        until(lambda: sink.written)
        service.refuse(503)
        with client.expect("disconnected", timeout=10):
            connection.drop()
        call.interrupt()
        until(lambda: call.stats.output_level == 0.0 and sink.flushed)
        with client.expect("reconnected", timeout=20):
            service.accept()
        second = service.wait_for_connection()
        client.clear_audio_buffer().result(5)
        assert call.error is None
        assert received(second, "conversation.item.truncate") == []


@pytest.mark.parametrize("started", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_ctrl_c_while_a_call_begins_leaves_nothing(
    number: int, started: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    No thread, and no open device; the next call works.
    """
    start, starts = threading.Thread.start, itertools.count(1)

    def interrupted(self: threading.Thread) -> None:
        if next(starts) != number:
            start(self)
            return
        if started:
            start(self)
        raise KeyboardInterrupt

    microphone, sink = FakeMicrophone(), MemorySink()
    with GA.connected(service={"replies": [SHORT]}) as (client, _):
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", interrupted)
            with pytest.raises(KeyboardInterrupt):
                client.talk(microphone, sink)
        assert microphone.closed
        assert sink.closed
        with client.talk(FakeMicrophone(), sink := MemorySink()):
            client.create_response()
            until(lambda: sink.written)


def test_ctrl_c_while_a_call_ends_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Ctrl-C interrupts the end of the block, and the call has ended nevertheless.
    """
    with GA.connected() as (client, _):
        call = client.talk(microphone := FakeMicrophone(), MemorySink())
        stop = call.stop

        def interrupted(*_: Any) -> None:
            monkeypatch.setattr(call, "stop", stop)
            raise KeyboardInterrupt

        monkeypatch.setattr(call, "stop", interrupted)
        with pytest.raises(KeyboardInterrupt), call:
            pass
        assert call.wait(0)
        assert microphone.closed
