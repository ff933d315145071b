"""
A listener that misbehaves does not affect other listeners.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from typing import Any

import pytest
from helpers.clients import GA
from helpers.peer import PING, PONG, Peer, frame, serve_session
from helpers.processes import run_script
from helpers.timing import SCALE, at_most

from azure_realtime import WebSocketState
from azure_realtime.events import InputAudioBufferCleared, ListenerError, ServerEvent

DISPATCH = pytest.mark.parametrize("dispatch", ["thread", "reader"])


def raise_it(error: BaseException) -> None:
    """
    Raise, where only an expression may stand.
    """
    raise error


@pytest.mark.slow
def test_an_exception_of_a_listener_is_on_stderr_without_set_up() -> None:
    """
    A script that knows nothing of logging sees the traceback on stderr.
    """
    done = run_script(
        """
        def on_init(event):
            raise ZeroDivisionError("my own mistake")

        with Simulator() as service, client_of(service.url) as client:
            client.on("init", on_init)
            client.clear_audio_buffer().result(5)
            print("still here")
        """
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == "still here\n"
    assert "Traceback" in done.stderr
    assert "ZeroDivisionError: my own mistake" in done.stderr
    assert "on_init" in done.stderr


@DISPATCH
@pytest.mark.parametrize(
    "error", [ValueError("x"), SystemExit(3), KeyboardInterrupt(), GeneratorExit()]
)
def test_a_raising_listener_does_not_affect_others(
    error: BaseException, dispatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """
    It is logged and announced; the next listener runs, and so does the session.
    """
    delivered: list[str] = []
    failures: list[ListenerError] = []
    with GA.connected(dispatch=dispatch) as (client, _):
        bad = client.on("input_audio_buffer.cleared", lambda event: raise_it(error))
        client.on("input_audio_buffer.cleared", lambda event: delivered.append("next"))
        client.on("listener_error", failures.append)
        for _ in range(2):
            with client.expect("status_changed"):
                client.clear_audio_buffer().result(5)
                client.status = "idle" if client.status == "speaking" else "speaking"
        client.clear_audio_buffer().result(5)
        client.close()

    assert delivered == ["next"] * 3
    assert [failure.error for failure in failures] == [error] * 3
    assert failures[0].listener is bad
    assert isinstance(failures[0].event, InputAudioBufferCleared)
    records = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert len(records) == 1
    assert records[0].exc_info
    assert records[0].exc_info[1] is error


def test_a_listener_that_always_fails_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    The first traceback is logged, then the 10th and the 100th failure.
    """
    with GA.connected() as (client, _):
        client.on("input_audio_buffer.cleared", lambda _: raise_it(ValueError("no")))
        for _ in range(120):
            cleared = client.clear_audio_buffer()
        cleared.result(5)
        client.close()
    texts = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert len(texts) == 3
    assert "has raised 10 times, the last time ValueError('no')" in texts[1]
    assert "has raised 100 times" in texts[2]


def test_a_listener_of_listener_error_may_raise_too() -> None:
    """
    A failing error handler does not call itself for ever.
    """
    delivered: list[ServerEvent] = []
    with GA.connected() as (client, _):
        client.on("listener_error", lambda event: raise_it(ValueError("again")))
        client.on("*", lambda event: raise_it(ValueError("first")))
        client.on("input_audio_buffer.cleared", delivered.append)
        client.clear_audio_buffer().result(5)
        client.close()

    assert len(delivered) == 1


def test_sys_exit_in_a_listener_does_not_end_the_session() -> None:
    """
    It does not end the thread, nor the session, nor silently the program.
    """
    with GA.connected() as (client, _):
        client.once("input_audio_buffer.cleared", lambda event: sys.exit(1))
        client.clear_audio_buffer().result(5)
        client.clear_audio_buffer().result(5)

        assert client.state is WebSocketState.OPEN


@DISPATCH
def test_the_log_says_how_a_listener_ends_the_program(
    dispatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """
    `sys.exit` ends nothing on a thread that is not the program's own.
    """
    with GA.connected(dispatch=dispatch) as (client, _):
        client.once("input_audio_buffer.cleared", lambda event: sys.exit(1))
        client.clear_audio_buffer().result(5)

    (text,) = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert text.endswith("called sys.exit(): client.close() ends run_forever()")


def test_pongs_leave_while_a_listener_is_stuck() -> None:
    """
    A listener that never returns keeps no pong, no read, no send and no wait.
    """
    release, stuck = threading.Event(), threading.Event()
    took: list[float] = []

    def script(conn: Any) -> None:
        serve_session(conn)
        assert stuck.wait(5)
        for index in range(20):
            start = time.monotonic()
            conn.send(frame(b"%d" % index, PING))
            while (got := conn.read_frame()) != (PONG, b"%d" % index):
                assert got[0] != PONG
            took.append(time.monotonic() - start)
        conn.send(frame('{"type":"input_audio_buffer.cleared"}'))
        conn.read_to_end()

    with Peer(script) as peer, GA.client(peer.url, close_wait=0.1) as client:
        inside = threading.Event()
        client.on("init", lambda event: (inside.set(), release.wait(20)))
        assert inside.wait(5)
        with client.expect("input_audio_buffer.cleared", timeout=5):
            client.append_audio(bytes(960))
            stuck.set()
        release.set()

    assert len(took) == 20
    assert max(took) < 1.0 * SCALE


def test_the_session_continues_while_a_listener_is_stuck() -> None:
    """
    Commands leave, futures complete, events are waited for; the listeners' turn comes.
    """
    inside, release = threading.Event(), threading.Event()
    delivered: list[str] = []
    with GA.connected(service={"replies": ["Hi."]}) as (client, _):
        client.on("init", lambda event: (inside.set(), release.wait(20)))
        client.on("response.done", lambda event: delivered.append(event.type))
        assert inside.wait(5)
        response = client.create_response(modalities=["text"]).result(5)
        assert delivered == []
        release.set()
        client.close()

    assert response.text == "Hi."
    assert delivered == ["response.done"]


def test_a_listener_may_wait_for_what_is_behind_it() -> None:
    """
    Waits are served before listeners: a listener may block on a later event.
    """
    answers: list[Any] = []
    done = threading.Event()
    with GA.connected(service={"replies": ["One.", "Two."]}) as (client, connection):

        def listener(event: Any) -> None:
            with client.expect("rate_limits.updated", timeout=5) as limits:
                connection.send({"type": "rate_limits.updated"})
            answers.append(limits.event.type)
            answers.append(client.create_response(modalities=["text"]).result(5).text)
            done.set()

        client.once("input_audio_buffer.cleared", listener)
        client.clear_audio_buffer()
        assert done.wait(10)

    assert answers == ["rate_limits.updated", "One."]


def test_waiting_on_the_reader_is_refused_at_once() -> None:
    """
    With dispatch="reader" a wait would wait for itself: it raises instead.
    """
    outcome: list[Any] = []
    with GA.connected(dispatch="reader") as (client, _):

        def listener(event: Any) -> None:
            for wait in (
                lambda: client.wait_for("response.done"),
                lambda: client.connect(),
                lambda: client.clear_audio_buffer().result(),
                lambda: next(client.events()),
            ):
                try:
                    wait()
                except RuntimeError as error:
                    outcome.append(str(error))

        client.once("input_audio_buffer.cleared", listener)
        with at_most(1.0):
            client.clear_audio_buffer().result(5)
            client.close()

    assert len(outcome) == 4
    assert all("reader" in text for text in outcome)


@pytest.mark.slow
@DISPATCH
def test_listeners_may_come_and_go_while_events_stream(dispatch: Any) -> None:
    """
    Registering and removing, from listeners and other threads, loses no listener an event.
    """
    count = 400
    delivered: list[int] = []
    passing: list[ServerEvent] = []
    over = threading.Event()
    with GA.connected(dispatch=dispatch) as (client, connection):

        def steady(event: Any) -> None:
            delivered.append(event.raw["n"])
            if event.raw["n"] == count - 1:
                over.set()

        def restless(event: Any) -> None:
            client.off("rate_limits.updated", restless)
            client.on("rate_limits.updated", restless)
            client.once("rate_limits.updated", passing.append)
            client.off("rate_limits.updated", passing.append)

        def meddle() -> None:
            while not over.is_set():
                client.on("rate_limits.updated", passing.append)
                client.off("rate_limits.updated", passing.append)

        client.on("rate_limits.updated", restless)
        client.on("rate_limits.updated", steady)
        meddler = threading.Thread(target=meddle)
        meddler.start()
        for n in range(count):
            connection.send({"type": "rate_limits.updated", "n": n})
        assert over.wait(20)
        meddler.join()

    assert delivered == list(range(count))


def test_other_listeners_get_the_event_at_which_the_client_was_closed() -> None:
    """
    The others get that event, and the event of the end.
    """
    delivered: list[str] = []
    with GA.connected() as (client, _):
        client.on("input_audio_buffer.cleared", lambda event: client.close())
        client.on(
            "input_audio_buffer.cleared", lambda event: delivered.append(event.type)
        )
        client.on("disconnected", lambda event: delivered.append(event.type))
        client.clear_audio_buffer()
        client.wait_for("disconnected", timeout=5)
        client.close()

    assert delivered == ["input_audio_buffer.cleared", "disconnected"]


def test_a_once_listener_that_raises_is_removed() -> None:
    """
    It is called once, whatever comes of it.
    """
    calls: list[int] = []
    with GA.connected() as (client, _):
        client.once(
            "input_audio_buffer.cleared",
            lambda event: (calls.append(1), raise_it(ValueError())),
        )
        client.clear_audio_buffer().result(5)
        client.clear_audio_buffer().result(5)
        client.close()

    assert calls == [1]


@pytest.mark.slow
def test_close_is_quick_behind_a_flood_and_a_stuck_listener() -> None:
    """
    Twenty thousand events wait for a listener that never returns: close() is in time.
    """
    inside, release = threading.Event(), threading.Event()
    with GA.connected() as (client, connection):
        client.on("init", lambda event: (inside.set(), release.wait(20)))
        assert inside.wait(5)
        with client.expect("input_audio_buffer.cleared", timeout=20):
            connection.flood(20_000, {"type": "rate_limits.updated"})
            connection.send({"type": "input_audio_buffer.cleared"})
        with at_most(1.0):
            client.close(timeout=0.5)
        release.set()


def test_a_done_callback_runs_where_listeners_run() -> None:
    """
    What a future calls may block; it is not the thread that reads.
    """
    names: list[str] = []
    done = threading.Event()
    with GA.connected() as (client, _):

        def callback(future: Any) -> None:
            names.append(threading.current_thread().name)
            client.clear_audio_buffer().result(5)
            done.set()

        client.clear_audio_buffer().add_done_callback(callback)
        assert done.wait(5)

    assert "callbacks" in names[0]
