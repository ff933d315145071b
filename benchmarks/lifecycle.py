"""
The time and the CPU time of connect(), ask(), a reconnect and close().

    python benchmarks/lifecycle.py [--quick] [--rounds 5] [--against FOLDER]

A local service in this process answers at once. A client process does each step many times;
its CPU time is that of all its threads. With ``--against``, the folder of another checkout, the
client of that one takes turns with this one, and the last columns are the ratios: this one's
figure divided by the other's, the medians of the rounds. A reconnect is the time from the loss
of the connection, which the service causes, to the end of a wait for `reconnected`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import _runs

STEPS = ("connect", "ask", "reconnect", "close")
Figures = dict[str, tuple[float, float]]  # medians: milliseconds, CPU milliseconds


def client(url: str, times: int) -> Figures:
    """
    Return the figures of this process. It asks for the loss of a connection by a line.
    """
    from azure_realtime import AzureRealTimeAudio, AzureRealTimeOptions, SessionConfig

    spent: dict[str, list[tuple[float, float]]] = {step: [] for step in STEPS}

    def measure(step: str, act: Callable[[], Any]) -> Any:
        begin, cpu = time.perf_counter(), time.process_time()
        result = act()
        used = time.process_time() - cpu
        spent[step].append((1000 * (time.perf_counter() - begin), 1000 * used))
        return result

    def connect() -> AzureRealTimeAudio:
        config = SessionConfig(turn_detection=None, modalities=["text"])
        options = AzureRealTimeOptions(url, "gpt", "a-key", session_config=config)
        made = AzureRealTimeAudio(options, {"reconnect_interval": 0.001})
        made.connect(10)
        return made

    def reconnect(made: AzureRealTimeAudio) -> None:
        with made.expect("reconnected", timeout=10):
            print("drop", flush=True)

    for _ in range(times + 1):  # the first is not counted
        made = measure("connect", connect)
        measure("ask", partial(made.ask, "Hello", timeout=10))
        measure("reconnect", partial(reconnect, made))
        measure("close", made.close)
    return {
        step: (median(t for t, _ in pairs[1:]), median(cpu for _, cpu in pairs[1:]))
        for step, pairs in spent.items()
    }


def measure_in_process(folder: Path, service: Any, times: int) -> Figures:
    """
    Return the figures of the client in *folder*.
    """
    process = subprocess.Popen(
        [sys.executable, __file__, "--client", service.url, str(times)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )
    assert process.stdout is not None
    line = ""
    for line in process.stdout:
        if line == "drop\n":
            service.connections[-1].drop()
    if process.wait():
        raise RuntimeError(f"the client of {folder} failed")
    figures: Figures = json.loads(line)
    return figures


def main() -> None:
    from azure_realtime.simulator import Simulator

    parser = _runs.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--against", type=Path, help="the folder of another checkout")
    arguments = parser.parse_args()
    rounds, times = (1, 5) if arguments.quick else (arguments.rounds, 40)
    folders = [_runs.HERE.parent]
    if arguments.against:
        folders.append(arguments.against.resolve())
    _runs.describe()
    found: list[list[Figures]] = [[] for _ in folders]

    def answer(_: object) -> str:
        return "Hello."

    with Simulator(replies=answer, pace=0) as service:
        for number in range(rounds):
            for index in _runs.rotated(list(range(len(folders))), number):
                figures = measure_in_process(folders[index], service, times)
                found[index].append(figures)
    head = ["step", "ms", "CPU ms", "ms / other", "CPU / other"]
    rows = []
    for step in STEPS:
        kinds = [[[f[step][kind] for f in each] for kind in (0, 1)] for each in found]
        row = [step, *(f"{median(values):.2f}" for values in kinds[0])]
        for mine, others in zip(*kinds, strict=True) if len(kinds) > 1 else ():
            row.append(f"{_runs.median_ratio(mine, others):.2f}")
        rows.append(row)
    _runs.table(head[: len(rows[0])], rows)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--client"]:
        print(json.dumps(client(sys.argv[2], int(sys.argv[3]))))
    else:
        _runs.exit_with(main)
