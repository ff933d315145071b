"""
Detects that a client is used in a child process after a fork.

``fork()`` copies everything but the threads: a lock in the child may never be released,
and the child shares the descriptors of its parent. So every entry point checks the
process first, before it acquires a lock.
"""

from __future__ import annotations

import os
from typing import Any, ClassVar, NoReturn


class OwnerProcess:
    """
    The process that made a client. There is one object per process.

    Attributes:
        is_other_process: Whether the caller runs in a child of that process. A child
            that C code forks without Python's knowledge is not detected. Any thread.
    """

    __slots__ = ("is_other_process",)

    def __init__(self) -> None:
        self.is_other_process = False

    def check(self) -> None:
        """
        Check that the caller does not run in a child process. Any thread.

        Raises:
            RuntimeError: The caller runs in a child process.
        """
        if self.is_other_process:
            raise RuntimeError(
                "this client belongs to the process that made it; after a fork, "
                "make a new one in the child"
            )


class BoundToProcess:
    """
    Base class of objects that use the threads of one process: none can be copied.
    """

    _instead: ClassVar[str] = ""  # what to do instead of copying it

    def __reduce_ex__(self, protocol: Any) -> NoReturn:  # of `copy` and `pickle`
        raise TypeError(
            f"{type(self).__name__} objects belong to the process that made them and "
            f"can be neither copied nor pickled{self._instead}"
        )


_current = OwnerProcess()


def current_process() -> OwnerProcess:
    """
    Return the object of the current process. Any thread.
    """
    return _current


def _after_fork() -> None:
    global _current
    _current.is_other_process = True  # in the child, for all clients of the parent
    _current = OwnerProcess()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_after_fork)
