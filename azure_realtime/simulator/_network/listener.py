"""
Accepting connections, each on a thread of its own, until told to stop.

``websockets`` has such a loop too. Ours can be stopped in a moment and leaves no
descriptor to the garbage collector.
"""

from __future__ import annotations

import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

__all__ = ["Listener", "close_shutdown_pipe"]


class Listener:
    """
    A listening socket and the thread that serves it.

    Args:
        host: The address to listen on.
        port: The port; 0 takes a free one.

    Raises:
        OSError: The port is taken.
    """

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_server((host, port))
        # A client may leave between select() and accept(), which then must not wait.
        self.socket.setblocking(False)
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._handlers: set[threading.Thread] = set()
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """
        The port in use.
        """
        return int(self.socket.getsockname()[1])

    def start(self, handler: Callable[[socket.socket, Any], None]) -> None:
        """
        Call *handler* with each accepted socket and its address.
        """
        self._thread = threading.Thread(
            target=self._accept, args=(handler,), name="simulator", daemon=True
        )
        self._thread.start()

    def close(self, deadline: float) -> None:
        """
        Stop accepting. Waits until *deadline* (`time.monotonic`) at most.
        """
        self._wake_writer.send(b"x")
        if self._thread is not None:
            self._thread.join(max(0.0, deadline - time.monotonic()))
        for closable in (self.socket, self._wake_reader, self._wake_writer):
            closable.close()

    def join(self, deadline: float) -> None:
        """
        Wait for the handlers, after `close`, until *deadline* at most.
        """
        for thread in self._handlers:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _accept(self, handler: Callable[[socket.socket, Any], None]) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket, selectors.EVENT_READ)
            selector.register(self._wake_reader, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if self._wake_reader in ready:
                    return
                try:
                    accepted, address = self.socket.accept()
                except OSError:
                    continue
                thread = threading.Thread(
                    target=handler,
                    args=(accepted, address),
                    name="simulator-handler",
                    daemon=True,
                )
                self._handlers = {old for old in self._handlers if old.is_alive()}
                self._handlers.add(thread)
                thread.start()


def close_shutdown_pipe(server: Any) -> None:
    """
    Close what ``websockets`` opened for a loop of its own that never ran.
    """
    for name in ("shutdown_watcher", "shutdown_notifier"):
        closable = getattr(server, name, None)
        if isinstance(closable, int):
            os.close(closable)  # A pipe, up to websockets 16.
        elif closable is not None:
            closable.close()
