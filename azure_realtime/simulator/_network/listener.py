"""
Accepts TCP connections and serves each on its own thread.

It replaces the accept loop of ``websockets``: this one stops immediately and leaves no
descriptor for the garbage collector to close.
"""

from __future__ import annotations

import _thread
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

_START_SECONDS = 10.0  # a thread starts in a fraction of a millisecond

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
        # A self-pipe: stop() writes to it to end select(). The thread writes a byte to
        # it when it begins, and closes its end when it ends; start() and stop() wait
        # for that. Unlike in waits of `threading`, Ctrl-C can leave no lock held here.
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._handlers: set[threading.Thread] = set()
        self._thread: threading.Thread | None = None
        self._failure: RuntimeError | None = None  # why the thread did not begin
        self._process_id = os.getpid()

    @property
    def port(self) -> int:
        """
        The port that the socket is bound to.
        """
        return int(self.socket.getsockname()[1])

    def start(
        self,
        handler: Callable[[socket.socket, Any], None],
        end: Callable[[], None],
    ) -> None:
        """
        Call *handler* with each accepted socket and its address on a thread of its own.

        After `stop`, *end* is called on the accepting thread.

        Raises:
            RuntimeError: The thread could not be started.
        """
        self._thread = threading.Thread(
            target=self._run, args=(handler, end), name="simulator", daemon=True
        )
        # Ctrl-C in `Thread.start` can leave a lock held that the new thread needs. It
        # is raised on the main thread only, so another one calls it.
        _thread.start_new_thread(self._begin, (self._thread,))
        self._wake_writer.settimeout(_START_SECONDS)
        self._wake_writer.recv(1)
        if self._failure is not None:
            self._thread = None
            raise self._failure

    def stop(self, timeout: float) -> None:
        """
        Stop accepting connections, and wait until *end* has returned, for *timeout*
        seconds at most. Idempotent. Any thread; nothing in a forked child.
        """
        if os.getpid() != self._process_id:
            return  # the sockets are the parent's as well
        deadline = time.monotonic() + timeout
        if self._thread is not None and self._wake_writer.fileno() >= 0:
            self._wake_and_wait(timeout)
            if self._thread.is_alive():
                self._thread.join(max(0.0, deadline - time.monotonic()))
        for closable in (self.socket, self._wake_reader, self._wake_writer):
            closable.close()

    def join(self, deadline: float) -> None:
        """
        Wait for the handlers to end, until *deadline* (`time.monotonic`) at most. The
        accepting thread.
        """
        for thread in self._handlers:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _wake_and_wait(self, timeout: float) -> None:
        try:
            self._wake_writer.settimeout(timeout)
            self._wake_writer.send(b"x")
            while self._wake_writer.recv(1):  # until the thread closes the other end
                pass
        except OSError:
            pass  # it has closed it before, or not within the timeout

    def _begin(self, thread: threading.Thread) -> None:
        try:
            thread.start()
        except RuntimeError as error:  # no more threads
            self._failure = error
            self._wake_reader.send(b"x")

    def _run(
        self,
        handler: Callable[[socket.socket, Any], None],
        end: Callable[[], None],
    ) -> None:
        self._wake_reader.send(b"x")
        self._accept(handler)
        self.socket.close()
        try:
            end()
        finally:
            self._wake_reader.close()

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
                try:
                    thread.start()
                except RuntimeError:  # no more threads
                    accepted.close()
                else:
                    self._handlers.add(thread)


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
