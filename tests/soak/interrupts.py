"""
Ctrl-C at random moments of every public call: afterwards everything works.

    python tests/soak/interrupts.py --moments 1000

Each call is interrupted by a KeyboardInterrupt from a signal handler, at a moment drawn
from its usual duration. After each interrupt:

1. the client is open, and a turn is answered within a few seconds;
2. the session has the turn detection that it had before;
3. at the end `close()` is quick, and no thread is left.

The local service runs in a process of its own. Prints one line a call; exits with 1 if
anything was wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from azure_realtime import (
    AzureRealTimeAudio,
    AzureRealTimeOptions,
    RealtimeError,
    SessionConfig,
)

TEXT = ["text"]
PIECE = bytes(4800)
SERVICE = """
import sys
from azure_realtime.simulator import Simulator
with Simulator(replies=lambda request: "Hello.", pace=0) as service:
    print(service.url, flush=True)
    sys.stdin.read()
"""


def _append(client: AzureRealTimeAudio) -> None:
    for _ in range(20):
        client.append_audio(PIECE)


def _commit(client: AzureRealTimeAudio) -> None:
    client.append_audio(PIECE * 2)
    client.commit_audio().result(5)


def _poll(client: AzureRealTimeAudio) -> None:
    future = client.create_response(modalities=TEXT)
    while not future.done():
        pass


def _cancel(client: AzureRealTimeAudio) -> None:
    client.create_response(modalities=TEXT).cancel()


def _events(client: AzureRealTimeAudio) -> None:
    with client.events("response.done", timeout=5) as events:
        client.create_response(modalities=TEXT)
        next(events)


def _expect(client: AzureRealTimeAudio) -> None:
    with client.expect("response.done", timeout=5):
        client.create_response(modalities=TEXT)


def _stream(client: AzureRealTimeAudio) -> None:
    with client.stream("Hi", modalities=TEXT, timeout=5) as stream:
        for _ in stream:
            pass


def _listen(client: AzureRealTimeAudio) -> None:
    listener = client.on("response.done", lambda event: None)
    client.off("response.done", listener)


def _items(client: AzureRealTimeAudio) -> None:
    item = {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
    made = client.create_conversation_item({"type": "message", **item}).result(5)
    client.retrieve_item(made.id or "").result(5)
    client.delete_item(made.id or "").result(5)


def _read(client: AzureRealTimeAudio) -> None:
    for _ in range(20):
        _ = client.stats, client.usage, client.session, client.state, client.status
        _ = client.conversation.items, client.rate_limits


def _tools(client: AzureRealTimeAudio) -> None:
    @client.tool
    def add(first: int, second: int) -> int:
        """
        Add two numbers.
        """
        return first + second

    client.remove_tool("add")


CALLS: dict[str, Callable[[AzureRealTimeAudio], object]] = {
    "append_audio": _append,
    "commit_audio": _commit,
    "clear_audio_buffer": lambda c: c.clear_audio_buffer().result(5),
    "update_session": lambda c: c.update_session(instructions="Be brief.").result(5),
    "items": _items,
    "create_response.result": lambda c: c.create_response(modalities=TEXT).result(5),
    "create_response.done": _poll,
    "create_response.cancel": _cancel,
    "cancel_response": lambda c: c.cancel_response(),
    "ask": lambda c: c.ask("Hi", modalities=TEXT, timeout=5),
    "ask(audio)": lambda c: c.ask(audio=PIECE * 3, modalities=TEXT, timeout=5),
    "stream": _stream,
    "wait_for": lambda c: c.wait_for("init", timeout=0.01),
    "expect": _expect,
    "events": _events,
    "on and off": _listen,
    "send": lambda c: c.send({"type": "input_audio_buffer.clear"}),
    "reading": _read,
    "tool": _tools,
}
"""What is interrupted, by name."""


class Failed(Exception):
    """
    Something does not work after an interrupt.
    """


@contextlib.contextmanager
def service() -> Iterator[str]:
    """
    Give the address of a local service in a process of its own.
    """
    with subprocess.Popen(
        [sys.executable, "-c", SERVICE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(10)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def run(name: str, url: str, moments: int, seed: int, scale: float = 1.0) -> int:
    """
    Interrupt one call so often; return how many interrupts met it.

    Args:
        name: A key of `CALLS`.
        url: The address of a service.
        moments: How many random moments.
        seed: Of the moments.
        scale: Multiplies the time limits, for a slow machine.

    Raises:
        Failed: What does not work.
    """
    call, chance, met = CALLS[name], random.Random(seed), 0
    threads = set(threading.enumerate())
    before = signal.signal(signal.SIGALRM, _interrupt)
    options = AzureRealTimeOptions(
        url, "gpt-realtime", "a-key", session_config=SessionConfig()
    )
    client = AzureRealTimeAudio(options)
    try:
        client.connect()
        detection = client.session and client.session.turn_detection
        took = _duration(call, client)
        for number in range(moments):
            if _strike(call, client, chance.uniform(1e-5, 1.2 * took)):
                met += 1
                _check(client, detection, f"{name}, interrupt {number}", scale)
        began = time.monotonic()
        client.close(5 * scale)
        if time.monotonic() - began > 2 * scale:
            raise Failed(f"{name}: close() took {time.monotonic() - began:.1f} s")
    finally:
        client.close(1)
        signal.signal(signal.SIGALRM, before)
    left = [t.name for t in threading.enumerate() if t not in threads]
    if left:
        raise Failed(f"{name}: threads are left: {left}")
    return met


def _duration(call: Callable[[Any], object], client: AzureRealTimeAudio) -> float:
    """
    Return how many seconds a call usually takes.
    """
    times = []
    for _ in range(5):
        began = time.monotonic()
        with contextlib.suppress(TimeoutError):
            call(client)
        times.append(time.monotonic() - began)
    return sorted(times)[2]


def _strike(
    call: Callable[[Any], object], client: AzureRealTimeAudio, after: float
) -> bool:
    """
    Call, and interrupt it so many seconds later; return whether that met the call.
    """
    try:
        signal.setitimer(signal.ITIMER_REAL, after)
        try:
            call(client)
        except (TimeoutError, RealtimeError, ValueError):
            pass  # of what another call has left half done
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        return True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return False


def _check(
    client: AzureRealTimeAudio, detection: object, where: str, scale: float
) -> None:
    """
    Raise `Failed` unless the client works as before.
    """
    try:
        client.ask("Hi", modalities=TEXT, timeout=5 * scale)
    except (TimeoutError, RealtimeError) as error:
        raise Failed(f"{where}: the next turn failed: {error!r}") from error
    client.clear_audio_buffer().result(5 * scale)  # what went before has been answered
    now = client.session and client.session.turn_detection
    if now != detection:
        raise Failed(f"{where}: the turn detection is {now!r}, not {detection!r}")


def main() -> int:
    """
    Interrupt each call.
    """
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", 2)[1])
    parser.add_argument("--moments", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--calls", nargs="*", choices=list(CALLS), default=list(CALLS))
    given = parser.parse_args()
    failures = 0
    with service() as url:
        for name in given.calls:
            began = time.monotonic()
            try:
                met = run(name, url, given.moments, given.seed)
            except Failed as failure:
                failures += 1
                print(f"FAILED {failure}", flush=True)
            else:
                seconds = time.monotonic() - began
                print(f"{name}: {met} interrupts, {seconds:.0f} s", flush=True)
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"{failures} of {len(given.calls)} calls failed, CPython {version}")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
