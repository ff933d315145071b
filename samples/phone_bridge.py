"""
FILE: phone_bridge.py

DESCRIPTION:
    A telephone line to the model. Telephony services connect to this program with one
    WebSocket for each call and send the caller's voice as JSON messages with 20 ms of
    mu-law audio, 8 kHz. The answers go back the same way. Nothing is resampled: the
    session takes and returns the format of the telephone.

    The telephony service plays the answers and returns each mark when it has played up
    to it. So the bridge knows what the caller has heard. When the caller interrupts, it
    sends the message "clear", and the rest of the answer is removed from the
    conversation.

USAGE:
    python samples/phone_bridge.py [--calls 2]
    python samples/phone_bridge.py --listen 8080

    Without --listen a stand-in for the telephony service (_callers.py) calls: so many
    callers ask a question at the same time and interrupt the answer. With --listen the
    sample waits for a real one on that port of this machine; put a proxy with TLS and
    authentication in front of it.

    For Azure, set AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and
    AZURE_OPENAI_DEPLOYMENT first. Without them the sample starts a local service.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any

from _service import service

from azure_realtime import AzureRealTimeAudio, SessionConfig
from azure_realtime.audio import PushSource, decode_ulaw, encode_ulaw
from azure_realtime.voice import VoiceCall

try:
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.server import serve
except ImportError:
    sys.exit("The telephone side needs a package: pip install 'websockets>=15'")

RATE = 8000
FRAME = 160  # bytes: 20 ms of mu-law
MARK_EVERY = 5  # frames between two marks: 100 ms
CALLERS = Path(__file__).with_name("_callers.py")
CONFIG = SessionConfig(
    input_audio_format="g711_ulaw",
    output_audio_format="g711_ulaw",
    instructions="You answer the telephone. Be brief.",
)


class PhoneSink:
    """
    A sink that sends audio to the telephony service, which plays it.
    """

    rate = RATE

    def __init__(self, send: Any, stream_id: str) -> None:
        self._send = send
        self._stream_id = stream_id
        self._number = 0  # of the marks
        self._sent: dict[str, int] = {}  # item -> milliseconds
        self._played: dict[str, int] = {}
        self._marks: deque[tuple[str, str, int]] = deque()  # name, item, milliseconds
        self._rest: dict[str, bytes] = {}  # item -> less than a frame

    def write(self, pcm: bytes, item_id: str, content_index: int) -> None:  # noqa: ARG002
        """
        Send audio to be played: PCM16 at 8 kHz.
        """
        data = self._rest.pop(item_id, b"") + encode_ulaw(pcm)
        whole = len(data) // FRAME * FRAME
        self._rest[item_id] = data[whole:]
        for at in range(0, whole, FRAME * MARK_EVERY):
            self._play(data[at : min(at + FRAME * MARK_EVERY, whole)], item_id)

    def end_item(self, item_id: str) -> None:
        """
        Send the last frame of an item.
        """
        if rest := self._rest.pop(item_id, b""):
            self._play(rest.ljust(FRAME, b"\xff"), item_id)

    def _play(self, data: bytes, item_id: str) -> None:
        for at in range(0, len(data), FRAME):
            payload = base64.b64encode(data[at : at + FRAME]).decode()
            self._message(event="media", media={"payload": payload})
        self._number += 1
        sent = self._sent.get(item_id, 0) + len(data) * 1000 // RATE
        self._sent[item_id] = sent
        # before it is sent: another thread takes the answer
        self._marks.append((str(self._number), item_id, sent))
        self._message(event="mark", mark={"name": str(self._number)})

    def marked(self, name: str) -> None:
        """
        Note that the telephony service has played up to a mark. Another thread.
        """
        # After "clear" the marks of what was dropped come back as well: they are
        # unknown by then.
        if any(name == mark for mark, _, _ in tuple(self._marks)):
            with contextlib.suppress(IndexError):  # "clear" came in between
                while True:
                    mark, item_id, milliseconds = self._marks.popleft()
                    self._played[item_id] = milliseconds
                    if mark == name:
                        break

    def played_ms(self, item_id: str) -> int:
        """
        Return the milliseconds of an item that the caller has heard.
        """
        return self._played.get(item_id, 0)

    def flush(self) -> dict[str, int]:
        """
        Make the telephony service fall silent.
        """
        cut = {item_id for _, item_id, _ in tuple(self._marks)} | set(self._rest)
        self._marks.clear()
        self._rest.clear()
        self._message(event="clear")
        for item_id in cut:
            self._sent[item_id] = self._played.get(item_id, 0)
        return {item_id: self._played.get(item_id, 0) for item_id in cut}

    @property
    def drained(self) -> bool:
        """
        Whether the telephony service has played everything.
        """
        return not self._marks

    def _message(self, **fields: Any) -> None:
        with contextlib.suppress(ConnectionClosed):  # the caller has hung up
            self._send(json.dumps({"streamSid": self._stream_id, **fields}))


def answer(phone: Any, options: Any) -> None:
    """
    Take one call, until the caller hangs up.
    """
    source = PushSource(RATE)
    sink: PhoneSink | None = None
    call: VoiceCall | None = None
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(ConnectionClosed))  # without a "stop"
        for text in phone:
            message = json.loads(text)
            kind = message.get("event")
            if kind == "start":
                sink = PhoneSink(phone.send, message["start"]["streamSid"])
                client = stack.enter_context(AzureRealTimeAudio(options))
                call = stack.enter_context(client.talk(source, sink))
            elif call is not None and call.has_ended:
                return  # hang up: the connection to the model is lost
            elif kind == "media":
                source.push(decode_ulaw(base64.b64decode(message["media"]["payload"])))
            elif kind == "mark" and sink is not None:
                sink.marked(message["mark"]["name"])
            elif kind == "stop":
                return


def main() -> None:
    parser = argparse.ArgumentParser(description="A telephone line to the model.")
    parser.add_argument("--calls", type=int, default=2)
    parser.add_argument("--listen", type=int, metavar="PORT")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        # A process of its own: beside this one it would take most of the CPU time.
        options = stack.enter_context(service(own_process=True, session_config=CONFIG))
        with AzureRealTimeAudio(options):
            pass  # there is a service, and it takes the credential
        bridge = serve(
            lambda phone: answer(phone, options),
            "127.0.0.1",
            arguments.listen or 0,
            compression=None,
        )
        port = bridge.socket.getsockname()[1]
        if arguments.listen is not None:
            print(f"Waiting for calls at ws://127.0.0.1:{port}. Ctrl-C ends.")
            try:
                bridge.serve_forever()
            finally:
                bridge.shutdown()
        server = threading.Thread(target=bridge.serve_forever)
        server.start()
        try:
            call(f"ws://127.0.0.1:{port}", arguments.calls)
        finally:
            bridge.shutdown()
            server.join()


def call(url: str, calls: int) -> None:
    """
    Let the stand-in for the telephony service call so many times at once.
    """
    command = [sys.executable, str(CALLERS), url, str(calls)]
    with subprocess.Popen(command, start_new_session=True) as callers:
        try:
            callers.wait()
        finally:
            callers.terminate()
            callers.wait()


if __name__ == "__main__":
    main()
