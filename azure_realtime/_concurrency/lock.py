"""
The lock of a part that several threads use, and whether this thread holds one.
"""

from __future__ import annotations

import _thread
import weakref

# Adding, discarding and copying are one step in C each: no lock is needed here.
_locks: set[weakref.ref[OwnLock]] = set()


class OwnLock(_thread.RLock):  # type: ignore[misc]
    """
    A re-entrant lock, to be taken by `with` only.

    Re-entrant because a signal handler or a finalizer may call the part again in the
    middle of a call. It is a lock in C, which `with` takes in one instruction: Ctrl-C
    cannot come between taking it and entering the block, as with a lock in Python.
    """

    __slots__ = ()

    def __init__(self) -> None:
        _locks.add(weakref.ref(self, _locks.discard))


def is_own_lock_held() -> bool:
    """
    Tell whether the caller's thread holds an `OwnLock`, of whichever client.

    No user code runs while one is held. So where this is true, a signal handler or a
    finalizer has interrupted a call of the package, which goes on only when the handler
    has returned. Until then this thread must not wait for a thread of the package: that
    thread may need the lock as well.
    """
    locks = (reference() for reference in tuple(_locks))
    return any(
        lock is not None and lock._is_owned()  # type: ignore[attr-defined]
        for lock in locks
    )
