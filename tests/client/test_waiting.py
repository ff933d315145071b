"""
Pull style: ``wait_for``, ``expect`` and ``events``.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from helpers import inside
from helpers.clients import (
    GA,
    MANUAL,
    SENTENCE,
    SILENCE,
    Variant,
    drained,
    once_it_waits,
)
from helpers.scripted_service import Service, scripted
from helpers.timing import SCALE, at_most

from azure_realtime import (
    AzureRealTimeAudio,
    ConnectionClosed,
    ConnectTimeout,
    RealtimeError,
    SlowConsumer,
)
from azure_realtime._concurrency.deadline import Deadline
from azure_realtime._concurrency.lock import is_own_lock_held
from azure_realtime._dispatch import mailbox as _waiters
from azure_realtime._dispatch.emitter import Emitter
from azure_realtime.events import (
    Closed,
    InputAudioBufferCleared,
    InputAudioBufferSpeechStarted,
    ResponseOutputAudioDelta,
    SessionCreated,
    SessionUpdated,
)

CLEARED = "input_audio_buffer.cleared"


def marker(number: int) -> dict[str, Any]:
    """
    Make an event that can be distinguished from others.
    """
    return {"type": "input_audio_buffer.speech_started", "audio_start_ms": number}


# wait_for and expect.


def test_wait_for_returns_the_next(variant: Variant) -> None:
    """
    By either name or by class, what comes after the call.
    """
    with (
        variant.connected(service={"replies": ["Yes."] * 2}) as (client, _),
        client.events("response.done", timeout=10) as ends,
    ):
        once_it_waits(client, lambda: client.append_audio(SENTENCE))
        started = client.wait_for("input_audio_buffer.speech_started", timeout=10)
        once_it_waits(client, lambda: client.append_audio(SILENCE))
        audio = client.wait_for("response.audio.delta", timeout=10)
        next(ends)
        once_it_waits(client, client.create_response)
        done = client.wait_for("response.done", timeout=10)

    assert isinstance(started, InputAudioBufferSpeechStarted)
    assert isinstance(audio, ResponseOutputAudioDelta)
    assert "completed" == done.response.status


def test_states_are_returned_at_once(variant: Variant) -> None:
    """
    What the session is can be asked at any time; what it was is gone.
    """
    with variant.connected() as (client, _):
        drained(client)
        with at_most(0.5):
            session = client.wait_for("session.created", timeout=5).session
            assert session.id == client.wait_for("init", timeout=5).session.id
            with pytest.raises(TimeoutError, match="disconnected"):
                client.wait_for("disconnected", timeout=0.05)
            with pytest.raises(TimeoutError):
                client.wait_for(CLEARED, timeout=0)
        client.close()
        with at_most(0.5):
            assert 1000 == client.wait_for("disconnected", timeout=5).code
            with pytest.raises(ConnectionClosed):
                client.wait_for("init", timeout=5)


def test_where_selects_the_event(variant: Variant) -> None:
    """
    It is asked on the waiting thread; what it raises is raised here.
    """
    asked: list[str] = []

    def where(event: Any) -> bool:
        asked.append(threading.current_thread().name)
        return bool(event.audio_start_ms == 7)

    with GA.connected() as (client, wire):
        with client.expect(marker(0)["type"], where=where, timeout=5) as expected:
            for number in range(10):
                wire.send(marker(number))
        with pytest.raises(ZeroDivisionError):  # noqa: SIM117
            with client.expect(CLEARED, where=lambda event: 1 / 0):
                client.clear_audio_buffer()

    assert 7 == expected.event.audio_start_ms
    assert {threading.current_thread().name} == set(asked)
    assert 8 == len(asked)


def test_expect_begins_before_its_block(variant: Variant) -> None:
    """
    However quick the answer is, it is not missed; an exception in the block is raised
    as it is, and nothing is waited for.
    """
    with variant.connected() as (client, _):
        for _ in range(20):
            with client.expect(InputAudioBufferCleared, timeout=5) as expected:
                client.clear_audio_buffer().result(5)
            assert CLEARED == expected.event.type
        with pytest.raises(KeyError), at_most(0.5):  # noqa: SIM117
            with client.expect("response.done", timeout=5):
                raise KeyError
        with pytest.raises(TimeoutError, match=r"response\.done"), at_most(0.5):  # noqa: SIM117
            with client.expect("response.done", timeout=0.05):
                pass


def test_waits_work_inside_a_listener(variant: Variant) -> None:
    """
    For events that are queued behind it: over TLS too, while others stream.
    """
    got: list[Any] = []
    done = threading.Event()
    with variant.connected(
        service={"replies": ["One.", "Two."]}, session_config=MANUAL
    ) as (
        client,
        wire,
    ):

        @client.once(CLEARED)
        def listener(event: Any) -> None:
            with client.expect("response.done", timeout=10) as expected:
                client.create_response()
            got.append(expected.event.response.transcript)
            futures: list[Any] = []
            asking = once_it_waits(
                client, lambda: futures.append(client.create_response())
            )
            got.append(client.wait_for("response.done", timeout=10).response.status)
            asking.join(5)
            got.append(futures[0].result(5).transcript)
            stream = client.events(CLEARED, timeout=5)
            client.clear_audio_buffer()
            got.append(next(stream).type)
            done.set()

        wire.flood(500)
        client.clear_audio_buffer()
        wire.flood(500)
        assert done.wait(15)

    assert ["One.", "completed", "Two.", CLEARED] == got


# events.


def test_nothing_is_lost_between_two_iterations(variant: Variant) -> None:
    """
    However long one takes, whatever came is there, whole and in order.
    """
    numbers: list[int] = []
    with (
        variant.connected() as (client, wire),
        client.events(marker(0)["type"], timeout=5) as events,
    ):
        for number in range(1000):
            wire.send(marker(number))
            if number % 100 == 0:
                drained(client)
                numbers.append(next(events).audio_start_ms)
        while len(numbers) < 1000:
            numbers.append(next(events).audio_start_ms)

    assert list(range(1000)) == numbers


def test_iterators_listeners_and_waits_get_the_same_events(variant: Variant) -> None:
    """
    Everybody gets everything, on whatever thread.
    """
    name = marker(0)["type"]
    got: dict[str, list[int]] = {key: [] for key in ("one", "two", "three", "call")}

    with variant.connected() as (client, wire):
        streams = {key: client.events(name, timeout=5) for key in ("one", "two")}
        streams["three"] = client.events(timeout=5)
        client.on(name, lambda event: got["call"].append(event.audio_start_ms))

        def collect(key: str) -> None:
            while len(got[key]) < 100:
                event = next(streams[key])
                if event.type == name:
                    got[key].append(event.audio_start_ms)

        threads = [threading.Thread(target=collect, args=(key,)) for key in streams]
        for thread in threads:
            thread.start()
        with client.expect(name, where=lambda event: event.audio_start_ms == 99):
            for number in range(100):
                wire.send(marker(number))
        for thread in threads:
            thread.join(5)
        drained(client)

    assert [list(range(100))] * 4 == list(got.values())


def test_a_timeout_ends_one_step_not_the_stream(variant: Variant) -> None:
    """
    After the TimeoutError the iteration can go on.
    """
    with variant.connected() as (client, _):
        stream = client.events(CLEARED, timeout=0.05)
        with pytest.raises(TimeoutError):
            next(stream)
        with client.expect(CLEARED):
            client.clear_audio_buffer()

        assert CLEARED == next(stream).type


def test_closing_the_client_ends_the_loop(variant: Variant) -> None:
    """
    At once, also one that waits on another thread; earlier events are still delivered.
    """
    ended: list[float] = []
    started = threading.Event()
    with variant.connected() as (client, _):

        def loop() -> None:
            for _ in client.events(CLEARED):
                started.set()
            ended.append(time.monotonic())

        unread = client.events(CLEARED)
        thread = threading.Thread(target=loop)
        thread.start()
        while not started.wait(0.01):
            client.clear_audio_buffer().result(5)
        closing = time.monotonic()
        client.close()
        thread.join(5)
        assert [CLEARED] == list({event.type for event in unread})

    assert ended[0] - closing < 0.2 * SCALE + 0.3  # the goodbye, and then 0.2 s


def test_wait_for_returns_init_before_newer_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    I begin to wait in the moment the next event comes: the session's creation is first.
    """
    waiters, start = _waiters.Mailboxes(lambda: None), _waiters.Mailbox.__init__
    known, new = SessionCreated(), SessionUpdated()
    coming = threading.Thread(target=lambda: waiters.offer(new, 100))

    def overtaken(mailbox: _waiters.Mailbox, *args: Any) -> None:
        coming.start()  # what is known has been looked up, and is not in it yet
        coming.join(0.1)
        start(mailbox, *args)

    waiters.wanted |= {"session.updated"}  # otherwise no event object is made
    waiters.offer(known, 100)
    monkeypatch.setattr(_waiters.Mailbox, "__init__", overtaken)
    mailbox = waiters.open(frozenset({"session.created", "session.updated"}))
    coming.join(5)
    assert [known, new] == [mailbox.get(Deadline(1)) for _ in "12"]


@pytest.mark.parametrize("waits_first", [True, False])
def test_a_wait_opened_at_the_end_gets_the_last_event_and_ends(
    waits_first: bool,
) -> None:
    """
    Before or after the waits are ended: I get `closed`, and then the reason.
    """
    ended: list[RealtimeError] = []
    waiters = _waiters.Mailboxes(lambda: ended[0] if ended else None)
    ended.append(ConnectionClosed(1000, "the end"))
    closed = Closed(error=ended[0])
    if waits_first:
        mailbox = waiters.open(frozenset({"closed"}))
    waiters.offer(closed, 100)
    waiters.end()
    if not waits_first:
        mailbox = waiters.open(frozenset({"closed"}))
    assert mailbox.get(Deadline(1)) is closed
    with pytest.raises(ConnectionClosed, match="the end"):
        mailbox.get(Deadline(1))


@pytest.mark.slow
def test_event_types_without_a_wait_are_known() -> None:
    """
    An event type that is waited for is published, also after a wait was forgotten.
    """
    waiters = _waiters.Mailboxes(lambda: None)
    states = waiters.wanted
    assert "session.created" in states
    assert CLEARED not in states
    mailbox = waiters.open(frozenset({CLEARED}))
    everything = waiters.open(frozenset({"*"}))
    assert {CLEARED, "*", *states} == waiters.wanted
    waiters.close(mailbox)
    assert {"*", *states} == waiters.wanted
    del everything
    gc.collect()
    waiters.offer(SessionUpdated(), 100)  # the next event takes notice
    assert states == waiters.wanted


def test_events_after_connect_leave_out_the_setup_of_the_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    A stream opened after connect() has returned gets no event of the session's setup.
    """
    emit, emitting, go = Emitter.emit, threading.Event(), threading.Event()

    def slowly(emitter: Emitter, *events: Any) -> None:
        if any(isinstance(event, SessionUpdated) for event in events):
            emitting.set()
            go.wait(5)
        emit(emitter, *events)

    monkeypatch.setattr(Emitter, "emit", slowly)
    with GA.service() as service, closing(GA.client(service.url)) as client:
        assert emitting.wait(5)
        with pytest.raises(ConnectTimeout):
            client.connect(0.05)
        go.set()
        client.connect(5)
        events = client.events("*", timeout=5)
        client.clear_audio_buffer()
        first = next(event for event in events if event.event_id)
        assert isinstance(first, InputAudioBufferCleared)


def test_losing_the_connection_raises(
    variant: Variant, eventually: Callable[..., None]
) -> None:
    """
    Every kind of wait, within 0.2 s, with the reason; what came before comes first.
    """
    raised: list[float] = []
    with variant.connected(max_reconnect_attempts=0) as (client, wire):
        stream = client.events(CLEARED)
        client.clear_audio_buffer().result(5)
        other, expected = client.events("response.done"), client.expect("response.done")
        waits = [
            lambda: client.wait_for("response.done", timeout=10),
            lambda: next(other),
            lambda: list(stream),
            lambda: expected.__exit__(None, None, None),
        ]

        def wait(call: Any) -> None:
            with pytest.raises(ConnectionClosed) as closed:
                call()
            assert 1006 == closed.value.code
            raised.append(time.monotonic())

        threads = [threading.Thread(target=wait, args=(call,)) for call in waits]
        for thread in threads:
            thread.start()
        eventually(lambda: inside.waits_of_the_connection(client) == 2)
        with client.expect("disconnected"):
            lost = time.monotonic()
            wire.drop("rst")
        for thread in threads:
            thread.join(5)
        with pytest.raises(ConnectionClosed), at_most(0.2):
            client.wait_for("response.done", timeout=10)

    assert 4 == len(raised)
    assert max(raised) - lost < 0.2 * SCALE


def test_a_stream_is_bounded_and_reports_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A stream that is never read gets the first so many events and then a SlowConsumer; no other
    notices.
    """
    monkeypatch.setattr(_waiters, "MAX_EVENTS", 50)
    with GA.connected() as (client, wire):
        lazy = client.events(marker(0)["type"], timeout=5)
        for number in range(60):
            wire.send(marker(number))
        client.clear_audio_buffer().result(5)
        got = [next(lazy).audio_start_ms for _ in range(50)]
        with pytest.raises(SlowConsumer, match="50 events"):
            next(lazy)
        with client.expect(marker(0)["type"]):
            wire.send(marker(0))

    assert list(range(50)) == got


def test_a_stream_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Audio counts by its size.
    """
    monkeypatch.setattr(_waiters, "MAX_BYTES", 100_000)
    with GA.connected() as (client, wire):
        lazy = client.events("response.audio.delta", timeout=5)
        wire.flood(40)
        client.clear_audio_buffer().result(5)
        with pytest.raises(SlowConsumer, match="events wait"):
            list(lazy)


def test_a_wait_gets_changes_of_the_status(variant: Variant) -> None:
    """
    They come from the client itself, after the event that changes the status.
    """
    with (
        variant.connected() as (client, _),
        client.expect("status_changed", where=lambda e: e.status == "speaking"),
        client.expect("status_changed") as changed,
    ):
        client.create_response()
    assert ("thinking", "idle") == (changed.event.status, changed.event.previous)


@pytest.mark.slow
def test_a_dropped_iterator_leaves_nothing(variant: Variant) -> None:
    """
    A break out of a loop is enough: its mailbox is gone.
    """
    with variant.connected() as (client, _):
        for _ in range(100):
            _break_out(client)
            client.expect(CLEARED)
        gc.collect()
        drained(client)  # the next event after the end of a mailbox finds it gone

        assert not inside.is_awaited(client, CLEARED)


def _break_out(client: AzureRealTimeAudio) -> None:
    events = client.events(CLEARED, timeout=5)
    client.clear_audio_buffer()
    for _ in events:
        break


def test_a_closed_stream_gives_what_it_has_and_ends() -> None:
    """
    close() collects no more; a with block does it.
    """
    with GA.connected() as (client, _):
        with client.events(CLEARED, timeout=5) as stream:
            drained(client)  # the answer's own future is done before streams have it
        drained(client)

        assert [CLEARED] == [event.type for event in stream]


def test_a_loop_continues_after_invalid_messages() -> None:
    """
    events() without names gives garbage, too.
    """

    def script(service: Service) -> None:
        service.read("input_audio_buffer.clear")
        service.say({"type": "brand.new"}, {"type": 5}, {}, {"type": "error"})

    with scripted(script) as (client, _):
        events = client.events(timeout=5)
        client.clear_audio_buffer()
        types = [next(events).type for _ in range(4)]

    assert ["brand.new", "error"] == [types[0], types[3]]


def test_an_expectation_is_for_one_block() -> None:
    """
    A second one would wait for nothing until its timeout.
    """
    with GA.connected(session_config=MANUAL) as (client, _):
        with client.expect("input_audio_buffer.cleared", timeout=5) as expected:
            client.clear_audio_buffer()
        with pytest.raises(RuntimeError, match=r"call expect\(\) again"), expected:
            pass


def test_a_question_in_a_signal_handler_fails_at_once_or_is_answered() -> None:
    """
    It fails where the handler has interrupted a call that holds a lock: the answer
    cannot be read before that call goes on. The client remains usable.
    """
    outcomes: list[object] = []

    def handle(_frame: object, event: str, _argument: object) -> None:
        if event == "c_return" and is_own_lock_held():
            sys.setprofile(None)
            try:
                outcomes.append(client.ask("Hello", timeout=60.0))
            except RuntimeError as error:
                outcomes.append(error)

    with GA.connected(service={"pace": 0}) as (client, _):
        sys.setprofile(handle)
        try:
            with at_most(5.0):
                client.append_audio(bytes(4800))
        finally:
            sys.setprofile(None)

        assert "signal handler" in str(outcomes)
        assert client.ask("Hello", timeout=10.0).transcript
