"""
CPU time of appending audio, compared with other clients.

    python benchmarks/send.py [--quick] [--tls] [--packages core|speed|both]
                              [--rounds 5] [--events 4000]

Two loads: appends of 20 ms (960 bytes of pcm16) and of 100 ms (4,800 bytes), as fast as the
client takes them, until the load server has read all of them. Each round runs every client,
one after the other, in a process of its own. The figures are the CPU time of all threads of
the client process per append: the median of the rounds. ``--packages core`` hides orjson and
pybase64. The server counts the messages and decodes the first and the last; exits with 1 if
one is missing or wrong, never because of slowness.
"""

from __future__ import annotations

import _burst
import _runs

SIZES = (960, 4800)


def check(server: _runs.Server, count: int) -> None:
    """
    Check the server's counts; it reports a warm-up and a run of each size.
    """
    for size in SIZES:
        for expected in (count // 10, count):
            found = server.result()
            if found["messages"] != expected or found["checked"] != [size, size]:
                raise RuntimeError(f"{expected} appends of {size} expected: {found}")


def main() -> None:
    parser = _burst.parser(__doc__, "events")
    arguments = parser.parse_args()
    works = {"960": "append 20 ms", "4800": "append 100 ms"}
    _burst.compare("send", works, arguments, check, sizes=SIZES)


if __name__ == "__main__":
    _runs.exit_with(main)
