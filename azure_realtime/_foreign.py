"""
Suppresses the errors of objects that belong to the program, where none may pass.
"""

from __future__ import annotations

import threading
from types import TracebackType


class _ForeignErrors:
    """
    Suppresses, in a `with` block, what foreign code raises. Any thread.

    On the main thread exceptions that are no `Exception` pass, such as Ctrl-C: they may
    come from a signal handler. The usual handler of SIGTERM calls ``sys.exit()``. No
    other thread runs those.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if kind is None or issubclass(kind, Exception):
            return True
        return threading.current_thread() is not threading.main_thread()


suppress_foreign = _ForeignErrors()
