"""
Where listeners run: the reader, the caller of pump(), an executor, a function.
"""

from __future__ import annotations

import contextlib
import queue
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from types import FrameType
from typing import Any

import pytest
from helpers.clients import GA, MANUAL, Variant, drained
from helpers.interrupts import is_interrupted
from helpers.processes import run_script
from helpers.timing import at_most

from azure_realtime import AzureRealTimeAudio, ConnectionClosed, WebSocketState
from azure_realtime._dispatch.backlog import Backlog
from azure_realtime._dispatch.subscriptions import Subscriptions
from azure_realtime.simulator import Connection

NAME = "input_audio_buffer.speech_started"
CLEARED = "input_audio_buffer.cleared"


def send(wire: Connection, numbers: range) -> None:
    """
    Have the service send so many events that can be distinguished.
    """
    for number in numbers:
        wire.send({"type": NAME, "audio_start_ms": number})


def three_of_which_the_first_is_interrupted(
    client: AzureRealTimeAudio, wire: Connection
) -> RecordingListener:
    """
    Have three events come, and Ctrl-C in the first listener of the first.
    """

    def interrupt(_: Any) -> None:
        raise KeyboardInterrupt

    client.once(NAME, interrupt)
    listener = RecordingListener(client)
    send(wire, range(3))
    client.clear_audio_buffer().result(5)
    return listener


class RecordingListener:
    """
    A listener that notes its events and their threads.
    """

    def __init__(self, client: AzureRealTimeAudio) -> None:
        self.numbers: list[int] = []
        self.threads: set[str] = set()
        self.done = threading.Event()
        client.on(NAME, self)
        client.on(CLEARED, lambda event: self.done.set())

    def __call__(self, event: Any) -> None:
        """
        Note an event.
        """
        self.numbers.append(event.audio_start_ms)
        self.threads.add(threading.current_thread().name)


@pytest.fixture(params=["pool of 1", "pool of 8", "submit", "callable"])
def executor(request: pytest.FixtureRequest) -> Iterator[Any]:
    """
    An executor with one thread or many, its submit alone, or a function of one's own.
    """
    if request.param != "callable":
        workers = 1 if request.param == "pool of 1" else 8
        with ThreadPoolExecutor(workers, thread_name_prefix="mine") as pool:
            yield pool.submit if request.param == "submit" else pool
        return
    jobs: queue.Queue[Callable[[], object] | None] = queue.Queue()

    def work() -> None:
        while (job := jobs.get()) is not None:
            job()

    thread = threading.Thread(target=work, name="mine_0")
    thread.start()
    yield jobs.put
    jobs.put(None)
    thread.join()


def test_an_executor_keeps_the_order(executor: Any) -> None:
    """
    One event at a time, in wire order, on the executor's threads; waits work there.
    """
    with GA.connected(
        dispatch=executor, service={"replies": ["Yes."]}, session_config=MANUAL
    ) as (client, wire):
        listener = RecordingListener(client)
        answers: list[str] = []
        client.once(NAME, lambda e: answers.append(client.ask("?", timeout=10).text))
        send(wire, range(500))
        client.clear_audio_buffer()
        assert listener.done.wait(10)

    assert list(range(500)) == listener.numbers
    assert all(name.startswith("mine") for name in listener.threads)
    assert ["Yes."] == answers


def test_an_executor_that_was_shut_down_does_not_end_the_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    Listeners no longer run, which is logged; futures and close go on working.
    """
    pool = ThreadPoolExecutor(1)
    with GA.connected(dispatch=pool) as (client, wire):
        RecordingListener(client)
        pool.shutdown()
        send(wire, range(3))

        assert CLEARED == client.clear_audio_buffer().result(5).type
        assert WebSocketState.OPEN is client.state
        with at_most(3):
            client.close()

    assert "takes no more" in caplog.text


class Losing(Executor):
    """
    An executor that takes jobs and loses them: its futures fail, or are cancelled.
    """

    def __init__(self, *, cancels: bool) -> None:
        self.cancels = cancels

    def submit(self, *job: Any) -> Future[Any]:  # type: ignore[override]
        """
        Take a job, as a pool of processes that cannot pickle it.
        """
        lost: Future[Any] = Future()
        if self.cancels:
            assert lost.cancel()
        else:
            lost.set_exception(RuntimeError("no process is left"))
        return lost


@pytest.mark.parametrize(
    ("cancels", "why"), [(False, "no process is left"), (True, "they were cancelled")]
)
def test_an_executor_that_loses_jobs_is_reported(
    cancels: bool, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The log says so once, and the end of the client does not wait for the lost jobs.
    """
    with GA.connected(dispatch=Losing(cancels=cancels)) as (client, _):
        client.on(CLEARED, lambda event: None)
        for _ in range(3):
            client.clear_audio_buffer().result(5)
        assert client.stats.callback_queue == 0
        with at_most(2):
            client.close(30)

    (record,) = caplog.records
    assert record.getMessage().endswith(f"events are dropped: {why}")


def test_a_listener_that_fails_is_no_lost_job(caplog: pytest.LogCaptureFixture) -> None:
    """
    What ends the run of an executor after it has begun is not the executor's fault.
    """
    with (
        ThreadPoolExecutor(1) as pool,
        GA.connected(dispatch=pool) as (client, _),
    ):
        client.once(CLEARED, lambda event: sys.exit(1))
        client.clear_audio_buffer().result(5)
        drained(client)

    assert "called sys.exit()" in caplog.text
    assert "events are dropped" not in caplog.text


def test_events_refused_by_an_executor_are_not_counted_as_waiting(
    eventually: Callable[..., None],
) -> None:
    """
    The events are dropped, and not taken for ones that listeners are behind with.
    """
    refuse = True

    def submit(job: Callable[[], object]) -> None:
        if refuse:
            raise queue.Full("busy")
        threading.Thread(target=job).start()

    with GA.connected(dispatch=submit) as (client, wire):
        listener = RecordingListener(client)
        send(wire, range(5))
        client.clear_audio_buffer()
        with client.expect("rate_limits.updated", timeout=5):
            wire.send({"type": "rate_limits.updated", "rate_limits": []})
        # so all that came before has been refused; this one is, in a moment
        eventually(lambda: 0 == client.stats.callback_queue)
        assert 0 == client.stats.callback_queue_bytes
        refuse = False
        send(wire, range(5, 10))
        client.clear_audio_buffer()
        assert listener.done.wait(5)

    assert [5, 6, 7, 8, 9] == listener.numbers


@pytest.mark.slow
def test_after_ctrl_c_in_a_listener_an_executor_goes_on() -> None:
    """
    The main thread runs submitted functions: the events behind it are delivered.
    """
    jobs: queue.Queue[Callable[[], object]] = queue.Queue()

    with GA.connected(dispatch=jobs.put) as (client, wire):
        listener = three_of_which_the_first_is_interrupted(client, wire)
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                jobs.get(timeout=5)()
        while not listener.done.is_set():
            jobs.get(timeout=5)()
        listener.done.clear()
        send(wire, range(3, 5))
        client.clear_audio_buffer()
        while not listener.done.is_set():
            jobs.get(timeout=5)()
        client.close(0.1)

    assert [1, 2, 3, 4] == listener.numbers


def test_an_unknown_dispatcher_is_refused() -> None:
    """
    A misspelled word fails at once, and so does pumping where nothing is to be pumped.
    """
    with pytest.raises(ValueError, match="'reader'"):
        GA.client("ws://127.0.0.1:9", dispatch="raeder")
    with GA.connected() as (client, _):
        for call in (client.pump, client.fileno):
            with pytest.raises(RuntimeError, match="dispatch='manual'"):
                call()


@pytest.mark.parametrize("dispatch", ["thread", "reader"])
def test_a_callback_that_is_added_after_the_end_is_called(dispatch: Any) -> None:
    """
    At once, on the thread that adds it: no other one is left.
    """
    with GA.connected(dispatch=dispatch) as (client, _):
        future = client.clear_audio_buffer()
        future.result(5)
    threads: list[str] = []
    future.add_done_callback(lambda _: threads.append(threading.current_thread().name))
    assert ["MainThread"] == threads


def test_the_reader_runs_quick_listeners_itself(variant: Variant) -> None:
    """
    No thread but one, in wire order; a raising listener does not affect the others.
    """
    before = set(threading.enumerate())
    with variant.service() as service:
        client = variant.client(service.url, dispatch="reader")
        client.connect(5)
        wire = service.wait_for_connection()
        listener = RecordingListener(client)
        client.on(NAME, lambda event: 1 / 0)
        client.once("listener_error", lambda event: client.clear_audio_buffer())
        send(wire, range(100))
        assert listener.done.wait(10)
        names = {
            thread.name for thread in threading.enumerate() if thread not in before
        }
        client.close()

    assert list(range(100)) == listener.numbers
    assert {
        n for n in names if n.startswith("azure-realtime-reader")
    } == listener.threads
    assert not [n for n in names if n.startswith("azure-realtime-callbacks")]


def test_pump_runs_what_has_come(variant: Variant) -> None:
    """
    Here and now, in order, and it says how much that was.
    """
    with variant.connected(dispatch="manual") as (client, wire):
        listener = RecordingListener(client)
        client.clear_audio_buffer()
        while not listener.done.is_set():
            client.pump(1)
        listener.done.clear()
        assert 0 == client.pump(0.01)
        send(wire, range(50))
        client.clear_audio_buffer().result(5)
        assert not listener.numbers
        ran = client.pump(1)
        while not listener.done.is_set():
            ran += client.pump(1)

        assert 52 == ran  # the change of status, too
    assert list(range(50)) == listener.numbers
    assert {threading.current_thread().name} == listener.threads


def test_a_select_loop_sees_when_to_pump(variant: Variant) -> None:
    """
    The descriptor is readable while something waits, and only then.
    """
    with variant.connected(dispatch="manual") as (client, wire):
        listener = RecordingListener(client)
        send(wire, range(1))  # the first changes the status as well
        client.clear_audio_buffer()
        while not listener.done.is_set():
            client.pump(1)
        for number in range(20):
            send(wire, range(number, number + 1))
            assert [client] == select.select([client], [], [], 5)[0]
            client.pump()
            assert [] == select.select([client], [], [], 0)[0]

    assert [0, *range(20)] == listener.numbers


def test_run_forever_ends_with_the_connection(variant: Variant) -> None:
    """
    With a close in a listener, or a loss: the last events are delivered before.
    """
    for how in ("close", "drop"):
        with variant.connected(dispatch="manual") as (client, wire):
            listener, last = RecordingListener(client), []
            client.on("disconnected", lambda event, last=last: last.append(event.code))
            client.on("closed", lambda event, last=last: last.append("closed"))
            send(wire, range(10))
            if how == "close":
                client.once(CLEARED, lambda event, c=client: c.close())
            else:
                client.once(CLEARED, lambda event, w=wire: w.drop("rst"))
            client.clear_audio_buffer()
            with at_most(4):
                client.run_forever()

            assert list(range(10)) == listener.numbers
            assert [1000 if how == "close" else 1006, "closed"] == last


def test_commands_wait_and_futures_complete_without_pump() -> None:
    """
    Only listeners need the pump.
    """
    with GA.connected(
        dispatch="manual", service={"replies": ["Yes."]}, session_config=MANUAL
    ) as (client, _):
        assert "Yes." == client.ask("Hello", timeout=5).text
        with client.expect(CLEARED):
            client.clear_audio_buffer()
        with at_most(2):
            client.close()
        with pytest.raises(ConnectionClosed):
            client.clear_audio_buffer()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
def test_ctrl_c_leaves_a_listener_that_is_pumped() -> None:
    """
    A listener on the main thread that waits for ever is left at once, and so is
    run_forever().
    """
    ended = run_script(
        """
        import os, signal
        with Simulator() as service:
            options = AzureRealTimeOptions(service.url, "d", KEY)
            client = AzureRealTimeAudio(options, dispatch="manual")
            client.connect()
            hold = threading.Event()

            def listener(event):
                threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
                client.wait_for("response.done", timeout=30)

            client.once("input_audio_buffer.cleared", listener)
            client.clear_audio_buffer()
            try:
                client.run_forever()
            except KeyboardInterrupt:
                print("left")
            client.close()
        """
    )

    assert ("left\n", 0) == (ended.stdout, ended.returncode), ended.stderr


def test_after_ctrl_c_a_select_loop_sees_what_still_waits() -> None:
    """
    The descriptor is readable for the events behind the one whose listener was left.
    That event's other listener gets it, too.
    """
    with GA.connected(dispatch="manual") as (client, wire):
        listener = three_of_which_the_first_is_interrupted(client, wire)
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                client.pump(1)
        assert [client] == select.select([client], [], [], 0)[0]
        while not listener.done.is_set():
            client.pump(1)
        assert [] == select.select([client], [], [], 0)[0]

    assert [0, 1, 2] == listener.numbers


def test_ctrl_c_before_the_first_instruction_of_a_listener_loses_no_event() -> None:
    """
    `pump` has taken the call from its queue already.
    """
    seen: list[object] = []

    def listener(event: object) -> None:
        seen.append(event)

    def is_its_beginning(frame: FrameType, event: str) -> bool:
        return event == "call" and frame.f_code is listener.__code__

    with GA.connected(dispatch="manual") as (client, _):
        client.on(CLEARED, listener)
        client.clear_audio_buffer().result(5)

        assert is_interrupted(client.pump, 0, __file__, is_its_beginning)
        assert seen == []
        client.pump()

    assert len(seen) == 1


@pytest.mark.parametrize(
    "part", ["Backlog.leave", "Subscriptions.take", "Subscriptions.claim"]
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_interrupted_pump_loses_no_event(
    part: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Wherever Ctrl-C comes before a listener is called; none is called twice.
    """
    kind, name = part.split(".")
    owner: Any = {"Backlog": Backlog, "Subscriptions": Subscriptions}[kind]
    real, left = getattr(owner, name), [1]

    def interrupted(self: Any, *args: Any) -> Any:
        if threading.get_ident() != threading.main_thread().ident or not left:
            return real(self, *args)
        left.pop()
        if when == "after":
            real(self, *args)
        raise KeyboardInterrupt

    with GA.connected(dispatch="manual") as (client, wire):
        while client.pump():
            pass
        once: list[Any] = []
        client.once(NAME, once.append)
        listener = RecordingListener(client)
        send(wire, range(3))
        client.clear_audio_buffer().result(5)
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, interrupted)
            with contextlib.suppress(KeyboardInterrupt):
                client.pump(1)
        assert left == []
        while not listener.done.is_set():
            client.pump(1)
        assert client.stats.callback_queue == 0

    assert [0, 1, 2] == listener.numbers
    assert [0] == [event.audio_start_ms for event in once]


def test_run_forever_serves_a_client_of_tools() -> None:
    """
    A whole spoken dialogue without a thread of the user's own.
    """
    with GA.connected(
        dispatch="manual", service={"replies": ["Good day."]}, session_config=MANUAL
    ) as (client, _):
        lines: list[str] = []
        client.create_response(modalities=["text"])
        client.on("response.text.delta", lambda event: lines.append(event.delta))
        client.on("response.done", lambda event: client.close())
        with at_most(5):
            client.run_forever()

    assert "Good day." == "".join(lines)


# The end of a program whose listeners run on its own thread.


def test_sys_exit_in_a_listener_ends_a_program_that_pumps() -> None:
    """
    With ``dispatch="manual"`` the listener runs on the thread of the program.
    """
    seen: list[object] = []
    with GA.connected(dispatch="manual") as (client, _):
        client.once(CLEARED, lambda event: sys.exit(3))
        client.on(CLEARED, seen.append)
        client.clear_audio_buffer().result(5)
        with pytest.raises(SystemExit, match="3"):
            client.run_forever()
        assert client.state is WebSocketState.OPEN
        client.pump()

    assert len(seen) == 1


def test_a_done_callback_that_exits_ends_a_program_that_pumps() -> None:
    """
    Callbacks of futures run where listeners do.
    """
    with GA.connected(dispatch="manual") as (client, _):
        cleared = client.clear_audio_buffer()
        cleared.add_done_callback(lambda _: sys.exit(5))
        cleared.result(5)
        with pytest.raises(SystemExit, match="5"):
            client.wait_closed(5)


def test_the_descriptor_of_a_closed_client_is_refused_in_words() -> None:
    """
    A loop over `select` that goes on after `close()` learns what has happened.
    """
    with GA.connected(dispatch="manual") as (client, _):
        client.close()
        with pytest.raises(ConnectionClosed, match=r"pump\(\) runs the listeners"):
            client.fileno()
        client.pump()


class _Terminated(BaseException):
    """
    An exception that a program raises in its signal handler.
    """


@pytest.mark.parametrize("kind", [SystemExit, _Terminated])
def test_a_signal_handler_that_raises_ends_a_pump(kind: type[BaseException]) -> None:
    """
    The usual handler of SIGTERM calls `sys.exit()`. While a listener runs on the main
    thread, it ends the program as at any other time. Later events are not lost.
    """

    def terminate(*_: object) -> None:
        raise kind

    handler = signal.signal(signal.SIGTERM, terminate)
    try:
        with GA.connected(dispatch="manual") as (client, wire):
            while client.pump():
                pass
            client.once(NAME, lambda _: signal.raise_signal(signal.SIGTERM))
            listener = RecordingListener(client)
            send(wire, range(3))
            client.clear_audio_buffer().result(5)
            with pytest.raises(kind):
                client.pump(1)
            while not listener.done.is_set():
                client.pump(1)
    finally:
        signal.signal(signal.SIGTERM, handler)

    assert [0, 1, 2] == listener.numbers
