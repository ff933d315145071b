"""
The overhead of ``ask()`` compared with the single steps.

    python benchmarks/ask_overhead.py [--turns 300]

A server in a process of its own answers at once with a few text deltas. One process runs,
alternately, ``client.ask()`` and the same by hand: subscribe to ``response.done``, send the
item and ``response.create``, wait. Prints both medians, their ratio and their difference;
exits with 1 if the difference is more than 1 ms.

Needs the ``test`` extra (websockets).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from typing import Any

from azure_realtime import AzureRealTimeAudio, AzureRealTimeOptions

LIMIT = 0.001  # seconds
DELTAS = 10
ITEM = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "Hello"}],
}


async def serve() -> None:
    """
    Run the server: print the port, then answer until the process is terminated.
    """
    from websockets.asyncio.server import serve as listen

    async def talk(connection: Any) -> None:
        async def say(kind: str, **fields: Any) -> None:
            await connection.send(json.dumps({"type": kind, "event_id": "e", **fields}))

        number = 0
        await say("session.created", session={"id": "sess_1"})
        async for text in connection:
            command = json.loads(text)
            if command["type"] == "session.update":
                await say("session.updated", session={"id": "sess_1"})
            elif command["type"] == "conversation.item.create":
                await say("conversation.item.added", item=command["item"])
                await say("conversation.item.done", item=command["item"])
            elif command["type"] == "response.create":
                number += 1
                name = f"resp_{number}"
                about = {
                    "response_id": name,
                    "item_id": f"item_{number}",
                    "output_index": 0,
                    "content_index": 0,
                }
                metadata = command.get("response", {}).get("metadata")
                response = {"id": name, "metadata": metadata, "output": []}
                await say("response.created", response=response)
                for _ in range(DELTAS):
                    await say("response.output_text.delta", delta="word ", **about)
                part = {"type": "output_text", "text": "word " * DELTAS}
                item = {
                    "id": f"item_{number}",
                    "type": "message",
                    "role": "assistant",
                    "content": [part],
                }
                response |= {"status": "completed", "output": [item]}
                await say("response.done", response=response)

    async with listen(talk, "127.0.0.1", 0, compression=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.get_running_loop().create_future()


def ask(client: AzureRealTimeAudio) -> None:
    turn = client.ask("Hello", timeout=10)
    assert turn.text.startswith("word")


def by_hand(client: AzureRealTimeAudio) -> None:
    with client.expect("response.done", timeout=10) as done:
        client.create_conversation_item(ITEM)
        client.create_response()
    assert done.event.response.text.startswith("word")


def measure(port: int, turns: int) -> tuple[float, float]:
    """
    Return the median seconds of a turn, by `ask` and by hand.
    """
    times: dict[Any, list[float]] = {ask: [], by_hand: []}
    options = AzureRealTimeOptions(f"ws://127.0.0.1:{port}", "d", "key")
    with AzureRealTimeAudio(options) as client:
        for number in range(turns + 20):
            # in alternating order, so that neither is always the second
            for way in (ask, by_hand) if number % 2 else (by_hand, ask):
                start = time.perf_counter()
                way(client)
                if number >= 20:
                    times[way].append(time.perf_counter() - start)
    return statistics.median(times[ask]), statistics.median(times[by_hand])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().split("\n")[0])
    parser.add_argument("--turns", type=int, default=300)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve())
    server = subprocess.Popen(
        [sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        asked, raw = measure(int(server.stdout.readline()), arguments.turns)
    finally:
        server.terminate()
        server.communicate()
    print(
        f"ask() {asked * 1000:.2f} ms, by hand {raw * 1000:.2f} ms: "
        f"ratio {asked / raw:.2f}, {(asked - raw) * 1000:+.2f} ms"
    )
    return int(asked - raw > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
