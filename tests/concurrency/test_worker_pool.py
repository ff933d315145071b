"""
The threads that tools run on.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from helpers.tool_threads import TIMEOUT, join_all, pool_threads

from azure_realtime._concurrency.worker_pool import Job, WorkerPool


@pytest.fixture(autouse=True)
def _no_thread_survives() -> Iterator[None]:
    yield
    join_all()


@pytest.fixture(name="make_pool")
def _make_pool() -> Iterator[Callable[..., WorkerPool]]:
    pools: list[WorkerPool] = []

    def make(size: int) -> WorkerPool:
        pools.append(WorkerPool(size, "azure-realtime-tool"))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


def test_threads_are_daemons_no_more_than_allowed(
    make_pool: Callable[..., WorkerPool],
) -> None:
    """
    Twenty jobs share three threads, named so that a debugger shows whose they are.
    """
    pool = make_pool(3)
    lock, go_on = threading.Lock(), threading.Event()
    done: queue.Queue[str] = queue.Queue()
    running = itertools.count(1)
    three = threading.Event()

    def job() -> None:
        with lock:
            if next(running) == 3:
                three.set()
        go_on.wait(TIMEOUT)
        done.put(threading.current_thread().name)

    for _ in range(20):
        pool.submit(Job(job))
    assert three.wait(TIMEOUT)
    assert all(thread.daemon for thread in pool_threads())
    go_on.set()
    names = {done.get(timeout=TIMEOUT) for _ in range(20)}

    assert names == {f"azure-realtime-tool-{number}" for number in (1, 2, 3)}


def test_threads_end_when_there_is_no_work(
    make_pool: Callable[..., WorkerPool],
) -> None:
    """
    A client has no threads for tools while it uses none.
    """
    pool = make_pool(2)
    for _ in range(2):
        ran = threading.Event()
        pool.submit(Job(ran.set, timeout=TIMEOUT))
        assert ran.wait(TIMEOUT)
        join_all()

        assert pool_threads() == []


def test_a_job_that_raises_does_not_affect_others(
    make_pool: Callable[..., WorkerPool], caplog: pytest.LogCaptureFixture
) -> None:
    """
    The pool goes on, and so does its watcher.
    """
    pool = make_pool(1)
    ran, overdue, go_on = threading.Event(), threading.Event(), threading.Event()

    def fail() -> None:
        raise SystemExit

    pool.submit(Job(fail, timeout=TIMEOUT))
    pool.submit(Job(lambda: go_on.wait(TIMEOUT) and None, 0.01, fail))
    pool.submit(Job(lambda: go_on.wait(TIMEOUT) and None, 0.01, overdue.set))
    pool.submit(Job(ran.set))

    assert ran.wait(TIMEOUT)
    assert overdue.wait(TIMEOUT)
    assert len(caplog.records) == 2
    go_on.set()


def test_a_job_may_go_first(make_pool: Callable[..., WorkerPool]) -> None:
    """
    Finished work leaves before new work begins.
    """
    pool = make_pool(1)
    begun, go_on = threading.Event(), threading.Event()
    order: queue.Queue[int] = queue.Queue()

    def block() -> None:
        begun.set()
        go_on.wait(TIMEOUT)

    pool.submit(Job(block))
    assert begun.wait(TIMEOUT)
    pool.submit(Job(lambda: order.put(2)))
    pool.submit(Job(lambda: order.put(1)), first=True)
    go_on.set()

    assert [order.get(timeout=TIMEOUT), order.get(timeout=TIMEOUT)] == [1, 2]


def test_overdue_jobs_free_their_slots(make_pool: Callable[..., WorkerPool]) -> None:
    """
    Functions that hang keep no other from running, nor that from being given up.
    """
    pool = make_pool(2)
    go_on = threading.Event()
    overdue: queue.Queue[int] = queue.Queue()
    ended: queue.Queue[int] = queue.Queue()

    def hang(number: int) -> None:
        go_on.wait(TIMEOUT)
        ended.put(number)

    for number in range(6):
        pool.submit(Job(partial(hang, number), 0.01, partial(overdue.put, number)))
    given_up = [overdue.get(timeout=TIMEOUT) for _ in range(6)]

    assert sorted(given_up) == list(range(6))
    assert ended.empty()
    # each slot was given back once: two jobs run side by side, and no third
    together = threading.Barrier(3)
    for _ in range(3):
        pool.submit(Job(lambda: suppressed(together, 0.2)))
    pool.submit(Job(lambda: overdue.put(6)))
    assert overdue.get(timeout=TIMEOUT) == 6
    assert together.broken
    go_on.set()


def suppressed(barrier: threading.Barrier, timeout: float) -> None:
    """
    Wait for the others, who may not come.
    """
    with contextlib.suppress(threading.BrokenBarrierError):
        barrier.wait(timeout)


def test_closing_ends_the_wait_for_a_job_that_hangs(
    make_pool: Callable[..., WorkerPool],
) -> None:
    """
    Only the function itself is left; it is not given up any more.
    """
    pool = make_pool(1)
    begun, go_on, overdue = threading.Event(), threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        go_on.wait(TIMEOUT)

    pool.submit(Job(hang, timeout=TIMEOUT, overdue=overdue.set))
    pool.submit(Job(overdue.set))
    assert begun.wait(TIMEOUT)
    watching = [t for t in pool_threads() if t.name.endswith("watch")]
    pool.close()
    for thread in watching:
        thread.join(TIMEOUT / 2)

    assert [t.name for t in pool_threads()] == ["azure-realtime-tool-1"]
    go_on.set()
    join_all()
    assert not overdue.is_set()


@pytest.mark.slow
def test_no_job_is_left_behind(make_pool: Callable[..., WorkerPool]) -> None:
    """
    Several threads add jobs at the moment at which workers end for want of one.
    """
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        pool = make_pool(2)
        done: queue.SimpleQueue[int] = queue.SimpleQueue()

        def add() -> None:
            for number in range(500):
                pool.submit(Job(partial(done.put, number), timeout=TIMEOUT))

        adding = [threading.Thread(target=add) for _ in range(3)]
        for thread in adding:
            thread.start()
        for thread in adding:
            thread.join()
        for _ in range(1500):
            done.get(timeout=TIMEOUT)
    finally:
        sys.setswitchinterval(interval)
    join_all()
    assert sorted(pool._slots) == [1, 2]


def test_a_thread_that_cannot_be_started_is_reported(
    make_pool: Callable[..., WorkerPool],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    When the interpreter exits, or is out of threads, no caller's thread ends by it.
    """
    pool = make_pool(1)
    ran = threading.Event()

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        pool.submit(Job(ran.set))
    assert "could not be started" in caplog.text
    pool.submit(Job(lambda: None))

    assert ran.wait(TIMEOUT)


SCRIPT = """
import threading
from azure_realtime._concurrency.worker_pool import Job, WorkerPool

begun = threading.Event()

def hang():
    begun.set()
    threading.Event().wait()

WorkerPool(1, "tool").submit(Job(hang, timeout=60))
begun.wait()
print("bye")
"""


@pytest.mark.slow
def test_a_function_that_hangs_does_not_keep_the_script_from_exiting() -> None:
    """
    A script ends when its last line is done.
    """
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        timeout=4 * TIMEOUT,
        text=True,
        check=True,
    )

    assert (done.stdout, done.stderr) == ("bye\n", "")
