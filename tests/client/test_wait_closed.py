"""
``run_forever`` and ``wait_closed``: the last line of a script of callbacks.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from helpers.clients import GA, KEY
from helpers.processes import wait_until_it_waits
from helpers.timing import SCALE, at_most

from azure_realtime import AzureRealTimeAudio, WebSocketState


@pytest.fixture(params=["thread", "reader", "manual", "pool"])
def dispatch(request: pytest.FixtureRequest) -> Iterator[Any]:
    """
    Each place where listeners can run.
    """
    if request.param != "pool":
        yield request.param
        return
    with ThreadPoolExecutor(1) as pool:
        yield pool


def test_run_forever_returns_when_the_connection_has_ended(dispatch: Any) -> None:
    """
    The listeners of the end have run by then.
    """
    ended: list[object] = []
    with GA.connected(dispatch=dispatch) as (client, connection):
        client.on("closed", ended.append)
        connection.drop()
        with at_most(3.0):
            client.run_forever()
        assert client.state is WebSocketState.CLOSED
        assert len(ended) == 1


def test_wait_closed_is_false_in_time_and_leaves_the_client_open(dispatch: str) -> None:
    """
    Under ``manual`` it runs the listeners meanwhile.
    """
    done: list[object] = []
    with GA.connected(dispatch=dispatch) as (client, _):
        client.on("response.done", done.append)
        client.create_response()
        deadline = time.monotonic() + 5 * SCALE
        while not done and time.monotonic() < deadline:
            assert client.wait_closed(0.05) is False
        assert done
        assert client.state is WebSocketState.OPEN


def test_a_listener_that_closes_the_client_ends_the_wait(dispatch: str) -> None:
    """
    As a script of callbacks ends.
    """
    with GA.connected(dispatch=dispatch) as (client, _):
        client.on("response.done", lambda _: client.close())
        client.create_response()
        with at_most(5.0):
            assert client.wait_closed(10 * SCALE) is True


@pytest.mark.parametrize("where", ["thread", "reader"])
def test_a_listener_cannot_wait_for_the_end(where: str) -> None:
    """
    It would wait for itself.
    """
    errors: list[BaseException] = []
    with GA.connected(dispatch=where) as (client, _):

        def wait(_: object) -> None:
            try:
                client.wait_closed(5)
            except RuntimeError as error:
                errors.append(error)

        client.on("response.done", wait)
        with client.expect("response.done", timeout=10):
            client.create_response()
        client.close()
    assert len(errors) == 1


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize("where", ["thread", "manual"])
@pytest.mark.parametrize(
    ("call", "state"), [("run_forever", "CLOSED"), ("wait_closed", "OPEN")]
)
def test_ctrl_c_ends_both_waits(where: str, call: str, state: str) -> None:
    """
    It ends both waits at once; `run_forever` closes the client as well.
    """
    script = f"""
import sys
from azure_realtime import AzureRealTimeAudio, AzureRealTimeOptions
options = AzureRealTimeOptions(sys.argv[1], "d", sys.argv[2])
with AzureRealTimeAudio(options, dispatch={where!r}) as client:
    print("ready", flush=True)
    try:
        client.{call}()
    except KeyboardInterrupt:
        print(client.state.name, flush=True)
"""
    with GA.service() as service:
        command = [sys.executable, "-c", script, service.url, KEY]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            wait_until_it_waits(process)
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == f"{state}\n"
            assert process.wait(10 * SCALE) == 0


@pytest.mark.slow
@pytest.mark.processes
def test_a_script_that_ends_with_an_answer_outstanding_logs_a_warning() -> None:
    """
    One line names the remedy; a script that waited, or closed the client, logs none.
    """
    script = """
import sys
from azure_realtime import AzureRealTimeAudio, AzureRealTimeOptions
client = AzureRealTimeAudio(AzureRealTimeOptions(sys.argv[1], "d", sys.argv[2]))
client.connect()
client.create_response()
"""
    with GA.service() as service:
        command = [sys.executable, "-c"]
        texts = [
            subprocess.run(
                [*command, script + rest, service.url, KEY],
                capture_output=True,
                text=True,
                check=True,
            ).stderr
            for rest in ("", "client.wait_for('response.done', timeout=9)")
        ]
        assert "client.run_forever() or client.wait_closed()" in texts[0]
        assert texts[0].count("\n") == 1
        assert texts[1] == ""


def test_from_env_makes_options_and_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The class makes its own options; either name of the deployment is read.
    """
    with GA.service() as service:
        monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", service.url)
        monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
        monkeypatch.delenv("AZURE_OPENAI_DEPLOYMENT", raising=False)
        monkeypatch.delenv("AZURE_OPENAI_API_VERSION", raising=False)
        with pytest.raises(
            ValueError, match="DEPLOYMENT or AZURE_OPENAI_DEPLOYMENT_NA"
        ):
            AzureRealTimeAudio.from_env()
        monkeypatch.setenv("AZURE_OPENAI_DEPLOYMENT_NAME", "gpt-realtime")
        config = {"voice": "cedar"}
        with AzureRealTimeAudio.from_env(
            session_config=config, keep_audio=True
        ) as client:
            assert client.session is not None
            assert client.session.voice == "cedar"
