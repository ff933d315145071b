"""
The clients that are compared, with one interface.

Not a benchmark. Used in a client process only: it imports only the requested client.
*azure_realtime* and *bare* call listeners on a thread of their own. The other two have no
listeners, or call them on the thread that reads, so there *run* reads and calls.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Callable
from typing import Any

NAMES = ("azure_realtime", "openai_sync", "websockets", "bare")
Listener = Callable[[Any], None]


class Peer:
    """
    One session of one client.
    """

    own_thread = True  # listeners run on a thread of the client

    def on(self, name: str, listener: Listener) -> None:
        """
        Register a listener; one for each event type.
        """
        raise NotImplementedError

    def off(self, name: str) -> None:
        """
        Remove the listener, for clients whose `on` does not replace it.
        """

    def open(self) -> None:
        """
        Wait until the session is configured.
        """
        raise NotImplementedError

    def run(self, done: threading.Event, timeout: float) -> bool:
        """
        Call listeners until *done* is set; return whether it was set.
        """
        return done.wait(timeout)

    def send(self, message: dict[str, Any]) -> None:
        """
        Send any message.
        """
        raise NotImplementedError

    def append(self, pcm: bytes) -> None:
        """
        Send audio.
        """
        raise NotImplementedError

    def close(self) -> None:
        """
        Close the connection.
        """
        raise NotImplementedError

    @staticmethod
    def audio(event: Any) -> bytes:
        """
        Return the audio of a delta event.
        """
        audio: bytes = event.audio
        return audio

    @staticmethod
    def text(event: Any) -> str:
        """
        Return the delta of a delta event.
        """
        text: str = event.delta
        return text


class AzureRealtime(Peer):
    """
    This project.
    """

    def __init__(
        self, port: int, tls: ssl.SSLContext | None, dispatch: Any = "thread"
    ) -> None:
        from azure_realtime import (
            AzureRealTimeAudio,
            AzureRealTimeOptions,
            SessionConfig,
            WebSocketOptions,
        )

        scheme = "ws" if tls is None else "wss"
        self._client = AzureRealTimeAudio(
            AzureRealTimeOptions(
                f"{scheme}://127.0.0.1:{port}",
                "gpt-realtime",
                "k",
                session_config=SessionConfig(turn_detection=None),
            ),
            WebSocketOptions(proxy="", ssl_context=tls),
            dispatch=dispatch,
        )
        self.on = self._client.on  # type: ignore[method-assign]
        self.off = self._client.off  # type: ignore[method-assign]
        self.append = self._client.append_audio  # type: ignore[method-assign]
        self.send = self._client.send  # type: ignore[method-assign]
        self.close = self._client.close  # type: ignore[method-assign]
        self.record = self._client.record

    def open(self) -> None:
        self._client.connect(20)


class OpenAISync(Peer):
    """
    openai-python's synchronous client.
    """

    own_thread = False

    def __init__(self, port: int, tls: ssl.SSLContext | None) -> None:
        import openai

        secure = "" if tls is None else "s"
        client = openai.OpenAI(
            api_key="k",
            base_url=f"http{secure}://127.0.0.1:{port}/v1",
            websocket_base_url=f"ws{secure}://127.0.0.1:{port}/v1",
        )
        options: dict[str, Any] = {"proxy": None}
        if tls is not None:
            options["ssl"] = tls
        manager = client.realtime.connect(
            model="gpt-realtime", websocket_connection_options=options
        )
        self._connection = manager.enter()
        self._listeners: dict[str, Listener] = {}
        self.close = self._connection.close  # type: ignore[method-assign]

    def on(self, name: str, listener: Listener) -> None:
        self._listeners[name] = listener

    def open(self) -> None:
        self._connection.session.update(session={"type": "realtime"})
        for event in self._connection:
            if event.type == "session.updated":
                return
        raise RuntimeError("no session")

    def run(self, done: threading.Event, timeout: float) -> bool:  # noqa: ARG002
        listeners = self._listeners
        for event in self._connection:
            listener = listeners.get(event.type)
            if listener is not None:
                listener(event)
                if done.is_set():
                    break
        return done.is_set()

    def send(self, message: dict[str, Any]) -> None:
        self._connection.send_raw(json.dumps(message))

    def append(self, pcm: bytes) -> None:
        audio = base64.b64encode(pcm).decode()
        self._connection.input_audio_buffer.append(audio=audio)

    @staticmethod
    def audio(event: Any) -> bytes:
        return base64.b64decode(event.delta)


class Websockets(Peer):
    """
    The ``websockets`` library's synchronous client, with ``json.loads``.
    """

    own_thread = False

    def __init__(self, port: int, tls: ssl.SSLContext | None) -> None:
        from websockets.sync.client import connect

        scheme = "ws" if tls is None else "wss"
        self._connection = connect(
            f"{scheme}://127.0.0.1:{port}/v1/realtime?model=gpt-realtime",
            ssl=tls,
            compression=None,
            proxy=None,
        )
        self._listeners: dict[str, Listener] = {}
        self.close = self._connection.close  # type: ignore[method-assign]

    def on(self, name: str, listener: Listener) -> None:
        self._listeners[name] = listener

    def open(self) -> None:
        self.send({"type": "session.update", "session": {"type": "realtime"}})
        for message in self._connection:
            if json.loads(message)["type"] == "session.updated":
                return
        raise RuntimeError("no session")

    def run(self, done: threading.Event, timeout: float) -> bool:  # noqa: ARG002
        listeners = self._listeners
        for message in self._connection:
            event = json.loads(message)
            listener = listeners.get(event["type"])
            if listener is not None:
                listener(event)
                if done.is_set():
                    break
        return done.is_set()

    def send(self, message: dict[str, Any]) -> None:
        self._connection.send(json.dumps(message))

    def append(self, pcm: bytes) -> None:
        audio = base64.b64encode(pcm).decode()
        self.send({"type": "input_audio_buffer.append", "audio": audio})

    @staticmethod
    def audio(event: Any) -> bytes:
        return base64.b64decode(event["delta"])

    @staticmethod
    def text(event: Any) -> str:
        text: str = event["delta"]
        return text


class Bare(Peer):
    """
    The limit, see ``_bare.py``.
    """

    def __init__(self, port: int, tls: ssl.SSLContext | None) -> None:
        from _bare import BareClient

        self._client = BareClient(port, tls)
        self.on = self._client.on  # type: ignore[method-assign]
        self.append = self._client.append  # type: ignore[method-assign]
        self.send = self._client.send  # type: ignore[method-assign]
        self.close = self._client.close  # type: ignore[method-assign]

    def open(self) -> None:
        ready = threading.Event()
        self.on("session.updated", lambda _: ready.set())
        self._client.start()
        self.send({"type": "session.update", "session": {"type": "realtime"}})
        if not ready.wait(20):
            raise RuntimeError("no session")


def make(name: str, port: int, tls: ssl.SSLContext | None, **options: Any) -> Peer:
    """
    Make a peer by its name, connected or connecting.
    """
    classes = (AzureRealtime, OpenAISync, Websockets, Bare)
    return dict(zip(NAMES, classes, strict=True))[name](port, tls, **options)  # type: ignore[operator]
