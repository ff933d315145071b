"""
Clients and local services that fit together: both protocols, plain and over TLS.
"""

from __future__ import annotations

import contextlib
import queue
import ssl
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

from azure_realtime import (
    AzureRealTimeAudio,
    AzureRealTimeOptions,
    ProtocolWarning,
    SessionConfig,
)
from azure_realtime.simulator import Connection, Simulator
from azure_realtime.simulator._speech.voice import speak
from helpers import inside
from helpers.timing import SCALE

KEY = "kEy0123456789SECRETabcdefghijklm"
"""A credential whose every appearance outside a header is a fault."""

SENTENCE = speak("Good morning everybody")
"""A turn of speech without a pause in it: PCM, 24 kHz."""

SILENCE = bytes(48 * 800)
"""Enough of it for the default turn detection to see that the turn is over."""

LONG = "and so the story went on, " * 60
"""An answer that takes long enough to be interrupted."""

MANUAL = SessionConfig(turn_detection=None)
"""No turn detection: the client says when."""

USER_SAYS: dict[str, Any] = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "Good morning"}],
}


@attrs.frozen
class Variant:
    """
    A protocol and a way to carry it.

    Attributes:
        protocol: ``"ga"`` or ``"preview"``.
        api_version: What chooses it.
        server_tls: None for plain text.
        client_tls: None for plain text.
    """

    protocol: str
    server_tls: ssl.SSLContext | None = None
    client_tls: ssl.SSLContext | None = None

    @property
    def api_version(self) -> str | None:
        """
        What chooses the protocol.
        """
        return None if self.protocol == "ga" else "2024-10-01-preview"

    def options(self, url: str, **options: Any) -> AzureRealTimeOptions:
        """
        Return options for the service at *url*.
        """
        credential = {} if "token" in options else {"api_key": KEY}
        return AzureRealTimeOptions(
            **{
                "host_name": url,
                "deployment": "gpt-realtime",
                "api_version": self.api_version,
                **credential,
                **options,
            }
        )

    def client(
        self,
        url: str,
        websocket_impl: Callable[..., Any] | None = None,
        *,
        dispatch: Any = "thread",
        session_config: Any = None,
        **websocket_options: Any,
    ) -> AzureRealTimeAudio:
        """
        Return a client of the service at *url*; preview draws its one warning.

        It connects once; who tests reconnecting says ``max_reconnect_attempts=...``.
        """
        websocket_options.setdefault("max_reconnect_attempts", 0)
        if self.client_tls is not None:
            websocket_options.setdefault("ssl_context", self.client_tls)
        with self.warned():
            return AzureRealTimeAudio(
                self.options(url, session_config=session_config),
                websocket_options,
                websocket_impl,
                dispatch=dispatch,
            )

    @contextlib.contextmanager
    def warned(self) -> Iterator[None]:
        """
        Expect the one warning of the preview protocol; GA draws no warning.
        """
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
        messages = [str(warning.message) for warning in caught]
        retired = [text for text in messages if "retired" in text]
        assert len(retired) == (self.protocol == "preview"), messages
        assert len(messages) == len(retired), messages
        assert all(issubclass(w.category, ProtocolWarning) for w in caught)

    def service(self, **how: Any) -> Simulator:
        """
        Return a local service, not yet started.
        """
        how.setdefault("credentials", KEY)
        return Simulator(ssl_context=self.server_tls, **how)

    @contextlib.contextmanager
    def connected(
        self, *, service: dict[str, Any] | None = None, **client: Any
    ) -> Iterator[tuple[AzureRealTimeAudio, Connection]]:
        """
        Give a client that is ready, and the service's side of its connection.
        """
        with (
            self.service(**(service or {})) as simulator,
            self.client(simulator.url, **client) as ready,
        ):
            yield ready, simulator.wait_for_connection()


MATRIX = pytest.mark.parametrize(
    "variant", ["ga-ws", "ga-wss", "preview-ws", "preview-wss"], indirect=True
)
"""Each protocol both in plain text and over TLS."""

GA = Variant("ga")
"""GA in plain text: for what neither protocol nor TLS can change."""


def drained(client: AzureRealTimeAudio) -> None:
    """
    Wait until every listener has received all events so far.

    An earlier event of the same type may still be on its way to the listeners, so it
    waits for the event of its own command.
    """
    received: queue.SimpleQueue[object] = queue.SimpleQueue()
    listener = client.on("input_audio_buffer.cleared", received.put)
    answer = client.clear_audio_buffer().result(5.0 * SCALE)
    while received.get(timeout=5.0 * SCALE) is not answer:
        pass
    client.off("input_audio_buffer.cleared", listener)


def once_it_waits(
    client: AzureRealTimeAudio, act: Callable[[], object]
) -> threading.Thread:
    """
    Call *act*, on a thread of its own, as soon as one more waits for an event.

    `wait_for` gets what comes after it is called, and nothing announces that it is.
    """
    before = inside.waits_of_the_connection(client)

    def run() -> None:
        deadline = time.monotonic() + 4.0 * SCALE
        while (
            inside.waits_of_the_connection(client) <= before
            and time.monotonic() < deadline
        ):
            threading.Event().wait(0.002)
        act()

    thread = threading.Thread(target=run)
    thread.start()
    return thread
