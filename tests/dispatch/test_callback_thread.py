"""
The callback thread: order, isolation, and an end.
"""

from __future__ import annotations

import gc
import logging
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
from azure_realtime._dispatch.subscriptions import Subscription, Subscriptions, key_for
from azure_realtime.events import Init, ListenerError, UnknownEvent


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
            self.thread.post(missed, subscription)

    def post(self, *names: str) -> None:
        """
        Have events of these names delivered.
        """
        for name in names:
            self.thread.post(UnknownEvent(type=name))

    def finish(self) -> None:
        """
        End the thread, and see that it ends.
        """
        self.thread.finish()
        assert self.thread.join(Deadline(5.0))


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
    Every event is heard, in the order it came, always on the same thread.
    """
    seen: list[tuple[str, str]] = []
    bench.on("*", lambda e: seen.append((e.type, threading.current_thread().name)))
    names = [f"n{i}" for i in range(200)]
    bench.post(*names)
    bench.finish()
    assert seen == [(name, "callbacks-under-test") for name in names]


def test_post_never_waits_for_a_slow_listener(bench: Bench) -> None:
    """
    A listener that takes its time keeps nobody from reading on.
    """
    go = threading.Event()
    bench.on("*", lambda _: go.wait(5.0))
    with at_most(0.5):
        bench.post(*["n"] * 1000)
    go.set()


def test_a_raising_listener_harms_nobody(
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
def test_even_exit_does_not_end_the_thread(
    bench: Bench, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """
    `sys.exit()` in a listener is logged like any failure, and the next event is heard.
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
        thread.post(Init())
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


def test_what_comes_as_the_thread_ends_is_delivered() -> None:
    """
    Between its last look and its end nothing is lost: who listens as another thread
    closes hears what he would have heard afterwards.
    """
    seen: list[str] = []
    registry = Subscriptions()
    registry.add(Subscription("late", lambda e: seen.append(e.type), False))
    thread = CallbackThread(registry, "callbacks-under-test")
    thread._jobs = LastMoment(lambda: thread.post(UnknownEvent(type="late")))
    thread.start()
    thread.finish()
    assert thread.join(Deadline(5.0))
    assert seen == ["late"]
    thread.post(UnknownEvent(type="late"))
    assert seen == ["late"] * 2


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


def test_a_dropped_client_is_not_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The thread that waits for events holds neither the registry nor a listener, not even
    after a listener raised; and no garbage collection is needed to see it.
    """
    # pytest keeps what is logged, and with it the traceback
    monkeypatch.setattr(logging.getLogger("azure_realtime"), "propagate", False)
    logging.getLogger("azure_realtime").addHandler(quiet := logging.NullHandler())
    bench = Bench()
    done = threading.Event()

    class Owner:
        def fail(self, event: Any) -> None:
            raise RuntimeError

    owner, event = Owner(), Init()
    bench.on("init", owner.fail)
    bench.on("done", lambda _: done.set())
    bench.thread.post(event)
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
        logging.getLogger("azure_realtime").removeHandler(quiet)
        thread.post(event)  # nobody is left to hear it
        thread.finish()
        assert thread.join(Deadline(5.0))
