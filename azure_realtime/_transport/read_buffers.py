"""
Read buffers, which all sessions of the process share.

Most sessions are idle most of the time. A buffer of its own cost each 60 kB of resident
memory (measured): it stays with the malloc arena of the thread that has grown it.
"""

import contextlib

CAPACITY = 64 << 10  # bytes
_MOST_SPARE = 4

# Buffers that no session has. No lock: to append and to pop are one step in C each.
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
    Let others have *buffer*. Any thread; the caller does not use it any more.
    """
    if len(buffer) == CAPACITY and len(_spare) < _MOST_SPARE:
        _spare.append(buffer)
