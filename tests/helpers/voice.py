"""
A microphone and a sink for tests of voice calls, and what they have in common.
"""

from __future__ import annotations

import base64
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from typing import Any

from azure_realtime.audio import NullSink
from helpers.clients import SENTENCE, SILENCE
from helpers.timing import SCALE

BLOCK = 960
QUESTION = SENTENCE + SILENCE
"""A spoken question and the silence that ends it: PCM, 24 kHz."""


class MemorySink(NullSink):
    """
    A sink at the pace of speech that keeps what is written to it.
    """

    def __init__(self, rate: int = 24_000, *, realtime: bool = True) -> None:
        super().__init__(rate, realtime=realtime)
        self.written: dict[str, bytes] = {}
        self.flushed: list[dict[str, int]] = []
        self.closed = False

    def write(self, pcm: bytes, item_id: str, content_index: int = 0) -> None:
        """
        Keep it.
        """
        self.written[item_id] = self.written.get(item_id, b"") + pcm
        super().write(pcm, item_id, content_index)

    def flush(self) -> dict[str, int]:
        """
        Note what was cut.
        """
        cut = super().flush()
        self.flushed.append(cut)
        return cut

    def close(self) -> None:
        """
        Note that it was closed.
        """
        self.closed = True


class FakeMicrophone:
    """
    A microphone at the pace of speech: silence, and what `say` gives it.
    """

    rate = 24_000
    live = True

    def __init__(self) -> None:
        self._speech = b""
        self.closed = False
        self.blocks = 0

    def say(self, pcm: bytes) -> None:
        """
        Speak now.
        """
        self._speech += pcm

    def close(self) -> None:
        """
        End the iteration.
        """
        self.closed = True

    def __iter__(self) -> Iterator[bytes]:
        due = time.monotonic()
        while not self.closed:
            due += BLOCK / 48_000
            time.sleep(max(0.0, due - time.monotonic()))
            block, self._speech = self._speech[:BLOCK], self._speech[BLOCK:]
            self.blocks += 1
            yield block.ljust(BLOCK, b"\0")


def until(condition: Callable[[], Any], timeout: float = 10.0) -> Any:
    """
    Wait for what nothing announces; return what *condition* returns.
    """
    deadline = time.monotonic() + timeout * SCALE
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never happened"
        threading.Event().wait(0.005)
    return found


def sent(connection: Any, kind: str) -> list[dict[str, Any]]:
    """
    Return the events of a type that the service has sent.
    """
    return [event for event in connection.sent if event["type"] == kind]


def received(connection: Any, kind: str) -> list[dict[str, Any]]:
    """
    Return the commands of a type that the service has received.
    """
    return [event for event in connection.received if event["type"] == kind]


def audio_of(connection: Any, item_id: str) -> array[int]:
    """
    Return the samples of an item as the service has sent them.
    """
    deltas = sent(connection, "response.output_audio.delta")
    data = [base64.b64decode(d["delta"]) for d in deltas if d["item_id"] == item_id]
    return array("h", b"".join(data))
