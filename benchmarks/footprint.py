"""
The footprint of the package: import time, and memory and threads of an idle session.

    python benchmarks/footprint.py [--quick] [--rounds 9] [--sessions 40]

1. CPU time of ``import azure_realtime`` compared with its three dependencies, with .pyc files
   in a temporary directory, in alternating processes. Twice: of the import statements alone,
   and of the whole process with the start of Python. In further columns, the same with all
   modules that the first client imports.
2. CPU time of a process that imports a client, connects, and receives a first delta event.
3. Resident memory and threads of an idle session, beyond the first of a process: sessions that
   were never used, and sessions that have received 2 s and sent 0.4 s of audio.

Core packages, plain sockets. Exits with 1 if something fails, never because of slowness.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from typing import Any

import _runs

CORE = ("websocket", "attrs", "cattrs")
OURS = ("azure_realtime",)
CLIENT = (
    *OURS,
    "azure_realtime._engine.shutdown",
    "azure_realtime.client.assembly",
    "azure_realtime.client.conversation_kind",
    "azure_realtime.client.turn_stream",
)
PEERS = ("openai_sync", "websockets", "bare", "azure_realtime")
IMPORT = """
import os, sys
for name in ("orjson", "pybase64", "numpy", "wsaccel"):
    sys.modules[name] = None
cpu = {cpu}
if cpu is not None:
    os.sched_setaffinity(0, {{cpu}})
from time import process_time
begin = process_time()
import {modules}
end = process_time()
print([end - begin, end, len(sys.modules)])
"""


def import_once(modules: tuple[str, ...], env: dict[str, str]) -> list[float]:
    """
    Return the CPU seconds of the import and of the process, and the number of modules.
    """
    code = IMPORT.format(cpu=_runs.cores()[0], modules=", ".join(modules))
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=env,
        timeout=60,
    )
    if done.returncode:
        raise RuntimeError(f"import {', '.join(modules)}:\n{done.stderr}")
    found: list[float] = json.loads(done.stdout)
    return found


def imports(rounds: int, env: dict[str, str]) -> None:
    """
    Print the table of import times.
    """
    found: dict[tuple[str, ...], list[list[float]]] = {
        modules: [] for modules in (CORE, OURS, CLIENT)
    }
    for modules in found:
        import_once(modules, env)  # writes the .pyc files
    for number in range(rounds):
        for modules in _runs.rotated([CORE, OURS, CLIENT], number):
            found[modules].append(import_once(modules, env))
    columns = {m: list(zip(*rows, strict=True)) for m, rows in found.items()}
    rows = []
    for index, title in enumerate(("import statement", "whole process")):
        core, ours, client = (
            list(columns[modules][index]) for modules in (CORE, OURS, CLIENT)
        )
        rows.append(
            [
                title,
                f"{statistics.median(core) * 1000:.0f}",
                f"{statistics.median(ours) * 1000:.0f}",
                f"{_runs.median_ratio(ours, core):.2f}",
                f"{min(ours) * 1000:.0f}-{max(ours) * 1000:.0f}",
                f"{statistics.median(client) * 1000:.0f}",
                f"{_runs.median_ratio(client, core):.2f}",
            ]
        )
    modules = [f"{columns[m][2][0]:.0f}" for m in (CORE, OURS, CLIENT)]
    rows.append(["modules loaded", *modules[:2], "-", "-", modules[2], "-"])
    head = [
        "CPU ms of import",
        ", ".join(CORE),
        "azure_realtime",
        "ratio",
        "range, azure_realtime",
        "with the first client",
        "ratio",
    ]
    _runs.table(head, rows)


def first_event(
    server: _runs.Server, peers: list[str], rounds: int, env: dict[str, str]
) -> None:
    """
    Print the table of CPU times to the first event.
    """
    found: dict[str, list[float]] = {peer: [] for peer in peers}
    for number in range(-1, rounds):  # the first writes the .pyc files
        for peer in _runs.rotated(peers, max(0, number)):
            result = _runs.run_client("_jobs:first_event", peer, server, env=env)
            if number >= 0:
                found[peer].append(result["process"])
    rows = [
        [
            peer,
            f"{statistics.median(cpu) * 1000:.0f}",
            f"{min(cpu) * 1000:.0f}-{max(cpu) * 1000:.0f}",
        ]
        for peer, cpu in found.items()
    ]
    _runs.table(["CPU ms to a first event", "whole process", "range"], rows)


def idle(
    server: _runs.Server, peers: list[str], rounds: int, sessions: int, traffic: bool
) -> None:
    """
    Print the table of idle sessions.
    """
    rows = []
    for peer in peers:
        results: list[dict[str, Any]] = [
            _runs.run_client(
                "_jobs:idle_sessions", peer, server, sessions=sessions, traffic=traffic
            )
            for _ in range(rounds)
        ]
        memory = [r["bytes"] / 1000 for r in results if r["bytes"] is not None]
        rows.append(
            [
                peer,
                f"{statistics.median(memory):.0f}" if memory else "unknown",
                f"{min(memory):.0f}-{max(memory):.0f}" if memory else "-",
                f"{statistics.median(r['threads'] for r in results):.2f}",
                str(results[0]["first_threads"]),
            ]
        )
    head = [
        f"idle session, 1 + {sessions}, {'used' if traffic else 'never used'}",
        "RSS kB",
        "range",
        "threads",
        "threads of the first",
    ]
    _runs.table(head, rows)


def main() -> None:
    parser = _runs.parser(__doc__)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--sessions", type=int)
    arguments = parser.parse_args()
    rounds = arguments.rounds or (1 if arguments.quick else 9)
    sessions = arguments.sessions or (8 if arguments.quick else 40)
    _runs.describe()
    print()
    peers = ["bare", "azure_realtime"] if arguments.quick else _runs.available(PEERS)
    with tempfile.TemporaryDirectory() as directory, _runs.Server() as server:
        env = _runs.environment(PYTHONPYCACHEPREFIX=os.fspath(directory))
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        imports(rounds, env)
        first_event(server, peers, rounds, env)
        for traffic in (True,) if arguments.quick else (False, True):
            idle(server, peers, min(rounds, 3), sessions, traffic)
            server.drop_results()


if __name__ == "__main__":
    _runs.exit_with(main)
