"""
The connections of a service, in the order in which they began.
"""

from __future__ import annotations

import threading

from .connection import Connection

__all__ = ["ConnectionList"]


class ConnectionList:
    """
    A list of connections, and a wait for the next one. Any thread.
    """

    def __init__(self) -> None:
        # Guards the attributes below; notified when a connection is added.
        self._condition = threading.Condition()
        self._connections: list[Connection] = []
        self._returned = 0  # how many of them wait_next() has returned

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, connection: Connection) -> None:
        """
        Add a connection.
        """
        with self._condition:
            self._connections.append(connection)
            self._condition.notify_all()

    def remove(self, connection: Connection) -> None:
        """
        Remove a connection.
        """
        with self._condition:
            position = self._connections.index(connection)
            del self._connections[position]
            if position < self._returned:
                self._returned -= 1

    def copy(self) -> list[Connection]:
        """
        Return the connections, oldest first.
        """
        with self._condition:
            return list(self._connections)

    def wait_next(self, timeout: float) -> Connection:
        """
        Return the oldest connection not yet returned here, or wait for the next.

        Raises:
            TimeoutError: No client connected within *timeout* seconds.
        """
        with self._condition:
            if not self._condition.wait_for(
                lambda: len(self._connections) > self._returned, timeout
            ):
                raise TimeoutError(f"no client connected within {timeout} s")
            self._returned += 1
            return self._connections[self._returned - 1]
