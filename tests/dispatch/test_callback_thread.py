"""
The callback thread: order, isolation, and an end.
"""

from __future__ import annotations

import gc
import logging
import os
import queue
import subprocess
import sys
import textwrap
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from helpers.timing import at_most

from azure_realtime._concurrency.deadline import Deadline
from azure_realtime._dispatch.callback_thread import CallbackThread
from azure_realtime._dispatch.event_keys import key_for
from azure_realtime._dispatch.subscriptions import Subscription, Subscriptions
from azure_realtime.events import (
    Init,
    InputAudioBufferSpeechStarted,
    ListenerError,
    ServerEvent,
    UnknownEvent,
)

SPEECH = "input_audio_buffer.speech_started"
SIZE = 100
"""Bytes of an event, where they do not matter."""


class Bench:
    """
    A registry and its thread, as a client holds them.
    """

    def __init__(self) -> None:
        self.registry = Subscriptions()
        self.thread = CallbackThread(self.registry, "callbacks-under-test")
        self.thread.start()

    def on(
        self, event: str, listener: Callable[[Any], Any], once: bool = False
    ) -> None:
        """
        Subscribe, as a client does.
        """
        subscription = Subscription(key_for(event), listener, once)
        for missed in self.registry.add(subscription):
            self.thread.post(missed, SIZE, subscription)

    def post(self, *names: str) -> None:
        """
        Have events of these names delivered.
        """
        for name in names:
            self.thread.post(UnknownEvent(type=name), SIZE)

    def post_batch(self, *names: str) -> None:
        """
        Have events of these names delivered that came together.
        """
        events = [UnknownEvent(type=name) for name in names]
        self.thread.post_batch(events, [SIZE] * len(names))

    @property
    def waiting(self) -> tuple[int, int]:
        """
        How many events wait, and how many bytes.
        """
        load = self.thread.backlog.load()
        return load.callback_queue, load.callback_queue_bytes

    def finish(self) -> None:
        """
        End the thread, and see that it ends.
        """
        self.thread.finish()
        assert self.thread.join(Deadline(5.0))


def test_a_late_listener_gets_no_replaced_state() -> None:
    """
    A listener of `init` that is added while a new event is queued receives the new one,
    and not the old one after it.
    """
    bench = Bench()
    blocked, go_on = threading.Event(), threading.Event()
    delivered: list[int] = []
    bench.thread.post(Init(generation=1), SIZE)
    bench.thread.call(lambda: (blocked.set(), go_on.wait(5.0)))
    assert blocked.wait(5.0)
    bench.thread.post(Init(generation=2), SIZE)
    bench.on("init", lambda event: delivered.append(event.generation))
    go_on.set()
    bench.thread.drain(Deadline(5.0))
    assert delivered == [2]
    bench.on("init", lambda event: delivered.append(event.generation))
    bench.thread.finish()
    assert bench.thread.join(Deadline(5.0))
    assert delivered == [2, 2]


def fail(event: Any) -> None:
    """
    Raise, as a listener of a user may.
    """
    raise RuntimeError("mine")


@pytest.fixture
def bench() -> Iterator[Bench]:
    """
    Give a running thread, and end it.
    """
    made = Bench()
    yield made
    made.finish()


def test_events_come_in_order_and_on_one_thread(bench: Bench) -> None:
    """
    Every event is delivered, in the order it came, always on the same thread.
    """
    seen: list[tuple[str, str]] = []
    bench.on("*", lambda e: seen.append((e.type, threading.current_thread().name)))
    names = [f"n{i}" for i in range(200)]
    bench.post(*names)
    bench.finish()
    assert seen == [(name, "callbacks-under-test") for name in names]


def test_post_never_waits_for_a_slow_listener(bench: Bench) -> None:
    """
    A slow listener does not keep the reader from reading on.
    """
    go = threading.Event()
    bench.on("*", lambda _: go.wait(5.0))
    with at_most(0.5):
        bench.post(*["n"] * 1000)
    go.set()


def test_a_raising_listener_does_not_affect_others(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The other listeners of the event and the events behind it are served all the same;
    the exception is logged with its traceback and comes as `listener_error`.
    """
    seen: list[str] = []
    errors: list[ListenerError] = []

    def fail(event: Any) -> None:
        raise RuntimeError("mine")

    bench.on("a", fail)
    bench.on("a", lambda e: seen.append(e.type))
    bench.on("b", lambda e: seen.append(e.type))
    bench.on("listener_error", errors.append)
    bench.post("a", "b")
    bench.finish()
    assert seen == ["a", "b"]
    assert [(str(e.error), e.listener, e.event.type) for e in errors] == [  # type: ignore[union-attr]
        ("mine", fail, "a")
    ]
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.exc_info is not None
    assert "fail" in record.getMessage()


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_sys_exit_in_a_listener_does_not_end_the_thread(
    bench: Bench, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """
    `sys.exit()` in a listener is logged like any failure; the next event is delivered.
    """
    seen: list[str] = []

    def fail(event: Any) -> None:
        raise error

    bench.on("a", fail)
    bench.on("b", lambda e: seen.append(e.type))
    bench.post("a", "b")
    bench.finish()
    assert seen == ["b"]
    assert len(caplog.records) == 1


def test_a_failing_error_listener_is_not_called_for_itself(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """
    A `listener_error` listener that raises is logged, and there it ends.
    """

    def fail(event: Any) -> None:
        raise RuntimeError(event.type)

    bench.on("a", fail)
    bench.on("listener_error", fail)
    bench.post("a")
    bench.finish()
    assert len(caplog.records) == 2


@pytest.mark.slow
def test_an_exception_is_visible_without_any_logging_set_up() -> None:
    """
    A plain script whose callback raises shows the traceback on its standard error.
    """
    script = """
        from azure_realtime._dispatch.callback_thread import CallbackThread
        from azure_realtime._concurrency.deadline import Deadline
        from azure_realtime._dispatch.subscriptions import Subscription, Subscriptions
        from azure_realtime.events import Init

        def my_listener(event):
            return 1 / 0

        registry = Subscriptions()
        registry.add(Subscription("init", my_listener, False))
        thread = CallbackThread(registry, "callbacks")
        thread.start()
        thread.post(Init(), 100)
        thread.finish()
        thread.join(Deadline(5.0))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert "ZeroDivisionError" in done.stderr
    assert "my_listener" in done.stderr


def test_a_listener_may_subscribe_unsubscribe_and_post(bench: Bench) -> None:
    """
    A callback may use everything: what it posts comes behind what is queued.
    """
    seen: list[str] = []

    def first(event: Any) -> None:
        seen.append("first")
        bench.registry.remove("a", second)
        bench.on("c", lambda _: seen.append("third"))
        bench.post("c")

    def second(event: Any) -> None:
        seen.append("second")

    bench.on("a", first, once=True)
    bench.on("a", second)
    bench.on("b", lambda _: seen.append("b"))
    bench.post("a", "b", "a")
    bench.finish()
    assert seen == ["first", "b", "third"]


def test_finish_delivers_what_is_queued(bench: Bench) -> None:
    """
    Closing loses no event that had already come.
    """
    seen: list[str] = []
    go = threading.Event()
    bench.on("a", lambda _: go.wait(5.0))
    bench.on("b", lambda e: seen.append(e.type))
    bench.post("a", *["b"] * 50)
    bench.thread.finish()
    go.set()
    bench.finish()
    assert len(seen) == 50


class LastMoment(queue.SimpleQueue[Any]):
    """
    Jobs of a thread, to which something happens when it has found no more of them.
    """

    def __init__(self, happens: Callable[[], object]) -> None:
        super().__init__()
        self._happens = [happens]

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """
        Return the next job.
        """
        try:
            return super().get(block, timeout)
        except queue.Empty:
            if self._happens:
                self._happens.pop()()
            raise


def test_events_that_come_as_the_thread_ends_are_delivered() -> None:
    """
    No event is lost between the last check of the thread and its end: a listener that is
    added while another thread closes the client receives the events as usual.
    """
    seen: list[str] = []
    registry = Subscriptions()
    registry.add(Subscription("late", lambda e: seen.append(e.type), False))
    thread = CallbackThread(registry, "callbacks-under-test")
    thread._jobs = LastMoment(lambda: thread.post(UnknownEvent(type="late"), SIZE))
    thread.start()
    thread.finish()
    assert thread.join(Deadline(5.0))
    assert seen == ["late"]
    thread.post(UnknownEvent(type="late"), SIZE)
    assert seen == ["late"] * 2


def test_a_function_posted_as_the_callback_thread_ends_is_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    A function is posted just when the thread has found nothing left to do.
    """
    ran = threading.Event()
    dispatcher = CallbackThread(Subscriptions(), "callbacks")
    run_next = dispatcher._run_next

    def run_next_or_end() -> bool:
        goes_on = run_next()
        if not goes_on:
            dispatcher.submit(ran.set)
        return goes_on

    monkeypatch.setattr(dispatcher, "_run_next", run_next_or_end)
    dispatcher.start()
    dispatcher.finish()
    assert dispatcher.join(Deadline(10.0))
    assert ran.is_set()


def test_functions_posted_as_the_callback_thread_ends_run_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    The thread has looked its last; what comes then runs in order, never two at once.
    """
    looked, run_next = threading.Event(), CallbackThread._run_next
    go, inside, log = threading.Event(), threading.Event(), list[str]()

    def look(dispatcher: CallbackThread) -> bool:
        more = run_next(dispatcher)
        if not more:
            looked.set()
            assert go.wait(5)
        return more

    def first() -> None:
        inside.set()
        second.start()
        second.join(5)  # it does not wait for us, and runs nothing beside us
        log.append("first")

    monkeypatch.setattr(CallbackThread, "_run_next", look)
    dispatcher = CallbackThread(Subscriptions(), "callbacks")
    second = threading.Thread(target=lambda: dispatcher.call(log.append, "second"))
    dispatcher.start()
    dispatcher.finish()
    assert looked.wait(5)
    dispatcher.call(first)
    go.set()
    assert inside.wait(5)
    assert dispatcher.join(Deadline(5.0))
    second.join(5)
    assert ["first", "second"] == log


def test_join_returns_in_time_though_a_listener_still_runs(bench: Bench) -> None:
    """
    A callback that hangs delays closing by the timeout and no more; what is behind it
    is never delivered.
    """
    seen: list[str] = []
    begun, go = threading.Event(), threading.Event()

    def hang(event: Any) -> None:
        begun.set()
        go.wait(10.0)

    bench.on("a", hang)
    bench.on("b", lambda e: seen.append(e.type))
    bench.post("a", "b")
    assert begun.wait(5.0)
    bench.thread.finish()
    with at_most(0.5):
        assert not bench.thread.join(Deadline(0.1))
    go.set()
    bench.finish()
    assert seen == []


def test_join_in_a_listener_does_not_wait_for_itself(bench: Bench) -> None:
    """
    Closing inside a callback returns at once.
    """
    results: list[bool] = []

    def close(event: Any) -> None:
        bench.thread.finish()
        with at_most(0.5):
            results.append(bench.thread.join(Deadline(5.0)))
        results.append(bench.thread.is_current)

    bench.on("a", close)
    bench.post("a")
    bench.thread._thread.join(5.0)
    assert results == [False, True]
    assert not bench.thread.is_current


# Batches.


def test_a_batch_is_delivered_in_order_between_its_neighbours(bench: Bench) -> None:
    """
    Events of one batch are delivered one after the other, in their place.
    """
    seen: list[str] = []
    bench.on("*", lambda e: seen.append(e.type))
    bench.on("b1", fail)
    bench.post("a")
    bench.post_batch("b0", "b1", "b2")
    bench.post("c")
    bench.finish()
    assert seen == ["a", "b0", "listener_error", "b1", "b2", "c"]
    assert bench.waiting == (0, 0)


def test_an_empty_batch_wakes_no_thread() -> None:
    """
    A read that brings no event costs the callback thread nothing.
    """
    thread = CallbackThread(Subscriptions(), "callbacks-under-test")
    thread.post_batch([], [])
    assert thread._jobs.empty()


def test_listeners_may_come_and_go_in_the_middle_of_a_batch(bench: Bench) -> None:
    """
    `on` and `off` count from the moment they return, also for events that were read
    together; "once" is once.
    """
    seen: list[str] = []

    def add(event: Any) -> None:
        seen.append("add")
        bench.on(SPEECH, late)

    def take_off(event: Any) -> None:
        seen.append("take off")
        bench.registry.remove(SPEECH, second)

    def second(event: Any) -> None:
        seen.append("second")

    def late(event: Any) -> None:
        seen.append("late")

    bench.on(SPEECH, lambda _: seen.append("once"), once=True)
    bench.on(SPEECH, lambda _: seen.append("first"))
    bench.on(SPEECH, second)
    bench.on("add", add)
    bench.on("take off", take_off)
    speech = InputAudioBufferSpeechStarted()
    events = [
        *(speech, speech, UnknownEvent(type="add")),
        *(speech, UnknownEvent(type="take off"), speech),
    ]
    bench.thread.post_batch(events, [SIZE] * len(events))
    bench.finish()
    assert seen == [
        *("once", "first", "second", "first", "second", "add"),
        *("first", "second", "late", "take off", "first", "late"),
    ]


def test_a_listener_that_another_took_off_is_not_called(bench: Bench) -> None:
    """
    `off` within a listener counts for the event it was called with.
    """
    seen: list[str] = []

    def second(event: Any) -> None:
        seen.append("second")

    def first(event: Any) -> None:
        seen.append("first")
        bench.registry.remove(SPEECH, second)

    bench.on(SPEECH, first)
    bench.on(SPEECH, second)
    event = InputAudioBufferSpeechStarted()
    bench.thread.post_batch([event, event], [SIZE, SIZE])
    bench.finish()
    assert seen == ["first", "first"]


def test_a_late_listener_gets_a_state_of_a_batch(bench: Bench) -> None:
    """
    `init` is remembered though it came together with other events, more than once.
    """
    seen: list[ServerEvent] = []
    first, second = Init(generation=1), Init(generation=2)
    bench.on("init", lambda _: None)  # they have a listener when they come
    bench.on("last", lambda _: bench.on("init", seen.append))
    bench.thread.post_batch(
        [first, second, UnknownEvent(type="last")], [SIZE, SIZE, SIZE]
    )
    bench.finish()
    assert [id(event) for event in seen] == [id(second)]


def test_dropped_events_of_a_batch_are_not_counted_as_waiting(bench: Bench) -> None:
    """
    A listener that hangs longer than close() waits: what is behind it in the same batch
    is never delivered, and does not count as waiting.
    """
    seen: list[str] = []
    begun, go = threading.Event(), threading.Event()

    def hang(event: Any) -> None:
        begun.set()
        go.wait(10.0)

    bench.on("a", hang)
    bench.on("b", lambda e: seen.append(e.type))
    bench.post_batch("a", "b", "b")
    assert begun.wait(5.0)
    bench.thread.finish()
    assert not bench.thread.join(Deadline(0.01))
    assert bench.waiting[0] == 2
    go.set()
    bench.thread._thread.join(5.0)
    assert seen == []
    assert bench.waiting == (0, 0)
    bench.post_batch("b", "b")  # afterwards all is delivered where it is posted
    assert seen == ["b", "b"]


def test_a_client_dropped_in_the_middle_of_a_batch_gets_no_more_events() -> None:
    """
    The last reference goes in a listener: the events behind it are dropped.
    """
    bench = Bench()
    thread, seen = bench.thread, list[str]()
    dropped, owner = threading.Event(), [bench.registry]

    def drop(event: Any) -> None:
        seen.append("drop")
        dropped.wait(5.0)
        owner.clear()

    bench.on("a", drop)
    bench.on("b", lambda e: seen.append(e.type))
    bench.post_batch("a", "b")
    del bench
    dropped.set()
    thread.finish()
    assert thread.join(Deadline(5.0))
    assert seen == ["drop"]


def test_ctrl_c_in_a_batch_after_the_end_leaves_no_waiting_event() -> None:
    """
    The main thread runs what it posts to a thread that has ended: Ctrl-C in a listener
    comes through, and the rest of the batch does not count as waiting.
    """
    bench = Bench()
    bench.finish()

    def interrupt(event: Any) -> None:
        raise KeyboardInterrupt

    seen: list[str] = []
    bench.on("a", interrupt)
    bench.on("b", lambda e: seen.append(e.type))
    with pytest.raises(KeyboardInterrupt):
        bench.post_batch("a", "b")
    assert bench.waiting == (0, 0)
    bench.post_batch("b", "b")
    assert seen == ["b", "b"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_the_child_of_a_listener_delivers_nothing() -> None:
    """
    A listener forks in the middle of a batch: the child delivers no other event, however
    the listener ends; the parent delivers all of them.
    """
    script = """
        import os
        from azure_realtime._concurrency.deadline import Deadline
        from azure_realtime._dispatch.callback_thread import CallbackThread
        from azure_realtime._dispatch.subscriptions import Subscription, Subscriptions
        from azure_realtime.events import UnknownEvent

        parent = os.getpid()

        def fork(event):
            child = os.fork()
            if child:
                os.waitpid(child, 0)
            elif event.type == "raises":
                raise ValueError

        def note(event):
            who = "parent" if os.getpid() == parent else "child"
            os.write(1, f"{who} {event.type};".encode())

        registry = Subscriptions()
        for name in ("raises", "returns"):
            registry.add(Subscription(name, fork, False))
        registry.add(Subscription("*", note, False))
        thread = CallbackThread(registry, "callbacks")
        names = ["raises", "returns", "last"]
        thread.post_batch([UnknownEvent(type=name) for name in names], [100] * 3)
        thread.start()
        thread.finish()
        thread.join(Deadline(20.0))
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.split(";") == [
        *("parent raises", "parent returns", "parent last", "")
    ]


def test_a_dropped_client_is_not_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The thread that waits for events holds neither the registry nor a listener, not even
    after a listener raised; and no garbage collection is needed to see it.
    """
    # pytest keeps what is logged, and with it the traceback
    monkeypatch.setattr(logging.getLogger("azure_realtime"), "propagate", False)
    logging.getLogger("azure_realtime").addHandler(handler := logging.NullHandler())
    bench = Bench()
    done = threading.Event()

    class Owner:
        def fail(self, event: Any) -> None:
            raise RuntimeError

    owner, event = Owner(), Init()
    bench.on("init", owner.fail)
    bench.on("done", lambda _: done.set())
    bench.thread.post(event, SIZE)
    bench.post("done")
    assert done.wait(5.0)
    dead = [weakref.ref(owner), weakref.ref(bench.registry)]
    thread = bench.thread
    gc.collect()  # the cycles of earlier tests are not what is tested
    gc.disable()
    try:
        del bench, owner
        deadline = Deadline(2.0)
        while any(ref() for ref in dead) and not deadline.passed:
            threading.Event().wait(0.005)
        assert [ref() for ref in dead] == [None, None]
    finally:
        gc.enable()
        logging.getLogger("azure_realtime").removeHandler(handler)
        thread.post(event, SIZE)  # there is no listener left
        thread.finish()
        assert thread.join(Deadline(5.0))
