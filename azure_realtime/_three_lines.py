"""
An error of this package as a notebook shows it: what happened, what to do, and where.

Imported when a notebook shows an error.
"""

import linecache
import traceback
from pathlib import Path
from types import TracebackType

_PACKAGE = str(Path(__file__).parent)
_STANDARD = str(Path(linecache.__file__).parent)  # and installed packages below it


def three_lines(happened: str, remedy: str, trace: TracebackType | None) -> list[str]:
    """
    Return the lines; the last one names the line of the user's code.
    """
    place = f"Raised at {_user_line(trace) or 'no line of yours'}"
    return [
        " ".join(line.split()) for line in (happened, f"What to do: {remedy}", place)
    ]


def _user_line(trace: TracebackType | None) -> str:
    """
    Return the innermost line outside this package and outside installed ones.
    """
    for frame, line in reversed(list(traceback.walk_tb(trace))):
        name = frame.f_code.co_filename
        if not name.startswith((_PACKAGE, _STANDARD)):
            path = Path(name)
            # the source of a cell has a file name, but there is no such file
            place = f"{path.name}, " if path.is_file() else ""
            return f"{place}line {line}: {linecache.getline(name, line).strip()}"
    return ""
