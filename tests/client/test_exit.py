"""
The end of a program, of a process, and of a client without a reference to it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import textwrap
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from helpers import inside
from helpers.clients import GA, KEY, USER_SAYS, Variant
from helpers.peer import (
    CLOSE,
    Peer,
    PeerConnection,
    collect_until_close,
    frame,
    serve_session,
)
from helpers.processes import run_script, start_script, wait_until_it_waits
from helpers.timing import at_most

from azure_realtime import AzureRealTimeAudio, AzureRealTimeOptions, ConnectionClosed
from azure_realtime.simulator import Reply, ToolCall

pytestmark = pytest.mark.processes

# A script that never closes.


@pytest.mark.slow
def test_a_script_that_never_closes_exits_and_its_commands_arrive() -> None:
    """
    It ends at once; all its commands were sent, and the close frame too.
    """
    received: list[bytes] = []
    with Peer(lambda conn: collect_until_close(conn, received)) as peer:
        done = run_script(
            """
            client = client_of(sys.argv[1])
            client.connect(5)
            for n in range(200):
                client.append_audio(n.to_bytes(2, "little") * 240)
            """,
            peer.url,
        )

    assert (done.returncode, done.stderr) == (0, "")
    assert len(received) == 201
    assert received[-1] == b"\x03\xe8"


@pytest.mark.slow
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_script_that_ends_before_it_is_connected_sends_its_commands(
    host: str,
) -> None:
    """
    Commands given before there was a connection are sent before the script ends.
    """
    with GA.service() as service:
        done = run_script(
            """
            client_of(sys.argv[1]).append_audio(bytes(4800))
            client = client_of(sys.argv[1])
            client.append_audio(bytes(4800))
            """,
            service.url.replace("127.0.0.1", host),
        )
        assert (done.returncode, done.stderr) == (0, "")
        ended = [
            connection
            for connection in (service.wait_for_connection() for _ in range(2))
            if connection.wait_closed()
            and any(e["type"].endswith("append") for e in connection.received)
        ]

    assert len(ended) == 2


@pytest.mark.slow
def test_a_script_of_callbacks_that_does_not_wait_is_warned() -> None:
    """
    It would end without any output: its only listener is never called.
    """
    with Peer(lambda conn: conn.mute()) as peer:
        done = run_script(
            "client = client_of(sys.argv[1])\nclient.once('init', print)", peer.url
        )

    assert (done.returncode, done.stdout) == (0, "")
    assert "The program ended before the client was connected" in done.stderr
    assert "client.run_forever()" in done.stderr


@pytest.mark.slow
def test_a_script_that_ends_by_ctrl_c_is_not_warned() -> None:
    """
    It did wait, until the user interrupted it.
    """
    with Peer(lambda conn: conn.mute()) as peer:
        done = run_script(
            "client = client_of(sys.argv[1])\nraise KeyboardInterrupt", peer.url
        )

    assert "KeyboardInterrupt" in done.stderr
    assert "The program ended" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "given_up",
    [
        "client.create_response().cancel()",
        "client.create_response(); assert client.cancel_response()",
        """
        with contextlib.suppress(TimeoutError):
            client.ask("Hello", timeout=0.2)
        """,
    ],
)
def test_an_answer_that_was_given_up_draws_no_warning(given_up: str) -> None:
    """
    The program has cancelled it, or its time was over: there is nothing to wait for.
    """
    with Peer(lambda conn: collect_until_close(conn, [])) as peer:
        done = run_script(
            "import contextlib\nclient = client_of(sys.argv[1])\nclient.connect(5)\n"
            + textwrap.dedent(given_up),
            peer.url,
        )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_several_clients_that_are_not_waited_for_draw_one_warning() -> None:
    """
    The warning counts them; clients that were closed, or wait for nothing, are left out.
    """
    with GA.service() as service, Peer(lambda conn: conn.mute()) as mute:
        done = run_script(
            """
            waiting = [client_of(sys.argv[2]) for _ in range(3)]
            client_of(sys.argv[2]).close()
            idle = client_of(sys.argv[1])
            idle.connect(5)
            """,
            service.url,
            mute.url,
        )

    assert done.stderr.count("The program ended") == 1
    assert "before the client was connected (3 clients). End a script" in done.stderr


@pytest.mark.slow
def test_a_script_that_ends_while_it_reconnects_is_warned() -> None:
    """
    The command that it gave meanwhile is not sent.
    """
    done = run_script(
        """
        with Simulator() as service:
            client = client_of(service.url, reconnect_interval=60)
            client.connect(5)
            with client.expect("reconnecting", timeout=5):
                service.wait_for_connection().drop()
            client.clear_audio_buffer()
        """
    )

    assert done.stderr.count("The program ended before the client reconnected.") == 1


@pytest.mark.slow
def test_a_script_that_ends_while_a_tool_runs_is_warned() -> None:
    """
    The answer that the tool's result is for will never come.
    """
    with GA.service(replies=[Reply(calls=[ToolCall("look")])]) as service:
        done = run_script(
            """
            client = client_of(sys.argv[1])
            running = threading.Event()
            @client.tool
            def look() -> str:
                "Look."
                running.set()
                threading.Event().wait()
            client.create_response().result(5)
            assert running.wait(5)
            """,
            service.url,
        )

    assert done.stderr.count("The program ended while a tool was running.") == 1


@pytest.mark.slow
def test_a_slow_handshake_at_exit_is_waited_for() -> None:
    """
    The command of a program that ends at once leaves, also if a busy machine needs more
    than a second for the connection.
    """
    received: list[bytes] = []
    exiting = threading.Event()

    def serve(conn: PeerConnection) -> None:
        assert exiting.wait(10)
        threading.Event().wait(1.3)
        collect_until_close(conn, received)

    source = """
    client_of(sys.argv[1]).append_audio(bytes(4800))
    client = client_of(sys.argv[1])
    client.append_audio(bytes(4800))
    print("over", flush=True)
    """
    with Peer(serve) as peer, start_script(source, peer.url) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "over\n"
            exiting.set()
            _, err = process.communicate(timeout=20)
        except BaseException:
            process.kill()
            raise

    assert (process.returncode, err) == (0, "")
    assert sum(b"append" in data for data in received) == 2


@pytest.mark.slow
def test_a_connection_can_still_be_made_while_the_interpreter_ends() -> None:
    """
    No thread can be started then (Python 3.12); the queued command leaves even so.
    """
    received: list[bytes] = []
    with Peer(lambda conn: collect_until_close(conn, received)) as peer:
        done = run_script(
            """
            import atexit
            ending, asked = threading.Event(), threading.Event()
            def token():
                asked.set()
                ending.wait(10)
                return KEY
            client = AzureRealTimeAudio(
                AzureRealTimeOptions(sys.argv[1], "d", token_provider=token)
            )
            client.append_audio(bytes(4800))
            assert asked.wait(5)
            atexit.register(ending.set)
            """,
            peer.url,
        )

    assert (done.returncode, done.stderr) == (0, "")
    assert len(received) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "ending",
    [
        "",
        "sys.exit(0)",
        "client.on('*', lambda event: threading.Event().wait())",
        "stream = client.events(); wait = client.clear_audio_buffer()",
    ],
)
def test_nothing_keeps_a_script_alive(ending: str) -> None:
    """
    Whatever is still going on, a program that is over ends.
    """
    with GA.service() as service:
        done = run_script(
            f"client = client_of(sys.argv[1])\nclient.connect(5)\n{ending}",
            service.url,
        )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_a_silent_server_does_not_keep_a_script_alive() -> None:
    """
    A program whose connection never came ends after connect_timeout, at most.
    """
    source = """
    client = client_of(sys.argv[1], connect_timeout=1.0)
    client.append_audio(bytes(4800))
    print("over", flush=True)
    """
    with (
        Peer(lambda conn: conn.mute()) as peer,
        start_script(source, peer.url) as process,
    ):
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "over\n"
            with at_most(2.0):
                process.communicate(timeout=20)
        except BaseException:
            process.kill()
            raise

    assert process.returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("during_exit", [False, True], ids=["quick", "slow"])
def test_a_listener_that_runs_at_exit_finishes_and_its_commands_are_sent(
    during_exit: bool,
) -> None:
    """
    The slow one ends 0.05 s after the exit has begun, however busy the machine is.
    """
    with GA.service(replies=["Hi."]) as service:
        done = run_script(
            f"""
            client = client_of(sys.argv[1])
            @client.on("response.done")
            def save(event):
                if {during_exit}:
                    threading.main_thread().join()
                    threading.Event().wait(0.05)
                client.append_audio(bytes(960))
                print("saved")
            client.create_response(modalities=["text"]).result(5)
            """,
            service.url,
        )
        connection = service.wait_for_connection()
        assert connection.wait_closed()
        lines = [event["type"] for event in connection.received]

        assert (done.stdout, done.stderr) == ("saved\n", "")
        assert lines[-1] == "input_audio_buffer.append"
        assert connection.close_code == 1000


@pytest.mark.slow
def test_a_listener_of_an_event_that_is_not_posted_yet_runs_at_exit() -> None:
    """
    The event that the program waits for arrives with 50 more, in one read.
    """
    limits = [{"name": "tokens", "limit": n, "remaining": n} for n in range(20)]
    other = frame(json.dumps({"type": "rate_limits.updated", "rate_limits": limits}))
    received: list[bytes] = []

    def serve(conn: PeerConnection) -> None:
        serve_session(conn)
        conn.read_frame()  # the append
        conn.read_frame()  # the commit
        committed = {"type": "input_audio_buffer.committed", "item_id": "i"}
        conn.send(frame(json.dumps(committed)) + 50 * other)
        opcode = 0
        while opcode != CLOSE:
            opcode, data = conn.read_frame()
            received.append(data)
        conn.send(frame(data, CLOSE))

    with Peer(serve) as peer:
        done = run_script(
            """
            sys.setswitchinterval(1e-4)
            client = client_of(sys.argv[1])
            @client.on("input_audio_buffer.committed")
            def save(event):
                client.append_audio(bytes(960))
                print("saved")
            client.append_audio(bytes(9600))
            client.commit_audio().result(5)
            """,
            peer.url,
        )

    assert (done.stdout, done.stderr) == ("saved\n", "")
    assert b"input_audio_buffer.append" in received[0]


@pytest.mark.slow
def test_after_the_end_of_the_program_a_call_names_it() -> None:
    """
    An exit handler that closes too late gets the reason, and not that it closed.
    """
    with GA.service(credentials=None) as service:
        done = run_script(
            """
            import atexit, sys
            def late():
                try:
                    client.append_audio(bytes(960))
                except Exception as error:
                    print(error)
            atexit.register(late)
            from azure_realtime import *
            client = AzureRealTimeAudio(AzureRealTimeOptions(sys.argv[1], "d", "key"))
            client.connect(5)
            """,
            service.url,
            head="",
        )

    assert done.stderr == ""
    assert done.stdout == "The connection is closed: 1000 (the program is ending).\n"


@pytest.mark.slow
def test_an_executor_that_ended_before_the_client_makes_no_noise() -> None:
    """
    The interpreter shuts executors down first; what comes after that is not logged.
    """
    with GA.service() as service:
        done = run_script(
            """
            from concurrent.futures import ThreadPoolExecutor
            client = AzureRealTimeAudio(
                AzureRealTimeOptions(sys.argv[1], "d", KEY),
                dispatch=ThreadPoolExecutor(1),
            )
            client.on("*", lambda event: None)
            client.connect(5)
            """,
            service.url,
        )

    assert (done.returncode, done.stderr) == (0, "")


# Ctrl-C.


INTERRUPTED = {
    "connect": "client_of(sys.argv[2]).connect(60)",
    "connect in with": "client_of(sys.argv[2]).__enter__()",
    "wait_for": "client.wait_for('response.done', timeout=None)",
    "future": "client.create_conversation_item(ITEM).result(60)",
    "events": "next(client.events('response.done'))",
    "append_audio": "while True: client.append_audio(bytes(96000), timeout=None)",
    "run_forever": "client.run_forever()",
    "pump": "while True: client.pump(60)",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", INTERRUPTED)
def test_ctrl_c_works_in_every_wait(name: str) -> None:
    """
    It is raised where the program waits, at once, and the client can be used further;
    but for `run_forever`, which closes it.
    """
    manual = name in ("run_forever", "pump")
    blocks = name in ("future", "append_audio", "run_forever")
    source = f"""
    import signal
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ITEM = {USER_SAYS!r}
    client = AzureRealTimeAudio(
        AzureRealTimeOptions(sys.argv[1], "d", KEY),
        {{"max_send_queue_bytes": 300000}},
        dispatch={"manual" if manual else "thread"!r},
    )
    with client.expect("rate_limits.updated"):
        client.connect(5)
    try:
        print("waiting", flush=True)
        {INTERRUPTED[name]}
    except KeyboardInterrupt:
        print("interrupted", client.state.name, flush=True)
    if not {blocks}:
        print(client.clear_audio_buffer().result(5).type)
    client.close(0.5)
    """
    with GA.service() as service, Peer(lambda conn: conn.mute()) as mute:
        with start_script(source, service.url, mute.url) as process:
            try:
                assert process.stdout is not None
                connection = service.wait_for_connection(10)
                connection.wait_received("session.update", timeout=10)
                if blocks:
                    connection.stop_reading()
                # only now may it send what is not answered
                connection.send({"type": "rate_limits.updated", "rate_limits": []})
                assert process.stdout.readline() == "waiting\n"
                wait_until_it_waits(process)
                with at_most(2.5):
                    process.send_signal(signal.SIGINT)
                    out, err = process.communicate(timeout=20)
            except BaseException:
                process.kill()
                raise
        connection.resume()

    assert process.returncode == 0, err
    after = "" if blocks else "input_audio_buffer.cleared\n"
    state = "CLOSED" if name == "run_forever" else "OPEN"
    assert out == f"interrupted {state}\n{after}"


@pytest.mark.slow
def test_ctrl_c_in_with_closes_the_session() -> None:
    """
    The block is left by KeyboardInterrupt, and the service gets a close frame.
    """
    source = """
    import signal
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with client_of(sys.argv[1]) as client:
        print("waiting", flush=True)
        client.wait_for("response.done", timeout=None)
    """
    with GA.service() as service, start_script(source, service.url) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "waiting\n"
            wait_until_it_waits(process)
            with at_most(2.0):
                process.send_signal(signal.SIGINT)
                _, err = process.communicate(timeout=20)
        except BaseException:
            process.kill()
            raise
        connection = service.wait_for_connection()
        assert connection.wait_closed()

    assert process.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in err
    assert connection.close_code == 1000


@pytest.mark.slow
@pytest.mark.parametrize("then", ["client.close(); print(client.state.name)", ""])
def test_a_close_after_ctrl_c_in_close_completes(then: str) -> None:
    """
    Another close(), or the end of the program, still sends what is queued, and waits.
    """
    source = f"""
    import signal
    signal.signal(signal.SIGINT, signal.default_int_handler)
    go = threading.Event()
    def token():
        go.wait(10)
        return KEY
    client = AzureRealTimeAudio(
        AzureRealTimeOptions(sys.argv[1], "d", token_provider=token)
    )
    client.append_audio(bytes(4800))
    try:
        print("closing", flush=True)
        client.close()
    except KeyboardInterrupt:
        print("interrupted", client.state.name, flush=True)
    go.set()
    {then}
    """
    received: list[bytes] = []
    with (
        Peer(lambda conn: collect_until_close(conn, received)) as peer,
        start_script(source, peer.url) as process,
    ):
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "closing\n"
            wait_until_it_waits(process)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
        except BaseException:
            process.kill()
            raise

    closed = "CLOSED\n" if then else ""
    assert (out, err) == (f"interrupted CONNECTING\n{closed}", "")
    assert len(received) == 2
    assert received[-1] == b"\x03\xe8"


# A client that is dropped.


def collected(reference: weakref.ref[Any]) -> bool:
    """
    Collect garbage; return whether the object is gone.
    """
    gc.collect()
    return reference() is None


@pytest.mark.parametrize("dispatch", ["thread", "reader", "manual"])
@pytest.mark.parametrize("circular", [False, True], ids=["plain", "closed over"])
def test_a_dropped_client_is_collected_and_closed(
    circular: bool, dispatch: Any, eventually: Callable[..., None]
) -> None:
    """
    Forgetting the client ends its connection, also when its listeners know it.
    """
    with GA.service() as service:
        client = GA.client(service.url, dispatch=dispatch)
        client.connect(5)
        client.clear_audio_buffer().result(5)
        connection = service.wait_for_connection()
        if circular:
            client.on("*", lambda event, client=client: print(client))  # noqa: T201
            client.once("response.done", client.ask)
        reference = weakref.ref(client)

        del client
        if circular:  # a listener that is running holds it until it returns
            eventually(lambda: collected(reference))

        assert connection.wait_closed(5)
        assert reference() is None
        assert connection.close_code == 1000


def test_a_dropped_client_that_has_not_begun_to_connect_sends_its_commands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    On a busy machine the reader thread may begin after the client was collected.
    """
    dropped = threading.Event()
    inside.delay_readers(monkeypatch, lambda: dropped.wait(5))
    with GA.service() as service:
        GA.client(service.url).append_audio(bytes(4800))
        dropped.set()
        connection = service.wait_for_connection()
        assert connection.wait_closed(5)
    assert [e["type"] for e in connection.received][-1] == "input_audio_buffer.append"


def test_a_dropped_client_whose_answer_is_outstanding_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    Its future, and a warning in the log, name the remedy.
    """
    with GA.service() as service:
        answer = GA.client(service.url).create_response(instructions="Greet.")
        with pytest.raises(ConnectionClosed, match="keep a reference"):
            answer.result(5)
    assert "Keep a reference to the client" in caplog.text


def test_a_dropped_client_whose_answer_was_given_up_says_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    The program has cancelled it: nothing is lost.
    """
    requested, closed = threading.Event(), threading.Event()

    def serve(conn: PeerConnection) -> None:
        serve_session(conn)
        conn.read_frame()
        requested.set()
        assert conn.read_frame()[0] == CLOSE
        closed.set()

    with Peer(serve) as peer:
        client = GA.client(peer.url)
        client.connect(5)
        answer = client.create_response()
        assert requested.wait(5)
        assert answer.cancel()
        del client
        gc.collect()
        assert closed.wait(5)
    assert caplog.text == ""


def test_a_client_that_is_dropped_while_connecting_is_gone() -> None:
    """
    A cell that is run again leaves nothing of the first run behind.
    """
    with Peer(lambda conn: conn.mute()) as peer:
        for _ in range(5):
            client = GA.client(peer.url)
            peer.accepted.acquire(timeout=5)
        del client
        gc.collect()


def test_running_a_cell_again_leaves_one_connection() -> None:
    """
    ``client = ...`` a second time closes the first.
    """
    with GA.service() as service:
        for _ in range(3):
            client = GA.client(service.url)
            client.on("response.done", lambda event: None)
            client.connect(5)
        first, second, third = (service.wait_for_connection() for _ in range(3))
        assert first.wait_closed()
        assert second.wait_closed()
        assert client.clear_audio_buffer().result(5)
        client.close()
        assert third.wait_closed()


@pytest.mark.slow
def test_fifty_dropped_clients_leave_nothing() -> None:
    """
    Threads and descriptors are back to where they were.
    """
    with GA.service() as service:
        for _ in range(50):
            GA.client(service.url).on("init", lambda event: None)
        gc.collect()


# Where it runs.


def test_a_client_works_inside_a_running_event_loop(variant: Variant) -> None:
    """
    A coroutine, or a notebook cell, may use it like anything that blocks.
    """

    async def main() -> str:
        with variant.connected(service={"replies": ["Hi."]}) as (client, _):
            return client.create_response(modalities=["text"]).result(10).text

    assert asyncio.run(main()) == "Hi."


@pytest.mark.slow
def test_a_session_needs_no_asyncio_and_no_extra() -> None:
    """
    Neither the import nor a whole turn loads asyncio, NumPy, or the simulator's needs.
    """
    with GA.service(replies=["Hi."], credentials=None) as service:
        done = run_script(
            """
            options = AzureRealTimeOptions(sys.argv[1], "d", "key")
            with AzureRealTimeAudio(options) as client:
                print(client.create_response(modalities=["text"]).result(5).text)
            extras = {"asyncio", "numpy", "websockets", "azure.identity"}
            print(sorted(extras & set(sys.modules)))
            """,
            service.url,
            head="import sys\nfrom azure_realtime import *\n",
        )

    assert (done.stdout, done.stderr) == ("Hi.\n[]\n", "")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("ending", ["os._exit(0)", "del client; sys.exit(0)"])
def test_a_fork_leaves_the_session_to_the_parent(ending: str, variant: Variant) -> None:
    """
    In the child each call raises at once, whatever locks were held in the parent; the
    parent's session goes on.
    """
    source = f"""
    import contextlib, os, ssl, warnings
    from helpers import inside
    warnings.simplefilter("ignore")
    context = ssl._create_unverified_context()
    version = None if sys.argv[2] == "ga" else "2024-10-01-preview"
    client = AzureRealTimeAudio(
        AzureRealTimeOptions(sys.argv[1], "d", KEY, version), {{"ssl_context": context}}
    )
    client.on("*", lambda event: None)
    client.connect(5)
    pending = client.create_response(modalities=["text"])
    done = client.clear_audio_buffer()
    done.result(5)
    stream = client.events("response.done")
    expected = client.expect("response.done")
    locks = [inside.lock_of(client, part) for part in inside.LOCKS]
    held, over = threading.Event(), threading.Event()
    def hold():
        with contextlib.ExitStack() as stack:
            for lock in locks:
                stack.enter_context(lock)
            held.set()
            over.wait(10)
    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    child = os.fork()
    if child == 0:
        def think():
            client.status = "thinking"
        item = {USER_SAYS!r}
        calls = [
            lambda: client.connect(1),
            lambda: client.append_audio(bytes(4800)),
            client.commit_audio,
            client.clear_audio_buffer,
            lambda: client.create_conversation_item(item),
            lambda: client.delete_item("item_1"),
            lambda: client.truncate_item("item_1", 0, 0),
            lambda: client.retrieve_item("item_1"),
            client.create_response,
            client.cancel_response,
            lambda: client.update_session(voice="sage"),
            lambda: client.send({{"type": "response.create"}}),
            lambda: client.send({{"type": "input_audio_buffer.append", "audio": ""}}),
            lambda: client.wait_for("response.done"),
            lambda: client.expect("response.done"),
            lambda: client.events(),
            lambda: client.ask("Hello?"),
            lambda: client.stream("Hello?"),
            lambda: client.tool(print),
            client.pump,
            client.run_forever,
            client.fileno,
            lambda: client.on("init", print),
            lambda: client.on("response.done"),
            lambda: client.once("init", print),
            lambda: client.off("response.done"),
            client.off_all,
            client.set_model_speak_done,
            think,
            lambda: client.status,
            lambda: client.session,
            lambda: client.stats,
            lambda: client.conversation,
            lambda: client.usage,
            lambda: client.rate_limits,
            client.__enter__,
            lambda: next(stream),
            lambda: expected.__exit__(None, None, None),
            lambda: done.result(1),
            lambda: pending.result(1),
            lambda: pending.exception(1),
            lambda: pending.add_done_callback(print),
            pending.cancel,
        ]
        for number, call in enumerate(calls):
            try:
                call()
            except RuntimeError as error:
                assert "fork" in str(error) or "process" in str(error), error
            else:
                print("no error from", number, flush=True)
        client.close(1)
        client.__exit__(None, None, None)
        stream.close()
        print(client.state.name, client.is_initialized, "CLOSED" in repr(client))
        print(len(calls), flush=True)
        {ending}
    os.waitpid(child, 0)
    over.set()
    holder.join()
    print(client.clear_audio_buffer().result(5).type)
    client.close()
    """
    with variant.service() as service:
        done = run_script(source, service.url, variant.protocol)
        connection = service.wait_for_connection()
        assert connection.wait_closed()

    lines = "CLOSED False True\n43\ninput_audio_buffer.cleared\n"
    assert (done.stdout, done.stderr) == (lines, "")
    assert connection.close_code == 1000


@pytest.mark.slow
def test_a_thread_may_outlive_the_main_thread() -> None:
    """
    A worker that still talks when main is done gets its answers.
    """
    with GA.service() as service:
        done = run_script(
            """
            client = client_of(sys.argv[1])
            client.connect(5)
            main = threading.main_thread()
            def work():
                main.join()
                print(client.clear_audio_buffer().result(5).type)
            threading.Thread(target=work).start()
            """,
            service.url,
        )

    assert (done.stdout, done.stderr) == ("input_audio_buffer.cleared\n", "")


def test_a_finalizer_may_run_on_any_thread() -> None:
    """
    A client collected on its own callback thread does not wait for itself.
    """
    over = threading.Event()
    with GA.service() as service:
        clients = [AzureRealTimeAudio(AzureRealTimeOptions(service.url, "d", KEY))]

        def listener(event: Any) -> None:
            clients.clear()
            gc.collect()
            over.set()

        clients[0].on("init", listener)
        assert over.wait(5)
        assert service.wait_for_connection().wait_closed()


class Desk:
    """
    An application's object, with the client in it.
    """

    def __init__(self, client: AzureRealTimeAudio) -> None:
        self.client = client

    def whoami(self) -> str:
        """
        Tell who serves.
        """
        return repr(self.client)


def test_a_tool_that_refers_to_the_client_does_not_keep_it_alive(
    eventually: Callable[..., None],
) -> None:
    """
    A method given as a tool is the usual way; the client is collected all the same.
    """
    with GA.service() as service:
        client = GA.client(service.url)
        client.connect(5)

        client.tool(Desk(client).whoami)
        connection = service.wait_for_connection(5)
        connection.wait_received("session.update", count=2, timeout=5)
        known = weakref.ref(client)
        del client
        eventually(lambda: collected(known))

        connection.wait_closed(5)
