"""
The number of real-time sessions that one process on one core sustains.

    python benchmarks/sessions.py [--quick] [--seconds 8] [--peers azure_realtime,bare,openai_sync]
                                  [--packages core|speed] [--sessions 40 [--parts]]

Each session receives 20 ms of audio (24 kHz pcm16) every 20 ms, decoded in a listener, and
appends as much. Sustained means: the delay in both directions is under 40 ms at the 99th
percentile, and nothing was lost. The delay of an append counts from the time when it was due.
The number is raised by a quarter until it fails, then narrowed down to about 5 %; a number that
fails is tried a second time. ``--sessions`` measures one number; ``--quick`` does so with 8 for
each client. openai_sync reads on one thread for each session.

``--parts`` shows where azure_realtime's CPU time goes: the microseconds of each part for a pair
of a received and a sent piece of audio.

Each line has the CPU time of the client process as a share of a core, which other work on the
machine affects less than the delays. A ``server`` share over 0.8 means that the load server,
not the client, may be the limit. Exits with 1 if the sessions of ``--quick`` lose data, never
because of slowness.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import _runs

PEERS = ("azure_realtime", "bare", "openai_sync")
LIMIT = 40.0  # ms
START = {"azure_realtime": 40, "bare": 120, "openai_sync": 16}
MOST = 600  # sessions, and a bound of the search


@dataclass
class Trial:
    """
    The measurement of one number of sessions.
    """

    peer: str
    sessions: int
    seconds: float
    client: dict[str, Any]
    server: dict[str, Any]

    @property
    def problem(self) -> str:
        """
        The data that are missing; "" if none are.
        """
        if not self.client["complete"]:
            return "a session did not end"
        if self.client["received"] < self.server["deltas"]:
            return f"{self.client['received']} of {self.server['deltas']} deltas"
        if self.client["sent"] != self.server["appends"]:
            return f"{self.server['appends']} of {self.client['sent']} appends"
        return ""

    @property
    def sustained(self) -> bool:
        """
        Whether the number of sessions was sustained.
        """
        ways = (self.client["receive"]["p99"], self.server["send"]["p99"])
        in_time = self.client["sent"] >= self.sessions * self.seconds * 50 * 0.97
        late = any(p is None or p >= LIMIT for p in ways)
        return in_time and not late and not self.problem

    @property
    def cpu_percent(self) -> float:
        """
        CPU time of the client process per session, in percent of a core.
        """
        return 100 * self.client["cpu"] / self.sessions

    def show(self) -> None:
        """
        Print a line.
        """
        receive, send = self.client["receive"], self.server["send"]
        print(
            f"{self.peer:15} {self.sessions:4} sessions: receive p99 {receive['p99']} ms, "
            f"send p99 {send['p99']} ms, CPU {self.client['cpu']:.2f} "
            f"({self.cpu_percent:.2f} % a session), server "
            f"{self.server['server_cpu']:.2f}: "
            f"{'sustained' if self.sustained else self.problem or 'too late'}",
            flush=True,
        )


def measure(
    server: _runs.Server, peer: str, packages: str, sessions: int, seconds: float
) -> Trial:
    """
    Run one measurement.
    """
    client = _runs.run_client(
        "_paced_jobs:sessions",
        peer,
        server,
        packages,
        run=f"{peer} {sessions}",
        sessions=sessions,
        seconds=seconds,
        warm=min(2.0, seconds / 4),
    )
    trial = Trial(peer, sessions, seconds, client, server.result(30))
    trial.show()
    return trial


def search(server: _runs.Server, peer: str, packages: str, seconds: float) -> int:
    """
    Return the largest number that was sustained.
    """

    def works(number: int) -> bool:
        for _ in range(2):
            try:
                if measure(server, peer, packages, number, seconds).sustained:
                    return True
            except RuntimeError as error:
                print(f"{peer}: {number} sessions: {error}")
                server.drop_results()
        return False

    good, bad = 0, 0
    number = START[peer]
    while not bad and number <= MOST:
        if works(number):
            good, number = number, number + max(1, number // 4)
        else:
            bad = number
    while bad and bad - good > max(1, good // 20):
        middle = (good + bad) // 2
        if works(middle):
            good = middle
        else:
            bad = middle
    return good


def show_parts(packages: str, sessions: int, seconds: float) -> None:
    """
    Print where the CPU time of azure_realtime goes.
    """
    with _runs.Server() as server:
        figures = _runs.run_client(
            "_parts:sessions",
            "azure_realtime",
            server,
            packages,
            run="parts",
            sessions=sessions,
            seconds=seconds,
            warm=1.0,
        )
    whole = figures.pop("all")
    figures |= {"the rest": whole - sum(figures.values()), "all": whole}
    rows = [[part, f"{us:.0f}"] for part, us in figures.items()]
    _runs.table(["part", "us a pair"], rows)


def main() -> None:
    parser = _runs.parser(__doc__)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--packages", choices=("core", "speed"), default="core")
    parser.add_argument("--sessions", type=int, help="measure this number only")
    parser.add_argument("--parts", action="store_true", help="where the CPU time goes")
    arguments = parser.parse_args()
    seconds = arguments.seconds or (2.0 if arguments.quick else 8.0)
    number = arguments.sessions or (8 if arguments.quick else None)
    _runs.describe()
    if arguments.parts:
        show_parts(arguments.packages, number or 40, seconds)
        return
    rows = []
    with _runs.Server() as server:
        for peer in _runs.available(arguments.peers.split(",")):
            if number is None:
                found = search(server, peer, arguments.packages, seconds)
                rows.append([peer, str(found), "-"])
                continue
            trial = measure(server, peer, arguments.packages, number, seconds)
            sustained = "yes" if trial.sustained else "no"
            rows.append([peer, f"{number}: {sustained}", f"{trial.cpu_percent:.2f}"])
            if arguments.quick and trial.problem:
                raise RuntimeError(f"{peer}: {trial.problem}")
    if rows:
        print()
        _runs.table(["client", "sessions sustained", "CPU % a session"], rows)


if __name__ == "__main__":
    _runs.exit_with(main)
