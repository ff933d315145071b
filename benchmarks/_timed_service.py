"""
A local service in a process of its own that reports when it received and sent events.

Not a benchmark. The first line is the address. Each further line is a JSON list: the
time (`time.monotonic`, the same clock in all processes of Linux), and the type of the
event. Of appended audio only that with sound is reported. It ends with its input.
"""

from __future__ import annotations

import base64
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

APPEND = "input_audio_buffer.append"
REPLIES = 1000
Event = tuple[float, str]


class TimedService:
    """
    The process, as a context manager.

    Args:
        reply: The text of all its answers.

    Attributes:
        url: Its address.
    """

    def __init__(self, reply: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, reply],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._events.put(tuple(json.loads(line)))

    def __enter__(self) -> TimedService:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def events_until(self, kind: str) -> list[Event]:
        """
        Wait for an event of the type *kind*; return the events up to it.

        Raises:
            RuntimeError: There is none for 20 s.
        """
        found: list[Event] = []
        while not found or found[-1][1] != kind:
            try:
                found.append(self._events.get(timeout=20))
            except queue.Empty:
                raise RuntimeError(f"the service has not sent {kind}") from None
        return found


def observe(connection: Any, report: Callable[[str], None]) -> None:
    """
    Report the events of a connection.
    """
    record, send = connection.record, connection.send_recorded

    def received(event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind != APPEND or any(base64.b64decode(event["audio"])):
            report(kind)
        record(event)

    def sent(event: dict[str, Any]) -> None:
        report(event["type"])
        send(event)

    connection.record, connection.send_recorded = received, sent


def main() -> None:
    from azure_realtime.simulator import Simulator

    lock = threading.Lock()  # of the output: one line at a time

    def report(kind: str) -> None:
        with lock:
            print(json.dumps([time.monotonic(), kind]), flush=True)

    service = Simulator(
        replies=[sys.argv[1]] * REPLIES,
        on_connection=lambda connection: observe(connection, report),
    )
    with service:
        print(service.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
