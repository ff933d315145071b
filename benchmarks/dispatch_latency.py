"""
How long an event takes from the socket to a listener while the main thread computes.

    python benchmarks/dispatch_latency.py [--events 200]

With CPython's one lock, each hop to another thread costs up to a switch interval (5 ms)
while somebody else computes. ``dispatch="reader"`` has one hop less than the callback
thread. A server, a process of its own, writes the time into each event; the listener
reads the same machine's clock.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import threading
import time
from typing import Any

from azure_realtime import AzureRealTimeAudio, AzureRealTimeOptions

EVERY = 0.02  # seconds between two events
NAME = "conversation.item.input_audio_transcription.delta"


async def serve(events: int) -> None:
    """
    Be the server: print the port, then send events until killed.
    """
    from websockets.asyncio.server import serve as listen

    async def talk(connection: Any) -> None:
        await connection.send(json.dumps({"type": "session.created", "session": {}}))
        await connection.recv()
        await connection.send(json.dumps({"type": "session.updated", "session": {}}))
        for _ in range(events):
            await asyncio.sleep(EVERY)
            stamp = str(time.monotonic())
            await connection.send(json.dumps({"type": NAME, "delta": stamp}))
        await connection.wait_closed()

    async with listen(talk, "127.0.0.1", 0, compression=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.get_running_loop().create_future()


def measure(port: int, events: int, dispatch: str, busy: bool) -> float:
    """
    Return the median seconds from the server's write to the listener.
    """
    took: list[float] = []
    done = threading.Event()

    def listener(event: Any) -> None:
        took.append(time.monotonic() - float(event.delta))
        if len(took) == events:
            done.set()

    options = AzureRealTimeOptions(f"ws://127.0.0.1:{port}", "d", "key")
    client = AzureRealTimeAudio(options, dispatch=dispatch)
    client.on(NAME, listener)
    deadline = time.monotonic() + events * EVERY + 20
    while busy and not done.is_set() and time.monotonic() < deadline:
        sum(range(1000))
    done.wait(max(0.0, deadline - time.monotonic()))
    client.close()
    return statistics.median(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().split("\n")[0])
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve(arguments.events))
    server = subprocess.Popen(
        [sys.executable, __file__, "--serve", "--events", str(arguments.events)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        for busy in (False, True):
            reader, thread = (
                measure(port, arguments.events, dispatch, busy) * 1000
                for dispatch in ("reader", "thread")
            )
            state = "busy" if busy else "idle"
            print(
                f"main thread {state}: reader {reader:.2f} ms, thread {thread:.2f} ms, "
                f"ratio {thread / reader:.2f}"
            )
    finally:
        server.terminate()
        server.communicate()


if __name__ == "__main__":
    main()
