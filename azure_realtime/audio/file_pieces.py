"""
Files that come in pieces, as from a download: the pieces of each file become one.

Rules:

1. A file begins with a piece of bytes. The first pieces are joined until they show
   whether they are a file: a header may be split.
2. A WAV file ends where its header says. If the header does not say it, the file ends
   with the pieces, before an array, or where the next WAV file begins.
3. Other pieces are yielded unchanged and at once. `read_audio` refuses the first piece
   of a file of another format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .containers import file_format, is_undecided
from .samples import raw_bytes
from .wav import size_of_wav


def whole_files(pieces: Iterable[Any]) -> Iterator[Any]:
    """
    Yield *pieces*, the pieces of a file joined to one.
    """
    file = bytearray()
    for piece in _with_whole_head(pieces):
        data = raw_bytes(piece)
        if file and (data is None or _begins_wav(data)):
            yield bytes(file)
            file.clear()
        if data is None or not (file or file_format(data) == "WAV"):
            yield piece
            continue
        file += data
        if 0 < size_of_wav(file) <= len(file):
            yield bytes(file)
            file.clear()
    if file:
        yield bytes(file)


def _with_whole_head(pieces: Iterable[Any]) -> Iterator[Any]:
    """
    Yield *pieces*, the first of bytes joined until they show their format.
    """
    rest, head = iter(pieces), b""
    for piece in rest:
        data = raw_bytes(piece)
        if data is None:
            yield from (head, piece) if head else (piece,)
            break
        head += data
        if not is_undecided(head):
            yield head
            break
    else:
        yield from (head,) if head else ()
    yield from rest


def _begins_wav(data: bytes) -> bool:
    return data[8:12] == b"WAVE" and file_format(data) == "WAV"
