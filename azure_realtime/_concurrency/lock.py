"""
A re-entrant lock in C, and whether the calling thread holds one.
"""

from __future__ import annotations

import _thread
import weakref

# Adding, discarding and copying are one C call each: no lock is needed here. `tuple()`
# is not: it may run the garbage collector, and so `discard`, in its iteration.
_locks: set[weakref.ref[OwnLock]] = set()


class OwnLock(_thread.RLock):  # type: ignore[misc]
    """
    A re-entrant lock. Acquire it with a `with` statement only.

    It is re-entrant because a signal handler or a finalizer may interrupt a call and
    call the same part again. It is a lock in C, which `with` acquires in one
    instruction: Ctrl-C cannot interrupt between acquiring the lock and entering the
    block, as it can with a lock in Python.

    A block under this lock has no loop with a condition at its end, and no
    comprehension with a condition: they are in functions that the block calls. CPython
    3.12 and 3.13 compile such a condition to a jump backwards that no exception handler
    covers: Ctrl-C at that jump leaves the block without releasing the lock.
    """

    __slots__ = ()

    def __init__(self) -> None:
        _locks.add(weakref.ref(self, _locks.discard))


def is_own_lock_held() -> bool:
    """
    Return whether the calling thread holds an `OwnLock`, of any client.

    No user code runs while such a lock is held. So if the result is true, a signal
    handler or a finalizer has interrupted a call of the package. That call continues
    only after the handler has returned. Until then this thread must not wait for a
    thread of the package, which may need the lock as well.
    """
    locks = (reference() for reference in _locks.copy())
    return any(
        lock is not None and lock._is_owned()  # type: ignore[attr-defined]
        for lock in locks
    )
