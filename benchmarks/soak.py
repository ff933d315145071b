"""
Many sessions on a service and a network that misbehave, for a while.

    python benchmarks/soak.py --minutes 10 --clients 50

Each client creates numbered items. Every moment something happens to one of the
connections: it is reset, ended, cut in the middle of a frame, stalled, closed with 1011
or 1012, expired, sent garbage, slowed down to a drip, cut into fragments; or the next
handshakes are refused with 429 or 503. What must hold:

1. Every command is acknowledged exactly once, or its future has failed. None is left.
2. What was acknowledged has arrived; nothing has arrived twice; on each connection the
   numbers ascend.
3. No listener hears of an item twice, and they hear of them in order.
4. Each disconnected event is one, and says why; generations ascend.
5. Afterwards threads, descriptors and memory are where they were.

The service is a process of its own; the ``simulator`` extra is needed. Prints one line,
and exits with 1 if anything did not hold.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import json
import logging
import os
import platform
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from azure_realtime import (
    AzureRealTimeAudio,
    AzureRealTimeOptions,
    RealtimeError,
    SessionConfig,
    WebSocketState,
)

PAUSE = 0.2  # seconds between two commands of a client
LEFT_OVER = 20_000  # objects, of some millions, that may be left: caches
FRAGMENTS = 256 << 20  # bytes of free memory that the allocator may keep to itself
PATIENCE = 45.0  # seconds for the last answers, when the service behaves again

NUMBERS: dict[str, Any] = {
    "ping_interval": 1.0,
    "ping_timeout": 1.0,
    "connect_timeout": 5.0,
    "max_reconnect_attempts": None,
    "reconnect_interval": 0.2,
    "restore": "session",  # so that an item that arrives twice was sent twice
}


# The service, a process of its own.


def misbehave(service: Any, over: threading.Event, pause: float, seed: int) -> Counter:
    """
    Do something to somebody every so many seconds; return what was done how often.
    """
    dice = random.Random(seed)
    done: Counter = Counter()
    slowed: list[tuple[float, Any]] = []
    faults = {
        "rst": lambda c: c.drop("rst"),
        "fin": lambda c: c.drop("fin"),
        "mid_frame": lambda c: c.drop("mid_frame"),
        "stall": lambda c: c.stall(),
        "1011": lambda c: c.close(1011, "internal error"),
        "1012": lambda c: c.close(1012, "restarting"),
        "expire": lambda c: c.expire(),
        "garbage": lambda c: c.send_text("{" * dice.randint(1, 5000)),
        "unknown": lambda c: c.send({"type": "soak.unknown", "data": [None] * 100}),
        "bad frame": lambda c: c.send_bytes_raw(b"\xf3\x7f" + bytes(20)),
        "drip": lambda c: c.drip(0.0005),
        "fragment": lambda c: c.fragment(dice.randint(1, 40)),
        "ping": lambda c: c.ping(b"soak"),
        "429": lambda _: service.refuse(429, {"Retry-After": "1"}, times=2),
        "503": lambda _: service.refuse(503, times=3),
    }
    while not over.wait(pause):
        now = time.monotonic()
        for entry in [entry for entry in slowed if entry[0] < now]:
            entry[1].resume()
            slowed.remove(entry)
        alive = [c for c in service.connections[-400:] if not c._ended.is_set()]
        if not alive:
            continue
        name, connection = dice.choice(list(faults)), dice.choice(alive)
        with contextlib.suppress(OSError):
            faults[name](connection)
        done[name] += 1
        if name in ("drip", "fragment"):
            slowed.append((now + 2.0, connection))
    for _, connection in slowed:
        connection.resume()
    service.accept()
    return done


def serve(pause: float, seed: int) -> None:
    """
    Serve and misbehave until a line comes, then behave until the next, then report.
    """
    from azure_realtime.simulator import Simulator

    over = threading.Event()
    with Simulator(pace=0.0) as service:
        print(service.url, flush=True)
        done: list[Counter] = []
        ghost = threading.Thread(
            target=lambda: done.append(misbehave(service, over, pause, seed))
        )
        sys.stdin.readline()
        ghost.start()
        sys.stdin.readline()
        over.set()
        ghost.join()
        print("behaving", flush=True)
        sys.stdin.readline()
        arrived = [
            [e["item"]["id"] for e in c.received if "item" in e]
            for c in service.connections
        ]
    print(json.dumps({"arrived": arrived, "faults": done[0]}), flush=True)


# The clients.


class Session:
    """
    One user: a client, its numbered commands, and what was heard of them.
    """

    def __init__(self, url: str, name: int) -> None:
        self._url = url
        self.name = name
        self.commands: list[str] = []
        self.waiting: dict[str, Any] = {}  # what is done is let go: memory is measured
        self.outcomes: dict[str, str | None] = {}
        self.answers: Counter = Counter()
        self.heard: list[str] = []
        self.lost: list[tuple[int, str]] = []
        self.wrong: list[str] = []
        self.reconnects = 0
        self.clients = 0
        self.refused = 0
        self._client: AzureRealTimeAudio | None = None

    def begin(self) -> AzureRealTimeAudio:
        """
        Make a client; a fault may have ended the last one for good.
        """
        client = AzureRealTimeAudio(
            AzureRealTimeOptions(
                self._url,
                "soak",
                "key",
                session_config=SessionConfig(turn_detection=None),
            ),
            NUMBERS,
        )
        life: list[int] = []
        client.on("conversation.item.added", lambda e: self.heard.append(e.item.id))

        def lost(event: Any) -> None:
            life.append(event.generation)
            self.lost.append((event.generation, event.cause))
            if life != sorted(set(life)):
                self.wrong.append(f"disconnected twice: {life}")

        client.on("disconnected", lost)
        client.on("listener_error", lambda e: self.wrong.append(repr(e.error)))
        self._client = client
        self.clients += 1
        return client

    def run(self, over: threading.Event) -> None:
        """
        Say something every moment, until *over*.
        """
        client = self.begin()
        while not over.wait(PAUSE * random.uniform(0.5, 1.5)):
            if client.state is WebSocketState.CLOSED:
                self.end()
                client = self.begin()
            for _ in range(random.randint(1, 4)):
                self.say(client)

    def say(self, client: AzureRealTimeAudio) -> None:
        """
        Create the next item.
        """
        item_id = f"item_{self.name}_{len(self.commands):07d}"
        content = [{"type": "input_text", "text": "soak"}]
        item = {"id": item_id, "type": "message", "role": "user", "content": content}
        try:
            future = client.create_conversation_item(item)
        except RealtimeError:
            self.refused += 1
            return
        self.commands.append(item_id)
        self.waiting[item_id] = future
        future.add_done_callback(lambda done: self.note(item_id, done))

    def note(self, item_id: str, future: Any) -> None:
        """
        Keep what came of a command.
        """
        error = future.exception()
        self.answers[item_id] += 1
        self.outcomes[item_id] = None if error is None else type(error).__name__
        if error is not None and not isinstance(error, RealtimeError):
            self.wrong.append(f"{item_id}: {error!r}")
        self.waiting.pop(item_id, None)

    def settle(self, deadline: float) -> None:
        """
        Wait until every command has its answer.
        """
        for item_id, future in list(self.waiting.items()):
            try:
                future.exception(max(0.1, deadline - time.monotonic()))
            except TimeoutError:
                self.wrong.append(f"{item_id} was never answered")

    def end(self) -> None:
        """
        Close the client.
        """
        if self._client is not None:
            self.reconnects += self._client.stats.reconnects
            self._client.close()
            self._client = None

    def judge(self, arrived: Counter) -> tuple[int, int]:
        """
        Compare; return how many commands were acknowledged and how many failed.
        """
        acknowledged = failed = 0
        for item_id in self.commands:
            if self.outcomes.get(item_id, "never") is None:
                acknowledged += 1
                if arrived[item_id] != 1:
                    self.wrong.append(f"{item_id} arrived {arrived[item_id]} times")
            else:
                failed += 1
                if arrived[item_id] > 1:
                    self.wrong.append(f"{item_id} arrived {arrived[item_id]} times")
            if self.answers[item_id] != 1:
                self.wrong.append(f"{item_id} ended {self.answers[item_id]} times")
        if self.heard != sorted(set(self.heard)):
            self.wrong.append("items were heard twice or out of order")
        return acknowledged, failed


def measured() -> tuple[int, int, int, int]:
    """
    Return threads, descriptors, bytes of memory, and objects in it.
    """
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # what is free in a hundred threads' arenas
    folder = Path("/proc/self/fd")
    files = len(list(folder.iterdir())) if folder.is_dir() else 0
    memory = 0
    with contextlib.suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        memory = pages * os.sysconf("SC_PAGE_SIZE")
    return threading.active_count(), files, memory, sys.getallocatedblocks()


def together(sessions: list[Session], what: Any) -> None:
    """
    Do something for all of them at once.
    """
    threads = [threading.Thread(target=what, args=(each,)) for each in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def soak(url: str, tell: Any, clients: int, seconds: float) -> tuple[str, list[str]]:
    """
    Run it all; return the line to print, and what did not hold.
    """
    warm = [Session(url, number) for number in range(clients)]
    together(warm, lambda each: each.begin().connect(30))
    together(warm, Session.end)
    del warm
    before = measured()
    sessions = [Session(url, 1000 + number) for number in range(clients)]
    over = threading.Event()
    timer = threading.Timer(seconds, over.set)
    tell("begin")
    timer.start()
    together(sessions, lambda each: each.run(over))
    timer.join()
    tell("behave", True)
    deadline = time.monotonic() + PATIENCE
    together(sessions, lambda each: each.settle(deadline))
    together(sessions, Session.end)
    report = json.loads(tell("report", True))
    arrived = Counter(item_id for ids in report["arrived"] for item_id in ids)
    wrong = [
        f"out of order on a connection: {ids[:5]} ..."
        for ids in report["arrived"]
        if ids != sorted(ids)
    ]
    outcomes = [each.judge(arrived) for each in sessions]
    for each in sessions:
        wrong += each.wrong
    causes = Counter(cause for each in sessions for _, cause in each.lost)
    totals = [
        sum(numbers)
        for numbers in zip(
            *(
                (len(s.commands), yes, no, s.refused, s.reconnects, s.clients)
                for s, (yes, no) in zip(sessions, outcomes, strict=True)
            ),
            strict=True,
        )
    ]
    faults = sum(report["faults"].values())
    for kept in (sessions, outcomes, report, arrived):
        kept.clear()
    each = None  # type: ignore[assignment]
    after = measured()
    if after[0] > before[0] or after[1] > before[1]:
        wrong.append(f"left behind: {before[:2]} threads and files, now {after[:2]}")
    if after[3] > before[3] + LEFT_OVER:
        wrong.append(f"{after[3] - before[3]} objects left behind")
    if after[2] > before[2] + FRAGMENTS:
        wrong.append(f"grown by {(after[2] - before[2]) >> 20} MiB")
    line = (
        f"Python {platform.python_version()}: {clients} clients, {seconds / 60:g} min; "
        f"{faults} faults, {totals[0]} commands: {totals[1]} "
        f"acknowledged, {totals[2]} failed, {totals[3]} refused; "
        f"{totals[4]} reconnects, {totals[5]} clients; lost by {dict(causes)}; "
        "threads, descriptors and MiB "
        f"{before[0]}, {before[1]}, {before[2] >> 20} -> "
        f"{after[0]}, {after[1]}, {after[2] >> 20}; "
        f"{len(wrong)} violations"
    )
    return line, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, arguments.seed)
        return 0
    # losses are what this is about; the one line shall be seen
    logging.getLogger("azure_realtime").setLevel(logging.CRITICAL)
    pause = max(0.02, 3.0 / arguments.clients)  # each client every few seconds
    command = [sys.executable, __file__, "--serve", str(pause)]
    command += ["--seed", str(arguments.seed)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()

        def tell(word: str, answer: bool = False) -> str:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(word + "\n")
            process.stdin.flush()
            return process.stdout.readline() if answer else ""

        try:
            line, wrong = soak(url, tell, arguments.clients, arguments.minutes * 60)
        finally:
            process.stdin.close()
            process.terminate()
    print(f"{line} (seed {arguments.seed})")
    for text in wrong[:20]:
        print(text, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
