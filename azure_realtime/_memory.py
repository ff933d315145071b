"""
Bounds memory: dictionaries with a maximum length, and the size of JSON values.
"""

import sys
from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")


def put_bounded(known: dict[K, V], key: K, value: V, limit: int) -> None:
    """
    Set an entry of *known*, and remove the oldest entries beyond *limit*.

    Any thread. Several threads may call it at once with the same dictionary: each
    tolerates that another has removed an entry.
    """
    known[key] = value
    if len(known) > limit:
        for oldest in list(known)[:-limit]:
            known.pop(oldest, None)


def approximate_size(value: Any) -> int:
    """
    Return approximately how many bytes of memory a value from JSON takes.

    It does not recurse: the peer determines how deeply the value is nested.
    """
    size, unvisited = 0, [value]
    while unvisited:
        part = unvisited.pop()
        size += sys.getsizeof(part)
        if isinstance(part, dict):
            unvisited += part.keys()
            unvisited += part.values()
        elif isinstance(part, list):
            unvisited += part
    return size
