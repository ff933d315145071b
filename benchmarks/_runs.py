"""
The common parts of the benchmarks: processes, the cores they run on, rounds and tables.

Not a benchmark.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import queue
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PEERS = {"openai_sync": "openai", "websockets": "websockets"}
VERSIONS = (
    "azure-realtime",
    "websocket-client",
    "attrs",
    "cattrs",
    "orjson",
    "pybase64",
    "openai",
    "websockets",
)


def cores() -> tuple[int | None, int | None]:
    """
    Return the core of the client process and the core of the load server.

    None if a process cannot be pinned, or if there is one core only.
    """
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[-1]) if len(allowed) > 1 else (None, None)


def environment(**more: str) -> dict[str, str]:
    """
    Return the environment of child processes, without proxies.
    """
    found = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    return found | more


class Server:
    """
    The load server, as a context manager.
    """

    def __init__(self, tls: bool = False) -> None:
        cpu = cores()[1]
        command = [sys.executable, str(HERE / "_load_server.py")]
        command += ["--tls"] if tls else []
        command += [] if cpu is None else ["--cpu", str(cpu)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        first = self.result(30)
        self.port: int = first["port"]
        self.authority: str | None = first["authority"]

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def result(self, timeout: float = 10.0) -> dict[str, Any]:
        """
        Return the next line that the server writes.
        """
        try:
            line = self._lines.get(timeout=timeout)
        except queue.Empty:
            raise RuntimeError("the load server reports nothing") from None
        if line is None:
            raise RuntimeError("the load server has ended")
        result: dict[str, Any] = json.loads(line)
        return result

    def drop_results(self) -> None:
        """
        Discard the results that belong to a failed client process.
        """
        while not self._lines.empty():
            self._lines.get()


def run_client(
    job: str,
    peer: str,
    server: Server,
    packages: str = "core",
    timeout: float = 120.0,
    env: dict[str, str] | None = None,
    **config: Any,
) -> dict[str, Any]:
    """
    Run one job in a client process of its own; return its result.
    """
    settings = {
        "job": job,
        "peer": peer,
        "port": server.port,
        "authority": server.authority,
        "packages": packages,
        "cpu": cores()[0],
        **config,
    }
    errors = tempfile.TemporaryFile()  # noqa: SIM115
    process = subprocess.Popen(
        [sys.executable, str(HERE / "_client.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        env=env or environment(),
    )
    assert process.stdin is not None
    # stdin stays open: the client process ends when this one does
    process.stdin.write(json.dumps(settings) + "\n")
    process.stdin.flush()
    timer = threading.Timer(timeout, process.kill)
    timer.start()
    try:
        assert process.stdout is not None
        out = process.stdout.read()
        code = process.wait()
    finally:
        timer.cancel()
        process.kill()
        process.communicate()
        errors.seek(0)
        error = errors.read().decode(errors="replace")
        errors.close()
    if code or not out:
        raise RuntimeError(f"{peer}, {job} failed (exit {code}):\n{error[-3000:]}")
    result: dict[str, Any] = json.loads(out.splitlines()[-1])
    return result


def available(peers: Iterable[str]) -> list[str]:
    """
    Return the peers that are installed; print the others.
    """
    found = []
    for peer in peers:
        module = PEERS.get(peer)
        if module is None or importlib.util.find_spec(module) is not None:
            found.append(peer)
        else:
            print(f"{peer}: {module} is not installed, left out")
    return found


def has_speed() -> bool:
    """
    Whether the packages of the extra ``speed`` are installed.
    """
    return all(importlib.util.find_spec(name) for name in ("orjson", "pybase64"))


def variants(peers: list[str], packages: str) -> list[tuple[str, str]]:
    """
    Return pairs of peer and packages; the extra makes a difference to two peers.
    """
    kinds = ["core", "speed"] if packages == "both" else [packages]
    if "speed" in kinds and not has_speed():
        print("the extra `speed` is not installed, left out")
        kinds.remove("speed")
    return [
        (peer, kind)
        for peer in peers
        for kind in (kinds if peer in ("azure_realtime", "bare") else kinds[:1])
    ]


def rotated(items: list[Any], number: int) -> list[Any]:
    """
    Return the items, starting with another one in each round.
    """
    cut = number % len(items) if items else 0
    return items[cut:] + items[:cut]


def median_ratio(above: list[float], below: list[float]) -> float:
    """
    Return the median of the quotients of paired rounds.
    """
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def table(head: list[str], rows: list[list[str]]) -> None:
    """
    Print a Markdown table.
    """
    columns = [[cell, *(row[i] for row in rows)] for i, cell in enumerate(head)]
    widths = [max(map(len, column)) for column in columns]
    rule = ["-" * width for width in widths]
    for row in (head, rule, *rows):
        cells = (
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("| " + " | ".join(cells) + " |")
    print(flush=True)


def describe() -> None:
    """
    Print the versions, cores and platform on which the figures depend.
    """
    found = []
    for name in VERSIONS:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} from the path or missing")
    client, server = cores()
    pinned = "not pinned" if client is None else f"client {client}, server {server}"
    print(
        f"{time.strftime('%Y-%m-%d')}, {platform.python_implementation()} "
        f"{platform.python_version()}, {platform.system()}, {os.cpu_count()} cores "
        f"({pinned}); {', '.join(found)}",
        flush=True,
    )


def parser(description: str | None) -> argparse.ArgumentParser:
    """
    Return a parser with ``--quick``.
    """
    made = argparse.ArgumentParser(
        description=(description or "").strip().split("\n")[0]
    )
    made.add_argument("--quick", action="store_true", help="a short form, for CI")
    return made


def exit_with(function: Any) -> None:
    """
    Run a benchmark; exit with 1 if it fails, 130 on Ctrl-C.
    """
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        function()
    except KeyboardInterrupt:
        sys.exit(130)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        print(f"failed: {error}", file=sys.stderr)
        sys.exit(1)
