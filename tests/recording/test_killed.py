"""
A process that is killed while it records.

``KILLS=50`` in the environment makes the test longer.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from helpers.processes import run_script

from azure_realtime.audio import read_wav
from azure_realtime.recording import Recording

KILLS = int(os.environ.get("KILLS", "5"))

SCRIPT = """
import os, random, signal, time
from pathlib import Path
import azure_realtime.recording, azure_realtime.client.assembly

def session(path):
    with Simulator(pace=0) as service, client_of(service.url) as client:
        with client.record(path, audio="wav"):
            while True:
                client.append_audio(bytes(4800))
                client.ask("Tell me a long story", timeout=60)

def size(path):
    return path.stat().st_size if path.exists() else 0

folder, count = Path(sys.argv[1]), int(sys.argv[2])
for number in range(count):
    path = folder / f"{number}.jsonl"
    child = os.fork()
    if child == 0:
        try:
            session(path)
        finally:
            os._exit(1)
    deadline = time.monotonic() + 60
    while size(path) < 20_000 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.5))
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
print("done")
"""


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")
@pytest.mark.timeout(120 + 30 * KILLS)
def test_every_file_loads_up_to_its_last_whole_line(tmp_path: Path) -> None:
    """
    At whatever moment the process is killed, and its audio files can be played.
    """
    done = run_script(SCRIPT, str(tmp_path), str(KILLS), timeout=60 + 15 * KILLS)
    assert done.stdout == "done\n", done.stderr

    for number in range(KILLS):
        path = tmp_path / f"{number}.jsonl"
        lines = path.read_bytes().split(b"\n")[:-1]
        kinds = [json.loads(line)["kind"] for line in lines]
        recording = Recording.load(path)
        assert len(recording.messages) == kinds.count("message") > 10
        assert not recording.is_complete
        assert recording.usage.responses == sum(
            event.type == "response.done" for event in recording.events
        )
        assert read_wav(path.with_name(f"{number}.model.wav")).seconds >= 0
