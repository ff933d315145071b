"""
Accepts TCP connections and serves each on its own thread.

It replaces the accept loop of ``websockets``: this one stops immediately and leaves no
descriptor for the garbage collector to close.
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
    A listening socket and the thread that accepts connections on it.

    Args:
        host: The address to listen on.
        port: The port to listen on; 0 selects a free port.

    Raises:
        OSError: The address or the port is not available.
    """

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_server((host, port))
        # If a client resets its connection between select() and accept(), a blocking
        # accept() would wait for the next client.
        self.socket.setblocking(False)
        # A self-pipe: close() writes to it to end select().
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._handlers: set[threading.Thread] = set()
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """
        The port that the socket is bound to.
        """
        return int(self.socket.getsockname()[1])

    def start(self, handler: Callable[[socket.socket, Any], None]) -> None:
        """
        Call *handler* with each accepted socket and its address, on a new thread.
        """
        self._thread = threading.Thread(
            target=self._accept, args=(handler,), name="simulator", daemon=True
        )
        self._thread.start()

    def close(self, deadline: float) -> None:
        """
        Stop accepting connections and close the listening socket.

        Waits for the accepting thread until *deadline* (`time.monotonic`) at most.
        """
        self._wake_writer.send(b"x")
        if self._thread is not None:
            self._thread.join(max(0.0, deadline - time.monotonic()))
        for closable in (self.socket, self._wake_reader, self._wake_writer):
            closable.close()

    def join(self, deadline: float) -> None:
        """
        Wait for the handlers to end, after `close`, until *deadline* at most.
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
    Close the pipe that ``websockets`` opened for its own, unused accept loop.
    """
    for name in ("shutdown_watcher", "shutdown_notifier"):
        closable = getattr(server, name, None)
        if isinstance(closable, int):
            os.close(closable)  # a descriptor of os.pipe(), up to websockets 16
        elif closable is not None:
            closable.close()
