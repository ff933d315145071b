"""
Starting and stopping: nothing stays behind, whatever state things are in.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from azure_realtime.simulator import Connection, Reply, Simulator, ToolCall, __all__
from azure_realtime.simulator.__main__ import main

Join = Callable[..., Any]

_FAULTS: dict[str, Callable[[Connection], None]] = {
    "stall": lambda connection: connection.stall(),
    "stop_reading": lambda connection: connection.stop_reading(),
    "drip": lambda connection: (connection.drip(0.5), connection.flood(9))[0],
    "flood": lambda connection: connection.flood(5000),
    "no_close_answer": lambda connection: connection.no_close_answer(),
    "stalled flood": lambda connection: (connection.stall(), connection.flood(9))[0],
    "close": lambda connection: connection.close(4000),
}


def test_numbers_of_other_types_are_numbers() -> None:
    """
    As NumPy's are.
    """
    with Simulator(pace=Fraction(0), replies=[Reply(delay=Fraction(0))]):  # type: ignore[arg-type]
        pass


def test_a_client_for_which_there_is_no_thread_is_refused(
    join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The others stay, and the service can be stopped.
    """
    start = threading.Thread.start

    def refused(thread: threading.Thread) -> None:
        if thread.name == "simulator-handler":
            raise RuntimeError("can't start new thread")
        start(thread)

    with Simulator(pace=0) as service:
        client = join(service)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refused)
            with socket.create_connection(("127.0.0.1", service.port)) as refused_one:
                assert refused_one.recv(1) == b""
        client.send("input_audio_buffer.clear")
        client.until("input_audio_buffer.cleared")
    with pytest.raises(ConnectionClosed, match="1001"):
        client.receive()


def test_a_service_without_a_thread_does_not_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    began = time.monotonic()
    with pytest.raises(RuntimeError, match="can't start new thread"):
        Simulator().start()
    assert time.monotonic() - began < 2.0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_does_not_stop_the_service(join: Join) -> None:
    with Simulator(pace=0) as service:
        child = os.fork()
        if child == 0:
            service.stop()
            os._exit(0)
        os.waitpid(child, 0)
        assert join(service)


@pytest.mark.parametrize(
    ("mistake", "text"),
    [
        (lambda: Simulator("127.0.0.1"), "port must be a whole number, not '127"),  # type: ignore[arg-type]
        (lambda: Simulator(replies=5), "replies .* not 5"),  # type: ignore[arg-type]
        (lambda: Simulator(pace="1"), "pace must be a number, not '1'"),  # type: ignore[arg-type]
        (lambda: Simulator(idle_scale="1"), "idle_scale must be a number, not '1'"),  # type: ignore[arg-type]
        (lambda: Simulator(session_seconds=None), "session_seconds must be a number"),  # type: ignore[arg-type]
        (lambda: Reply(5), "text must be a str, not 5"),  # type: ignore[arg-type]
        (lambda: Reply(heard=5), "heard must be a str or None, not 5"),  # type: ignore[arg-type]
        (lambda: Reply(delay="1"), "delay must be a number, not '1'"),  # type: ignore[arg-type]
        (lambda: Reply(usage=5), "usage must be a mapping or None, not 5"),  # type: ignore[arg-type]
        (lambda: Reply(calls=["f"]), "calls must be a list of ToolCall, not 'f'"),  # type: ignore[list-item]
        (lambda: Reply(calls=ToolCall("f")), "calls must be a list of ToolCall, not T"),  # type: ignore[arg-type]
        (lambda: ToolCall(5), "name must be a str, not 5"),  # type: ignore[arg-type]
        (
            lambda: ToolCall("f", [1]),
            r"arguments must be a mapping or a str, not \[1\]",
        ),  # type: ignore[arg-type]
    ],
)
def test_a_script_with_a_wrong_type_is_refused_where_it_is_written(
    mistake: Callable[[], Any], text: str
) -> None:
    """
    The answer is a TypeError of the test's own line, not a failed response later.
    """
    with pytest.raises(TypeError, match=text):
        mistake()


def test_a_function_that_returns_no_reply_is_named_in_the_log(
    join: Join, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The log says what a function of replies has to return.
    """
    with Simulator(replies=lambda request: 5) as service:  # type: ignore[arg-type,return-value]
        client = join(service)
        client.send("response.create")
        client.until("response.done")

    assert "a reply is a Reply or text, not 5" in caplog.text


def stop(service: Simulator) -> float:
    """
    Stop a service and return how long that took, in seconds.
    """
    began = time.monotonic()
    service.stop()
    return time.monotonic() - began


@pytest.mark.parametrize("fault", list(_FAULTS))
@pytest.mark.parametrize("tls", [False, True])
def test_a_service_stops_while_a_connection_misbehaves(
    join: Join, fault: str, tls: bool
) -> None:
    """A service stops within two seconds while a connection misbehaves."""
    options: dict[str, Any] = {}
    server = None
    if tls:
        authority = trustme.CA()
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(server)
        options["ssl"] = ssl.create_default_context()
        authority.configure_trust(options["ssl"])
    service = Simulator(ssl_context=server).start()
    client = join(service, **options)
    _FAULTS[fault](service.wait_for_connection())
    with contextlib.suppress(ConnectionClosed):
        client.say("Hello")

    assert stop(service) < 2


def test_a_service_that_speaks_stops_with_1001(join: Join) -> None:
    """A service stops while it is answering, and the client sees 1001."""
    service = Simulator(pace=4).start()
    client = join(service)
    client.say("Please tell me a long story")
    client.send("response.create")
    client.until("response.output_audio.delta", 2)

    assert stop(service) < 2
    with contextlib.suppress(Exception):
        while True:
            client.receive()
    assert 1001 == client.socket.close_code


def test_a_service_stops_while_handshakes_wait(serve: Callable[..., Simulator]) -> None:
    """A service stops while handshakes are mute or half done."""
    service = serve()
    service.mute_handshakes()
    with contextlib.ExitStack() as stack:
        for text in (
            b"",
            b"GET / HT",
            b"GET /openai/v1/realtime?model=x HTTP/1.1\r\n\r\n",
        ):
            address = ("127.0.0.1", service.port)
            client = stack.enter_context(socket.create_connection(address))
            client.sendall(text)

        assert stop(service) < 2


def test_half_a_tls_handshake_blocks_no_other(serve: Callable[..., Simulator]) -> None:
    """A TLS handshake that is nonsense fails, and one half done does not block others."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(server)
    service = serve(ssl_context=server)
    address = ("127.0.0.1", service.port)
    with socket.create_connection(address) as half:
        half.sendall(b"\x16\x03\x01\x02\x00")
        with socket.create_connection(address, timeout=5) as nonsense:
            nonsense.sendall(b"GET / HTTP/1.1\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                while nonsense.recv(1024):
                    pass

        assert stop(service) < 2


def test_stop_is_idempotent_and_needs_no_start() -> None:
    """Stopping what is stopped, or was never started, is nothing."""
    service = Simulator()
    service.stop()
    assert repr(service) == "<Simulator ws://127.0.0.1:0 0 connections>"
    with service:
        assert repr(service).startswith("<Simulator ws://127.0.0.1:")
    service.stop()


def test_a_service_that_is_not_started_or_started_twice_says_so() -> None:
    """A free port is known after `start` only; a second one would lose the first port."""
    service = Simulator()
    with pytest.raises(RuntimeError, match=r"start\(\) it first"):
        _ = service.url
    with service:
        url = service.url
        with pytest.raises(RuntimeError, match="already started"):
            service.start()
        assert service.url == url


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"replies": [5]}, TypeError),
        ({"port": "x"}, TypeError),
        ({"port": 65536}, ValueError),
    ],
)
def test_arguments_are_checked_at_once(
    options: dict[str, Any], error: type[Exception]
) -> None:
    """A mistake is reported where it is made, not at the first answer."""
    with pytest.raises(error):
        Simulator(**options)


_EXITS = """
import azure_realtime
from azure_realtime.simulator import Simulator

service = Simulator().start()
client = azure_realtime.AzureRealTimeAudio(
    azure_realtime.AzureRealTimeOptions(service.url, "d", "k")
)
client.connect()
client.create_response()
"""


@pytest.mark.slow
def test_a_program_that_ends_with_its_own_service_shows_no_traceback() -> None:
    """From Python 3.12, no thread for the answer can be started at exit."""
    ended = subprocess.run(
        [sys.executable, "-c", _EXITS],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert "Traceback" not in ended.stderr
    assert "service reports" not in ended.stderr
    assert "while an answer was outstanding" in ended.stderr


def test_twenty_connections_leave_nothing(
    serve: Callable[..., Simulator], join: Join
) -> None:
    """Twenty clients that come and go leave nothing behind."""
    service = serve(pace=0)
    before = threading.active_count()
    for _ in range(20):
        join(service).socket.close()
    for connection in service.connections:
        assert connection.wait_closed()
    deadline = time.monotonic() + 3
    while threading.active_count() > before and time.monotonic() < deadline:
        for thread in threading.enumerate():
            if thread.name.startswith(("simulator-writer", "simulator-timers")):
                thread.join(0.1)

    assert before >= threading.active_count()
    assert 20 == len(service.connections)


def test_a_service_without_record_forgets_closed_connections(
    serve: Callable[..., Simulator], join: Join
) -> None:
    """A service that does not record forgets closed connections."""
    service = serve(record=False, pace=0)
    client = join(service)
    connection = service.wait_for_connection()
    client.ask("Hello")
    client.socket.close()
    assert connection.wait_closed()
    other = join(service)
    next_one = service.wait_for_connection()

    assert [[], []] == [connection.received, connection.sent]
    assert next_one is not connection
    assert "session.created" == other.types()[0]


def test_a_response_ends_with_its_connection(
    serve: Callable[..., Simulator], join: Join, protocol: str
) -> None:
    """A client that leaves while a response is due leaves no thread behind."""
    service = serve(replies=[Reply("Later.", delay=50)])
    client = join(service, protocol)
    client.send("response.create")
    client.until("response.created")
    responses = [t for t in threading.enumerate() if t.name == "simulator-response"]
    client.socket.close()
    assert service.wait_for_connection().wait_closed()
    for thread in responses:
        thread.join(5)

    assert 1 == len(responses)
    assert not responses[0].is_alive()


def test_wait_for_connection_times_out(serve: Callable[..., Simulator]) -> None:
    """Waiting for a connection that does not come ends."""
    with pytest.raises(TimeoutError):
        serve().wait_for_connection(0.01)


def test_public_names_are_sorted() -> None:
    """The public names are sorted."""
    assert sorted(__all__) == __all__


def test_the_simulator_needs_nothing_else_of_the_library() -> None:
    """The simulator imports arithmetic and spelling only, nor websockets by itself."""
    code = """
import sys, types
base = types.ModuleType("azure_realtime")
base.__path__ = [sys.argv[1]]
sys.modules["azure_realtime"] = base
import azure_realtime.simulator
print(*sys.modules)
"""
    import azure_realtime.simulator

    package = Path(azure_realtime.simulator.__file__).parents[1]
    output = subprocess.run(
        [sys.executable, "-c", code, str(package)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    ours = [name for name in output.split() if name.startswith("azure_realtime.")]

    assert {"simulator", "audio", "_spelling"} == {name.split(".")[1] for name in ours}
    assert "websockets" not in output.split()


@pytest.mark.slow
def test_the_command_prints_its_address_and_stops(tmp_path: Path) -> None:
    """The command prints where it serves, serves TLS with a key, and stops."""
    authority = trustme.CA()
    identity = authority.issue_cert("localhost")
    identity.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    command = [sys.executable, "-m", "azure_realtime.simulator", "--port", "0"]
    command += ["--certfile", str(tmp_path / "server.pem"), "--key", "only-this"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = next(word for word in line.split() if word.startswith("wss://"))
        context = ssl.create_default_context()
        authority.configure_trust(context)
        with connect(
            f"{url}/openai/v1/realtime?model=x",
            ssl=context,
            additional_headers={"api-key": "only-this"},
            proxy=None,
        ) as client:
            event = json.loads(client.recv(10))
        process.send_signal(signal.SIGINT)
        status = process.wait(10)

    assert "session.created" == event["type"]
    assert ("only-this" in line, status) == (False, 0)


def test_the_command_reports_a_port_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    """A port that is in use is reported in one line."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status = main(["--port", str(taken.getsockname()[1])])

    assert 1 == status
    assert capsys.readouterr().err.startswith("Cannot serve on 127.0.0.1:")


def descriptors() -> int:
    """
    Return how many files are open.
    """
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="cannot be counted here")
def test_connections_leak_no_descriptor(
    serve: Callable[..., Simulator], join: Join
) -> None:
    """Connections that were dropped, refused and reset leak no descriptor."""
    service = serve(pace=0)
    service.refuse(503)
    counts = []
    for _ in range(5):
        with contextlib.suppress(Exception):
            join(service)
        counts.append(descriptors())
    service.accept()
    for how in ("rst", "fin", "mid_frame"):
        client = join(service)
        connection = service.wait_for_connection()
        connection.drop(how)
        with contextlib.suppress(Exception):
            client.receive()
        client.socket.close()
        assert connection.wait_closed()
    deadline = time.monotonic() + 3
    while descriptors() > counts[0] and time.monotonic() < deadline:
        threading.Event().wait(0.01)

    assert counts[0] >= descriptors()
