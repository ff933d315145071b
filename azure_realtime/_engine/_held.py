"""
Whether the caller is a signal handler that has interrupted a call of ours.
"""

from __future__ import annotations


def held_here(*parts: object) -> bool:
    """
    Tell whether the caller's thread holds the lock of one of the *parts*.

    Nothing of ours calls the user while it holds one: so the call that holds it has
    been interrupted, and goes on only when the caller has returned. Until then nobody
    may wait for a thread that needs the lock as well.

    Args:
        parts: Each with a re-entrant ``_lock``, or none.
    """
    locks = (getattr(part, "_lock", None) for part in parts)
    return any(lock is not None and lock._is_owned() for lock in locks)
