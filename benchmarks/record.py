"""
What a recording adds to the CPU time of a real-time session.

    python benchmarks/record.py [--quick] [--seconds 8] [--sessions 8] [--rounds 3]

Each session receives 20 ms of audio (24 kHz pcm16) every 20 ms and appends as much. In each
round the same number of sessions runs without a recording and with one in each mode. The ratio
is the CPU time of the client process with a recording divided by that without one: the median
of the rounds, and in brackets the quotient of the smallest figures.

Exits with 1 if a recording lacks messages, never because of slowness.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import _runs

from azure_realtime.recording import Recording

MODES = ("no recording", "none", "inline", "wav")


def measure(server: _runs.Server, mode: str, sessions: int, seconds: float) -> float:
    """
    Return the CPU time of one session, in percent of a core.
    """
    with tempfile.TemporaryDirectory() as folder:
        config = {} if mode == MODES[0] else {"folder": folder, "audio": mode}
        client = _runs.run_client(
            "_paced_jobs:sessions",
            "azure_realtime",
            server,
            "core",
            run=f"{mode} {sessions}",
            sessions=sessions,
            seconds=seconds,
            warm=min(2.0, seconds / 4),
            **config,
        )
        server.result(30)
        recordings = [Recording.load(path) for path in Path(folder).glob("*.jsonl")]
        if config:
            check(recordings, client["received"], client["sent"])
    return 100 * float(client["cpu"]) / sessions


def check(recordings: list[Recording], received: int, sent: int) -> None:
    """
    Raise if the recordings do not have all audio messages.
    """
    kinds = [message.event.type for each in recordings for message in each]
    found = (
        kinds.count("response.output_audio.delta"),
        kinds.count("input_audio_buffer.append"),
    )
    if found != (received, sent):
        raise RuntimeError(f"recorded {found} messages of {(received, sent)}")


def main() -> None:
    parser = _runs.parser(__doc__)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--rounds", type=int)
    arguments = parser.parse_args()
    seconds = arguments.seconds or (2.0 if arguments.quick else 8.0)
    rounds = arguments.rounds or (1 if arguments.quick else 3)
    _runs.describe()
    figures: dict[str, list[float]] = {mode: [] for mode in MODES}
    with _runs.Server() as server:
        for number in range(rounds):
            for mode in MODES[number % 4 :] + MODES[: number % 4]:
                used = measure(server, mode, arguments.sessions, seconds)
                figures[mode].append(used)
                print(f"{mode}: {used:.2f} % of a core a session", flush=True)
    rows = []
    base = figures[MODES[0]]
    for mode, found in figures.items():
        ratios = [used / other for used, other in zip(found, base, strict=True)]
        rows.append(
            [
                mode,
                f"{statistics.median(found):.2f}",
                f"{statistics.median(ratios):.2f} [{min(found) / min(base):.2f}]",
            ]
        )
    print()
    _runs.table(["recording", "CPU % a session", "ratio"], rows)


if __name__ == "__main__":
    _runs.exit_with(main)
