"""
The notebooks of the documentation, and a kernel's life with a client.

``.ci/noxfile.py`` runs this file with ipykernel 6 as well.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.timing import SCALE

from azure_realtime.simulator import Reply, Simulator

pytest.importorskip("ipykernel", reason="ipykernel is in the extra 'docs'")
nbformat = pytest.importorskip("nbformat", reason="nbformat is in the extra 'docs'")
pytest.importorskip("nbconvert", reason="nbconvert is in the extra 'docs'")

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
LIMIT = 30.0  # CPU seconds, of the minute that a notebook may take

pytestmark = [
    pytest.mark.slow,
    pytest.mark.documents,
    pytest.mark.processes,
    pytest.mark.timeout(150 * SCALE),
    # zmq and asyncio of the tools of Jupyter
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]


@pytest.fixture(scope="module", autouse=True)
def _event_loop() -> Iterator[None]:
    """
    jupyter_client keeps one event loop: make it before descriptors are counted.
    """
    utils = pytest.importorskip("jupyter_core.utils")
    loop = utils.ensure_event_loop()
    yield
    loop.close()


def cpu_seconds() -> float:
    """
    Return the CPU time of all child processes that have ended.
    """
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


START = """
import threading
from azure_realtime import AzureRealTimeAudio, AzureRealTimeOptions
options = AzureRealTimeOptions({url!r}, "gpt-realtime", "any-key")
before = threading.active_count()
"""
CONNECT = "client = AzureRealTimeAudio(options); client.connect(); "
CONNECT += "view = client.show_transcript()"
THREADS = "print([t.name for t in threading.enumerate() if 'realtime' in t.name])"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("AZURE_OPENAI_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", path)


class Ended:
    """
    The outputs of a notebook that was run.
    """

    def __init__(self, book: Any) -> None:
        cells = [cell for cell in book.cells if cell.cell_type == "code"]
        self.outputs = [output for cell in cells for output in cell.outputs]
        self.html = "".join(self.shown("text/html"))
        self.printed = "".join(
            output.text for output in self.outputs if output.output_type == "stream"
        )
        self.errors = [
            "\n".join(output.traceback)
            for output in self.outputs
            if output.output_type == "error"
        ]

    def shown(self, kind: str) -> list[str]:
        """
        Return what cells showed, of one MIME type.
        """
        data = [output.get("data", {}) for output in self.outputs]
        return [str(each[kind]) for each in data if kind in each]


def check_first_steps(ended: Ended) -> None:
    """
    Answers, players, a tool, and an error in three lines.
    """
    assert ended.html.count("<audio controls") >= 4
    assert "first audio" in ended.html
    assert [len(error.splitlines()) for error in ended.errors] == [3]
    live = ended.outputs[1].data["text/html"]
    assert live.count("response completed") >= 1
    assert "It is sunny in Paris" in live
    assert "client threads: []" in ended.printed


def check_analysis(ended: Ended) -> None:
    """
    Turns, timeline, percentiles, cost, conversation and plot; and nothing is left.
    """
    overview, timeline, turn, usage, conversation = ended.shown("text/html")
    for shown in ("4 turns", "“Until when?”", "Until eight.", "book_table(", "p95 "):
        assert shown in overview
    assert overview.count("<audio controls") == 4 + 3
    assert timeline.count("<polygon") > 3  # waveforms
    for text in (">p50</text>", ">p95</text>", ">of 3 spoken turns</text>"):
        assert text in timeline
    assert "Latency, from the end of the question" in turn
    assert "of these cached" in usage
    assert "booked: 2 persons at 19:30" in conversation
    assert re.search(r"first_audio +p50 [\d.]+ s +p95 [\d.]+ s", ended.printed)
    assert re.search(r"[\d.]+ USD  in all, at the prices of 20", ended.printed)
    assert len(ended.shown("image/png")) == 1
    assert ended.errors == []
    assert "client threads: []\nall threads: []\nconnections: 1" in ended.printed


CHECKS = {
    "analyse_a_recording": check_analysis,
    "first_steps": check_first_steps,
}
BEFORE = "import threading; threads_before = threading.enumerate()"
AFTER = """
threads = [each for each in threading.enumerate() if each not in threads_before]
threads = [each for each in threads if not type(each).__module__.startswith("zmq")]
names = [each.name for each in threads]
print("client threads:", [name for name in names if name.startswith("azure-realtime")])
print("all threads:", names)
print("connections:", len(service.connections))
"""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    """
    Each cell works, within a minute, and the outputs are what the text promises.
    """
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    stored = [cell for cell in book.cells if cell.get("outputs")]
    assert stored == [], "notebooks are stored without outputs"

    book.cells.insert(0, nbformat.v4.new_code_cell(BEFORE))
    book.cells.append(nbformat.v4.new_code_cell(AFTER))
    nbformat.write(book, tmp_path / path.name)
    command = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "notebook"]
    before = cpu_seconds()
    done = subprocess.run(
        [*command, "--execute", "--stdout", str(tmp_path / path.name)],
        capture_output=True,
        check=False,
    )
    took = cpu_seconds() - before
    assert done.returncode == 0, done.stderr.decode()

    text = done.stdout.decode()
    ended = Ended(nbformat.reads(text, as_version=4))
    assert took < LIMIT
    assert [each for each in ended.outputs if each.get("name") == "stderr"] == []
    assert tempfile.gettempdir() not in text
    CHECKS[path.stem](ended)


class Kernel:
    """
    A kernel that runs cells as a notebook does.
    """

    def __init__(self, manager: Any) -> None:
        self.manager = manager
        self.client = manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, code: str) -> str:
        """
        Run a cell; return what it printed, or the last line of its error.
        """
        printed: list[str] = []

        def note(message: dict[str, Any]) -> None:
            content = message["content"]
            printed.append(content.get("text") or content.get("ename") or "")

        self.client.execute_interactive(code, timeout=60, output_hook=note)
        return "".join(printed).strip()

    def interrupt_during(self, code: str, started: Callable[[], object]) -> str:
        """
        Run a cell, interrupt it once *started* returns, and return its error.
        """
        # by default a kernel aborts the requests that come shortly after an error
        request = self.client.execute(code, stop_on_error=False)
        started()
        self.manager.interrupt_kernel()
        while True:
            reply = self.client.get_shell_msg(timeout=60)
            if reply["parent_header"]["msg_id"] == request:
                return str(reply["content"].get("ename"))

    def close(self) -> None:
        """
        End the kernel.
        """
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """
    A kernel of this Python.
    """
    from jupyter_client.manager import KernelManager

    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    started = Kernel(manager)
    yield started
    with contextlib.suppress(RuntimeError):
        started.close()
    manager.cleanup_resources()
    manager.context.destroy(linger=0)


def opened(service: Simulator) -> list[Any]:
    """
    Return the connections that are open in the service.
    """
    return [each for each in service.connections if not each.wait_closed(0)]


def test_cells_that_are_run_again_leave_one_connection(
    kernel: Kernel, eventually: Callable[..., None]
) -> None:
    """
    A reader who runs the client's cell five times has one client and its threads.
    """
    with Simulator(pace=0) as service:
        kernel.run(START.format(url=service.url))
        for _ in range(5):
            assert kernel.run(CONNECT) == ""
        eventually(lambda: len(opened(service)) == 1, 20)
        once = kernel.run(THREADS)
        assert kernel.run(CONNECT) == ""
        eventually(lambda: len(opened(service)) == 1, 20)
        assert len(service.connections) >= 6
        assert len(kernel.run(THREADS).split(",")) == len(once.split(","))

        kernel.run("client.close()")
        eventually(lambda: opened(service) == [], 20)
        assert kernel.run(THREADS) == "[]"
        assert kernel.run("print(threading.active_count() - before)") == "0"


def test_an_interrupted_cell_leaves_the_client_usable(kernel: Kernel) -> None:
    """
    Interrupting a cell that waits for an answer ends the cell, and the next one works.
    """
    with Simulator(pace=0, replies=[Reply("late", delay=300.0), "two"]) as service:
        kernel.run(START.format(url=service.url) + CONNECT)
        connection = service.wait_for_connection(20)
        error = kernel.interrupt_during(
            "client.ask('Speak', timeout=60)",
            lambda: connection.wait_received("response.create", timeout=20 * SCALE),
        )
        assert error == "KeyboardInterrupt"
        printed = kernel.run("print(client.ask('And?', timeout=30).text)")
        assert re.fullmatch("two", printed)
        assert len(opened(service)) == 1


def test_a_restart_leaves_no_connection(
    kernel: Kernel, eventually: Callable[..., None]
) -> None:
    """
    Restarting the kernel ends the client with its process, and the cells run again.
    """
    with Simulator(pace=0) as service:
        kernel.run(START.format(url=service.url) + CONNECT)
        assert len(opened(service)) == 1
        kernel.manager.restart_kernel(now=False)
        kernel.client.wait_for_ready(timeout=60)
        eventually(lambda: opened(service) == [], 20)

        kernel.run(START.format(url=service.url) + CONNECT)
        assert len(opened(service)) == 1
