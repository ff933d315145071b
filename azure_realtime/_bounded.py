"""
Dictionaries that forget.
"""

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


def keep(known: dict[K, V], key: K, value: V, limit: int) -> None:
    """
    Put an entry into *known*, and forget the oldest of more than *limit*.

    Not locked: who owns *known* holds a lock.
    """
    known[key] = value
    while len(known) > limit:
        del known[next(iter(known))]
