"""
The devices of a notebook's page in JupyterLab and a real browser, whose microphone is a
file. While a cell runs, the kernel handles no comm message.

It needs the extra ``browser`` and Chromium.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen

import pytest
from helpers.clients import LONG, SENTENCE
from helpers.timing import SCALE
from helpers.voice import received, sent, until

from azure_realtime._concurrency.deadline import Deadline
from azure_realtime.audio import wav_bytes
from azure_realtime.simulator import Simulator

for _package in ("jupyterlab", "jupyter_server_proxy", "anywidget"):
    pytest.importorskip(_package, reason=f"{_package} is in the extra 'browser'")
sync_api = pytest.importorskip(
    "playwright.sync_api", reason="playwright is in the extra 'browser'"
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ROOT = Path(__file__).parents[2]
SECOND = 48_000  # bytes
REMOTE = "hub.example"
"""A name that the browser resolves to this machine and does not take for it."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.sound,
    pytest.mark.processes,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.timeout(120 * SCALE),
    # asyncio of playwright
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

CELLS = (
    """
import json, pathlib
from azure_realtime import AzureRealTimeAudio, AzureRealTimeOptions
from azure_realtime.notebook import NotebookMicrophone, NotebookSpeaker
client = AzureRealTimeAudio(AzureRealTimeOptions({url!r}, "gpt-realtime", "any-key"))
client.connect()
def report(name, **facts):
    pathlib.Path({folder!r}, name + ".new").write_text(json.dumps(facts))
    pathlib.Path({folder!r}, name + ".new").rename(pathlib.Path({folder!r}, name))
microphone = NotebookMicrophone()
microphone
""",
    """
turn = client.ask(audio=microphone, timeout=60)
report("ask", said=turn.transcript, overflows=microphone.overflows)
""",
    """
speaker = NotebookSpeaker()
with client.talk(microphone, speaker) as call:
    ended = call.wait(7)
    stats = call.stats
    report("talk", overflows=stats.overflows, drops=stats.drops, ended=ended,
           status=client.status.value,
           played={{i.id: speaker.played_ms(i.id) for i in client.conversation.items}})
""",
    """
with client.talk({question!r}, speaker) as call:
    with client.expect("response.output_audio.done", timeout=60) as done:
        pass
    item = done.event.item_id
    while speaker.played_ms(item) < 500:
        call.wait(0.02)
report("interrupted", item=item, played=speaker.played_ms(item))
""",
)


class Lab(NamedTuple):
    """
    A JupyterLab and a browser.
    """

    port: int
    token: str
    folder: Path
    browser: Any


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """
    JupyterLab on the loopback, and Chromium with a microphone that asks a question every
    20 s.
    """
    folder = tmp_path_factory.mktemp("lab")
    question = bytes(SECOND // 2) + SENTENCE
    (folder / "microphone.wav").write_bytes(
        wav_bytes(question + bytes(20 * SECOND - len(question)), 24_000)
    )
    (folder / "question.wav").write_bytes(wav_bytes(question, 24_000))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("AZURE_OPENAI_")},
        "HOME": str(folder),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += ["--ip=127.0.0.1", f"--port={port}", f"--IdentityProvider.token={token}"]
    command += [f"--ServerApp.root_dir={folder}", "--ServerApp.port_retries=0"]
    command += ["--ServerApp.allow_remote_access=True"]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    options = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    options += ["--disable-background-networking", "--disable-component-update"]
    options += ["--disable-sync", "--use-fake-device-for-media-stream"]
    options += ["--use-fake-ui-for-media-stream"]
    options += [f"--use-file-for-fake-audio-capture={folder / 'microphone.wav'}"]
    options += [f"--host-resolver-rules=MAP {REMOTE} 127.0.0.1"]
    options += [f"--unsafely-treat-insecure-origin-as-secure=http://{REMOTE}:{port}"]
    with contextlib.ExitStack() as stack:
        log = stack.enter_context((folder / "log").open("wb"))
        server = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
        stack.callback(end, server)
        until(lambda: answers(f"http://127.0.0.1:{port}/api?token={token}"), 30)
        playwright = stack.enter_context(sync_api.sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        stack.callback(browser.close)
        yield Lab(port, token, folder, browser)


def end(server: subprocess.Popen[bytes]) -> None:
    """
    End JupyterLab and its kernels.
    """
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(20 * SCALE)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def answers(url: str) -> bool:
    """
    Return whether there is an answer at *url*.
    """
    with contextlib.suppress(OSError), urlopen(url, timeout=5) as answer:
        return bool(answer.status == 200)
    return False


class Notebook:
    """
    A notebook in a page of the browser.

    Args:
        lab: JupyterLab.
        host: The name in the page's address.
        url: The address of the local service.
    """

    def __init__(self, lab: Lab, host: str, url: str) -> None:
        self.folder = lab.folder / host
        self.folder.mkdir()
        facts = {
            "url": url,
            "folder": str(self.folder),
            "question": str(lab.folder / "question.wav"),
        }
        cells = [
            {
                "cell_type": "code",
                "id": f"cell{number}",
                "metadata": {},
                "outputs": [],
                "execution_count": None,
                "source": code.strip().format(**facts),
            }
            for number, code in enumerate(CELLS)
        ]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        book = {"cells": cells, "metadata": {"kernelspec": kernel}}
        book |= {"nbformat": 4, "nbformat_minor": 5}
        self.path = self.folder / "talk.ipynb"
        self.path.write_text(json.dumps(book))
        self.page = lab.browser.new_page(viewport={"width": 1100, "height": 1200})
        self.sockets: list[str] = []
        self.page.on("websocket", lambda socket: self.sockets.append(socket.url))
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.set_default_timeout(15_000 * SCALE)
        place = self.path.relative_to(lab.folder)
        # The default workspace opens what was open before. A name has no dots.
        workspace = host.replace(".", "-")
        path = f"lab/workspaces/{workspace}/tree/{place}?token={lab.token}"
        self.page.goto(f"http://{host}:{lab.port}/{path}")
        self.page.wait_for_selector("text=Python 3 (ipykernel) | Idle")

    def __enter__(self) -> Notebook:
        return self

    def __exit__(self, *_: object) -> None:
        # playwright starts a thread if it writes the file itself
        (self.folder / "last.png").write_bytes(self.page.screenshot())
        self.page.close()

    def run(self, number: int) -> None:
        """
        Start a cell.
        """
        self.page.click(f".jp-Notebook .jp-Cell >> nth={number} >> .jp-Editor")
        self.page.keyboard.press("Shift+Enter")

    def result(self, name: str) -> Any:
        """
        Wait for what a cell reports.
        """
        path = self.folder / name
        deadline = Deadline(30 * SCALE)
        while not path.exists():
            assert not deadline.passed, self.errors
            self.page.wait_for_timeout(50)
        return json.loads(path.read_text())


@pytest.mark.parametrize("host", ["127.0.0.1", REMOTE], ids=["direct", "proxied"])
def test_cells_that_block_hear_and_play(lab: Lab, host: str) -> None:
    """
    A question to `ask` and a call: all blocks arrive, the answer is played to its end,
    and of an interrupted one the service knows how much was heard.
    """
    replies = ["It is warm.", "Good morning.", LONG]
    with (
        Simulator(replies=replies, pace=0) as service,
        Notebook(lab, host, service.url) as notebook,
    ):
        notebook.run(0)
        notebook.page.click(".azure-realtime-microphone")
        notebook.page.wait_for_selector("text=The microphone is ready.")
        connection = service.wait_for_connection(20 * SCALE)
        notebook.run(1)
        assert notebook.result("ask") == {"said": "It is warm.", "overflows": 0}

        before = len(received(connection, "input_audio_buffer.append"))
        notebook.run(2)
        talk = notebook.result("talk")
        blocks = len(received(connection, "input_audio_buffer.append")) - before
        assert (talk["overflows"], talk["drops"], talk["ended"]) == (0, 0, False)
        assert blocks >= 150
        assert talk["status"] == "idle"  # the page has reported the end of the answer
        answer = sent(connection, "response.done")[1]["response"]["output"][0]["id"]
        assert talk["played"][answer] == milliseconds(connection, answer)

        notebook.run(3)
        cut = notebook.result("interrupted")
        truncated = received(connection, "conversation.item.truncate")
        assert [t["item_id"] for t in truncated] == [cut["item"]]
        assert truncated[0]["audio_end_ms"] == cut["played"]
        assert 500 <= cut["played"] < milliseconds(connection, cut["item"])
        assert sent(connection, "error") == []

        side = [url for url in notebook.sockets if "/api/" not in url]
        assert len(side) >= 4  # ask; both devices of the call; the loudspeaker again
        direct = [url.startswith("ws://127.0.0.1:") for url in side]
        assert all(direct) if host == "127.0.0.1" else not any(direct)
        notebook.page.keyboard.press("Control+s")
        notebook.page.wait_for_selector(".jp-mod-dirty", state="detached")
        kept = notebook.path.read_text()
        assert [url for url in side if url.rpartition("/")[2] in kept] == []


def milliseconds(connection: Any, item: str) -> int:
    """
    Return the duration of an item's audio as the service has sent it.
    """
    deltas = sent(connection, "response.output_audio.delta")
    data = [base64.b64decode(d["delta"]) for d in deltas if d["item_id"] == item]
    return len(b"".join(data)) // 48
