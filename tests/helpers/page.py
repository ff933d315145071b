"""
A notebook's page without a browser: it receives comm messages and sends to the kernel.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest

ORIGIN = "http://localhost:8888"


class PageWidget:
    """
    The page's side of one device.

    Args:
        name: ``microphone`` or ``speaker``.
        connects: Whether the page reaches the kernel's server.

    Attributes:
        received: The comm messages of the kernel and their buffers.
        shown: How often it was shown in a cell.
        plays: Whether it plays at once what it gets, and reports that.
        stops_at: The frames that it reports at a flush; None for what it has played, or
            no answer if it does not play.
    """

    def __init__(self, name: str, connects: bool) -> None:
        self.name = name
        self.connects = connects
        self.received: list[tuple[dict[str, Any], list[bytes]]] = []
        self.shown = 0
        self.plays = True
        self.stops_at: int | None = None
        self.connection: Any = None
        self.run = self.frames = 0
        self._handler: Any = None
        self._context: Any = None

    def on_msg(self, handler: Any) -> None:
        """
        Call *handler* with what `comm` sends.
        """
        self._handler = handler

    def comm(self, content: dict[str, Any], *buffers: bytes) -> None:
        """
        Send a comm message to the kernel.
        """
        self._handler(self, content, [memoryview(buffer) for buffer in buffers])

    def send(self, content: dict[str, Any], buffers: Any = ()) -> None:
        """
        Receive a comm message of the kernel.
        """
        self.received.append((content, [bytes(buffer) for buffer in buffers]))
        if content["kind"] == "open" and self.connects and self.connection is None:
            self.run = content.get("run", 0)
            self.connect()
        elif content["kind"] == "audio" and self.plays:
            self.frames += len(buffers[0]) // 2
            self.report("played")
        elif content["kind"] == "flush" and (self.plays or self.stops_at is not None):
            self.report("flushed", self.stops_at)
            self.run, self.frames = content["run"], 0

    def contents(self, kind: str) -> list[dict[str, Any]]:
        """
        Return the comm messages of a kind.
        """
        return [content for content, _ in self.received if content["kind"] == kind]

    @property
    def address(self) -> tuple[int, str]:
        """
        The port and the token that were announced last.
        """
        newest = self.contents("open")[-1]
        return newest["port"], newest["token"]

    def connect(self) -> None:
        """
        Connect to the kernel's server.
        """
        from websockets.sync.client import connect
        from websockets.typing import Origin

        port, token = self.address
        uri = f"ws://127.0.0.1:{port}/{token}"
        self._context = connect(uri, origin=Origin(ORIGIN), proxy=None)
        self.connection = self._context.__enter__()

    def disconnect(self) -> None:
        """
        End the connection.
        """
        if self.connection is not None:
            self._context.__exit__(None, None, None)
            self.connection = None

    def record(self, number: int, pcm: bytes, rate: int = 24_000) -> None:
        """
        Send a block of the microphone.
        """
        self.connection.send(struct.pack("<II", number, rate) + pcm)

    def report(self, kind: str, frames: int | None = None) -> None:
        """
        Report what the loudspeaker has played.
        """
        frames = self.frames if frames is None else frames
        content = {"kind": kind, "run": self.run, "frames": frames}
        self.connection.send(json.dumps(content))


class Page:
    """
    A page, and the widgets that it has got.

    Attributes:
        connects: Whether it reaches the kernel's server.
        widgets: The widgets, the newest one last.
    """

    def __init__(self) -> None:
        self.connects = True
        self.widgets: list[PageWidget] = []

    def make_widget(self, name: str) -> PageWidget:
        """
        Make a widget, as `azure_realtime.notebook.widget`.
        """
        self.widgets.append(PageWidget(name, self.connects))
        return self.widgets[-1]

    def show(self, widget: PageWidget) -> None:
        """
        Show a widget in a cell.
        """
        widget.shown += 1


@contextlib.contextmanager
def notebook_page() -> Iterator[Page]:
    """
    Give a page of a notebook that runs this code.
    """
    page = Page()
    with pytest.MonkeyPatch.context() as patch:
        module = "azure_realtime.notebook.widget"
        patch.setattr(f"{module}.make_widget", page.make_widget)
        patch.setattr(f"{module}.running_shell", lambda: page)
        patch.setattr(f"{module}.show", page.show)
        try:
            yield page
        finally:
            for widget in page.widgets:
                widget.disconnect()


def handshake_status(port: int, path: str, *headers: str) -> int:
    """
    Return the HTTP status with which the server at *port* answers a WebSocket client.
    """
    lines = [
        f"GET {path} HTTP/1.1",
        *headers,
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version: 13",
    ]
    with socket.create_connection(("127.0.0.1", port), 5) as raw:
        raw.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = raw.recv(4096)
    return int(answer.split()[1])
