"""
The rounds and tables of ``receive.py`` and ``send.py``.

Not a benchmark.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from typing import Any

import _runs

PEERS = ("openai_sync", "websockets", "bare", "azure_realtime")
Figures = dict[tuple[str, str], list[dict[str, Any]]]


def parser(description: str | None, unit: str) -> argparse.ArgumentParser:
    """
    Return the parser of a burst benchmark.
    """
    made = _runs.parser(description)
    made.add_argument("--tls", action="store_true", help="wss:// instead of ws://")
    made.add_argument("--packages", choices=("core", "speed", "both"), default="both")
    made.add_argument("--rounds", type=int)
    made.add_argument(f"--{unit}", type=int, dest="count", help="in a round, of a work")
    return made


def compare(
    job: str,
    works: dict[str, str],
    arguments: argparse.Namespace,
    check: Callable[[_runs.Server, int], None],
    **config: Any,
) -> None:
    """
    Run the rounds and print the tables.

    Args:
        job: The function in ``_jobs.py``.
        works: The keys of its result, and their titles.
        arguments: The command line.
        check: Called after each client process; raises if the server received too little.
        config: Further settings of the job.
    """
    rounds = arguments.rounds or (1 if arguments.quick else 5)
    count = arguments.count or (500 if arguments.quick else 4000)
    if rounds < 1 or count < 20:
        raise RuntimeError("at least 1 round and 20 events are needed")
    _runs.describe()
    runs = _runs.variants(_runs.available(PEERS), arguments.packages)
    figures: Figures = {run: [] for run in runs}
    with _runs.Server(arguments.tls) as server:
        for number in range(rounds):
            for run in _runs.rotated(runs, number):
                peer, packages = run
                result = _runs.run_client(
                    f"_jobs:{job}", peer, server, packages, count=count, **config
                )
                check(server, count)
                figures[run].append(result)
    kind = "TLS" if arguments.tls else "plain"
    print(f"{job}, {kind}: {rounds} rounds of {count}; CPU of the client process\n")
    for work, title in works.items():
        print_work(work, title, figures)


def print_work(work: str, title: str, figures: Figures) -> None:
    """
    Print the table of one work.
    """
    first = next((run for run in figures if run[0] == "openai_sync"), None)
    rows = []
    for run, results in figures.items():
        peer, packages = run
        cpu = [result[work]["cpu"] for result in results]
        wall = statistics.median(result[work]["wall"] for result in results)
        ratios: list[str] = []
        least: list[str] = []
        for other in (first, ("bare", packages)):
            if other not in figures:
                ratios.append("-")
                least.append("-")
                continue
            others = [result[work]["cpu"] for result in figures[other]]
            ratios.append(f"{_runs.median_ratio(others, cpu):.2f}")
            least.append(f"{min(others) / min(cpu):.2f}")
        name = f"{peer}, {packages}" if peer in ("azure_realtime", "bare") else peer
        rows.append(
            [
                name,
                f"{statistics.median(cpu) * 1e6:.1f}",
                f"{min(cpu) * 1e6:.1f}-{max(cpu) * 1e6:.1f}",
                f"{1 / wall:,.0f}",
                *ratios,
                *least,
            ]
        )
    _runs.table(
        [
            title,
            "CPU us",
            "range",
            "per second",
            "openai / it",
            "bare / it",
            "least: openai / it",
            "least: bare / it",
        ],
        rows,
    )
