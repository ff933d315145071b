"""
The end of a ``with`` block that Ctrl-C cannot prevent.

CPython can raise KeyboardInterrupt before the first line of an ``__exit__`` in Python.
Here the ``with`` statement calls C code, which makes a `_Stopping`. If an interrupt
ends its ``__init__``, the object is deleted, and its finalizer stops the service.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

__all__ = ["StoppedAtExit"]


class _Stopping(partial[None]):
    """
    A call of the function *stop*, which may be called again.
    """

    @staticmethod  # without self: the traceback of an interrupt would keep the object
    def __init__(stop: Callable[[], None], *_: object) -> None:
        stop()

    def __bool__(self) -> bool:
        return False  # the result of __exit__: an exception of the block is raised

    def __del__(self) -> None:
        self.func()


class _Exit:
    """
    The attribute ``__exit__``.
    """

    def __get__(self, service: Any, owner: Any) -> Callable[..., Any]:
        if service is None:  # `ExitStack` takes the attribute of the class
            return lambda service, *_: service.stop()
        return partial(_Stopping, service.stop)


class StoppedAtExit:
    """
    Base class of a context manager whose method `stop` is called at the end.
    """

    if TYPE_CHECKING:

        def __exit__(self, *_: object) -> None: ...

    else:
        __exit__ = _Exit()
