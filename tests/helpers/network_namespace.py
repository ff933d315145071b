"""
Networks of our own: two namespaces, and a cable between them that can be cut, or is bad.

They take root, Debian's iproute2 and, for a bad cable, a TUN device; where one of them
is missing the test is skipped with that reason.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

import azure_realtime

_numbers = itertools.count()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=10)


_BAD_CABLE = """
# Two TUN devices, and a program that carries packets from one to the other: late, in
# another order, or not at all. It needs no netem in the kernel.
import fcntl, heapq, os, random, selectors, struct, sys, time

delay, jitter, loss = map(float, sys.argv[2:])
rng, packets = random.Random(1), []
carried = lost = 0
ends = []
with selectors.DefaultSelector() as selector:
    for letter in "ab":
        end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        # TUNSETIFF: packets without a header of the device's own (TUN, no PI)
        name = (sys.argv[1] + letter).encode()
        fcntl.ioctl(end, 0x400454CA, struct.pack("16sH22x", name, 0x1001))
        ends.append(end)
        selector.register(end, selectors.EVENT_READ)
    selector.register(0, selectors.EVENT_READ)
    print("ready", flush=True)
    going = True
    while going:
        left = max(0.0, packets[0][0] - time.monotonic()) if packets else None
        for key, _ in selector.select(left):
            if key.fileobj == 0:
                going = False
                continue
            try:
                packet = os.read(key.fileobj, 65536)
            except OSError:  # the device is down
                continue
            if rng.random() < loss:
                lost += 1
                continue
            carried += 1
            other = ends[key.fileobj == ends[0]]
            at = time.monotonic() + max(0.0, rng.gauss(delay, jitter))
            heapq.heappush(packets, (at, carried, other, packet))
        while packets and packets[0][0] <= time.monotonic():
            try:
                os.write(packets[0][2], packets[0][3])
            except OSError:
                pass
            heapq.heappop(packets)
print(carried, lost, flush=True)
"""


class Net:
    """
    Two network namespaces and a cable between them, a good one unless a fault is set.

    Args:
        delay: Seconds that a packet is under way.
        jitter: Their standard deviation.
        loss: The share of packets that never arrive.
    """

    def __init__(
        self, delay: float = 0.0, jitter: float = 0.0, loss: float = 0.0
    ) -> None:
        name = f"rt{os.getpid() % 10_000}x{next(_numbers)}"
        self.here, self.there = f"{name}a", f"{name}b"
        self.cable = f"{name}c"
        self._faults = delay, jitter, loss
        self._carrier: subprocess.Popen[str] | None = None

    def __enter__(self) -> Net:
        try:
            for name in (self.here, self.there):
                _ip("netns", "add", name)
            if any(self._faults):
                self._use_a_bad_cable()
            else:
                _ip(
                    *("link", "add", self.cable, "netns", self.here, "type", "veth"),
                    *("peer", "name", self.cable, "netns", self.there),
                )
            for name, address in ((self.here, "1"), (self.there, "2")):
                _ip(
                    *("-n", name, "address", "add", f"10.99.0.{address}/24"),
                    *("dev", self.cable),
                )
                _ip("-n", name, "link", "set", self.cable, "up")
        except (OSError, subprocess.SubprocessError) as error:
            self.__exit__()
            pytest.skip(f"no network namespaces here ({error})")
        return self

    def _use_a_bad_cable(self) -> None:
        self._carrier = carrier = subprocess.Popen(
            [sys.executable, "-c", _BAD_CABLE, self.cable, *map(str, self._faults)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert carrier.stdout is not None
        if carrier.stdout.readline() != "ready\n":
            _, words = carrier.communicate(timeout=10)
            raise OSError(words.strip().splitlines()[-1])
        for name, letter in ((self.here, "a"), (self.there, "b")):
            end = f"{self.cable}{letter}"
            _ip("link", "set", end, "netns", name)
            _ip("-n", name, "link", "set", end, "name", self.cable)

    def __exit__(self, *_: object) -> None:
        if self._carrier is not None:
            self._carrier.communicate(timeout=10)
        for name in (self.here, self.there):
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                _ip("netns", "delete", name)

    def tally(self) -> tuple[int, int]:
        """
        Take a bad cable away; return how many packets it has carried, and lost.
        """
        assert self._carrier is not None
        words, _ = self._carrier.communicate(timeout=10)
        self._carrier = None
        carried, lost = map(int, words.split())
        return carried, lost

    def cut(self) -> None:
        """
        Pull the cable out, at the service's end.
        """
        _ip("-n", self.there, "link", "set", self.cable, "down")

    def mend(self) -> None:
        """
        Put it back.
        """
        _ip("-n", self.there, "link", "set", self.cable, "up")

    def swallow(self) -> None:
        """
        Let what the service says vanish on its way.
        """
        _ip("-n", self.there, "route", "add", "blackhole", "10.99.0.1/32")

    def run(self, where: str, source: str, *words: str) -> subprocess.Popen[str]:
        """
        Start a program at one end, with arguments.
        """
        root = str(Path(azure_realtime.__file__).parents[1])
        return subprocess.Popen(
            ["ip", "netns", "exec", where, sys.executable, "-u", "-c", source, *words],
            env={**os.environ, "PYTHONPATH": root},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
