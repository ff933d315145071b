"""
A client belongs to the process that made it.

After a ``fork()`` the child has a copy of everything but the threads: no lock in it is
sure ever to be released, and its descriptors are those of its parent. So whoever may be
called asks here first, before any lock.

Strictly private.
"""

from __future__ import annotations

import os


class OwnerProcess:
    """
    One process. All who ask in the same process get the same object.

    Attributes:
        is_other_process: Whether the caller runs in a child of that process. Any
            thread. A child that C code forks without Python's knowledge is not noticed.
    """

    __slots__ = ("is_other_process",)

    def __init__(self) -> None:
        self.is_other_process = False

    def check(self) -> None:
        """
        Refuse to touch, in a child process, what belongs to its parent. Any thread.

        Raises:
            RuntimeError: This is another process.
        """
        if self.is_other_process:
            raise RuntimeError(
                "this client belongs to the process that made it; after a fork, "
                "make a new one in the child"
            )


_current = OwnerProcess()


def current_process() -> OwnerProcess:
    """
    Return the process that the caller runs in. Any thread.
    """
    return _current


def _after_fork() -> None:
    global _current
    _current.is_other_process = True  # in the child, for all that was made before
    _current = OwnerProcess()


if hasattr(os, "register_at_fork"):  # where there is none, nothing forks (Windows)
    os.register_at_fork(after_in_child=_after_fork)
