"""
Errors on the reader thread that no rule covers, such as MemoryError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .._concurrency.process import OwnerProcess
from .._logging import logger, repr_of
from .._redaction import without_secrets
from ..errors import ConnectionClosed


def internal_error(error: BaseException) -> ConnectionClosed:
    """
    Log *error*. Return the error that ends the connection because of it.
    """
    cause = without_secrets(error)
    logger.error("The reader thread failed; this is a bug", exc_info=cause)
    closed = ConnectionClosed(1006, f"internal error: {repr_of(error)}")
    closed.__cause__ = cause
    return closed


def run_all(steps: Iterable[Callable[[], object]], process: OwnerProcess) -> None:
    """
    Run the steps that end a connection or a client, although one of them raises.

    A step that raises is run once more. It fails pending requests before it removes
    them, so the second run continues the first one. If it raises again, that is logged.

    Reader thread.
    """
    for step in steps:
        for is_last in (False, True):
            try:
                step()
                break
            except BaseException as error:
                if process.is_other_process:
                    raise  # the child of a listener that forked
                if is_last:
                    internal_error(error)
