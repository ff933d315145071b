"""
What a command prints on standard error: warnings of the library, and its own error.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator

from .._redaction import redacted
from ..errors import RealtimeError
from .text import plain

REPORTED = (RealtimeError, OSError, ValueError, ImportError)
"""The errors that need no traceback: the user can do something about them."""

_FORMATTER = logging.Formatter()


class StandardError(logging.Handler):
    """
    Prints what the library logs, and the error that ends the command.

    The library logs the loss of a connection for programs that have only listeners. A
    command gets the same error raised, so the text is printed once.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._logged: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """
        Print a warning or an error. Any thread.
        """
        text = _shown(record.getMessage())
        self._logged.add(text)
        if record.exc_info and not isinstance(record.exc_info[1], REPORTED):
            lines = _FORMATTER.formatException(record.exc_info).split("\n")
            text = "\n".join([text, *map(_shown, lines)])
        _print(text)

    def report(self, error: BaseException) -> None:
        """
        Print the error of the command, unless it was logged.
        """
        text = _shown(str(error))
        if text not in self._logged:
            _print(text)


@contextlib.contextmanager
def standard_error() -> Iterator[StandardError]:
    """
    Context manager that prints what the library logs.
    """
    handler = StandardError()
    logger = logging.getLogger("azure_realtime")
    logger.addHandler(handler)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)


def _shown(text: str) -> str:
    return redacted(plain(text))


def _print(text: str) -> None:
    with contextlib.suppress(OSError):  # standard error may be closed
        print(text, file=sys.stderr, flush=True)
