"""
Many TLS connections, busy both ways, for a while; then a lot of bytes at once.

    python tests/soak/tls.py --connections 20 --seconds 20 --megabytes 50

One socket shared by a reading and a writing thread loses TLS connections at plain voice
rates on CPython 3.10 to 3.12, and hangs on 3.13.6. This shows that ours does not:

1. Voice: each connection appends 40 ms of audio 50 times a second and gets 100 ms of
   audio 50 times a second, all of it numbered. Lost is what did not arrive, or not in
   order, or whose connection died.
2. Bulk: so many megabytes in both directions at once, compared by hash. In between the
   server neither reads nor writes for a while, until our send queue is full; the CPU
   time of this process in a second of that shows whether anything spins.

The server is asyncio, which uses TLS from one thread, and a process of its own. The
``test`` extra is needed (websockets, trustme). Prints one line; exits with 1 if any
of it was lost, differs, or spun.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import json
import os
import platform
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from azure_realtime import AzureRealTimeAudio, AzureRealTimeOptions, RealtimeError
from azure_realtime.events import ResponseOutputAudioDelta, UnknownEvent

Json = dict[str, Any]

TICK = 0.02  # seconds between two messages of a voice connection, each way
APPEND = 1920  # bytes: 40 ms
DELTA = 4800  # bytes: 100 ms
CHUNK = 192_000  # bytes of one message of the bulk transfer
STALL = 3.0  # seconds the server plays dead
SPIN = 0.2  # CPU seconds in a stalled second that are suspicious


# The server, a process of its own.


def numbered(number: int, size: int) -> str:
    """
    Return base64 audio that begins with its number.
    """
    return base64.b64encode(number.to_bytes(4, "big") + bytes(size - 4)).decode()


async def voice(socket: Any, sent: list[int]) -> None:
    """
    Stream numbered audio until cancelled.
    """
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        text = numbered(sent[0], DELTA)
        sent[0] += 1
        await socket.send(
            json.dumps({"type": "response.output_audio.delta", "delta": text})
        )
        due += TICK
        await asyncio.sleep(max(0.0, due - loop.time()))


async def bulk(socket: Any, megabytes: int, flow: asyncio.Event) -> str:
    """
    Send so much audio as fast as it is taken, while *flow* is set; return its hash.
    """
    digest = hashlib.sha256()
    for _ in range(megabytes * 1_000_000 // CHUNK + 1):
        data = os.urandom(CHUNK)
        digest.update(data)
        await flow.wait()
        text = base64.b64encode(data).decode()
        await socket.send(f'{{"type":"response.output_audio.delta","delta":"{text}"}}')
    return digest.hexdigest()


async def serve_one(socket: Any) -> None:
    """
    Be a service to one client: configure it, count and hash what comes, and report.
    """
    received, in_order, digest = 0, True, hashlib.sha256()
    sent = [0]
    flow = asyncio.Event()
    flow.set()
    task: asyncio.Task[Any] | None = None
    await socket.send('{"type":"session.created"}')
    async for text in socket:
        event = json.loads(text)
        kind = event["type"]
        if kind == "session.update":
            await socket.send('{"type":"session.updated"}')
        elif kind == "input_audio_buffer.append":
            data = base64.b64decode(event["audio"])
            in_order &= int.from_bytes(data[:4], "big") == received
            received += 1
            digest.update(data)
        elif kind == "soak.voice":
            task = asyncio.create_task(voice(socket, sent))
        elif kind == "soak.bulk":
            task = asyncio.create_task(bulk(socket, event["megabytes"], flow))
        elif kind == "soak.stall":
            flow.clear()
            await asyncio.sleep(STALL)
            flow.set()
        elif kind == "soak.finish":
            answer: Json = {"type": "soak.result", "received": received}
            if event["hash"] and task is not None:
                answer |= {"sent_hash": await task, "hash": digest.hexdigest()}
            elif task is not None:
                task.cancel()
            answer |= {"sent": sent[0], "in_order": in_order}
            await socket.send(json.dumps(answer))


async def serve(certificate: str) -> None:
    """
    Serve until the parent closes our standard input; say on which port.
    """
    from websockets.asyncio.server import serve as listen

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with listen(
        serve_one,
        "127.0.0.1",
        0,
        ssl=context,
        compression=None,
        max_queue=4,
        max_size=None,
        ping_interval=None,
    ) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


# The clients.


class Failed(Exception):
    """
    The soak has shown what it was made to find.
    """


def connect(port: int, context: ssl.SSLContext) -> AzureRealTimeAudio:
    """
    Return a client that is ready.
    """
    client = AzureRealTimeAudio(
        AzureRealTimeOptions(f"wss://localhost:{port}", "soak", "key"),
        {"ssl_context": context, "max_send_queue_bytes": 4 << 20},
    )
    client.connect(60)
    return client


def exchange(
    port: int, context: ssl.SSLContext, seconds: float
) -> tuple[int, int, int]:
    """
    Hold one voice connection; return how many messages left, came, and were lost.
    """
    numbers: list[int] = []
    with connect(port, context) as client:
        client.on(
            ResponseOutputAudioDelta,
            lambda event: numbers.append(int.from_bytes(event.audio[:4], "big")),
        )
        client.send({"type": "soak.voice"})
        number, due = 0, time.monotonic()
        end = due + seconds
        pause = threading.Event()
        while due < end:
            client.append_audio(numbered(number, APPEND))
            number += 1
            due += TICK
            pause.wait(max(0.0, due - time.monotonic()))
        with client.expect(UnknownEvent, timeout=60) as result:
            client.send({"type": "soak.finish", "hash": False})
    counts = result.event.raw
    lost = abs(number - counts["received"]) + abs(counts["sent"] - len(numbers))
    if not counts["in_order"] or numbers != sorted(numbers):
        lost += 1
    return number, len(numbers), lost


def soak(port: int, context: ssl.SSLContext, connections: int, seconds: float) -> str:
    """
    Hold many voice connections at once.
    """
    results: list[tuple[int, int, int]] = []
    died: list[BaseException] = []

    def run() -> None:
        try:
            results.append(exchange(port, context, seconds))
        except (RealtimeError, TimeoutError) as error:
            died.append(error)

    threads = [threading.Thread(target=run) for _ in range(connections)]
    start = time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cpu = time.process_time() - start
    sent, came, lost = (sum(column) for column in zip(*results, strict=True))
    line = (
        f"voice: {connections} connections x {seconds:g} s, {sent} out, {came} in, "
        f"{lost} lost, {len(died)} died, {100 * cpu / seconds:.0f} % CPU"
    )
    if lost or died:
        raise Failed(line + "".join(f"; {error}" for error in died))
    return line


def flood(port: int, context: ssl.SSLContext, megabytes: int) -> str:
    """
    Fill both directions of one connection, with a stall in the middle.
    """
    received_hash, sent_hash = hashlib.sha256(), hashlib.sha256()
    count = megabytes * 1_000_000 // CHUNK + 1
    stalled = None
    with connect(port, context) as client:
        client.on(
            ResponseOutputAudioDelta, lambda event: received_hash.update(event.audio)
        )
        start = time.monotonic()
        client.send({"type": "soak.bulk", "megabytes": megabytes})
        for number in range(count):
            data = os.urandom(CHUNK)
            sent_hash.update(data)
            if number == count // 4:
                client.send({"type": "soak.stall"})
            while True:
                cpu = time.process_time()
                try:
                    client.append_audio(data, timeout=1.0)
                    break
                except TimeoutError:
                    # a slow machine is busy in other seconds without room: those with
                    # the least work are the stall's, unless it spins in all of them
                    used = time.process_time() - cpu
                    stalled = used if stalled is None else min(stalled, used)
        with client.expect(UnknownEvent, timeout=120) as result:
            client.send({"type": "soak.finish", "hash": True})
        took = time.monotonic() - start
    raw = result.event.raw
    equal = (
        raw["hash"] == sent_hash.hexdigest()
        and raw["sent_hash"] == received_hash.hexdigest()
    )
    full = (
        "never full" if stalled is None else f"{100 * stalled:.1f} % CPU while stalled"
    )
    line = (
        f"bulk: {megabytes} MB each way in {took:.1f} s ({STALL:g} s of them a stall), "
        f"hashes {'equal' if equal else 'DIFFER'}, {full}"
    )
    if not equal or stalled is None or stalled > SPIN:
        raise Failed(line)
    return line


def main() -> int:
    """
    Run both parts; return the exit status.
    """
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0].strip())
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--megabytes", type=int, default=50)
    parser.add_argument("--serve", metavar="PEM", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.serve))
        return 0
    import trustme

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    with tempfile.TemporaryDirectory() as folder:
        pem = Path(folder) / "server.pem"
        chain = authority.issue_cert("localhost").private_key_and_cert_chain_pem
        chain.write_to_path(pem)
        with subprocess.Popen(
            [sys.executable, __file__, "--serve", str(pem)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as server:
            assert server.stdin is not None
            assert server.stdout is not None
            try:
                port = int(server.stdout.readline())
                parts = [
                    f"Python {platform.python_version()}",
                    soak(port, context, options.connections, options.seconds),
                    flood(port, context, options.megabytes),
                ]
            except Failed as failure:
                print("FAILED", failure)
                return 1
            finally:
                server.stdin.close()
                server.kill()
    print("; ".join(parts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
