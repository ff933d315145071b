"""
The end of a with block that Ctrl-C interrupts.

`_Interrupt` gives the signal in an operator that is implemented in C. CPython handles
signals at calls and at the beginning of functions, so it raises KeyboardInterrupt at the
first instruction of what the with statement calls at its end.
"""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from helpers.clients import GA

from azure_realtime import AuthenticationError, AzureRealTimeAudio, WebSocketState
from azure_realtime.audio import NullSink, PushSource
from azure_realtime.recording import Recording
from azure_realtime.voice import VoiceCall


class _Interrupt:
    __neg__ = staticmethod(partial(_thread.interrupt_main, signal.SIGINT))


_interrupt = _Interrupt()


def _interrupted(manager: Any) -> Any:
    with pytest.raises(KeyboardInterrupt), manager as entered:
        _ = -_interrupt  # type: ignore[operator]
    return entered


def _started(before: set[threading.Thread]) -> set[str]:
    return {thread.name for thread in set(threading.enumerate()) - before}


@pytest.fixture
def client() -> Iterator[AzureRealTimeAudio]:
    with GA.connected(service={"pace": 0}) as (client, _):
        yield client


def test_the_signal_comes_at_the_first_instruction_of_a_python_exit() -> None:
    """
    Check the method of these tests: nothing of such a method runs.
    """
    begun = []

    class Manager:
        def __enter__(self) -> None:
            pass

        def __exit__(self, *_: object) -> None:
            begun.append("anything")  # not reached

    _interrupted(Manager())

    assert begun == []


def test_a_voice_call_ends(client: AzureRealTimeAudio) -> None:
    before = set(threading.enumerate())

    call = _interrupted(client.talk(PushSource(), NullSink()))

    assert call.has_ended
    assert _started(before) == set()


def test_an_exit_stack_ends_a_voice_call(client: AzureRealTimeAudio) -> None:
    with ExitStack() as stack:
        call = stack.enter_context(client.talk(PushSource(), NullSink()))

    assert call.has_ended


def test_an_exit_stack_ends_an_interrupted_voice_call(
    client: AzureRealTimeAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The finalizer belongs to a with statement of its own only.
    """
    interrupts = [KeyboardInterrupt()]
    stop = VoiceCall.stop

    def interrupted_once(call: VoiceCall) -> None:
        if interrupts:
            raise interrupts.pop()
        stop(call)

    monkeypatch.setattr(VoiceCall, "stop", interrupted_once)
    with pytest.raises(KeyboardInterrupt), ExitStack() as stack:
        call = stack.enter_context(client.talk(PushSource(), NullSink()))

    assert call.has_ended


def test_an_expectation_that_fails_in_an_exit_stack_collects_no_more(
    client: AzureRealTimeAudio,
) -> None:
    with pytest.raises(TimeoutError), ExitStack() as stack:
        expectation = stack.enter_context(client.expect("response.done", timeout=0.0))

    client.ask("Hello", timeout=10.0)

    assert "0 waiting" in repr(expectation)


def test_a_client_that_does_not_connect_is_closed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timeouts: list[float | None] = []
    close = AzureRealTimeAudio.close

    def recorded(client: AzureRealTimeAudio, timeout: float | None = 5.0) -> None:
        timeouts.append(timeout)
        close(client, timeout)

    monkeypatch.setattr(AzureRealTimeAudio, "close", recorded)
    with GA.service(credentials="another key") as service:
        client = GA.client(service.url)
        with pytest.raises(AuthenticationError), client:
            pass

    assert timeouts == [1.0]


def test_a_recording_ends(client: AzureRealTimeAudio, tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"

    _interrupted(client.record(path))

    assert Recording.load(path).is_complete


def test_a_client_is_closed() -> None:
    with GA.service() as service:
        client = _interrupted(GA.client(service.url))

        assert client.state is WebSocketState.CLOSED


def test_an_iterator_of_events_ends(client: AzureRealTimeAudio) -> None:
    stream = _interrupted(client.events("response.done", timeout=5.0))

    client.ask("Hello", timeout=10.0)

    assert list(stream) == []


def test_an_expectation_collects_no_more(client: AzureRealTimeAudio) -> None:
    expectation = _interrupted(client.expect("response.done", timeout=5.0))

    client.ask("Hello", timeout=10.0)

    assert "0 waiting" in repr(expectation)


def _members(manager: Any) -> None:
    """
    Look at all attributes, as a debugger does that shows a local variable.
    """
    values = {}
    for name in dir(manager):
        with suppress(Exception):  # of a property
            values[name] = getattr(manager, name)
    assert callable(values["__exit__"])


def test_looking_at_the_attributes_ends_nothing(
    client: AzureRealTimeAudio, tmp_path: Path
) -> None:
    with (
        client.talk(PushSource(), NullSink()) as call,
        client.record(tmp_path / "session.jsonl") as recorder,
        client.events("response.done", timeout=5.0) as stream,
        client.expect("response.done", timeout=5.0) as expectation,
    ):
        deltas = client.stream("Hello", timeout=10.0)
        for manager in (client, call, recorder, stream, expectation, deltas):
            _members(manager)

        assert list(deltas)

        assert not call.has_ended
        assert next(stream).type == "response.done"
    assert expectation.event.type == "response.done"
    assert Recording.load(tmp_path / "session.jsonl").turns


def test_a_block_may_be_ended_by_hand(client: AzureRealTimeAudio) -> None:
    call = client.talk(PushSource(), NullSink()).__enter__()

    call.__exit__(None, None, None)

    assert call.has_ended


def test_a_subclass_may_replace_the_end() -> None:
    ended = []

    class Client(AzureRealTimeAudio):
        def __exit__(self, *error: Any) -> None:
            ended.append(self.state)
            super().__exit__(*error)

    with GA.service() as service:
        for by_hand in (False, True):
            client = Client(GA.options(service.url))
            if by_hand:
                client.__enter__().__exit__(None, None, None)
            else:
                with client:
                    pass
            assert client.state is WebSocketState.CLOSED
    assert ended == [WebSocketState.OPEN] * 2


def test_an_error_of_the_block_has_no_frame_of_the_package(
    client: AzureRealTimeAudio,
) -> None:
    call = client.talk(PushSource(), NullSink())

    with pytest.raises(ZeroDivisionError) as caught, call:
        _ = 1 // 0

    assert [entry.path for entry in caught.traceback] == [Path(__file__)]


@pytest.mark.slow
def test_a_stream_of_deltas_cancels_its_response() -> None:
    with GA.connected(service={"replies": ["word " * 300]}) as (client, _):
        with client.events("response.done", timeout=5.0) as done:
            stream = _interrupted(client.stream("Hello", timeout=30.0))

            assert next(done).response.status == "cancelled"
        assert list(stream) == []
