"""
The lines of a recording: opens its file, and reads objects of limited length.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from . import format as f

_loads = json.JSONDecoder().decode


def opened(path: Path, max_bytes: int, *, follow: bool) -> BinaryIO:
    """
    Open a regular file of at most *max_bytes* bytes.
    """
    # A pipe would block in open() until a writer comes.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if not follow:
        if path.is_symlink():
            raise ValueError(f"{path.name} is a link: audio files must be files")
        flags |= getattr(os, "O_NOFOLLOW", 0)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a file")
    file = os.fdopen(os.open(path, flags), "rb")
    about = os.fstat(file.fileno())
    problem = ""
    if not stat.S_ISREG(about.st_mode):
        problem = "is no regular file"
    elif about.st_size > max_bytes:
        problem = f"has {about.st_size:,} bytes; the limit is {max_bytes:,} (max_bytes)"
    if problem:
        file.close()
        raise ValueError(f"{path.name} {problem}")
    return file


def objects(file: BinaryIO, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """
    Yield each line as an object with a ``kind``, and its number.
    """
    number = 0
    upcoming = file.readline(f.MAX_LINE_BYTES + 1)
    while upcoming:
        number += 1
        line, upcoming = upcoming, b""
        if len(line) > f.MAX_LINE_BYTES:
            raise invalid(name, number, f"longer than {f.MAX_LINE_BYTES:,} bytes")
        if not line.endswith(b"\n"):
            return  # the process was killed while it wrote the line
        upcoming = file.readline(f.MAX_LINE_BYTES + 1)
        try:
            value = _loads(line.decode())
            if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
                raise ValueError("no object with a kind")
        except (ValueError, RecursionError) as error:
            if not upcoming and number > 1:
                return  # the disk did not get the whole line before the power failed
            if number == 1:
                raise ValueError(
                    f"{name} is no recording, as client.record writes them: its first "
                    f"line is no JSON object with a kind ({error})"
                ) from None
            raise invalid(name, number, str(error)) from None
        yield number, value


def invalid(name: str, number: int, what: str) -> ValueError:
    """
    Return the error for a damaged line.
    """
    return ValueError(f"{name}, line {number}: {what}")
