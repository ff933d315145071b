"""
The library's logger, and the text of foreign objects: neither raises.

A logging handler belongs to the program, and so does the class of an exception or a
listener: `emit`, ``__str__`` and ``__repr__`` may raise (a full disk, an attribute that
is missing). On a thread of ours, that would end the thread.
"""

from __future__ import annotations

import contextlib
import logging
from typing import Any

_NAME = "azure_realtime"


# What foreign code raises, sys.exit() included. Not KeyboardInterrupt: the text may be
# read on the main thread.
_FOREIGN = (Exception, SystemExit)


def utf8_text(text: str) -> str:
    """
    Return *text* with U+FFFD for what UTF-8 cannot carry: lone surrogates, as in names
    of files that are not UTF-8. Any thread.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        # two halves of one character make it whole
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return str.__str__(text)  # a subclass may have another text later


def text_of(value: object) -> str:
    """
    Return ``str(value)``, or the name of its class where that is empty or raises. Any
    thread.
    """
    with contextlib.suppress(*_FOREIGN):
        return utf8_text(str(value)) or type(value).__name__
    return type(value).__name__


def repr_of(value: object) -> str:
    """
    Return ``repr(value)``, or the name of its class where that raises. Any thread.
    """
    with contextlib.suppress(*_FOREIGN):
        return utf8_text(repr(value))
    return f"<{type(value).__name__}>"


class _Text:
    """
    An argument of a message whose text never raises.
    """

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def __str__(self) -> str:
        return text_of(self._value)

    def __repr__(self) -> str:
        return repr_of(self._value)


_PLAIN = (int, float)


class SafeLogger:
    """
    Passes messages to ``logging.getLogger("azure_realtime")``. Any thread.

    It suppresses what a handler raises: there is no place to report it. A message is
    attributed to the caller's line.
    """

    def __init__(self) -> None:
        self._logger = logging.getLogger(_NAME)

    @property
    def logs_messages(self) -> bool:
        """
        Whether DEBUG is logged, where each message has a line.
        """
        return self._logger.isEnabledFor(logging.DEBUG)

    def debug(self, message: str, *args: object) -> None:
        """
        Log what happens inside.
        """
        self._log(logging.DEBUG, message, args)

    def info(self, message: str, *args: object) -> None:
        """
        Log a step in the life of a connection.
        """
        self._log(logging.INFO, message, args)

    def warning(self, message: str, *args: object) -> None:
        """
        Log what the user should look at.
        """
        self._log(logging.WARNING, message, args)

    def error(
        self, message: str, *args: object, exc_info: BaseException | None = None
    ) -> None:
        """
        Log a failure, with the traceback of *exc_info* if there is one.
        """
        self._log(logging.ERROR, message, args, exc_info)

    def exception(self, message: str, *args: object) -> None:
        """
        Log the exception that is handled now.
        """
        self._log(logging.ERROR, message, args, True)

    def _log(
        self, level: int, message: str, args: tuple[object, ...], exc_info: Any = None
    ) -> None:
        with contextlib.suppress(*_FOREIGN):
            if self._logger.isEnabledFor(level):
                safe = [a if isinstance(a, _PLAIN) else _Text(a) for a in args]
                self._logger.log(level, message, *safe, exc_info=exc_info, stacklevel=3)


logger = SafeLogger()
