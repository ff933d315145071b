"""
A bare client for the local service, built on another maker's WebSocket package.
"""

from __future__ import annotations

import base64
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from azure_realtime.simulator import Simulator
from azure_realtime.simulator._speech.voice import speak

Json = dict[str, Any]

PATHS = {
    "ga": "/openai/v1/realtime?model=gpt-realtime",
    "preview": "/openai/realtime?api-version=2025-04-01-preview&deployment=rt",
}
KEY = {"api-key": "secret"}
# One sentence without a pause in it, as a turn of speech.
SENTENCE = "Good morning everybody"


class Client:
    """
    Sends commands by type and collects what comes.
    """

    def __init__(self, socket: ClientConnection, protocol: str) -> None:
        self.socket = socket
        self.protocol = protocol
        self.events: list[Json] = []

    def send(self, kind: str, **fields: Any) -> None:
        """
        Send a command.
        """
        self.socket.send(json.dumps({"type": kind, **fields}))

    def receive(self, timeout: float = 10.0) -> Json:
        """
        Return the next event.
        """
        event: Json = json.loads(self.socket.recv(timeout))
        self.events.append(event)
        return event

    def until(self, kind: str, count: int = 1, timeout: float = 15.0) -> Json:
        """
        Receive until *count* events of a type (in GA's spelling) have come.
        """
        deadline = time.monotonic() + timeout
        wanted = self.spell(kind)
        while True:
            event = self.receive(max(0.01, deadline - time.monotonic()))
            if event["type"] == wanted:
                count -= 1
                if not count:
                    return event

    def spell(self, kind: str) -> str:
        """
        Return a GA event name in this connection's protocol.
        """
        if self.protocol == "preview":
            kind = kind.replace("response.output_text", "response.text")
            kind = kind.replace("response.output_audio", "response.audio")
            kind = kind.replace("conversation.item.added", "conversation.item.created")
        return kind

    def types(self) -> list[str]:
        """
        Return the types of the events so far.
        """
        return [event["type"] for event in self.events]

    def named(self, kind: str) -> list[Json]:
        """
        Return the events so far of a type, in GA's spelling.
        """
        return [event for event in self.events if event["type"] == self.spell(kind)]

    def update(self, ga: Json, preview: Json | None = None) -> Json:
        """
        Update the session and return the answer, whatever it is.
        """
        session = {"type": "realtime", **ga} if self.protocol == "ga" else preview
        self.send("session.update", session=session, event_id="update")
        while True:
            event = self.receive()
            if event["type"] in ("session.updated", "error"):
                return event

    def text_only(self) -> None:
        """
        Have answers in text.
        """
        self.update({"output_modalities": ["text"]}, {"modalities": ["text"]})

    def detect(self, detection: Json | None, **listening: Any) -> None:
        """
        Set turn detection, and other settings of the input in GA's spelling.
        """
        names = {"transcription": "input_audio_transcription"}
        flat = {names[key]: value for key, value in listening.items()}
        answer = self.update(
            {"audio": {"input": {"turn_detection": detection, **listening}}},
            {"turn_detection": detection, **flat},
        )
        assert "session.updated" == answer["type"], answer

    def say(self, text: str, item_id: str | None = None) -> None:
        """
        Put a text of the user's into the conversation.
        """
        part = {"type": "input_text", "text": text}
        item: Json = {"type": "message", "role": "user", "content": [part]}
        if item_id is not None:
            item["id"] = item_id
        self.send("conversation.item.create", item=item)

    def refusal(self, kind: str, **fields: Any) -> Json:
        """
        Send a command and return the error it is answered with.
        """
        self.send(kind, event_id="mine", **fields)
        error: Json = self.until("error")["error"]
        return error

    def begin_story(self) -> None:
        """
        Have a long spoken answer begin.
        """
        self.say("Tell me a long story")
        self.send("response.create")
        self.until("response.output_audio.delta")

    def ask(self, text: str, **response: Any) -> Json:
        """
        Hold one text turn and return the response.
        """
        self.say(text)
        self.send("response.create", response=response)
        done: Json = self.until("response.done")["response"]
        return done

    def append(self, pcm: bytes, size: int = 4800) -> None:
        """
        Append audio in pieces of *size* bytes.
        """
        for start in range(0, len(pcm), size):
            piece = base64.b64encode(pcm[start : start + size]).decode()
            self.send("input_audio_buffer.append", audio=piece)


@pytest.fixture(params=["ga", "preview"])
def protocol(request: pytest.FixtureRequest) -> str:
    """
    Each of the two protocols.
    """
    return str(request.param)


@pytest.fixture
def serve() -> Iterator[Callable[..., Simulator]]:
    """
    Start services that are stopped after the test.
    """
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(Simulator(**options))


@pytest.fixture
def join() -> Iterator[Callable[..., Client]]:
    """
    Connect clients that are disconnected after the test; ``session.created`` is read.
    """
    with contextlib.ExitStack() as stack:

        def connected(
            service: Simulator, protocol: str = "ga", path: str | None = None, **kw: Any
        ) -> Client:
            greeted = kw.pop("greeted", True)
            kw.setdefault("additional_headers", KEY)
            kw.setdefault("max_size", None)
            kw.setdefault("proxy", None)
            kw.setdefault("close_timeout", 0.3)
            kw.setdefault("ping_interval", None)
            url = service.url + (path or PATHS[protocol])
            client = Client(stack.enter_context(connect(url, **kw)), protocol)
            if greeted:
                client.receive()
            return client

        yield connected


@pytest.fixture
def client(
    serve: Callable[..., Simulator], join: Callable[..., Client], protocol: str
) -> Client:
    """
    A client of an unscripted service that does not dawdle.
    """
    return join(serve(pace=0), protocol)


@pytest.fixture(scope="session")
def speech() -> bytes:
    """
    A spoken sentence with some silence before and after, 24 kHz PCM16.
    """
    return bytes(14_400) + speak(SENTENCE) + bytes(57_600)
