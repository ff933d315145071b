"""
The samples, started as a reader starts them.
"""

from __future__ import annotations

import base64
import contextlib
import http.cookiejar
import importlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import wave
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest
from helpers.timing import SCALE
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import serve

from azure_realtime import AzureRealTimeOptions
from azure_realtime.simulator import Reply, Request, Simulator

pytestmark = pytest.mark.documents

SAMPLES = Path(__file__).parents[1] / "samples"
NAMES = sorted(path.name for path in SAMPLES.glob("[a-z]*.py"))
PREVIEW = "2024-10-01-preview"
EXPECTED = {
    "basic.py": ["Session: sess_", "Status: speaking", "You said: Good morning!"],
    "own_websocket.py": ["Connecting to ws://", "frames"],
    "custom_configuration.py": ["Voice: shimmer", "Calls: get_weather {'city':"],
    "ask.py": ["France", "reply.wav"],
    "tools.py": ["current_time(", "17"],
    "order_desk.py": ["A-18", "2 calls of 1 s each: "],
    "cost_limit.py": [" of 0.02 USD\n", "The limit is reached."],
    "timeline.py": ["turn 0\n  stopped: ", "first_audio: ", "Wrote timeline.html"],
    "pull_loop.py": ["28, 29, 30.", "Received input_audio_buffer.cleared"],
    "port_of_the_original.py": [
        "--- basic\nSession established: Session(",
        "Received audio data: ",
        "--- node\nConnected through <class 'websocket",
        "--- custom\nVoice: shimmer\nStatus: completed",
    ],
    "phone_bridge.py": [
        "2 of 2 callers were answered twice",
        "2 of 2 interrupted the first answer",
    ],
    "voice_turn.py": [
        " s) ...\nQuestion: This is a placeholder for ",
        "\nAnswer: I received about ",
        "Status: completed",
        "End of speech to done:",
    ],
}
#: What makes a service of Azure's shape known to a sample; the address is missing.
ACCOUNT = {"AZURE_OPENAI_API_KEY": "any-key", "AZURE_OPENAI_DEPLOYMENT": "any-name"}


def start(
    sample: str,
    *arguments: str,
    folder: Path,
    azure: Mapping[str, str] | None = None,
    version: str = "",
    screen: str = "",
    by: tuple[str, ...] = (),
) -> subprocess.Popen[str]:
    """
    Start a sample in *folder*.

    *azure* are variables of the environment; without them no Azure is in it. *version*
    is the protocol's. *screen* is the command that makes a display, and *by* is what
    starts the sample, if that is not Python alone.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AZURE_OPENAI_") and not name.lower().endswith("_proxy")
    }
    environment |= {"PYTHONIOENCODING": "utf-8", **(azure or {})}
    if version:
        environment["AZURE_OPENAI_API_VERSION"] = version
    else:
        environment["PYTHONWARNINGS"] = "error"
    return subprocess.Popen(
        [*screen.split(), sys.executable, *by, str(SAMPLES / sample), *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """
    Wait for the end of a sample; return what it printed.
    """
    with process:
        try:
            out, err = process.communicate(timeout=25 * SCALE)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@contextlib.contextmanager
def running(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """
    Kill a sample that still runs at the end of the block.
    """
    try:
        yield process
    finally:
        with process:
            process.kill()


class Asked:
    """
    A service that counts its questions and can hold an answer back.

    Attributes:
        questions: How often each text was asked.
        hold_after: The number of answers after which answers are held back.
        held: Set: an answer is held back.
        release: Sets the held answers free.
    """

    def __init__(self, hold_after: int | None = None) -> None:
        self.questions: Counter[str] = Counter()
        self.hold_after = hold_after
        self.held = threading.Event()
        self.release = threading.Event()
        self.simulator = Simulator(replies=self._reply, pace=0)
        self._lock = threading.Lock()

    def _reply(self, request: Request) -> str:
        with self._lock:
            self.questions[request.text] += 1
            hold = self.hold_after is not None and (
                self.questions.total() > self.hold_after
            )
        if hold:
            self.held.set()
            self.release.wait(30 * SCALE)
        return f"The answer to {request.text!r}."

    @property
    def azure(self) -> dict[str, str]:
        """
        The variables that name this service.
        """
        return {"AZURE_OPENAI_ENDPOINT": self.simulator.url, **ACCOUNT}

    def __enter__(self) -> Asked:
        self.simulator.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()
        self.simulator.stop()


def free_port() -> int:
    """
    Return a port at which nothing listens.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def assert_a_sentence(output: str) -> None:
    """
    Check that what a user made wrong is answered in words.
    """
    assert "Traceback" not in output
    assert re.search(r"^\S.* \S.*", output, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("version", ["", PREVIEW], ids=["ga", "preview"])
@pytest.mark.parametrize("sample", EXPECTED)
def test_sample_prints_what_its_header_describes(
    sample: str, version: str, tmp_path: Path
) -> None:
    """
    A sample ends with code 0, prints the expected lines, and a reply is audible.
    """
    ended = finish(start(sample, folder=tmp_path, version=version))
    assert (0, []) == (
        ended.returncode,
        [words for words in EXPECTED[sample] if words not in ended.stdout],
    ), ended.stdout + ended.stderr
    for reply in tmp_path.glob("reply.wav"):
        assert_audible(reply)


def assert_audible(path: Path) -> None:
    """
    Check that a reply is speech of more than a second, not silence.
    """
    with wave.open(str(path), "rb") as file:
        assert (1, 2, 24_000) == file.getparams()[:3]
        samples = array("h", file.readframes(file.getnframes()))
    assert len(samples) > 24_000
    assert max(samples) > 3000


def test_phone_bridge_hangs_up_without_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The caller does not talk to a line that will never answer.
    """
    monkeypatch.syspath_prepend(SAMPLES)
    bridge = importlib.import_module("phone_bridge")
    payload = base64.b64encode(bytes(bridge.FRAME)).decode()
    media = json.dumps({"event": "media", "media": {"payload": payload}})

    def speak(phone: ClientConnection) -> None:
        deadline = time.monotonic() + 5 * SCALE
        while time.monotonic() < deadline:
            phone.send(media)
            with contextlib.suppress(TimeoutError):
                phone.recv(timeout=0.02)

    with contextlib.ExitStack() as stack:
        simulator = stack.enter_context(Simulator())
        options = AzureRealTimeOptions(simulator.url, "gpt-realtime", "any-key")
        answer = partial(bridge.answer, options=options)
        server = stack.enter_context(serve(answer, "127.0.0.1", 0))
        server_thread = threading.Thread(target=server.serve_forever)
        server_thread.start()
        stack.callback(server_thread.join)
        stack.callback(server.shutdown)
        port = server.socket.getsockname()[1]
        phone = stack.enter_context(connect(f"ws://127.0.0.1:{port}", proxy=None))
        phone.send(json.dumps({"event": "start", "start": {"streamSid": "1"}}))
        phone.send(media)
        connection = simulator.wait_for_connection()
        connection.wait_received("input_audio_buffer.append")
        connection.close(1008, "the deployment was removed")
        with pytest.raises(ConnectionClosed):
            speak(phone)


def test_phone_bridge_plays_while_it_is_interrupted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    The telephony service returns a mark in the moment of the interruption.
    """
    monkeypatch.syspath_prepend(SAMPLES)
    bridge = importlib.import_module("phone_bridge")
    sink = bridge.PhoneSink(lambda _: None, "1")

    class Item(str):
        """
        An item at whose first use the mark comes.
        """

        marks: Iterator[str] = iter(())

        def __hash__(self) -> int:
            for mark in self.marks:
                sink.marked(mark)
            return super().__hash__()

    sink.write(bytes(3200), Item("a"), 0)
    Item.marks = iter(["1"])
    assert sink.flush() == {"a": 100}


@pytest.mark.slow
def test_voice_turn_reads_stereo_of_another_rate(tmp_path: Path) -> None:
    """
    A recording at 8 kHz in stereo keeps its duration.
    """
    with wave.open(str(SAMPLES / "question.wav"), "rb") as file:
        pcm = array("h", file.readframes(file.getnframes()))
    both = array("h", [sample for third in pcm[::3] for sample in (third, third)])
    with wave.open(str(tmp_path / "stereo.wav"), "wb") as file:
        file.setparams((2, 2, 8_000, 0, "NONE", ""))
        file.writeframes(both.tobytes())

    ended = finish(start("voice_turn.py", "stereo.wav", "out.wav", folder=tmp_path))

    assert 0 == ended.returncode, ended.stderr
    assert f"({len(pcm) / 24_000:.1f} s)" in ended.stdout
    assert_audible(tmp_path / "out.wav")


TOGETHER = """
# Where it would take a second it waits for the other one, which must have begun, too.
import runpy, sys, threading, time
both, sleep = threading.Barrier(2, timeout=20), time.sleep
time.sleep = lambda seconds: both.wait() if seconds == 1.0 else sleep(seconds)
sys.path.insert(0, sys.argv[1].rpartition("order_desk")[0])
runpy.run_path(sys.argv[1], run_name="__main__")
"""


@pytest.mark.slow
def test_order_desk_runs_both_tools_at_the_same_time(tmp_path: Path) -> None:
    """
    However long all of it takes on a busy machine: neither waits for the other's end.
    """
    ended = finish(start("order_desk.py", folder=tmp_path, by=("-c", TOGETHER)))
    assert 0 == ended.returncode, ended.stderr
    for words in ("-> on its way", '-> {"lamp": 4}', "2 calls of 1 s each"):
        assert words in ended.stdout


@pytest.fixture
def screen() -> str:
    """
    The command that makes a display, "" if there is one.
    """
    pytest.importorskip("tkinter", reason="this Python has no Tk", exc_type=ImportError)
    if os.environ.get("DISPLAY"):
        return ""
    if not shutil.which("xvfb-run"):
        pytest.skip("there is no display, and no xvfb to make one")
    return "xvfb-run -a"


@pytest.mark.slow
def test_window_answers_and_closes(screen: str, tmp_path: Path) -> None:
    """
    The window of tk_window.py shows the answer, and its demo ends by itself.
    """
    ended = finish(start("tk_window.py", "--demo", folder=tmp_path, screen=screen))
    assert 0 == ended.returncode, ended.stderr
    assert "> What is a window?\nYou said: What is a window?" in ended.stdout
    assert "(completed)" in ended.stdout


INTERRUPTED_WINDOW = """
# Ctrl-C while the window waits for the answer; xvfb-run would not pass it on.
import os, runpy, signal, sys, threading
from azure_realtime import AzureRealTimeAudio
from azure_realtime.simulator import Simulator

def reply(request):
    if where == "in a callback":
        AzureRealTimeAudio.pump = lambda self: signal.raise_signal(signal.SIGINT)
    else:
        os.kill(os.getpid(), signal.SIGINT)
    released.wait(20)

where = sys.argv.pop(1)
released = threading.Event()
sys.path.insert(0, sys.argv[1].rpartition("tk_window")[0])
with Simulator(replies=reply) as simulator:
    os.environ |= {
        "AZURE_OPENAI_ENDPOINT": simulator.url,
        "AZURE_OPENAI_API_KEY": "any-key",
        "AZURE_OPENAI_DEPLOYMENT": "any-name",
    }
    try:
        runpy.run_path(sys.argv[1], run_name="__main__")
    finally:
        released.set()
"""


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize("where", ["in a callback", "anywhere"])
def test_window_closes_at_ctrl_c(where: str, screen: str, tmp_path: Path) -> None:
    """
    Ctrl-C ends tk_window.py with code 130 and without a traceback, also in a callback.
    """
    ended = finish(
        start(
            "tk_window.py",
            "--demo",
            folder=tmp_path,
            screen=screen,
            by=("-c", INTERRUPTED_WINDOW, where),
        )
    )
    assert (130, "") == (ended.returncode, ended.stdout), ended.stderr
    assert "Interrupted." in ended.stderr
    assert_a_sentence(ended.stderr)


def test_every_sample_is_in_the_table() -> None:
    """
    The README of the folder lists every sample.
    """
    table = (SAMPLES / "README.md").read_text("utf-8")
    assert [] == [name for name in NAMES if f"| [{name}]({name}) |" not in table]


@pytest.mark.parametrize("sample", NAMES)
def test_header_names_file_purpose_and_command(sample: str) -> None:
    """
    A sample begins with its name, what it does, how to start it, and the variables.
    """
    text = (SAMPLES / sample).read_text("utf-8")
    header = re.match(
        r'"""\nFILE: (\S+)\n\nDESCRIPTION:\n    \S.*?\n\nUSAGE:\n(    .*?)\n"""\n',
        text,
        re.DOTALL,
    )

    assert header is not None
    assert sample == header[1]
    assert f"    python samples/{sample}" in header[2]
    for name in ("ENDPOINT", "API_KEY", "DEPLOYMENT"):
        assert f"AZURE_OPENAI_{name}" in header[2]


# What users do wrong.


@pytest.mark.slow
@pytest.mark.parametrize("sample", [*EXPECTED, "batch.py"])
def test_unreachable_endpoint_ends_a_sample_with_a_sentence(
    sample: str, tmp_path: Path
) -> None:
    """
    A misspelled endpoint is reported in words, without a traceback.
    """
    address = f"127.0.0.1:{free_port()}"
    azure = {"AZURE_OPENAI_ENDPOINT": f"ws://{address}", **ACCOUNT}
    ended = finish(start(sample, folder=tmp_path, azure=azure))
    assert 1 == ended.returncode, ended.stderr
    if sample == "own_websocket.py":  # the error of a WebSocket class of its own
        assert "did not connect (ConnectionRefusedError" in ended.stderr
        assert address in ended.stdout
    else:
        assert f"The host {address} cannot be reached" in ended.stderr
    assert_a_sentence(ended.stderr)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("azure", "words"),
    [
        (ACCOUNT, "AZURE_OPENAI_ENDPOINT"),
        ({"AZURE_OPENAI_ENDPOINT": "wss://x.openai.azure.com"}, "AZURE_OPENAI_API_KEY"),
        ({"AZURE_OPENAI_ENDPOINT": "https//x", **ACCOUNT}, "has a malformed scheme"),
        ({"AZURE_OPENAI_API_VERSION": "latest"}, "api_version 'latest' is neither"),
    ],
    ids=["endpoint", "key", "address", "version"],
)
def test_wrong_variables_are_named(
    azure: dict[str, str], words: str, tmp_path: Path
) -> None:
    """
    A variable that is missing or misspelled is named; no local service replaces Azure.
    """
    ended = finish(start("ask.py", folder=tmp_path, azure=azure))
    assert (1, "") == (ended.returncode, ended.stdout)
    assert words in ended.stderr
    assert_a_sentence(ended.stderr)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sample", "arguments", "words"),
    [
        ("voice_turn.py", ["missing.wav"], "The question cannot be read."),
        ("voice_turn.py", ["notes.txt"], "it is no WAV file"),
        ("port_of_the_original.py", ["basics"], "Unknown example: basics."),
        ("batch.py", ["--questions", "missing.txt"], "The questions cannot be read."),
        ("batch.py", ["--results", "notes.txt"], "is not a results file"),
        ("batch.py", ["--clients", "0"], "must be at least 1"),
        ("service.py", ["notes.txt"], "The folder cannot be used."),
    ],
)
def test_wrong_arguments_are_explained(
    sample: str, arguments: list[str], words: str, tmp_path: Path
) -> None:
    """
    A file that is missing or of another kind is named, and stays as it is.
    """
    notes = tmp_path / "notes.txt"
    notes.write_text("no newline at the end")
    ended = finish(start(sample, *arguments, folder=tmp_path))
    assert ended.returncode in (1, 2)
    assert words in ended.stderr
    assert_a_sentence(ended.stderr)
    assert "no newline at the end" == notes.read_text()


WITHOUT = """
import runpy, sys
sys.modules[sys.argv.pop(1)] = None  # importing it raises ImportError
sys.path.insert(0, sys.argv[1].rpartition("/")[0])
runpy.run_path(sys.argv[1], run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sample", "package", "words"),
    [
        ("ask.py", "websockets.sync.server", "pip install '.[simulator]'"),
        ("flask_app.py", "flask", "pip install flask"),
        ("tk_window.py", "tkinter", "apt install python3-tk"),
    ],
)
def test_missing_package_is_named(
    sample: str, package: str, words: str, tmp_path: Path
) -> None:
    """
    Without an optional package a sample prints the command that installs it.
    """
    ended = finish(start(sample, folder=tmp_path, by=("-c", WITHOUT, package)))
    assert (1, "") == (ended.returncode, ended.stdout)
    assert words in ended.stderr
    assert_a_sentence(ended.stderr)


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize("sample", EXPECTED)
def test_ctrl_c_ends_a_sample_with_code_130(sample: str, tmp_path: Path) -> None:
    """
    Ctrl-C while the answer is awaited: one line, no traceback.
    """
    with Asked(hold_after=0) as asked:
        process = start(sample, folder=tmp_path, azure=asked.azure)
        with running(process):
            assert asked.held.wait(20 * SCALE)
            process.send_signal(signal.SIGINT)
            ended = finish(process)
    assert 130 == ended.returncode, ended.stderr
    assert ended.stderr.endswith("\nInterrupted.\n")
    assert "Traceback" not in ended.stderr


# Applications.


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_service_answers_what_is_under_way_and_ends_at_a_signal(
    signum: signal.Signals, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    """
    The question under way is answered, the next one stays, and the exit code is 0.
    """
    inbox, outbox = tmp_path / "box" / "inbox", tmp_path / "box" / "outbox"
    inbox.mkdir(parents=True)
    (inbox / "1.txt").write_text("first")
    (inbox / "2.txt").write_text("second")
    (inbox / "3.txt").write_text("third")
    with Asked(hold_after=1) as asked:
        process = start("service.py", "box", folder=tmp_path, azure=asked.azure)
        with running(process):
            assert asked.held.wait(20 * SCALE)
            process.send_signal(signum)
            eventually(lambda: not pending(process, signum))
            asked.release.set()
            ended = finish(process)

    assert 0 == ended.returncode, ended.stderr
    answers = {path.name: path.read_text() for path in outbox.iterdir()}
    assert {
        "1.txt": "The answer to 'first'.\n",
        "2.txt": "The answer to 'second'.\n",
    } == answers
    assert ["3.txt"] == [path.name for path in inbox.iterdir()]
    log = (tmp_path / "box" / "service.log").read_text()
    assert "2.txt is answered" in log
    assert log.endswith("Ended by a signal\n")
    assert "WARNING" not in log


def pending(process: subprocess.Popen[str], signum: int) -> bool:
    """
    Return whether a signal was sent to a process and has not arrived yet.
    """
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        pytest.skip("only Linux reports pending signals")
    masks = re.findall(r"^S[hi]*gP[en]*d:\s+(\w+)", status.read_text(), re.MULTILINE)
    assert masks
    return any(int(mask, 16) >> (signum - 1) & 1 for mask in masks)


@pytest.mark.slow
@pytest.mark.processes
def test_service_asks_again_after_a_lost_connection(
    tmp_path: Path, eventually: Callable[..., None]
) -> None:
    """
    A question whose connection was cut is answered over the next one.
    """
    inbox, outbox = tmp_path / "box" / "inbox", tmp_path / "box" / "outbox"
    inbox.mkdir(parents=True)
    (inbox / "1.txt").write_text("first")
    with Asked(hold_after=0) as asked:
        process = start("service.py", "box", folder=tmp_path, azure=asked.azure)
        with running(process):
            assert asked.held.wait(20 * SCALE)
            asked.hold_after = None
            asked.simulator.connections[-1].drop("rst")
            asked.release.set()
            eventually((outbox / "1.txt").exists, timeout=15)
            process.send_signal(signal.SIGTERM)
            ended = finish(process)

    assert 0 == ended.returncode, ended.stderr
    assert "The answer to 'first'.\n" == (outbox / "1.txt").read_text()
    log = (tmp_path / "box" / "service.log").read_text()
    assert "Connection lost: " in log
    assert "1.txt is asked again: " in log
    assert "Connected again" in log


@pytest.mark.slow
@pytest.mark.processes
def test_service_sets_aside_what_cannot_be_read(
    tmp_path: Path, eventually: Callable[..., None]
) -> None:
    """
    A file that is no text is renamed, and the next one is answered.
    """
    inbox, outbox = tmp_path / "box" / "inbox", tmp_path / "box" / "outbox"
    inbox.mkdir(parents=True)
    (inbox / "1.txt").write_bytes(b"\xff\xfe\x00")
    (inbox / "2.txt").write_text("second")
    with Asked() as asked:
        process = start("service.py", "box", folder=tmp_path, azure=asked.azure)
        with running(process):
            eventually((outbox / "2.txt").exists, timeout=15)
            process.send_signal(signal.SIGTERM)
            ended = finish(process)

    assert 0 == ended.returncode, ended.stderr
    assert ["1.failed"] == [path.name for path in inbox.iterdir()]


@pytest.mark.slow
@pytest.mark.processes
def test_service_ends_where_no_attempt_can_succeed(tmp_path: Path) -> None:
    """
    A wrong key ends the service with a sentence in the log; it does not try again.
    """
    with Simulator(credentials="another-key") as simulator:
        azure = {"AZURE_OPENAI_ENDPOINT": simulator.url, **ACCOUNT}
        ended = finish(start("service.py", "box", folder=tmp_path, azure=azure))
    assert 1 == ended.returncode
    assert "CRITICAL service: Ended: " in (tmp_path / "box/service.log").read_text()
    assert_a_sentence(ended.stderr)


def results_in(folder: Path) -> list[dict[str, object]]:
    """
    Return the lines of a results file; a last one that is half written is left out.
    """
    lines = (folder / "results.jsonl").read_bytes().split(b"\n")[:-1]
    return [json.loads(line) for line in lines]


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize("half", ["", '{"number": 99, "quest'], ids=["", "half-line"])
def test_batch_goes_on_after_a_kill(
    half: str, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    """
    Killed and started again, a batch asks only what has no answer, and each once.
    """
    command = ["--count", "24", "--clients", "4"]
    file = tmp_path / "results.jsonl"
    with Asked(hold_after=10) as asked:
        process = start("batch.py", *command, folder=tmp_path, azure=asked.azure)
        with running(process):
            eventually(
                lambda: file.exists() and len(results_in(tmp_path)) == 10, timeout=15
            )
            process.kill()
            killed = finish(process)
        asked.release.set()
    with file.open("a") as results:
        results.write(half)
    # another service: the first one may still be asked what the killed process had sent
    with Asked() as again:
        ended = finish(start("batch.py", *command, folder=tmp_path, azure=again.azure))
        second = Counter(again.questions)

    assert -signal.SIGKILL == killed.returncode
    assert 0 == ended.returncode, ended.stderr
    assert "10 of 24 are answered" in ended.stdout
    assert "24 of 24 are answered in results.jsonl." in ended.stdout
    assert 14 == len(second) == second.total()
    results = results_in(tmp_path)
    assert list(range(1, 25)) == sorted(int(str(each["number"])) for each in results)
    for each in results:
        assert f"The answer to {each['question']!r}." == each["answer"]


@pytest.mark.slow
@pytest.mark.processes
def test_batch_keeps_the_answers_under_way_at_ctrl_c(tmp_path: Path) -> None:
    """
    Ctrl-C: what was asked is answered and saved, nothing else is asked.
    """
    command = ["--count", "24", "--clients", "4"]
    with Asked(hold_after=0) as asked:
        process = start("batch.py", *command, folder=tmp_path, azure=asked.azure)
        with running(process):
            assert asked.held.wait(20 * SCALE)
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            for line in process.stderr:
                if "Ending after the questions under way." in line:
                    break
            asked.release.set()
            ended = finish(process)

    assert 130 == ended.returncode
    assert "The same command goes on with the rest." in ended.stdout
    assert "Traceback" not in ended.stderr
    assert 1 <= asked.questions.total() <= 4
    assert asked.questions.total() == len(results_in(tmp_path))


@pytest.mark.slow
def test_batch_asks_again_or_reports_what_failed(tmp_path: Path) -> None:
    """
    Questions of a file, empty lines aside: a failure that can pass is asked again, too
    many connections are tried again, and what is incomplete is named at the end.
    """
    failures = {
        "two": [Reply(status="failed", error_code="server_error")],
        "three": [Reply(status="incomplete")],
    }

    def reply(request: Request) -> Reply | str:
        waiting = failures.get(request.text)
        return waiting.pop() if waiting else "An answer."

    (tmp_path / "mine.txt").write_text("one\n\ntwo\nthree\n")
    command = ["--questions", "mine.txt", "--results", "mine.jsonl"]
    with Simulator(replies=reply, pace=0) as simulator:
        simulator.refuse(429, {"Retry-After": "1"}, times=1)
        azure = {"AZURE_OPENAI_ENDPOINT": simulator.url, **ACCOUNT}
        ended = finish(start("batch.py", *command, folder=tmp_path, azure=azure))

    assert 1 == ended.returncode
    assert "2 of 3 are answered in mine.jsonl." in ended.stdout
    assert "The same command goes on with the rest." in ended.stdout
    assert re.search("^Question 3: .* is incomplete", ended.stderr, re.MULTILINE)
    lines = (tmp_path / "mine.jsonl").read_text().splitlines()
    assert {"one", "two"} == {json.loads(line)["question"] for line in lines}


class Browser:
    """
    One user of the web application, with cookies of their own.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPCookieProcessor(jar),
        )

    def get(self) -> str:
        """
        Return the page.
        """
        return self._read(self._address + "/")

    def post(self, path: str, **form: str) -> str:
        """
        Return the answer to a form.
        """
        data = urllib.parse.urlencode(form).encode()
        return self._read(self._address + path, data)

    def _read(self, url: str, data: bytes | None = None) -> str:
        with self._opener.open(url, data, timeout=10 * SCALE) as answer:
            text: str = answer.read().decode()
            return text


@contextlib.contextmanager
def web_application(
    folder: Path, azure: Mapping[str, str], *arguments: str
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """
    Start the web application; yield its address and its process.
    """
    # Flask and its packages have deprecations of their own: warnings are no errors.
    by = ("-W", "default")
    process = start(
        "flask_app.py", "--port", "0", *arguments, folder=folder, azure=azure, by=by
    )
    with running(process):
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if found := re.search(r"Running on (http://127\.0\.0\.1:\d+)", line):
                yield found[1], process
                return
        pytest.fail("it did not start: " + "".join(lines))


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_web_application_has_one_client_per_user(
    signum: signal.Signals, tmp_path: Path
) -> None:
    """
    Two users have two conversations; leaving and the end of the application close them.
    """
    pytest.importorskip("flask")
    with (
        Asked() as asked,
        web_application(tmp_path, asked.azure) as (address, process),
    ):
        ann, bob = Browser(address), Browser(address)
        assert "The answer to 'from Ann'.\n" == ann.post("/ask", question="from Ann")
        assert "The answer to 'from Bob'.\n" == bob.post("/ask", question="from Bob")
        ann.post("/ask", question="<b>again</b>")
        assert 2 == len(asked.simulator.connections)
        page = ann.get()
        assert "from Ann" in page
        assert "&lt;b&gt;again" in page
        assert "from Bob" not in page

        first, second = asked.simulator.connections
        ann.post("/leave")
        assert first.wait_closed(5 * SCALE)
        assert "from Ann" not in ann.get()
        assert not second.wait_closed(0)
        process.send_signal(signum)
        assert second.wait_closed(5 * SCALE)
        ended = finish(process)
        codes = [first.close_code, second.close_code]

    assert 0 == ended.returncode, ended.stderr
    assert [1000, 1000] == codes
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_web_application_closes_unused_clients(tmp_path: Path) -> None:
    """
    A client that nothing was asked for a while is closed; the next question gets one.
    """
    pytest.importorskip("flask")
    with (
        Asked() as asked,
        web_application(tmp_path, asked.azure, "--idle", "0.2") as (address, _),
    ):
        ann = Browser(address)
        ann.post("/ask", question="one")
        assert asked.simulator.connections[0].wait_closed(5 * SCALE)
        assert "The answer to 'two'.\n" == ann.post("/ask", question="two")
        assert 2 == len(asked.simulator.connections)


@pytest.mark.slow
def test_web_application_reports_a_failure_with_a_status(tmp_path: Path) -> None:
    """
    An unreachable service is 502 with a sentence, an empty question 400.
    """
    pytest.importorskip("flask")
    azure = {"AZURE_OPENAI_ENDPOINT": f"ws://127.0.0.1:{free_port()}", **ACCOUNT}
    with web_application(tmp_path, azure) as (address, _):
        ann = Browser(address)
        for question, status in (("one", 502), ("", 400)):
            with pytest.raises(urllib.error.HTTPError) as caught:
                ann.post("/ask", question=question)
            with caught.value as error:
                assert status == error.code
                assert_a_sentence(error.read().decode())
