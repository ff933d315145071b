"""
The jobs of the client process with a real-time load: latencies, and many sessions.

Not a benchmark. The load server writes the time into events, the client into the audio that
it appends; both read the same monotonic clock of the machine.
"""

from __future__ import annotations

import base64
import threading
import time
from typing import Any

import _jobs
import _peers
import _wire

FRAME = 960  # bytes: 20 ms


class Count:
    """
    A counter that sets an event when it reaches 0. Any thread.
    """

    def __init__(self, number: int) -> None:
        self.remaining = number
        self.done = threading.Event()
        self._lock = threading.Lock()

    def down(self) -> None:
        """
        Decrement the counter.
        """
        with self._lock:
            self.remaining -= 1
            if self.remaining <= 0:
                self.done.set()


def start_command(config: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """
    Return the command that begins a paced load, see ``_paced_load.py``.
    """
    standard = {
        "type": _wire.START,
        "work": "paced",
        "run": config["run"],
        "sessions": 1,
        "index": 0,
        "seconds": config["seconds"],
        "warm": config["warm"],
        "every": 0.02,
        "group": 1,
        "first": 0,
        "pings": False,
    }
    return standard | fields


def dispatch(config: dict[str, Any]) -> dict[str, Any]:
    """
    Return the delay from the server's write to the listener.
    """
    options = {"dispatch": config["dispatch"]} if config["dispatch"] else {}
    peer = _jobs.connect(config, **options)
    delays: list[float] = []
    done = threading.Event()
    begin = time.monotonic() + config["warm"]

    def listener(event: Any) -> None:
        now = time.monotonic()
        when = _wire.unpack_stamp(base64.b64decode(peer.text(event)))
        if when >= begin:
            delays.append(now - when)

    peer.on(_wire.TRANSCRIPT, listener)
    peer.on(_wire.FINISHED, lambda _: done.set())
    timeout = config["seconds"] + 20
    reads = not peer.own_thread
    if reads:  # a program whose main thread computes has to read on another
        threading.Thread(target=peer.run, args=(done, timeout), daemon=True).start()
    peer.send(start_command(config, kind=_wire.TRANSCRIPT, audio=0))
    peer.send({"type": _wire.LAST})
    deadline = time.monotonic() + timeout
    while config["busy"] and not done.is_set() and time.monotonic() < deadline:
        sum(range(1000))
    if not done.wait(max(0.0, deadline - time.monotonic())):
        raise RuntimeError("the load did not end")
    return {"dispatch": _wire.summary(delays)}


def slow_listener(config: dict[str, Any]) -> dict[str, Any]:
    """
    Append audio while a listener takes 50 ms for each of many events.

    The server measures the delays of pongs and appends.
    """
    peer = _jobs.connect(config)
    end = time.monotonic() + config["seconds"] + 1
    over = threading.Event()
    called = [0]

    def listener(_event: Any) -> None:
        called[0] += 1
        if not over.is_set():
            time.sleep(0.05)

    peer.on(_wire.AUDIO, listener)
    load = start_command(
        config, kind=_wire.AUDIO, audio=4800, group=10, first=200, pings=True
    )
    peer.send(load)
    if not peer.own_thread:
        threading.Thread(target=peer.run, args=(over, 20), daemon=True).start()
    due = time.monotonic()
    sent = 0
    while due < end:
        time.sleep(max(0.0, due - time.monotonic()))
        peer.append(_wire.pack_stamp(time.monotonic()) + bytes(FRAME - 9))
        sent += 1
        due += 0.02
    over.set()
    peer.send({"type": _wire.LAST})
    time.sleep(0.5)  # until it is sent: the end of the process ends the load, too
    return {"sent": sent, "called": called[0]}


def sessions(config: dict[str, Any]) -> dict[str, Any]:
    """
    Run many sessions with audio in both directions; return the delays of received audio.

    The server measures the delays of appended audio, from the time when the append was
    due, not from its begin.
    """
    number = config["sessions"]
    peers: list[_peers.Peer] = []
    delays: list[float] = []
    received = [0] * number
    ends = Count(number)
    never = threading.Event()
    timeout = config["seconds"] + 60
    begin = [float("inf")]

    def prepare(index: int) -> None:
        peer = _jobs.connect(config)

        def listener(event: Any) -> None:
            audio = peer.audio(event)
            now = time.monotonic()
            when = _wire.unpack_stamp(audio)
            received[index] += 1
            if when >= begin[0]:
                delays.append(now - when)

        peer.on(_wire.AUDIO, listener)
        peer.on(_wire.FINISHED, lambda _: ends.down())
        if not peer.own_thread:
            threading.Thread(
                target=peer.run, args=(never, timeout), daemon=True
            ).start()
        peers.append(peer)

    for index in range(number):
        prepare(index)
    folder = config.get("folder")  # of the recordings, if there are any
    if folder is not None:
        for index, peer in enumerate(peers):
            peer.record(f"{folder}/{index}.jsonl", audio=config["audio"])
    for index, peer in enumerate(peers):
        load = {"kind": _wire.AUDIO, "audio": FRAME, "sessions": number, "index": index}
        peer.send(start_command(config, **load))
    start = time.monotonic()
    begin[0] = start + config["warm"]
    cpu = time.process_time()
    sent = append_in_time(peers, start, config["seconds"])
    used = (time.process_time() - cpu) / (time.monotonic() - start)
    for peer in peers:
        peer.send({"type": _wire.LAST})
    complete = ends.done.wait(10)
    if folder is not None:  # the recordings end with their clients
        for peer in peers:
            peer.close()
    return {
        "receive": _wire.summary(delays),
        "received": sum(received),
        "sent": sent,
        "complete": complete,
        "cpu": round(used, 3),
    }


def append_in_time(peers: list[_peers.Peer], start: float, seconds: float) -> int:
    """
    Append 20 ms to each session every 20 ms, in ten groups, one after the other.

    Return the number of appends. It stops at the latest 2 s after the end.
    """
    groups = [peers[first::10] for first in range(10)]
    silence = bytes(FRAME - 9)
    sent = tick = 0
    end = start + seconds
    while True:
        due = start + tick * 0.002
        if due >= end or time.monotonic() > end + 2:
            return sent
        pause = due - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        audio = _wire.pack_stamp(due) + silence
        for peer in groups[tick % 10]:
            peer.append(audio)
            sent += 1
        tick += 1
