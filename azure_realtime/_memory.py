"""
What keeps memory within bounds: dictionaries that forget, and a pair of scales.
"""

import sys
from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")


def put_bounded(known: dict[K, V], key: K, value: V, limit: int) -> None:
    """
    Put an entry into *known*, and forget the oldest of more than *limit*.

    Several threads may do so at once: each line is harmless if another has been faster.
    """
    known[key] = value
    if len(known) > limit:
        for oldest in list(known)[:-limit]:
            known.pop(oldest, None)


def approximate_size(value: Any) -> int:
    """
    Return about how many bytes a value takes that was read from JSON.

    A letter may take four of them. It does not recurse, for a peer chooses how deep
    things are nested.
    """
    weight, heap = 0, [value]
    while heap:
        part = heap.pop()
        weight += sys.getsizeof(part)
        if isinstance(part, dict):
            heap += part.keys()
            heap += part.values()
        elif isinstance(part, list):
            heap += part
    return weight
