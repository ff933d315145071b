"""
The jobs of the client process: receiving and sending bursts, and the memory of sessions.

Not a benchmark. CPU time is that of all threads of the process, without connecting.
"""

from __future__ import annotations

import gc
import os
import ssl
import threading
import time
from pathlib import Path
from typing import Any

import _peers
import _wire

LIMIT = 120.0  # seconds one job may take


def tls_context(config: dict[str, Any]) -> ssl.SSLContext | None:
    """
    Return a client's context that trusts the load server; None for plain sockets.
    """
    if not config["authority"]:
        return None
    return ssl.create_default_context(cadata=config["authority"])


def connect(config: dict[str, Any], **options: Any) -> _peers.Peer:
    """
    Return a peer whose session is configured.
    """
    peer = _peers.make(config["peer"], config["port"], tls_context(config), **options)
    peer.open()
    return peer


def receive(config: dict[str, Any]) -> dict[str, Any]:
    """
    Receive a burst of each work; return CPU and wall seconds per event.
    """
    result: dict[str, Any] = {}
    for work, kind, load in (
        ("audio", _wire.AUDIO, "audio"),
        ("decoded", _wire.AUDIO, "audio"),
        ("transcript", _wire.TRANSCRIPT, "transcript"),
    ):
        peer = connect(config)
        for count in (config["count"] // 10, config["count"]):  # the first warms up
            done = threading.Event()
            listener, state = make_listener(peer, work, count, done)
            peer.on(kind, listener)
            begin = time.perf_counter(), time.process_time()
            peer.send({"type": _wire.START, "work": load, "count": count})
            if not peer.run(done, LIMIT):
                missing = state["missing"]
                raise RuntimeError(f"{work}: {missing} of {count} did not arrive")
            wall, cpu = begin
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            result[work] = {"cpu": cpu / count, "wall": wall / count}
            if state["bytes"] != count * {"audio": 0, "decoded": 4800}.get(work, 0):
                raise RuntimeError(f"{work}: {state['bytes']} bytes of audio")
            peer.off(kind)
        peer.close()
    return result


def make_listener(
    peer: _peers.Peer, work: str, count: int, done: threading.Event
) -> tuple[_peers.Listener, dict[str, Any]]:
    """
    Return a listener that counts, and its state.
    """
    state = {"missing": count, "bytes": 0}
    audio = peer.audio

    def typed(event: Any) -> None:  # noqa: ARG001
        state["missing"] -= 1
        if not state["missing"]:
            done.set()

    def decoded(event: Any) -> None:
        state["bytes"] += len(audio(event))
        state["missing"] -= 1
        if not state["missing"]:
            done.set()

    return (decoded if work == "decoded" else typed), state


def send(config: dict[str, Any]) -> dict[str, Any]:
    """
    Append audio of 20 and of 100 ms; return CPU and wall seconds per append.
    """
    result: dict[str, Any] = {}
    peer = connect(config)
    done = threading.Event()
    peer.on(_wire.FINISHED, lambda _: done.set())
    for size in config["sizes"]:
        pcm = os.urandom(size)
        append = peer.append
        for count in (config["count"] // 10, config["count"]):
            done.clear()
            begin = time.perf_counter(), time.process_time()
            peer.send({"type": _wire.START, "work": "count", "count": count})
            for _ in range(count):
                append(pcm)
            if not peer.run(done, LIMIT):
                raise RuntimeError(f"{size} bytes: not all {count} appends arrived")
            wall, cpu = begin
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            result[str(size)] = {"cpu": cpu / count, "wall": wall / count}
    peer.close()
    return result


def resident() -> int | None:
    """
    Return the resident memory of this process in bytes; None if it is unknown.
    """
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def os_threads() -> int:
    """
    Return the number of threads, on Linux including those outside Python.
    """
    try:
        return len(list(Path("/proc/self/task").iterdir()))
    except OSError:
        return threading.active_count()


def use(peer: _peers.Peer, count: int = 20) -> None:
    """
    Receive *count* audio deltas of 100 ms, decoded, and append 20 ms as often.
    """
    done, sent = threading.Event(), threading.Event()
    listener, _ = make_listener(peer, "decoded", count, done)
    peer.on(_wire.AUDIO, listener)
    peer.on(_wire.FINISHED, lambda _: sent.set())
    peer.send({"type": _wire.START, "work": "audio", "count": count})
    received = peer.run(done, 20)
    peer.send({"type": _wire.START, "work": "count", "count": count})
    for _ in range(count):
        peer.append(bytes(960))
    if not (received and peer.run(sent, 20)):
        raise RuntimeError("a session received or sent too little")


def idle_sessions(config: dict[str, Any]) -> dict[str, Any]:
    """
    Open idle sessions; return the memory and threads of each beyond the first.

    With *traffic*, each has received and sent some audio before.
    """
    peers: list[_peers.Peer] = []
    never = threading.Event()

    def add() -> None:
        peer = connect(config)
        peers.append(peer)
        if config["traffic"]:
            use(peer)
        if not peer.own_thread:
            threading.Thread(target=peer.run, args=(never, LIMIT), daemon=True).start()

    before = os_threads()
    add()
    time.sleep(0.5)
    gc.collect()
    first, first_threads = resident(), os_threads()
    for _ in range(config["sessions"]):
        add()
    time.sleep(1)
    gc.collect()
    after = resident()
    more = None if first is None or after is None else after - first
    return {
        "bytes": None if more is None else more / config["sessions"],
        "threads": (os_threads() - first_threads) / config["sessions"],
        "first_threads": first_threads - before,
    }


def first_event(config: dict[str, Any]) -> dict[str, Any]:
    """
    Import, make a client, receive the first delta; return the CPU seconds of all that.
    """
    begin = time.process_time()
    done = threading.Event()
    peer = connect(config)
    peer.on(_wire.TRANSCRIPT, lambda _: done.set())
    peer.send({"type": _wire.START, "work": "transcript", "count": 1})
    if not peer.run(done, 20):
        raise RuntimeError("no event")
    end = time.process_time()
    return {"first": end - begin, "process": end}
