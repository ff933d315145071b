"""
Forks, signals, notebooks and event loops: the surroundings of real applications.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.clients import GA, KEY
from helpers.processes import run_script, start_script
from helpers.reconnecting import QUICK
from helpers.timing import SCALE, at_most

import azure_realtime
from azure_realtime.simulator import Simulator

pytestmark = pytest.mark.processes

_ROOT = str(Path(azure_realtime.__file__).parents[1])


def _file(folder: Path, name: str, source: str) -> Path:
    path = folder / name
    path.write_text(textwrap.dedent(source))
    return path


def _run(path: Path, *arguments: str, timeout: float = 30.0) -> Any:
    return subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", str(path), *arguments],
        env={**os.environ, "PYTHONPATH": _ROOT},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


# Forks.


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_multiprocessing_have_their_own(method: str, tmp_path: Path) -> None:
    """
    In a worker, the parent's client raises an error; one of its own works, and the
    parent's session goes on.
    """
    if not hasattr(os, "fork") and method != "spawn":
        pytest.skip("no fork here")
    script = _file(
        tmp_path,
        "workers.py",
        f"""
        import multiprocessing, sys
        from azure_realtime import *

        client = None

        def make():
            options = AzureRealTimeOptions(sys.argv[1], "d", {KEY!r})
            return AzureRealTimeAudio(options)

        def work(number):
            said = "no client"
            if client is not None:
                try:
                    client.clear_audio_buffer()
                except RuntimeError as error:
                    said = "refused" if "fork" in str(error) else str(error)
            with make() as own:
                answer = own.clear_audio_buffer().result(10)
            return said, answer.type

        if __name__ == "__main__":
            client = make()
            client.connect(10)
            context = multiprocessing.get_context(sys.argv[2])
            with context.Pool(2) as pool:
                for line in sorted(set(pool.map(work, range(4)))):
                    print(*line)
                pool.close()
                pool.join()
            print(client.clear_audio_buffer().result(10).type)
            client.close()
        """,
    )
    with Simulator(credentials=KEY) as service:
        done = _run(script, service.url, method)
        first = service.connections[0]
        assert first.wait_closed()
        assert 5 == len(service.connections)
        cleared = [e for e in first.received if e["type"].endswith("clear")]
    printed = "refused" if method == "fork" else "no client"
    assert (
        f"{printed} input_audio_buffer.cleared\ninput_audio_buffer.cleared\n",
        "",
    ) == (done.stdout, done.stderr)
    assert 1 == len(cleared)
    assert 1000 == first.close_code


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_while_busy_never_hangs_the_child() -> None:
    """
    Forked in the middle of a stream, whatever locks are held: the child ends.
    """
    source = """
    import os, warnings
    warnings.simplefilter("ignore")
    client = client_of(sys.argv[1])
    client.on("*", lambda event: None)
    client.connect(10)
    over = threading.Event()
    def append():
        while not over.is_set():
            client.append_audio(bytes(960))
    threads = [threading.Thread(target=append) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        child = os.fork()
        if child == 0:
            try:
                client.append_audio(bytes(960))
            except RuntimeError:
                pass
            client.close(1)
            del client
            os._exit(0)
        os.waitpid(child, 0)
    over.set()
    for thread in threads:
        thread.join()
    print(client.clear_audio_buffer().result(10).type)
    client.close()
    """
    with Simulator(credentials=KEY) as service:
        done = run_script(source, service.url, timeout=30)
    assert ("input_audio_buffer.cleared\n", "") == (done.stdout, done.stderr)


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("gunicorn") is None or not hasattr(os, "fork"),
    reason="gunicorn is not installed, or there is no fork",
)
def test_gunicorn_workers_use_clients_of_their_own_only(tmp_path: Path) -> None:
    """
    A client made before the fork is refused in each worker; one made there works.
    """
    _file(
        tmp_path,
        "app.py",
        f"""
        import os, threading
        from azure_realtime import *

        options = AzureRealTimeOptions(os.environ["SERVICE"], "d", {KEY!r})
        early = AzureRealTimeAudio(options)
        early.connect(10)
        own = {{}}

        def app(environ, start_response):
            try:
                early.clear_audio_buffer()
                said = "no error"
            except RuntimeError as error:
                said = "refused" if "fork" in str(error) else str(error)
            if os.getpid() not in own:
                own[os.getpid()] = AzureRealTimeAudio(options)
            answer = own[os.getpid()].clear_audio_buffer().result(10)
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [f"{{os.getpid()}} {{said}} {{answer.type}}".encode()]
        """,
    )
    with Simulator(credentials=KEY) as service:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "--preload", "--workers", "2"),
                *("--bind", "127.0.0.1:0", "app:app"),
            ],
            cwd=tmp_path,
            # newer ones put a socket into the home folder
            env={
                **os.environ,
                "PYTHONPATH": _ROOT,
                "SERVICE": service.url,
                "HOME": str(tmp_path),
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stderr is not None
            lines: list[str] = []
            try:
                for line in process.stderr:
                    lines.append(line)
                    found = re.search(r"Listening at: (http://127.0.0.1:\d+)", line)
                    if found:
                        break
                else:
                    pytest.fail("".join(lines))
                answers = set()
                deadline = time.monotonic() + 15
                while len(answers) < 2 and time.monotonic() < deadline:
                    with urllib.request.urlopen(found[1], timeout=10) as answer:
                        answers.add(answer.read().decode())
                results = {answer.split(" ", 1)[1] for answer in answers}
                assert {"refused input_audio_buffer.cleared"} == results
            finally:
                process.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=15)
                process.kill()
        assert 0 == process.returncode
        early = service.connections[0]
        assert early.wait_closed()
        kinds = [event["type"] for event in early.received]
        assert "input_audio_buffer.clear" not in kinds


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_pumps_no_events_of_its_parent() -> None:
    """
    dispatch="manual": a child runs no listener, and takes away no byte that rings.
    """
    source = """
    import os, select, warnings
    warnings.simplefilter("ignore")
    client = AzureRealTimeAudio(
        AzureRealTimeOptions(sys.argv[1], "d", KEY), dispatch="manual"
    )
    client.on("input_audio_buffer.cleared", lambda event: print(event.type))
    client.connect(10)
    client.clear_audio_buffer().result(10)
    child = os.fork()
    if child == 0:
        for call in (client.pump, client.run_forever, client.fileno):
            try:
                call()
            except RuntimeError as error:
                print("fork" in str(error), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    print(bool(select.select([client.fileno()], [], [], 10)[0]))
    client.pump()
    client.close()
    """
    with Simulator(credentials=KEY) as service:
        done = run_script(source, service.url, timeout=30)
    printed = "True\n" * 4 + "input_audio_buffer.cleared\n"
    assert (printed, "") == (done.stdout, done.stderr)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("dispatch", ["reader", "thread"])
@pytest.mark.parametrize("what", ["listener", "callback"])
def test_a_child_forked_in_a_listener_runs_no_further_listener(
    what: str, dispatch: str
) -> None:
    """
    Where it comes back it ends, and says why: it reads nothing of its parent's session,
    and calls no other listener.
    """
    source = """
    import os, warnings
    warnings.simplefilter("ignore")
    client = AzureRealTimeAudio(
        AzureRealTimeOptions(sys.argv[1], "d", KEY), dispatch=sys.argv[2]
    )
    client.connect(10)
    parent, children, forked = os.getpid(), [], threading.Event()
    def fork(_):
        child = os.fork()
        if child:
            children.append(child)
            forked.set()
    if sys.argv[3] == "listener":
        client.once("input_audio_buffer.cleared", fork)
    client.on("*", lambda event: os.getpid() == parent or print("child", event.type))
    future = client.clear_audio_buffer()
    if sys.argv[3] == "callback":
        future.add_done_callback(fork)
    assert forked.wait(10)
    _, status = os.waitpid(children[0], 0)
    for _ in range(5):
        answer = client.clear_audio_buffer().result(10)
    print(status, answer.type, client.stats.reconnects)
    client.close()
    """
    with Simulator(credentials=KEY) as service:
        done = run_script(source, service.url, dispatch, what, timeout=30)
        assert 1 == len(service.connections)
        assert 1000 == service.connections[0].close_code
    assert "0 input_audio_buffer.cleared 0\n" == done.stdout
    assert "make a new one in the child" in done.stderr


# Signals.


@pytest.mark.slow
@pytest.mark.parametrize(
    "busy",
    [
        'client.wait_for("response.done", timeout=60)',
        "threading.Event().wait(60)",
        "while True: client.append_audio(bytes(48000))",
        "client.create_response().result(60)",
    ],
    ids=["waiting", "sleeping", "sending", "asking"],
)
def test_a_sigterm_handler_may_close(busy: str) -> None:
    """
    Wherever the main thread is, close() in the handler sends the close frame at once.
    """
    source = f"""
    import signal, time
    client = client_of(sys.argv[1], max_reconnect_attempts=0)
    def stop(number, frame):
        start = time.monotonic()
        client.close()
        print("closed", time.monotonic() - start < {1.5 * SCALE}, flush=True)
        sys.exit(0)
    signal.signal(signal.SIGTERM, stop)
    client.connect(10)
    print("ready", flush=True)
    {busy}
    """
    slow: Any = {"replies": lambda request: threading.Event().wait(3) and None}
    with Simulator(credentials=KEY, **slow) as service:
        with start_script(source, service.url) as process:
            assert process.stdout is not None
            assert "ready\n" == process.stdout.readline()
            service.wait_for_connection().wait_received("session.update")
            threading.Event().wait(0.1)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=15)
        assert ("closed True\n", "", 0) == (out, err, process.returncode)
        connection = service.connections[0]
        assert connection.wait_closed()
        assert 1000 == connection.close_code


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
def test_a_signal_handler_may_close_at_any_instruction() -> None:
    """
    Also where the main thread is in the middle of queueing, and holds its lock.
    """
    with GA.service(record=False) as service:
        closed: list[float] = []
        for number in range(8):
            client = GA.client(service.url)
            client.connect()

            def stop(*_: Any, client: Any = client) -> None:
                start = time.monotonic()
                client.close()
                closed.append(time.monotonic() - start)

            before = signal.signal(signal.SIGALRM, stop)
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.003 + number * 0.0007)
                deadline = time.monotonic() + 10
                with contextlib.suppress(azure_realtime.RealtimeError):
                    while time.monotonic() < deadline:
                        client.append_audio(bytes(96))
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, before)
            client.close(1.0)
        assert 8 == len(closed)
        assert max(closed) < 1.5 * SCALE


def test_no_signal_handler_is_ever_installed() -> None:
    """
    A session, a drop and a close leave the handlers as they were.
    """
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    with (
        GA.connected(**QUICK) as (client, connection),
        client.expect("reconnected"),
    ):
        connection.drop()
    after = {number: signal.getsignal(number) for number in signal.valid_signals()}
    assert before == after


# Notebooks and event loops.


@pytest.mark.slow
def test_running_a_cell_again_leaves_one_connection(
    eventually: Callable[..., None],
) -> None:
    """
    The same cell three times in one namespace, listeners and all: the last one lives.
    """
    cell = """
client = AzureRealTimeAudio(AzureRealTimeOptions(url, "d", key))
received = []
@client.on("input_audio_buffer.cleared")
def cleared(event):
    received.append(event)
client.on("error", lambda event: print(client.status))
client.connect(5)
answer = client.clear_audio_buffer().result(5)
"""
    with Simulator(credentials=KEY) as service:
        namespace: dict[str, Any] = {"url": service.url, "key": KEY}
        exec("from azure_realtime import *", namespace)
        for count in (1, 2, 3):
            exec(compile(cell, f"<cell {count}>", "exec"), namespace)

        def alive() -> int:
            return sum(not c.wait_closed(0) for c in service.connections)

        import gc

        eventually(lambda: gc.collect() >= 0 and alive() == 1)
        assert 3 == len(service.connections)
        namespace["client"].clear_audio_buffer().result(5)
        eventually(lambda: 2 == len(namespace["received"]))
        namespace["client"].close()
        namespace.clear()


def test_a_client_leaves_a_running_event_loop_alone() -> None:
    """
    In the loop's own thread it blocks like anything that blocks; in an executor the
    loop goes on; and the loop is neither asked for nor touched.
    """
    ticks = 0

    async def main(url: str) -> str:
        nonlocal ticks
        tasks = asyncio.all_tasks()
        with GA.client(url) as client:
            kind = client.clear_audio_buffer().result(5).type

            async def tick() -> None:
                nonlocal ticks
                while True:
                    ticks += 1
                    if ticks > 5:  # again and again: who waits may be slow to begin
                        service.connections[0].send(_LIMITS)
                    await asyncio.sleep(0.01)

            ticking = asyncio.create_task(tick())
            await asyncio.to_thread(client.wait_for, "rate_limits.updated")
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking
        assert tasks == asyncio.all_tasks()
        return str(kind)

    with GA.service() as service, at_most(10):
        assert "input_audio_buffer.cleared" == asyncio.run(main(service.url))
    assert ticks > 5


_LIMITS = {"type": "rate_limits.updated", "rate_limits": []}
