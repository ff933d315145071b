"""
More than the network carries, and more than listeners take: both are bounded.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.clients import GA, MANUAL, Variant
from helpers.peer import CLOSE, PING, PONG, Peer, PeerConnection, frame, serve_session
from helpers.reconnecting import QUICK, EventRecorder, appended
from helpers.timing import SCALE, at_most

from azure_realtime import AzureRealTimeAudio, QueueFull, SlowConsumer, WebSocketState
from azure_realtime._concurrency.deadline import Deadline
from azure_realtime._dispatch.backlog import Backlog, name_of
from azure_realtime._dispatch.callback_thread import CallbackThread
from azure_realtime._dispatch.subscriptions import Subscription, Subscriptions
from azure_realtime._memory import approximate_size
from azure_realtime.events import ResponseOutputAudioDelta, ServerEvent, UnknownEvent
from azure_realtime.simulator import Connection

SMALL = 200_000
"""Bytes of a send queue that is soon full."""

CHUNK = bytes(4800)
"""100 ms of audio."""


def _numbered(number: int) -> bytes:
    return number.to_bytes(4, "big") + bytes(4796)


def _numbers(connection: Connection) -> list[int]:
    audio = map(base64.b64decode, appended(connection))
    return [int.from_bytes(data[:4], "big") for data in audio]


def _append(client: AzureRealTimeAudio, count: int, **how: Any) -> None:
    for _ in range(count):
        client.append_audio(CHUNK, **how)


@contextlib.contextmanager
def _stuck(
    variant: Variant, overflow: str
) -> Iterator[tuple[AzureRealTimeAudio, Connection]]:
    """
    Give a client whose queue is full, for the service does not read.
    """
    with variant.connected(
        audio_overflow=overflow, max_send_queue_bytes=SMALL, session_config=MANUAL
    ) as (client, connection):
        connection.stop_reading()
        try:
            # The kernel takes some of it first; then the queue fills. A message larger
            # than the queue would be accepted by an empty one.
            big = bytes(96_000)
            while client.stats.send_queue_bytes < SMALL // 3:
                client.append_audio(big, timeout=5)
            if overflow == "block":
                with pytest.raises(QueueFull):
                    _append(client, 10_000, timeout=0.05)
            yield client, connection
        finally:
            connection.resume()


# Out.


def test_block_waits_until_its_deadline(variant: Variant) -> None:
    """
    Without room append_audio waits for its timeout, and then raises.
    """
    with _stuck(variant, "block") as (client, _):
        start = time.monotonic()
        with pytest.raises(QueueFull):
            _append(client, 100, timeout=0.3)
        assert 0.3 <= time.monotonic() - start < 1.0 * SCALE
        assert client.stats.send_queue_bytes <= SMALL
        assert 0 == client.stats.audio_dropped


def test_block_goes_on_when_there_is_room() -> None:
    """
    A caller that waits is let in as soon as the service reads again.
    """
    with _stuck(GA, "block") as (client, connection):
        done = threading.Event()

        def append() -> None:
            for _ in range(50):
                client.append_audio(CHUNK, timeout=20)
            done.set()

        thread = threading.Thread(target=append)
        thread.start()
        assert not done.wait(0.2)
        connection.resume()
        assert done.wait(10)
        thread.join()


def test_overflow_error_raises_at_once(variant: Variant) -> None:
    """
    With audio_overflow="error" a full queue is an exception, not a wait.
    """
    with _stuck(variant, "error") as (client, _):
        with at_most(0.5), pytest.raises(QueueFull):
            _append(client, 1000)
        assert 0 == client.stats.audio_dropped


def test_the_oldest_audio_makes_room(
    variant: Variant, eventually: Callable[..., None]
) -> None:
    """
    With "drop_oldest" the newest audio arrives, in order; what was dropped is counted
    and reported; commands arrive all of them, in their places.
    """
    with _stuck(variant, "drop_oldest") as (client, connection):
        recorder = EventRecorder(client)
        futures = []
        for number in range(1, 501):
            client.append_audio(_numbered(number))
            if number % 50 == 0:
                futures.append(
                    client.create_conversation_item(
                        {
                            "type": "message",
                            "role": "user",
                            "content": [{"type": "input_text", "text": str(number)}],
                        }
                    )
                )
        assert client.stats.send_queue_bytes <= SMALL
        dropped = client.stats.audio_dropped
        assert dropped > 0
        connection.resume()
        for future in futures:
            future.result(timeout=10)
        eventually(lambda: sum(e.dropped for e in recorder.of("overflow")) == dropped)
        numbers = [number for number in _numbers(connection) if 0 < number <= 500]
        assert 500 == numbers[-1]
        assert sorted(set(numbers)) == numbers
        texts = [
            event["item"]["content"][0]["text"]
            for event in connection.received
            if event["type"] == "conversation.item.create"
        ]
        assert [str(number) for number in range(50, 501, 50)] == texts


def test_a_command_need_not_wait_behind_a_queue_of_audio() -> None:
    """
    With "drop_oldest" a full queue takes a command at once; the audio that made room
    is counted and reported.
    """
    options = {"audio_overflow": "drop_oldest", "max_send_queue_bytes": SMALL}
    with Peer(None) as peer:  # so nothing is sent
        client = GA.client(peer.url, **options)
        while not client.stats.audio_dropped:
            client.append_audio(CHUNK)
        dropped = client.stats.audio_dropped
        with client.expect("overflow") as reported, at_most(0.5):
            item = {"type": "message", "role": "user", "content": []}
            text = {"type": "input_text", "text": "x" * 50_000}
            client.create_conversation_item({**item, "content": [text]})
        assert client.stats.audio_dropped == dropped + reported.event.dropped > dropped
        client.close(0.5)


@pytest.mark.parametrize("overflow", ["block", "drop_oldest", "error"])
def test_a_device_callback_is_never_blocked(overflow: str) -> None:
    """
    append_audio(block=False) takes less than 5 ms, while another thread waits for room.
    """
    with _stuck(GA, overflow) as (client, connection):
        waiting = threading.Event()

        def block() -> None:
            waiting.set()
            with contextlib.suppress(Exception):
                while True:
                    client.append_audio(bytes(150_000), timeout=None)

        thread = threading.Thread(target=block, daemon=True)
        if overflow == "block":
            thread.start()
            assert waiting.wait(5)
        took, worked, full = [], [], 0
        for _ in range(300):
            start, begun = time.perf_counter(), time.thread_time()
            try:
                client.append_audio(CHUNK, block=False)
            except QueueFull:
                full += 1
            worked.append(time.thread_time() - begun)
            took.append(time.perf_counter() - start)
        # what the scheduler takes away from this thread is no work of ours; but who
        # waits for room does so in every call, for the queue is full
        assert sorted(worked)[int(len(worked) * 0.98)] < 0.005 * SCALE
        assert sorted(took)[int(len(took) * 0.8)] < 0.005 * SCALE
        assert (full > 0) == (overflow != "drop_oldest")
        connection.resume()
        client.close()
        if overflow == "block":
            thread.join(5)


@pytest.mark.slow
def test_dropping_from_a_large_queue_is_quick() -> None:
    """
    With megabytes of small appends waiting, making room still takes no 5 ms.
    """
    with GA.connected(audio_overflow="drop_oldest", max_send_queue_bytes=16 << 20) as (
        client,
        connection,
    ):
        connection.stop_reading()
        chunk = bytes(480)  # 10 ms
        while client.stats.audio_dropped < 10:
            client.append_audio(chunk)
        took, worked = [], []
        for _ in range(300):
            start, begun = time.perf_counter(), time.thread_time()
            client.append_audio(chunk, block=False)
            worked.append(time.thread_time() - begun)
            took.append(time.perf_counter() - start)
        assert client.stats.send_queue > 10_000
        # what the scheduler takes away from this thread is no work of ours
        assert sorted(worked)[-6] < 0.005 * SCALE
        assert sorted(took)[len(took) // 2] < 0.005 * SCALE
        connection.drop()


def test_a_full_queue_makes_commands_wait_but_drops_none() -> None:
    """
    A command finds room as soon as there is some; it is never thrown away for audio.
    """
    with _stuck(GA, "block") as (client, connection):
        done: list[Any] = []

        def clear() -> None:
            done.append(client.clear_audio_buffer().result(timeout=20))

        thread = threading.Thread(target=clear)
        thread.start()
        connection.resume()
        thread.join(20)
        assert 1 == len(done)


# In.


def _flood(count: int, payload: int, pongs: list[float], done: threading.Event) -> Any:
    """
    Return the script of a service that sends so many deltas, with pings in between.

    It is never more than two pings ahead of the client: a pong that is late is so for
    what the client does, and not for all that the kernel keeps for it.
    """
    delta = json.dumps(
        {
            "type": "response.output_audio.delta",
            "event_id": "event_1",
            "response_id": "resp_1",
            "item_id": "item_1",
            "delta": base64.b64encode(bytes(payload)).decode(),
        }
    )
    many = frame(delta) * 100

    def script(conn: PeerConnection) -> None:
        serve_session(conn)
        asked: dict[bytes, float] = {}
        ahead = threading.Semaphore(2)

        def listen() -> None:
            with contextlib.suppress(OSError, EOFError):
                while True:
                    opcode, data = conn.read_frame()
                    if opcode == PONG:
                        pongs.append(time.monotonic() - asked[data])
                        ahead.release()
                    elif opcode == CLOSE:
                        conn.send(frame(data, CLOSE))

        listening = threading.Thread(target=listen)
        listening.start()
        for number in range(count // 100):
            if number % 5 == 0:
                assert ahead.acquire(timeout=20)
                name = str(number).encode()
                asked[name] = time.monotonic()
                conn.send(frame(name, PING))
            conn.send(many)
        conn.send(frame('{"type":"response.done","response":{"id":"resp_1"}}'))
        done.set()
        listening.join()

    return script


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc here")
def test_a_flood_into_a_stuck_listener_is_bounded(
    caplog: pytest.LogCaptureFixture, eventually: Callable[..., None]
) -> None:
    """
    100,000 deltas behind a listener that never returns: memory stays in the budget,
    pongs are on time, one warning names the listener, and close() is quick.
    """
    count, budget = 100_000, 8 << 20
    pongs: list[float] = []
    done, go, begun = threading.Event(), threading.Event(), threading.Event()

    def stuck(event: Any) -> None:
        begun.set()
        go.wait(60)

    with (
        Peer(_flood(count, 960, pongs, done)) as peer,
        contextlib.ExitStack() as stack,
    ):
        client = GA.client(peer.url, max_callback_queue_bytes=budget)
        stack.callback(client.close)
        stack.callback(go.set)
        client.on("response.audio.delta", stuck)
        client.connect()
        assert begun.wait(10)
        before = _resident()
        with client.expect("response.done", timeout=60):
            assert done.wait(45)
        stats = client.stats
        assert _resident() - before < 2 * budget
        assert stats.events_dropped > count * 0.9
        assert stats.callback_queue + stats.events_dropped >= count - 10
        assert stats.callback_queue <= stats.callback_queue_peak < 5000
        assert len(pongs) >= count // 500 - 2  # which may be under way
        assert max(pongs) < 1.0 * SCALE
        eventually(lambda: _warnings(caplog))
        warnings = [r for r in caplog.records if r.levelno == logging.WARNING]
        assert 1 == len(warnings)
        assert "stuck" in warnings[0].getMessage()
        assert "has been running for" in warnings[0].getMessage()
        assert _seconds_in(warnings[0].getMessage()) >= 1.0
        with at_most(1.5):
            client.close(0.5)


_DELTA = {"type": "response.output_audio.delta", "delta": "A" * 40_000}
SIZE = 40_000  # bytes of it
_FAR_BEHIND = {"max_callback_queue_bytes": 1 << 20}


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]


def _seconds_in(warning: str) -> float:
    found = re.search(r"(?:running for|took) ([0-9.]+) s", warning)
    assert found, warning
    return float(found[1])


@pytest.mark.slow
@pytest.mark.parametrize("who", ["a listener", "a future's callback"])
def test_the_warning_names_the_slow_function_and_its_running_time(
    who: str, caplog: pytest.LogCaptureFixture, eventually: Callable[..., None]
) -> None:
    """
    It is logged a second after the soft limit, without any further event.
    """
    go, begun = threading.Event(), threading.Event()

    def very_slow(_: Any) -> None:
        begun.set()
        go.wait(20)

    with GA.connected(**_FAR_BEHIND) as (client, connection):
        if who == "a listener":
            client.on("rate_limits.updated", very_slow)
            connection.send({"type": "rate_limits.updated"})
        else:
            client.clear_audio_buffer().add_done_callback(very_slow)
        assert begun.wait(5)
        connection.flood(10, _DELTA)
        eventually(lambda: _warnings(caplog))
        go.set()
        client.close()
    (warning,) = _warnings(caplog)
    assert "very_slow" in warning
    assert _seconds_in(warning) >= 1.0


@pytest.mark.slow
def test_pumping_too_seldom_draws_a_warning(
    caplog: pytest.LogCaptureFixture, eventually: Callable[..., None]
) -> None:
    """
    Where listeners run by hand, and no thread runs them, the warning asks about pump().
    """
    with Variant("ga").connected(dispatch="manual", **_FAR_BEHIND) as (
        client,
        connection,
    ):
        connection.flood(10, _DELTA)
        eventually(lambda: _warnings(caplog))
        client.close()
    (warning,) = _warnings(caplog)
    assert "pump() is not called" in warning


def _audio() -> ServerEvent:
    return ResponseOutputAudioDelta(raw=_DELTA)


def _small(number: int) -> ServerEvent:
    return UnknownEvent(type=f"n{number}")


class _Clock:
    """
    A clock of its own: on a busy machine any listener may be the slowest.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float = 1.0) -> None:
        self.now = 100.0
        for module in ("backlog", "dispatcher"):
            monkeypatch.setattr(f"azure_realtime._dispatch.{module}.time", self)
        monkeypatch.setattr("azure_realtime._dispatch.backlog._WARNING_DELAY", seconds)

    def monotonic(self) -> float:
        """
        Return the time.
        """
        return self.now


@pytest.mark.parametrize("batch", [True, False], ids=["a batch", "one by one"])
def test_the_slowest_of_many_listeners_is_named(
    batch: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Where no listener is stuck but all together take too long, the slowest one is named.
    """
    clock = _Clock(monkeypatch, seconds=0.0)
    begun, go = threading.Event(), threading.Event()

    def quick(_: Any) -> None:
        clock.now += 0.01

    def slowest(_: Any) -> None:
        clock.now += 0.05

    def other(_: Any) -> None:
        clock.now += 0.02

    def running(_: Any) -> None:
        begun.set()
        go.wait(5)

    registry = Subscriptions()
    for number, listener in enumerate([quick, slowest, other, running]):
        registry.add(Subscription(f"n{number}", listener, False))
    dispatcher = CallbackThread(registry, "callbacks", Backlog(200_000))
    events = [_small(number) for number in range(5)]  # the last has no listener
    if batch:
        dispatcher.post_batch(events, [100] * 5)
    else:
        for event in events:
            dispatcher.post(event, 100)
    dispatcher.start()
    assert begun.wait(5)
    dispatcher.post(_audio(), 60_000)
    go.set()
    dispatcher.finish()
    assert dispatcher.join(Deadline(5))
    (warning,) = _warnings(caplog)
    assert f"slowest, {__name__}" in warning
    assert "<locals>.slowest, took" in warning
    assert 0.05 == _seconds_in(warning)


def test_audio_is_dropped_from_a_batch_that_has_no_room(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    What fits is delivered, and all that is no audio, in order; the rest is counted.
    """
    delivered: list[ServerEvent] = []
    registry = Subscriptions()
    registry.add(Subscription("*", delivered.append, False))
    dispatcher = CallbackThread(registry, "callbacks", Backlog(200_000))
    events = [_audio() if n % 2 else _small(n) for n in range(20)]
    dispatcher.post_batch(events, [SIZE if n % 2 else 100 for n in range(20)])
    assert 6 == dispatcher.backlog.load().events_dropped  # 4 are 168,000 bytes
    assert 14 == dispatcher.backlog.load().callback_queue
    dispatcher.start()
    dispatcher.finish()
    assert dispatcher.join(Deadline(5))
    kept = [event for n, event in enumerate(events) if n % 2 == 0 or n < 8]
    assert [id(event) for event in delivered] == [id(event) for event in kept]
    load = dispatcher.backlog.load()
    assert (0, 0) == (load.callback_queue, load.callback_queue_bytes)
    (warning,) = _warnings(caplog)
    assert "6 were dropped" in warning


def test_a_batch_makes_room_one_event_at_a_time() -> None:
    """
    What has been delivered of a batch counts no more while the rest still waits.
    """
    queued: list[tuple[int, int, int]] = []
    registry = Subscriptions()
    backlog = Backlog(4 * (SIZE + 2000))
    dispatcher = CallbackThread(registry, "callbacks", backlog)

    def post_another(event: ServerEvent) -> None:
        load = backlog.load()
        dispatcher.post_batch([_audio(), _audio()], [SIZE, SIZE])
        after = backlog.load().callback_queue
        queued.append((load.callback_queue, load.callback_queue_bytes, after))

    for number in range(4):
        registry.add(Subscription(f"n{number}", post_another, False))
    dispatcher.post_batch([_small(number) for number in range(4)], [SIZE] * 4)
    dispatcher.start()
    dispatcher.finish()
    assert dispatcher.join(Deadline(5))
    each = SIZE + 2000
    # one place: one of two; then each call finds a place again, and takes it
    assert [(3, 3 * each, 4)] * 4 == queued
    assert 4 == backlog.load().events_dropped
    assert 4 * each == backlog.load().callback_queue_peak_bytes


def test_a_batch_for_which_there_is_no_room_may_end_the_connection() -> None:
    """
    With slow_consumer="disconnect" the error comes once and names who is slow.
    """
    errors: list[SlowConsumer] = []
    begun, go = threading.Event(), threading.Event()

    def very_slow(_: Any) -> None:
        begun.set()
        go.wait(5)

    registry = Subscriptions()
    registry.add(Subscription("n0", very_slow, False))
    backlog = Backlog(200_000, disconnect=True, on_overflow=errors.append)
    dispatcher = CallbackThread(registry, "callbacks", backlog)
    dispatcher.start()
    dispatcher.post_batch([_small(0)], [100])
    assert begun.wait(5)
    for _ in range(3):
        dispatcher.post_batch([_small(number) for number in range(1, 6)], [SIZE] * 5)
    go.set()
    dispatcher.finish()
    assert dispatcher.join(Deadline(5))
    assert 1 == len(errors)
    assert "very_slow" in str(errors[0])


def test_catching_up_within_a_batch_draws_no_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The second past the mark counts from the time of the last crossing; a batch may be
    half delivered when it is over.
    """
    clock = _Clock(monkeypatch)
    looks: list[float | None] = []
    registry = Subscriptions()
    backlog = Backlog(200_000)
    dispatcher = CallbackThread(registry, "callbacks", backlog)

    def look(seconds: float) -> None:
        clock.now += seconds
        looks.append(backlog.next_deadline())

    def first(_: Any) -> None:
        look(0.0)
        look(0.8)

    def second(_: Any) -> None:
        clock.now += 0.8  # no check while less than the mark waits

    def third(_: Any) -> None:
        dispatcher.post_batch([_small(3), _small(4)], [30_000, 30_000])
        look(0.0)

    def fourth(_: Any) -> None:
        look(2.0)  # a check when less than the mark waits again

    # past the mark with three of them, not with two
    for number, listener in enumerate([first, second, third, fourth]):
        registry.add(Subscription(f"n{number}", listener, False))
    dispatcher.post_batch([_small(n) for n in (0, 1, 2, 5)], [20_000] * 4)
    dispatcher.start()
    dispatcher.finish()
    assert dispatcher.join(Deadline(5))
    assert [1.0, pytest.approx(0.2), 1.0, None] == looks
    assert [] == _warnings(caplog)


class _Unspeakable:
    """
    A listener that cannot be printed.
    """

    def __init__(self) -> None:
        self.go, self.begun = threading.Event(), threading.Event()

    def __repr__(self) -> str:
        raise RuntimeError("not set up yet")

    def __call__(self, _: Any) -> None:
        """
        Be very slow.
        """
        self.begun.set()
        self.go.wait(20)

    receive = __call__


@pytest.mark.slow
def test_a_slow_listener_is_named_though_it_cannot_be_printed(
    caplog: pytest.LogCaptureFixture, eventually: Callable[..., None]
) -> None:
    """
    Its ``__repr__`` is not used; the connection stays open.
    """
    slow = _Unspeakable()
    with GA.connected(**_FAR_BEHIND) as (client, connection):
        client.on("rate_limits.updated", slow)
        connection.send({"type": "rate_limits.updated"})
        assert slow.begun.wait(5)
        connection.flood(10, _DELTA)
        eventually(lambda: _warnings(caplog))
        client.clear_audio_buffer()
        slow.go.set()
        assert WebSocketState.OPEN is client.state
    (warning,) = _warnings(caplog)
    assert f"an object of {__name__}._Unspeakable" in warning


def test_the_name_of_a_listener_is_found_without_running_its_code() -> None:
    """
    Whatever kind of callable it is: an object, a method, a partial, a lambda.
    """
    slow = _Unspeakable()
    names = {
        slow: f"an object of {__name__}._Unspeakable",
        slow.receive: f"{__name__}._Unspeakable.__call__",
        functools.partial(slow): f"a partial of an object of {__name__}._Unspeakable",
    }
    assert names == {listener: name_of(listener) for listener in names}
    assert name_of(lambda event: slow(event)).endswith(".<lambda>")
    assert name_of(print) == "builtins.print"


def test_a_burst_draws_a_warning_only_if_audio_was_dropped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    Listeners that have caught up draw no warning; lost audio is reported.
    """
    backlog = Backlog(200_000, disconnect=False)
    for count, reported in [(4, 0), (10, 1), (4, 1)]:
        kept = [backlog.enter(_audio(), SIZE) for _ in range(count)]
        for number in range(sum(kept)):
            backlog.leave(SIZE, time.monotonic())
            backlog.ran(number, 0.01)
        assert reported == len(_warnings(caplog))
    assert "6 were dropped" in _warnings(caplog)[0]
    assert (0, 0) == (
        backlog.load().callback_queue,
        backlog.load().callback_queue_bytes,
    )


@pytest.mark.parametrize("letter", ["a", "\xe4", "\u4e2d", "\U0001f600"])
def test_text_is_counted_with_its_memory(letter: str) -> None:
    """
    Text in any script fills the budget by its bytes in memory, not by its letters.
    """
    text = letter * 100_000
    weight = approximate_size({"text": text})
    assert sys.getsizeof(text) <= weight < sys.getsizeof(text) + 1000


@pytest.mark.slow
def test_close_does_not_wait_for_a_listener_that_is_far_behind() -> None:
    """
    close() as it is gives a listener time to finish, but not if it is stuck in a flood.
    """
    go, begun = threading.Event(), threading.Event()

    def stuck(_: Any) -> None:
        begun.set()
        go.wait(20)

    with GA.connected(**_FAR_BEHIND) as (client, connection):
        client.on("response.audio.delta", stuck)
        connection.flood(10, _DELTA)
        assert begun.wait(5)
        with client.expect("input_audio_buffer.cleared"):
            client.clear_audio_buffer()
        with at_most(2.5):
            client.close()
        go.set()
        client.close()


@pytest.mark.parametrize("place_name", ["ga", "preview"])
def test_only_audio_is_dropped(place_name: str) -> None:
    """
    Past the mark text, errors and endings are still delivered, in order.
    """
    go = threading.Event()
    with Variant(place_name).connected(max_callback_queue_bytes=100_000) as (
        client,
        service,
    ):
        order: list[Any] = []

        def listen(event: Any) -> None:
            go.wait(10)
            order.append(event)

        client.on("rate_limits.updated", listen)
        client.on("error", order.append)
        client.on("response.text.delta", order.append)
        client.on("response.audio.delta", order.append)
        prefix = "response." if place_name == "preview" else "response.output_"
        service.send({"type": "rate_limits.updated", "rate_limits": []})
        for number in range(30):
            service.flood(1, {"type": f"{prefix}audio.delta", "delta": "AAAA" * 1000})
            service.send({"type": f"{prefix}text.delta", "delta": str(number)})
        with client.expect("error"):
            service.send({"type": "error", "error": {"message": "the last"}})
        go.set()
        delivered = threading.Event()
        client.once("input_audio_buffer.cleared", lambda event: delivered.set())
        client.clear_audio_buffer()
        assert delivered.wait(5)
        texts = [e.delta for e in order if e.type == "response.output_text.delta"]
        assert [str(number) for number in range(30)] == texts
        assert "error" == order[-1].type
        audio = [e for e in order if e.type == "response.output_audio.delta"]
        assert 30 == len(audio) + client.stats.events_dropped
        assert client.stats.events_dropped > 0


def test_a_slow_consumer_may_be_disconnected() -> None:
    """
    With slow_consumer="disconnect" the hard mark ends it, with an error that names who.
    """
    go, begun = threading.Event(), threading.Event()
    options = {**QUICK, "max_callback_queue_bytes": 300_000}

    def very_slow(event: Any) -> None:
        begun.set()
        go.wait(10)

    with GA.connected(slow_consumer="disconnect", **options) as (client, connection):
        client.on("response.audio.delta", very_slow)
        connection.flood(1)
        assert begun.wait(5)
        connection.flood(200)
        with pytest.raises(SlowConsumer, match="very_slow"):
            client.wait_for("response.done", timeout=5)
        with pytest.raises(SlowConsumer, match="very_slow"):
            client.clear_audio_buffer()
        go.set()
        # it is not the network's fault: there is no other connection
        assert isinstance(client.wait_for("disconnected").error, SlowConsumer)
        assert 0 == client.stats.reconnects


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.done", "response": {"output": [{"text": "x" * 300_000}]}},
        {"type": "unknown.type", "junk": ["y" * 1000] * 300},
        {"type": "response.output_audio.delta", "delta": "", "junk": "z" * 300_000},
    ],
    ids=["large ends", "unknown", "a delta of something else"],
)
def test_large_events_without_audio_are_bounded_too(event: dict[str, Any]) -> None:
    """
    Large events that are no audio count with all they hold: too many end it.
    """
    go, begun = threading.Event(), threading.Event()

    def stuck(event: Any) -> None:
        begun.set()
        go.wait(20)

    with GA.connected(max_callback_queue_bytes=2 << 20) as (client, connection):
        diary_of_end = client.events("closed", timeout=20)
        client.on("*", stuck)
        connection.send({"type": "rate_limits.updated"})
        assert begun.wait(5)
        before = _resident()
        audio = "audio" in event["type"]
        connection.flood(200, event)
        if audio:
            client.expect("response.done").__enter__()
            client.clear_audio_buffer().result(timeout=10)
            assert client.stats.events_dropped > 100
        else:
            assert isinstance(next(diary_of_end).error, SlowConsumer)
        assert _resident() - before < 100 << 20
        go.set()


def test_an_unread_event_stream_ends_with_slow_consumer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    It holds so much and no more; what it holds can be read, then it raises.
    """
    import azure_realtime._dispatch.mailbox as waiters

    monkeypatch.setattr(waiters, "MAX_BYTES", 1 << 20)
    big = {"type": "rate_limits.updated", "rate_limits": [], "junk": "x" * 100_000}
    with GA.connected() as (client, connection):
        stream = client.events("rate_limits.updated", timeout=5)
        connection.flood(50, big)
        client.clear_audio_buffer().result(timeout=5)
        taken: list[Any] = []
        with pytest.raises(SlowConsumer):
            taken.extend(stream)
        assert 9 <= len(taken) <= 10


def test_stats_report_the_numbers() -> None:
    """
    client.stats: queues, bytes, lag, round trip; all of them are believable.
    """
    with GA.connected(ping_interval=0.1) as (client, connection):
        go = threading.Event()
        client.on("rate_limits.updated", lambda event: go.wait(5))
        for _ in range(10):
            connection.send({"type": "rate_limits.updated"})
        client.clear_audio_buffer().result(timeout=5)
        deadline = time.monotonic() + 5
        while client.stats.round_trip is None and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        stats = client.stats
        assert stats.callback_queue >= 9
        assert stats.callback_queue_bytes > 9 * len('{"type": "rate_limits.updated"}')
        assert stats.callback_queue_peak_bytes >= stats.callback_queue_bytes
        # who watches sees it grow while a listener is stuck
        assert stats.dispatch_lag > 0.0
        assert client.stats.dispatch_lag > stats.dispatch_lag
        assert stats.callback_queue_peak >= stats.callback_queue
        assert stats.round_trip is not None
        assert 0.0 <= stats.round_trip < 2.0
        assert (0, 0, 0) == (
            stats.send_queue,
            stats.send_queue_bytes,
            stats.audio_dropped,
        )
        assert stats.bytes_sent > 100
        assert stats.bytes_received > 100
        go.set()
        client.close()
        assert client.stats.dispatch_lag > 0.0
        assert 0 == client.stats.callback_queue
