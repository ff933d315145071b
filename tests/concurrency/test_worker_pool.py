"""
The threads that tools run on.
"""

from __future__ import annotations

import itertools
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
from helpers.tool_threads import PATIENCE, join_all, pool_threads

from azure_realtime._concurrency.worker_pool import Job, WorkerPool


@pytest.fixture(autouse=True)
def _no_thread_survives() -> Iterator[None]:
    yield
    join_all()


@pytest.fixture(name="make_pool")
def _make_pool() -> Iterator[Callable[..., WorkerPool]]:
    pools: list[WorkerPool] = []

    def make(size: int, idle: float = 5.0) -> WorkerPool:
        pools.append(WorkerPool(size, "azure-realtime-tool", idle))
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
        go_on.wait(PATIENCE)
        done.put(threading.current_thread().name)

    for _ in range(20):
        pool.submit(Job(job))
    assert three.wait(PATIENCE)
    assert all(thread.daemon for thread in pool_threads())
    go_on.set()
    names = {done.get(timeout=PATIENCE) for _ in range(20)}

    assert names <= {f"azure-realtime-tool-{number}" for number in (1, 2, 3)}


def test_idle_threads_end(make_pool: Callable[..., WorkerPool]) -> None:
    """
    A client that uses no tools for a while has no threads for them, until it does.
    """
    pool = make_pool(2, idle=0.01)
    for _ in range(2):
        ran = threading.Event()
        pool.submit(Job(ran.set, timeout=PATIENCE))
        assert ran.wait(PATIENCE)
        join_all()

        assert pool_threads() == []


def test_a_job_that_raises_harms_no_other(
    make_pool: Callable[..., WorkerPool], caplog: pytest.LogCaptureFixture
) -> None:
    """
    The pool goes on, and so does its watcher.
    """
    pool = make_pool(1)
    ran, overdue, go_on = threading.Event(), threading.Event(), threading.Event()

    def fail() -> None:
        raise SystemExit

    pool.submit(Job(fail, timeout=PATIENCE))
    pool.submit(Job(lambda: go_on.wait(PATIENCE) and None, 0.01, fail))
    pool.submit(Job(lambda: go_on.wait(PATIENCE) and None, 0.01, overdue.set))
    pool.submit(Job(ran.set))

    assert ran.wait(PATIENCE)
    assert overdue.wait(PATIENCE)
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
        go_on.wait(PATIENCE)

    pool.submit(Job(block))
    assert begun.wait(PATIENCE)
    pool.submit(Job(lambda: order.put(2)))
    pool.submit(Job(lambda: order.put(1)), first=True)
    go_on.set()

    assert [order.get(timeout=PATIENCE), order.get(timeout=PATIENCE)] == [1, 2]


def test_no_thread_to_be_had(
    make_pool: Callable[..., WorkerPool],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    When the interpreter exits, or is out of threads, nobody's thread ends by it.
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

    assert ran.wait(PATIENCE)


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


def test_a_function_that_hangs_does_not_keep_the_script_from_exiting() -> None:
    """
    A script ends when its last line is done.
    """
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        timeout=4 * PATIENCE,
        text=True,
        check=True,
    )

    assert (done.stdout, done.stderr) == ("bye\n", "")
