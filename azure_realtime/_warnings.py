"""
The warnings of the library point at the line of the user.
"""

import sys
import warnings

from .errors import ProtocolWarning


def warn(message: str) -> None:
    """
    Issue a `ProtocolWarning` that points at the caller's line outside this package.
    """
    depth, frame = 2, sys._getframe(1)
    package = __name__.rpartition(".")[0]
    while frame.f_back is not None and str(
        frame.f_back.f_globals.get("__name__", "")
    ).startswith(package):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(message, ProtocolWarning, stacklevel=depth + 1)
