"""
A pool of read buffers, shared by all sessions of the process.

Most sessions are idle most of the time. A buffer per session cost 60 kB of resident
memory each (measured): it stays in the malloc arena of the thread that grew it.
"""

import contextlib

CAPACITY = 64 << 10  # bytes
_MOST_SPARE = 4

# Buffers that no session uses. No lock: append and pop are one C call each.
_spare: list[memoryview] = []


def borrow(size: int) -> memoryview:
    """
    Return a buffer of *size* bytes. Any thread.
    """
    if size == CAPACITY:
        with contextlib.suppress(IndexError):
            return _spare.pop()
    return memoryview(bytearray(size))


def give_back(buffer: memoryview) -> None:
    """
    Return *buffer* to the pool; the caller must not use it any more. Any thread.
    """
    if len(buffer) == CAPACITY and len(_spare) < _MOST_SPARE:
        _spare.append(buffer)
