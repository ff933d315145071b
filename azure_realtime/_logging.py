"""
The library's logger, and the text of user objects. Neither raises.

Logging handlers, and the classes of exceptions and listeners, belong to the program.
Their `emit`, ``__str__`` and ``__repr__`` may raise, for example if the disk is full or
an attribute is missing. On a thread of this package, that would end the thread.
"""

from __future__ import annotations

import logging
from typing import Any

from ._foreign import suppress_foreign

_NAME = "azure_realtime"


def utf8_text(text: str) -> str:
    """
    Return *text* with U+FFFD in place of lone surrogates, which UTF-8 cannot encode.

    They occur in names of files that are not UTF-8. Any thread.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        # UTF-16 joins the two surrogates of one character
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return str.__str__(text)  # a plain str: a subclass may override its methods


def text_of(value: object) -> str:
    """
    Return ``str(value)``, or the name of its class where that is empty or raises. Any
    thread.
    """
    with suppress_foreign:
        return utf8_text(str(value)) or type(value).__name__
    return type(value).__name__


def repr_of(value: object) -> str:
    """
    Return ``repr(value)``, or the name of its class if that raises. Any thread.
    """
    with suppress_foreign:
        return utf8_text(repr(value))
    return f"<{type(value).__name__}>"


class _Text:
    """
    Wraps an argument of a log message, so that its text never raises.
    """

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def __str__(self) -> str:
        return text_of(self._value)

    def __repr__(self) -> str:
        return repr_of(self._value)


_NUMBERS = (int, float)


class SafeLogger:
    """
    Logs to ``logging.getLogger("azure_realtime")``. Any thread.

    It suppresses the exceptions of handlers, which cannot be reported. A record has the
    file and line of the caller.
    """

    def __init__(self) -> None:
        self._logger = logging.getLogger(_NAME)

    @property
    def logs_messages(self) -> bool:
        """
        Whether DEBUG is enabled: each message of the wire is logged then.
        """
        return self._logger.isEnabledFor(logging.DEBUG)

    def debug(self, message: str, *args: object) -> None:
        """
        Log an internal step.
        """
        self._log(logging.DEBUG, message, args)

    def info(self, message: str, *args: object) -> None:
        """
        Log a change of the connection.
        """
        self._log(logging.INFO, message, args)

    def warning(self, message: str, *args: object) -> None:
        """
        Log a problem that the user should look at.
        """
        self._log(logging.WARNING, message, args)

    def error(
        self, message: str, *args: object, exc_info: BaseException | None = None
    ) -> None:
        """
        Log a failure, with the traceback of *exc_info* if given.
        """
        self._log(logging.ERROR, message, args, exc_info)

    def exception(self, message: str, *args: object) -> None:
        """
        Log a failure, with the traceback of the exception that is being handled.
        """
        self._log(logging.ERROR, message, args, True)

    def _log(
        self, level: int, message: str, args: tuple[object, ...], exc_info: Any = None
    ) -> None:
        with suppress_foreign:
            if self._logger.isEnabledFor(level):
                safe = [a if isinstance(a, _NUMBERS) else _Text(a) for a in args]
                self._logger.log(level, message, *safe, exc_info=exc_info, stacklevel=3)


logger = SafeLogger()
