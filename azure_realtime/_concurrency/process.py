"""
A client belongs to the process that made it.

After a ``fork()`` the child has a copy of everything but the threads: no lock in it is
sure ever to be released, and its descriptors are those of its parent. So whoever may be
called asks here first, before any lock.

Strictly private.
"""

from __future__ import annotations

import os

_forks = 0  # that this process descends from, since this module was imported


def _count_fork() -> None:
    global _forks
    _forks += 1


if hasattr(os, "register_at_fork"):  # where there is none, nothing forks (Windows)
    os.register_at_fork(after_in_child=_count_fork)


class Home:
    """
    The process in which it is made.
    """

    __slots__ = ("_forks",)

    def __init__(self) -> None:
        self._forks = _forks

    @property
    def elsewhere(self) -> bool:
        """
        Whether this is another process. Any thread.

        A child that C code forks without telling Python is not noticed.
        """
        return self._forks != _forks

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
