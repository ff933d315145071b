"""
The delays of events, pongs and appends, also with a busy main thread or a slow listener.

    python benchmarks/latency.py [--quick] [--seconds 10]

1. Dispatch: the server writes the time into an event every 20 ms; the listener reads the same
   clock. Once with a main thread that waits, once with one that computes continuously (with
   the GIL, each switch to another thread then costs up to a switch interval, 5 ms).
   azure_realtime runs twice: listeners on the callback thread and on the reader thread.
2. Slow listener: a listener takes 50 ms for each of 500 audio deltas a second, after 200 at
   once. Meanwhile the server pings every 20 ms and measures when the pong comes, and the main
   thread appends 20 ms of audio every 20 ms and the server measures when it arrives. Acceptance:
   both at most 2 ms at the 99th percentile.

Delays in milliseconds, core packages, plain sockets. Exits with 1 if events, pongs or appends
are missing in azure_realtime, never for being slow.
"""

from __future__ import annotations

from typing import Any

import _runs

PEERS = ("openai_sync", "websockets", "bare", "azure_realtime")
HEAD = ["p50", "p99", "max", "number"]


def cells(found: dict[str, Any]) -> list[str]:
    """
    Return the cells of a summary.
    """
    delays = [found["p50"], found["p99"], found["max"]]
    return [*("none" if d is None else f"{d:.2f}" for d in delays), str(found["count"])]


def dispatch(server: _runs.Server, peers: list[str], seconds: float) -> None:
    """
    Measure the delay from the server's write to the listener.
    """
    rows = []
    for busy in (False, True):
        for peer in peers:
            kinds = ("thread", "reader") if peer == "azure_realtime" else (None,)
            for kind in kinds:
                result = _runs.run_client(
                    "_paced_jobs:dispatch",
                    peer,
                    server,
                    dispatch=kind,
                    busy=busy,
                    run="dispatch",
                    seconds=seconds,
                    warm=seconds / 10,
                )
                server.result()
                found = result["dispatch"]
                if found["count"] < seconds * 50 * 0.8:
                    raise RuntimeError(f"{peer}: events are missing: {found}")
                name = peer if kind is None else f"{peer}, {kind}"
                state = "busy" if busy else "idle"
                rows.append([name, state, *cells(found)])
    _runs.table(["event to listener, ms", "main thread", *HEAD], rows)


def slow_listener(server: _runs.Server, peers: list[str], seconds: float) -> None:
    """
    Measure the delays of pongs and appends while a listener sleeps.
    """
    rows = []
    for peer in peers:
        client = _runs.run_client(
            "_paced_jobs:slow_listener",
            peer,
            server,
            run="slow",
            seconds=seconds,
            warm=seconds / 10,
        )
        found = server.result()
        few = seconds * 50 * 0.8
        if peer == "azure_realtime" and (
            found["pong"]["count"] < few or found["send"]["count"] < few
        ):
            raise RuntimeError(
                f"{peer}: pongs or appends are missing: {found}, {client}"
            )
        rows.append([peer, "pongs", *cells(found["pong"])])
        rows.append([peer, "appends", *cells(found["send"])])
    _runs.table(["slow listener, ms", "what", *HEAD], rows)


def main() -> None:
    parser = _runs.parser(__doc__)
    parser.add_argument("--seconds", type=float, help="of one measurement")
    arguments = parser.parse_args()
    seconds = arguments.seconds or (1.0 if arguments.quick else 10.0)
    _runs.describe()
    print()
    peers = _runs.available(PEERS)
    if arguments.quick:
        peers = ["azure_realtime"]
    with _runs.Server() as server:
        dispatch(server, peers, seconds)
        slow_listener(server, peers, seconds)


if __name__ == "__main__":
    _runs.exit_with(main)
