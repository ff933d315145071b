"""
A stand-in for a telephony service: callers of phone_bridge.py, in real time.

    python samples/_callers.py ws://127.0.0.1:8080 2

So many callers ask a question at the same time, listen for a second, interrupt the
answer, listen to the next one, and hang up. The sample starts this program; it is a
process of its own, as a telephony service is.
"""

from __future__ import annotations

import base64
import contextlib
import json
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from azure_realtime.audio import encode_ulaw, read_wav, resample

RATE = 8000
FRAME = 160  # bytes: 20 ms of mu-law


class Caller:
    """
    The other side: a telephony service with one caller, in real time.

    Attributes:
        played: Frames of the model's audio that the caller has heard.
        cleared: How often the telephony service received "clear".
    """

    def __init__(self, url: str, question: bytes) -> None:
        self._phone = connect(url, proxy=None)
        self._question = question
        self._queue: deque[bytes | str] = deque()  # frames and names of marks
        self.played = self.cleared = 0

    def run(self) -> None:
        """
        Ask, listen for a second, interrupt, listen to the next answer, hang up.
        """
        receiver = threading.Thread(target=self._receive)
        with self._phone:
            self._send(event="start", start={"streamSid": "MZ1"})
            receiver.start()
            self._live(self._question, lambda: self.played >= 50)
            self._live(self._question, lambda: self.cleared >= 1)
            before = self.played
            self._live(b"", lambda: self.played >= before + 25)
            self._send(event="stop")
        receiver.join()

    def _live(self, speech: bytes, until: Any) -> None:
        """
        Speak, then be silent; play what comes, 20 ms at a time.
        """
        due = time.monotonic()
        end = due + 60
        while (speech or not until()) and due < end:
            frame, speech = speech[:FRAME].ljust(FRAME, b"\xff"), speech[FRAME:]
            payload = base64.b64encode(frame).decode()
            self._send(event="media", media={"payload": payload})
            self._play()
            due += FRAME / RATE
            time.sleep(max(0.0, due - time.monotonic()))

    def _play(self) -> None:
        while self._queue:
            first = self._queue.popleft()
            if isinstance(first, bytes):
                self.played += 1
                break
            self._send(event="mark", mark={"name": first})

    def _receive(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            for text in self._phone:
                message = json.loads(text)
                if message["event"] == "media":
                    self._queue.append(base64.b64decode(message["media"]["payload"]))
                elif message["event"] == "mark":
                    self._queue.append(message["mark"]["name"])
                elif message["event"] == "clear":
                    self._queue.clear()
                    self.cleared += 1

    def _send(self, **fields: Any) -> None:
        with contextlib.suppress(ConnectionClosed):
            self._phone.send(json.dumps(fields))


def main(url: str, calls: int) -> None:
    wav = read_wav(Path(__file__).with_name("question.wav"))
    question = encode_ulaw(resample(wav.pcm, wav.rate, RATE))
    callers = [Caller(url, question) for _ in range(calls)]
    threads = [threading.Thread(target=one.run, daemon=True) for one in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answered = sum(one.played >= 75 for one in callers)
    interrupted = sum(one.cleared >= 1 for one in callers)
    seconds = sum(one.played for one in callers) * FRAME / RATE
    print(f"{answered} of {len(callers)} callers were answered twice")
    print(f"{interrupted} of {len(callers)} interrupted the first answer")
    print(f"They heard {seconds:.0f} s of speech")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
