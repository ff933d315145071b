"""
Many sessions on a service and a network that misbehave, for a while.

    python tests/soak/faults.py --minutes 10 --clients 50 [--preview] [--tls]

Each client creates numbered items. Every moment something happens to one of the
connections: it is reset, ended, cut in the middle of a frame, stalled, closed with 1011
or 1012, expired, sent garbage, slowed down to a drip, cut into fragments; or the next
handshakes are refused with 429 or 503. What must hold:

1. Every command is acknowledged exactly once, or its future has failed. None is left.
2. What was acknowledged has arrived; nothing has arrived twice; on each connection the
   numbers ascend.
3. No listener gets an item twice, and they get them in order.
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
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from azure_realtime import (
    AzureRealTimeAudio,
    AzureRealTimeOptions,
    ProtocolWarning,
    RealtimeError,
    SessionConfig,
    WebSocketState,
)

PAUSE = 0.2  # seconds between two commands of a client
MAX_LEFT = 1_000  # objects that may be left: caches
GROWTH = 16 << 20  # bytes that may be left: what the allocator keeps to itself
OPEN, DONE, FAILED = b"?+-"
TIMEOUT = 45.0  # seconds for the last answers, when the service behaves again

WEBSOCKET_OPTIONS: dict[str, Any] = {
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
    Do something to a client every so many seconds; return what was done how often.
    """
    rng = random.Random(seed)
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
        "garbage": lambda c: c.send_text("{" * rng.randint(1, 5000)),
        "unknown": lambda c: c.send({"type": "soak.unknown", "data": [None] * 100}),
        "bad frame": lambda c: c.send_bytes_raw(b"\xf3\x7f" + bytes(20)),
        "drip": lambda c: c.drip(0.0005),
        "fragment": lambda c: c.fragment(rng.randint(1, 40)),
        "ping": lambda c: c.ping(b"soak"),
        "429": lambda _: service.refuse(429, {"Retry-After": "1"}, times=2),
        "503": lambda _: service.refuse(503, times=3),
    }
    while not over.wait(pause):
        now = time.monotonic()
        for entry in [entry for entry in slowed if entry[0] < now]:
            entry[1].resume()
            slowed.remove(entry)
        alive = [c for c in service.connections[-400:] if not c.wait_closed(0)]
        if not alive:
            continue
        name, connection = rng.choice(list(faults)), rng.choice(alive)
        with contextlib.suppress(OSError):
            faults[name](connection)
        done[name] += 1
        if name in ("drip", "fragment"):
            slowed.append((now + 2.0, connection))
    for _, connection in slowed:
        connection.resume()
    service.accept()
    return done


def serve(pause: float, seed: int, authority: str | None) -> None:
    """
    Serve and misbehave until a line comes, then behave until the next, then report.

    Args:
        pause: Seconds between two faults.
        seed: Of the random numbers.
        authority: Where to put the certificate that clients are to trust; None: no TLS.
    """
    from azure_realtime.simulator import Simulator

    context = None
    if authority is not None:
        import trustme

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca = trustme.CA()
        ca.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        ca.cert_pem.write_to_path(authority)
    over = threading.Event()
    with Simulator(pace=0.0, ssl_context=context) as service:
        print(service.url, flush=True)
        done: list[Counter] = []
        faults_thread = threading.Thread(
            target=lambda: done.append(misbehave(service, over, pause, seed))
        )
        sys.stdin.readline()
        faults_thread.start()
        sys.stdin.readline()
        over.set()
        faults_thread.join()
        print("behaving", flush=True)
        sys.stdin.readline()
        report = tally(service)
    print(json.dumps({**report, "faults": done[0]}), flush=True)


def tally(service: Any) -> dict[str, Any]:
    """
    Return what has arrived: for each session a digit for each of its items, how often;
    and what was out of order.
    """
    arrived: dict[str, bytearray] = {}
    wrong = []
    for connection in service.connections:
        last = -1
        for event in connection.received:
            if "item" not in event:
                continue
            _, name, digits = event["item"]["id"].split("_")
            number = int(digits)
            if number <= last:
                wrong.append(f"{number} of {name} after {last} on a connection")
            last = number
            counts = arrived.setdefault(name, bytearray())
            counts.extend(b"0" * (number + 1 - len(counts)))
            counts[number] += 1
    counted = {name: counts.decode() for name, counts in arrived.items()}
    return {"arrived": counted, "wrong": wrong}


# The clients.

Make = Callable[[], AzureRealTimeAudio]


def client_for(url: str, preview: bool, authority: str | None) -> AzureRealTimeAudio:
    """
    Make a client of the service at *url*.
    """
    options = AzureRealTimeOptions(
        url,
        "soak",
        "key",
        api_version="2024-10-01-preview" if preview else None,
        session_config=SessionConfig(turn_detection=None),
    )
    context = ssl.create_default_context(cafile=authority) if authority else None
    return AzureRealTimeAudio(options, {**WEBSOCKET_OPTIONS, "ssl_context": context})


class Session:
    """
    One user: a client, its numbered commands, and what became of them, a byte each:
    memory is measured.
    """

    def __init__(self, make: Make, name: int) -> None:
        self._make = make
        self.name = name
        self.outcomes = bytearray()
        self.waiting: dict[int, Any] = {}
        self.lost: Counter = Counter()
        self.wrong: list[str] = []
        self.reconnects = 0
        self.clients = 0
        self.refused = 0
        self._last_received = -1
        self._client: AzureRealTimeAudio | None = None

    def begin(self) -> AzureRealTimeAudio:
        """
        Make a client; a fault may have ended the last one for good.
        """
        client = self._make()
        life = [-1]

        def lost(event: Any) -> None:
            self.lost[event.cause] += 1
            if event.generation <= life[0]:
                self.wrong.append(f"disconnected twice: {event.generation}, {life}")
            life[0] = event.generation

        client.on("disconnected", lost)
        client.on("conversation.item.added", self.note_received)
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

    def note_received(self, event: Any) -> None:
        """
        Note an item that a listener received.
        """
        number = int(event.item.id[-7:])
        if number <= self._last_received:
            self.wrong.append(f"{number} was received after {self._last_received}")
        self._last_received = number

    def say(self, client: AzureRealTimeAudio) -> None:
        """
        Create the next item.
        """
        number = len(self.outcomes)
        content = [{"type": "input_text", "text": "soak"}]
        item = {"type": "message", "role": "user", "content": content}
        item["id"] = f"item_{self.name}_{number:07d}"
        try:
            future = client.create_conversation_item(item)
        except RealtimeError:
            self.refused += 1
            return
        self.outcomes.append(OPEN)
        self.waiting[number] = future
        future.add_done_callback(lambda done: self.note(number, done))

    def note(self, number: int, future: Any) -> None:
        """
        Keep what came of a command.
        """
        error = future.exception()
        if self.outcomes[number] != OPEN:
            self.wrong.append(f"{number} ended twice")
        self.outcomes[number] = DONE if error is None else FAILED
        if error is not None and not isinstance(error, RealtimeError):
            self.wrong.append(f"{number}: {error!r}")
        self.waiting.pop(number, None)

    def settle(self, deadline: float) -> None:
        """
        Wait until every command has its answer.
        """
        for number, future in list(self.waiting.items()):
            try:
                future.exception(max(0.1, deadline - time.monotonic()))
            except TimeoutError:
                self.wrong.append(f"{number} was never answered")

    def end(self) -> None:
        """
        Close the client.
        """
        if self._client is not None:
            self.reconnects += self._client.stats.reconnects
            self._client.close()
            self._client = None

    def judge(self, arrived: str) -> None:
        """
        Compare what came of the commands with how often each has *arrived*.
        """
        arrived = arrived.ljust(len(self.outcomes), "0")
        for number, (outcome, times) in enumerate(
            zip(self.outcomes, arrived, strict=True)
        ):
            if outcome == OPEN:
                self.wrong.append(f"{number} never ended")
            elif times not in ("1" if outcome == DONE else "01"):
                self.wrong.append(f"{number} arrived {times} times")


def trim(libc: ctypes.CDLL) -> None:
    """
    Have glibc give back what is free, of which it keeps much for a hundred threads.

    ``malloc_trim`` leaves the free end of every arena but the main one (glibc 2.36). A
    thread of an arena gives that back when it frees 64 KiB: so one thread for each does.
    """
    libc.mallopt(-1, 128 << 10)  # M_TRIM_THRESHOLD, which grows with what is freed
    libc.malloc_trim(0)
    arenas = 8 * (os.cpu_count() or 1)
    all_run = threading.Barrier(arenas)

    def free_much() -> None:
        all_run.wait(30)  # those that run at once have an arena each
        bytes(100_000)
        all_run.wait(30)

    threads = [threading.Thread(target=free_much) for _ in range(arenas)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measured() -> tuple[int, int, int, int]:
    """
    Return threads, descriptors, bytes of memory, and objects in it.
    """
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        trim(ctypes.CDLL(None))
    folder = Path("/proc/self/fd")
    files = len(list(folder.iterdir())) if folder.is_dir() else 0
    memory = 0
    with contextlib.suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        memory = pages * os.sysconf("SC_PAGE_SIZE")
    return threading.active_count(), files, memory, len(gc.get_objects())


def together(sessions: list[Session], what: Any) -> None:
    """
    Do something for all of them at once.
    """
    threads = [threading.Thread(target=what, args=(each,)) for each in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def soak(make: Make, tell: Any, clients: int, seconds: float) -> tuple[str, list[str]]:
    """
    Run it all; return the line to print, and what did not hold.
    """
    warm = [Session(make, number) for number in range(clients)]
    together(warm, lambda each: each.begin().connect(30))
    together(warm, Session.end)
    del warm
    before = measured()
    sessions = [Session(make, 1000 + number) for number in range(clients)]
    over = threading.Event()
    timer = threading.Timer(seconds, over.set)
    tell("begin")
    timer.start()
    together(sessions, lambda each: each.run(over))
    timer.join()
    tell("behave", True)
    deadline = time.monotonic() + TIMEOUT
    together(sessions, lambda each: each.settle(deadline))
    together(sessions, Session.end)
    report = json.loads(tell("report", True))
    wrong = list(report["wrong"])
    totals: Counter = Counter()
    causes: Counter = Counter()
    for each in sessions:
        each.judge(report["arrived"].get(str(each.name), ""))
        wrong += [f"session {each.name}: {text}" for text in each.wrong]
        causes += each.lost
        totals["commands"] += len(each.outcomes)
        totals["acknowledged"] += each.outcomes.count(DONE)
        totals["failed"] += each.outcomes.count(FAILED)
        for name in ("refused", "reconnects", "clients"):
            totals[name] += getattr(each, name)
    faults = sum(report["faults"].values())
    sessions.clear()
    report.clear()
    each = None  # type: ignore[assignment]
    after = measured()
    if after[0] > before[0] or after[1] > before[1]:
        wrong.append(f"left behind: {before[:2]} threads and files, now {after[:2]}")
    if after[3] > before[3] + MAX_LEFT:
        wrong.append(f"{after[3] - before[3]} objects left behind")
    if after[2] > before[2] + GROWTH:
        wrong.append(f"grown by {(after[2] - before[2]) >> 20} MiB")
    line = (
        f"Python {platform.python_version()}: {clients} clients, {seconds / 60:g} min; "
        f"{faults} faults, {totals['commands']} commands: {totals['acknowledged']} "
        f"acknowledged, {totals['failed']} failed, {totals['refused']} refused; "
        f"{totals['reconnects']} reconnects, {totals['clients']} clients; "
        f"lost by {dict(causes)}; "
        "threads, descriptors and MiB "
        f"{before[0]}, {before[1]}, {before[2] >> 20} -> "
        f"{after[0]}, {after[1]}, {after[2] >> 20}; "
        f"objects {before[3]} -> {after[3]}; "
        f"{len(wrong)} violations"
    )
    return line, wrong


def run(arguments: Any, authority: str | None) -> tuple[str, list[str]]:
    """
    Start the service, and soak.
    """
    pause = max(0.02, 3.0 / arguments.clients)  # each client every few seconds
    command = [sys.executable, __file__, "--serve", str(pause)]
    command += ["--seed", str(arguments.seed)]
    command += ["--authority", authority] if authority else []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()

        def make() -> AzureRealTimeAudio:
            return client_for(url, arguments.preview, authority)

        def tell(word: str, answer: bool = False) -> str:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(word + "\n")
            process.stdin.flush()
            return process.stdout.readline() if answer else ""

        try:
            return soak(make, tell, arguments.clients, arguments.minutes * 60)
        finally:
            process.stdin.close()
            process.terminate()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--preview", action="store_true", help="the preview protocol")
    parser.add_argument("--tls", action="store_true", help="needs trustme")
    parser.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--authority", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, arguments.seed, arguments.authority)
        return 0
    if os.environ.get("PYTHONMALLOC") != "malloc":
        # Python's own allocator keeps what is free; then memory would show the peak
        os.execve(
            sys.executable,
            [sys.executable, *sys.orig_argv[1:]],
            {**os.environ, "PYTHONMALLOC": "malloc"},
        )
    # losses are expected here; the summary must be visible
    logging.getLogger("azure_realtime").setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore", ProtocolWarning)
    with tempfile.TemporaryDirectory() as folder:
        authority = str(Path(folder, "authority.pem")) if arguments.tls else None
        line, wrong = run(arguments, authority)
    print(f"{line} (seed {arguments.seed})")
    for text in wrong[:20]:
        print(text, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
