"""
A client belongs to the process that made it.

After a ``fork()`` the child has a copy of everything but the threads: no lock in it is
sure ever to be released, and its descriptors are those of its parent. So whoever may be
called asks here first, before any lock.

Strictly private.
"""

from __future__ import annotations

import os


class Home:
    """
    The process in which it is made.
    """

    __slots__ = ("_pid",)

    def __init__(self) -> None:
        self._pid = os.getpid()

    @property
    def elsewhere(self) -> bool:
        """
        Whether this is another process. Any thread.
        """
        return os.getpid() != self._pid

    def check(self) -> None:
        """
        Refuse to touch, in a child process, what belongs to its parent. Any thread.

        Raises:
            RuntimeError: This is another process.
        """
        if self.elsewhere:
            raise RuntimeError(
                "this client belongs to the process that made it; after a fork, "
                "make a new one in the child"
            )
