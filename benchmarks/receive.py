"""
CPU time of receiving an event, against other clients.

    python benchmarks/receive.py [--quick] [--tls] [--packages core|speed|both]
                                 [--rounds 5] [--events 4000]

Three works: audio deltas of 100 ms (4.8 kB of pcm16) to a listener; the same, with the audio
decoded in the listener; transcript deltas of a word. Each round runs every client, one after
the other, in a process of its own; the load server has another. The figures are the CPU time
of the client process, all its threads, by event: the median of the rounds. ``--packages core``
hides orjson and pybase64. Exits with 1 if events were lost, never for being slow.
"""

from __future__ import annotations

import _burst
import _runs


def main() -> None:
    parser = _burst.parser(__doc__, "events")
    arguments = parser.parse_args()
    works = {
        "audio": "audio delta, 100 ms",
        "decoded": "the same, decoded",
        "transcript": "transcript delta",
    }
    _burst.compare("receive", works, arguments, lambda _server, _count: None)


if __name__ == "__main__":
    _runs.exit_with(main)
