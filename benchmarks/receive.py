"""
CPU time of receiving an event, compared with other clients.

    python benchmarks/receive.py [--quick] [--tls] [--packages core|speed|both]
                                 [--rounds 5] [--events 4000]

Three loads: audio deltas of 100 ms (4.8 kB of pcm16) to a listener; the same, with the audio
decoded in the listener; transcript deltas of a word. Each round runs every client, one after
the other, in a process of its own; the load server has another. The figures are the CPU time
of all threads of the client process per event: the median of the rounds. ``--packages core``
hides orjson and pybase64. Exits with 1 if events were lost, never because of slowness.
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
